/* Parameters: arrays with one value per channel. A patch of one row says which channels. All NaN
 * that are stored are alike. */
#ifndef CUBN_CPU_COMMON_PARAMS_H
#define CUBN_CPU_COMMON_PARAMS_H

#include <math.h>

#include "cpu/common/convert.h"

/* Loads parameters; all are `absent` if the array is NULL. */
static inline void cubn_params_load(const cubn_conversion *type, const void *array,
                                    cubn_patch channels, double absent, double *values) {
  if (array) {
    type->load(array, channels, values);
    return;
  }
  for (int64_t i = 0; i < channels.count; ++i) values[i] = absent;
}

/* Makes all NaN alike, whatever they come from. */
static inline void cubn_settle_nans(double *values, int64_t count) {
  for (int64_t i = 0; i < count; ++i) values[i] = isnan(values[i]) ? (double)NAN : values[i];
}

/* Stores parameters. */
void cubn_params_store(const cubn_conversion *type, const cubn_patch *channels,
                       const double *values, void *array);

/* array = weight * values + prior_weight * prior. If prior_weight is 0, prior is not read. */
void cubn_params_blend(const cubn_conversion *type, const cubn_patch *channels, double weight,
                       const double *values, double prior_weight, const void *prior, void *array);

#endif /* CUBN_CPU_COMMON_PARAMS_H */
