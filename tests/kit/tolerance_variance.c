#include "kit/tolerance_variance.h"

#include <float.h>
#include <math.h>

static const long double double_roundoff = 0x1p-53L;

long double tolerance_variance_part(const line_problem *problem, long double var) {
  const long double v = oracle_variance_factor(problem) * var;
  const long double epsilon = (long double)problem->epsilon;
  return problem->epsilon_outside ? sqrtl(v) / (sqrtl(v) + epsilon) : v / (v + epsilon);
}

long double tolerance_variance_slope(const line_problem *problem, const oracle_channel *channel,
                                     const tolerance *t) {
  if (!problem->epsilon_outside) return 0;
  const long double product = (long double)problem->epsilon * channel->dx_inv_std;
  const long double part = 1 - product, least = 4 * t->roundoff;
  const long double error = (t->inv_std_relative + 4 * double_roundoff) * product;
  const long double factor = oracle_variance_slope(problem, 0); /* that of a part of 1 */
  if (part < 2 * least || error > part / 2) return factor / least;
  return factor * error / part / (part - error);
}

long double tolerance_low(const line_problem *problem, const data_set *before,
                          const oracle_channel *channel, int64_t number, long double u) {
  const int array = line_has_given_statistics(problem) ? DATA_MEAN_LOW : DATA_SAVED_MEAN_LOW;
  if (!problem->mean_low || problem->pass == LINE_TRAIN) return 0;
  const double low = data_get(&before->arrays[array], line_param_index(problem, number));
  return ((long double)TOLERANCE_SUM_LENGTH + 3) * u * fabsl((long double)low) +
         LDBL_EPSILON * fabsl(channel->mean);
}
