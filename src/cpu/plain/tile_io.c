/* Tiles from and to memory. */
#include "cpu/plain/job.h"

bool cubn_next_patch(cubn_patches *patches, cubn_patch *patch) {
  const cubn_tile *tile = patches->tile;
  if (patches->samples == tile->samples) return false;
  *patch = tile->job->plan.patch(tile->job->problem, tile->group, patches->array,
                                 tile->first + patches->samples, tile->samples - patches->samples);
  patches->samples += patch->rows * patch->count / tile->group->width;
  return true;
}

void cubn_load_tile(const cubn_tile *tile, cubn_array array, const void *base, double *values) {
  cubn_patches patches = {tile, array, 0};
  cubn_patch patch;
  for (; cubn_next_patch(&patches, &patch); values += patch.rows * patch.count)
    tile->job->type->load(base, patch, values);
}

void cubn_store_tile(const cubn_tile *tile, cubn_array array, const double *values, void *base) {
  cubn_patches patches = {tile, array, 0};
  cubn_patch patch;
  for (; cubn_next_patch(&patches, &patch); values += patch.rows * patch.count)
    tile->job->type->store(values, patch, base);
}
