#include "kit/tolerance_renorm.h"

#include <math.h>

#include "kit/tolerance_activation.h"

/* r is a quotient of deviations, d one of means by a deviation; both are rounded to parameters, and
 * so are scale * r and bias + scale * d, a sum of two. Clipping makes no error larger. */
void tolerance_renormalize(const line_problem *problem, const data_set *before,
                           const oracle_channel *channel, int64_t number, tolerance *t) {
  const long double u = t->roundoff;
  if (!line_renormalizes(problem)) return;
  const long double scale = fabsl(channel->scale / channel->r);
  if (problem->pass == LINE_TRAIN) {
    const oracle_running running = oracle_running_before(problem, before, number);
    const long double inverse = oracle_running_inverse_std(problem, running.var);
    const long double means = fabsl(channel->mean) + fabsl(running.mean);
    t->r_error = fabsl(channel->r) * (t->inv_std_relative + u);
    t->d_error = (t->mean_error + 0x1p-50L * means) * inverse + u * fabsl(channel->d);
  }
  t->scale_relative = t->r_error / fabsl(channel->r) + 2 * u;
  t->bias_error = scale * (t->d_error + u * fabsl(channel->d)) + 2 * u * fabsl(channel->bias);
}

long double tolerance_dscale(const oracle_channel *channel, const tolerance *t) {
  const long double r = fabsl(channel->r), d = fabsl(channel->d);
  const long double sums = r * fabsl(channel->dscale_sum) + d * fabsl(channel->dbias_sum);
  return tolerance_times(t->dscale_error, r) + tolerance_times(t->dbias_error, d) +
         2 * t->roundoff * sums;
}
