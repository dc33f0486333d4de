/* Updates arrays with one value per channel. */
#include "cpu/common/params.h"

#include "cpu/common/arith.h"

/* Channels whose values are blended in a buffer. */
enum { BUFFER_VALUES = 64 };

void cubn_params_blend(const cubn_conversion *type, const cubn_patch *channels, double weight,
                       const double *values, double prior_weight, const void *prior, void *array) {
  double result[BUFFER_VALUES], before[BUFFER_VALUES];
  for (int64_t done = 0, count; done < channels->count; done += count) {
    count = cubn_min(channels->count - done, BUFFER_VALUES);
    const int64_t offset = channels->offset + done * channels->stride;
    const cubn_patch patch = {offset, 1, 0, count, channels->stride};
    for (int64_t i = 0; i < count; ++i) result[i] = weight * values[done + i];
    if (prior_weight != 0) {
      type->load(prior, patch, before);
      for (int64_t i = 0; i < count; ++i) result[i] += prior_weight * before[i];
    }
    cubn_settle_nans(result, count);
    type->store(result, patch, array);
  }
}

void cubn_params_store(const cubn_conversion *type, const cubn_patch *channels,
                       const double *values, void *array) {
  bool any = false;
  for (int64_t i = 0; i < channels->count; ++i) any |= isnan(values[i]);
  if (any)
    cubn_params_blend(type, channels, 1, values, 0, NULL, array);
  else
    type->store(values, *channels, array);
}
