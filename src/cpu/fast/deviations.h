/* Which channels need no center, and which deviations sums and slopes can take as they are: see
 * center.c. */
#ifndef CUBN_CPU_FAST_DEVIATIONS_H
#define CUBN_CPU_FAST_DEVIATIONS_H

#include <math.h>

#include "cpu/common/clones.h"
#include "cpu/common/preactivation.h"
#include "cpu/fast/call.h"

/* A mean is around 0 if it is at most this many deviations away. */
#define CUBN_MEAN_DEVIATIONS 2.0
/* Deviations are between the inverse of this and this. Beyond, sums of dy * (x - center), and
 * inv_std * slope, may leave the range of float (or double) where dy * x_hat and slope do not. */
#define CUBN_DEVIATION_MAX 0x1p40
#define CUBN_DEVIATION_MAX_DOUBLE 0x1p300

/* What decides about channels, the same for all. */
typedef struct cubn_deviations {
  bool is_single, can_be_near_zero;
  double mean_most;   /* deviations of a mean that is around 0; below 0 if none is */
  double least, most; /* inv_std that may be applied to sums and slope as it is */
  cubn_normalizer by;
} cubn_deviations;

static inline cubn_deviations cubn_fast_deviations(const cubn_call *call) {
  const bool is_single = cubn_is_single(call->param_type);
  const double most = is_single ? CUBN_DEVIATION_MAX : CUBN_DEVIATION_MAX_DOUBLE;
  const cubn_problem *problem = call->problem;
  const bool can_be_near_zero = !call->has_epilogue && problem->pass != CUBN_PASS_INFER &&
                                !problem->is_from_y && !problem->sums_are_given;
  const double mean_most = can_be_near_zero ? CUBN_MEAN_DEVIATIONS : -1;
  return (cubn_deviations){is_single, can_be_near_zero,      mean_most, 1 / most,
                           most,      call->args->normalizer};
}

/* Whether inv_std may be applied to sums and slope as it is. With 0 and NaN the results are the
 * same anyway. */
CUBN_INLINED bool cubn_can_fold_deviation(cubn_deviations of, double inv_std) {
  return isnan(inv_std) | (inv_std == 0) | ((inv_std <= of.most) & (inv_std >= of.least));
}

/* Whether the channel needs no center. Where values are nearly constant, epsilon dominates the
 * variance, and inv_std does not measure the deviation. */
CUBN_INLINED bool cubn_is_near_zero(cubn_deviations of, double center, double inv_std) {
  return (fabs(center) * inv_std <= of.mean_most) &
         (inv_std * inv_std * of.by.inside + 2 * inv_std * of.by.outside <= 0.5);
}

#endif /* CUBN_CPU_FAST_DEVIATIONS_H */
