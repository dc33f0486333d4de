/* Which samples of a tile are valid. All channels of a group have the same ones: see strided.c. */
#include <string.h>

#include "cpu/plain/job.h"

/* Whether the element at this offset of CUBN_ARRAY_VALID is valid. */
static bool is_valid(const cubn_job *job, int64_t offset) {
  const cubn_validity *validity = &job->problem->validity;
  if (validity->kind == CUBN_VALID_MASK) return ((const uint8_t *)job->args->validity)[offset] != 0;
  const int32_t length = ((const int32_t *)job->args->validity)[offset / validity->extent];
  return offset % validity->extent < length;
}

bool cubn_has_padding(const cubn_job *job) {
  return job->problem->validity.kind != CUBN_VALID_ALL;
}

int64_t cubn_find_valid(const cubn_tile *tile, bool *valid) {
  const bool is_row = tile->group->width == 1; /* of samples, as in get_patch of strided.c */
  cubn_patches patches = {tile, CUBN_ARRAY_VALID, 0};
  cubn_patch patch;
  int64_t count = 0;
  for (int64_t done = 0; cubn_next_patch(&patches, &patch); done = patches.samples) {
    const int64_t stride = is_row ? patch.stride : patch.row_stride;
    for (int64_t i = done; i < patches.samples; ++i) {
      valid[i] = is_valid(tile->job, patch.offset + (i - done) * stride);
      count += valid[i];
    }
  }
  return count;
}

int64_t cubn_first_valid(const cubn_job *job, const cubn_group *group) {
  const int64_t samples = cubn_count(job->problem);
  if (!cubn_has_padding(job)) return 0;
  bool valid;
  for (int64_t i = 0; i < samples; ++i) {
    const cubn_tile one = {job, group, i, 1};
    if (cubn_find_valid(&one, &valid)) return i;
  }
  return -1;
}

void cubn_copy_valid(const cubn_tile *tile, const bool *valid, const double *values, double *to) {
  const int64_t width = tile->group->width;
  for (int64_t i = 0; i < tile->samples; ++i) {
    if (!valid[i]) continue;
    memcpy(to, values + i * width, (size_t)width * sizeof *to);
    to += width;
  }
}

/* Stores the samples from `first` to `end` - 1 of the tile. */
static void store_some(const cubn_tile *tile, cubn_array array, int64_t first, int64_t end,
                       const double *values, void *base) {
  const cubn_tile part = {tile->job, tile->group, tile->first + first, end - first};
  cubn_store_tile(&part, array, values + first * tile->group->width, base);
}

void cubn_store_valid(const cubn_tile *tile, cubn_array array, const bool *valid, double *values,
                      void *base) {
  const int64_t width = tile->group->width;
  if (!tile->job->problem->validity.keeps) {
    for (int64_t i = 0; i < tile->samples; ++i)
      if (!valid[i]) memset(values + i * width, 0, (size_t)width * sizeof *values);
    cubn_store_tile(tile, array, values, base);
    return;
  }
  for (int64_t first = 0, end; first < tile->samples; first = end) {
    for (end = first; end < tile->samples && valid[end] == valid[first];) ++end;
    if (valid[first]) store_some(tile, array, first, end, values, base);
  }
}
