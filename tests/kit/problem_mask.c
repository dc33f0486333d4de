/* Masks and lengths of problem lines. */
#include <string.h>

#include "kit/data.h"

enum { STREAM_MASK = 90, STREAM_LENGTHS = 91 };

bool line_has_padding(const line_problem *p) {
  return p->mask || p->mask_samples || p->mask_strides || p->lengths_dim != 0;
}

int64_t line_mask_dims(const line_problem *p, int64_t dims[]) {
  int64_t elements = 1;
  for (int i = 0; i < p->rank; ++i) {
    const bool in_mask =
        p->lengths_dim != 0
            ? i == 0 || i == (int)p->lengths_dim
            : i == 0 || (!p->mask_samples && (i > 1 || p->mode == CUBN_BATCHNORM_PER_ACTIVATION));
    dims[i] = in_mask ? p->dims[i] : 1;
    elements *= dims[i];
  }
  return elements;
}

/* Some are negative, some larger than the dimension. */
static int32_t length_of(const line_problem *p, int64_t sample) {
  const double extent = (double)p->dims[(int)p->lengths_dim];
  const double random = data_uniform(STREAM_LENGTHS, (uint64_t)sample);
  if (p->valid <= 0) return -(int32_t)(random * 3);
  if (p->valid >= 1) return (int32_t)(extent + random * 3);
  return (int32_t)(random * (extent + 4)) - 2;
}

bool line_is_valid(const line_problem *p, int64_t place) {
  if (p->lengths_dim == 0) return data_uniform(STREAM_MASK, (uint64_t)place) < p->valid;
  const int64_t extent = p->dims[(int)p->lengths_dim];
  return place % extent < length_of(p, place / extent);
}

size_t line_mask_bytes(const line_problem *p) {
  int64_t dims[CUBN_DIM_MAX];
  if (p->lengths_dim != 0) return (size_t)p->dims[0] * sizeof(int32_t);
  return (size_t)line_mask_dims(p, dims);
}

void line_fill_mask(const line_problem *p, void *bytes) {
  int64_t dims[CUBN_DIM_MAX];
  for (int64_t i = 0; i < p->dims[0] && p->lengths_dim != 0; ++i) {
    const int32_t length = length_of(p, i);
    memcpy((char *)bytes + (size_t)i * sizeof length, &length, sizeof length);
  }
  if (p->lengths_dim != 0) return;
  const int64_t count = line_mask_dims(p, dims);
  for (int64_t i = 0; i < count; ++i)
    ((uint8_t *)bytes)[i] = (uint8_t)(line_is_valid(p, i) ? i % 255 + 1 : 0);
}

cubnStatus_t line_describe_mask(const line_problem *p, cubnTensorDescriptor_t descriptor) {
  int64_t dims[CUBN_DIM_MAX], strides[CUBN_DIM_MAX], stride = 1;
  line_mask_dims(p, dims);
  for (int i = p->rank - 1; i >= 0; --i) {
    const bool is_one = dims[i] == 1 && p->dims[i] != 1;
    strides[i] = is_one ? 0 : stride;
    if (dims[i] > 0) stride *= dims[i];
    if (is_one && p->mask_strides) dims[i] = p->dims[i];
    if (is_one && !p->mask_strides) strides[i] = 7; /* which nothing must depend on */
  }
  return cubnSetTensorNdDescriptor64(descriptor, CUBN_DATA_INT8, p->rank, dims, strides);
}
