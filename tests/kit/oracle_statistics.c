/* Mean, variance and inv_std of a channel. */
#include <math.h>

#include "kit/oracle.h"

static long double factor_of(long double m) {
  return m > 1 ? m / (m - 1) : 1;
}

long double oracle_variance_factor(const line_problem *problem) {
  return problem->unbiased ? factor_of((long double)line_values_per_channel(problem)) : 1;
}

long double oracle_inverse_std(const line_problem *problem, long double var) {
  const long double v = oracle_variance_factor(problem) * var,
                    epsilon = (long double)problem->epsilon;
  const long double deviation = problem->epsilon_outside ? sqrtl(v) + epsilon : sqrtl(v + epsilon);
  return deviation == 0 ? 0.0L : 1.0L / deviation;
}

long double oracle_variance_slope(const line_problem *problem, long double inv_std) {
  const int64_t values = line_values_per_channel(problem);
  const long double m = (long double)(problem->count > 0 ? problem->count : (double)values);
  const long double factor = problem->unbiased ? factor_of(m) : 1;
  if (!problem->epsilon_outside) return factor;
  const long double part = 1 - (long double)problem->epsilon * inv_std;
  const long double least = 4 * (long double)data_roundoff(line_param_type(problem));
  return part <= least ? 0 : factor / part;
}

long double oracle_kept_inv_std(const line_problem *problem, long double inv_std) {
  const long double most = data_largest(line_param_type(problem));
  return isfinite(inv_std) && inv_std > most ? most : inv_std;
}

void oracle_statistics(const line_problem *problem, const data_array *x, oracle_channel *channel,
                       int64_t number) {
  const long double count = (long double)channel->count;
  long double sum = 0, low = 0, squares = 0, largest = 0;
  for (line_walk w = line_walk_channel(problem, number); w.valid; line_walk_next(&w))
    sum += (long double)data_get(x, w.at[LINE_X]);
  const long double about = sum / count;
  for (line_walk w = line_walk_channel(problem, number); w.valid; line_walk_next(&w)) {
    const long double difference = (long double)data_get(x, w.at[LINE_X]) - about;
    low += difference;
    squares += difference * difference;
    largest = fmaxl(largest, fabsl(difference));
  }
  /* `low` is the rounding error of the first sum. */
  channel->mean = about + low / count;
  channel->var = (squares - low * low / count) / count;
  channel->deviation = largest;
}
