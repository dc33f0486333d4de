/* Updates arrays with one value per channel. */
#include "cpu/common/params.h"

#include "cpu/common/arith.h"
#include "cpu/common/clones.h"

/* Channels whose values are blended in a buffer. */
enum { BUFFER_VALUES = 256 };

/* Sums are not formed if there is no prior. */
CUBN_CLONES static void blend(double weight, const double *restrict values, double prior_weight,
                              const double *restrict prior, int64_t count,
                              double *restrict result) {
  if (prior_weight != 0)
    for (int64_t i = 0; i < count; ++i) result[i] = weight * values[i] + prior_weight * prior[i];
  else
    for (int64_t i = 0; i < count; ++i) result[i] = weight * values[i];
  for (int64_t i = 0; i < count; ++i) result[i] = isnan(result[i]) ? (double)NAN : result[i];
}

CUBN_CLONES static bool has_nan(const double *values, int64_t count) {
  int64_t any = 0;
  for (int64_t i = 0; i < count; ++i) any |= isnan(values[i]);
  return any != 0;
}

void cubn_params_blend(const cubn_conversion *type, const cubn_patch *channels, double weight,
                       const double *values, double prior_weight, const void *prior, void *array) {
  double result[BUFFER_VALUES], before[BUFFER_VALUES];
  for (int64_t done = 0, count; done < channels->count; done += count) {
    count = cubn_min(channels->count - done, BUFFER_VALUES);
    const int64_t offset = channels->offset + done * channels->stride;
    const cubn_patch patch = {offset, 1, 0, count, channels->stride};
    if (prior_weight != 0) type->load(prior, patch, before);
    blend(weight, values + done, prior_weight, before, count, result);
    type->store(result, patch, array);
  }
}

void cubn_params_store(const cubn_conversion *type, const cubn_patch *channels,
                       const double *values, void *array) {
  if (has_nan(values, channels->count))
    cubn_params_blend(type, channels, 1, values, 0, NULL, array);
  else
    type->store(values, *channels, array);
}
