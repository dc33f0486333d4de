/* Formulas of statistics that the plain and the fast algorithms share, so that they agree. */
#ifndef CUBN_CPU_COMMON_STATISTICS_H
#define CUBN_CPU_COMMON_STATISTICS_H

#include <math.h>
#include <stdbool.h>

#include "core/statistics.h"
#include "cpu/common/convert.h"

/* inv_std as parameters keep it. */
static inline double cubn_kept_inv_std(const cubn_conversion *param_type, double inv_std) {
  return cubn_limit_inv_std(param_type->bytes == sizeof(float), inv_std);
}

/* inv_std from a given variance, which may be inv_std itself. */
static inline double cubn_given_inv_std(const cubn_problem *problem, const cubn_args *args,
                                        double var) {
  return problem->var_is_inv_std ? var : cubn_inverse_deviation(&args->normalizer, var);
}

/* How far the mean of x is from the saved mean: `difference` if that is no more than the rounding
 * of the saved mean to its type. The saved mean then stands for the mean of x, which is known
 * better. If it is more, the caller gave other statistics, for example of a larger batch, and these
 * are used as they are: 0. */
static inline double cubn_rounded_mean_error(bool is_float, double saved_mean, double difference) {
  const double roundoff = is_float ? 0x1p-23 : 0x1p-52;
  return fabs(difference) <= roundoff * fabs(saved_mean) ? difference : 0;
}

static inline double cubn_saved_mean_error(const cubn_conversion *param_type, double saved_mean,
                                           double difference) {
  return cubn_rounded_mean_error(param_type->bytes != sizeof(double), saved_mean, difference);
}

/* The weight of the new batch in the running statistics. */
static inline double cubn_running_factor(const cubn_conversion *param_type, const cubn_args *args) {
  const cubn_patch one = {.rows = 1, .count = 1, .stride = 1};
  double factor = args->factor;
  if (args->factor_pointer) param_type->load(args->factor_pointer, one, &factor);
  return factor;
}

#endif /* CUBN_CPU_COMMON_STATISTICS_H */
