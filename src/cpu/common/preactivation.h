/* The pre-activation, p = scale * x_hat + bias. Backward computes it again and must decide as
 * forward did, so all algorithms of the CPU and all instruction sets use one sequence of
 * operations, in the precision P of the parameters, each of them rounded:
 *
 *   gain = scale * inv_std, shift = bias - mean_low * gain   in double, from numbers of type P
 *   p    = (x - center) * gain + shift                       in P, from gain and shift as P
 *
 * center is the mean as it is saved, mean_low is what that rounding took from the mean, and inv_std
 * is as it is saved. If float cannot represent the gain well, p is computed in double. */
#ifndef CUBN_CPU_COMMON_PREACTIVATION_H
#define CUBN_CPU_COMMON_PREACTIVATION_H

#include <math.h>
#include <stdbool.h>

#include "cpu/common/convert.h"

/* Coefficients of float arithmetic are between 1 / CUBN_COEFFICIENT_MAX and this. */
#define CUBN_COEFFICIENT_MAX 1e34

static inline bool cubn_is_single(const cubn_conversion *param_type) {
  return param_type->bytes == sizeof(float);
}

/* Whether float arithmetic cannot use the coefficient. */
static inline bool cubn_needs_double(bool is_single, double coefficient) {
  const double size = fabs(coefficient);
  return is_single && size != 0 && isfinite(size) &&
         (size > CUBN_COEFFICIENT_MAX || size < 1 / CUBN_COEFFICIENT_MAX);
}

static inline double cubn_preact_gain(double scale, double inv_std) {
  return scale * inv_std;
}

static inline double cubn_preact_shift(double bias, double mean_low, double gain) {
  return mean_low == 0 ? bias : bias - mean_low * gain;
}

static inline double cubn_preact_value(bool is_single, double x, double center, double gain,
                                       double shift) {
  if (!is_single || cubn_needs_double(is_single, gain)) return (x - center) * gain + shift;
  const float scaled = ((float)x - (float)center) * (float)gain;
  return (double)(scaled + (float)shift);
}

#endif /* CUBN_CPU_COMMON_PREACTIVATION_H */
