#include "kit/tolerance_variance.h"

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
  const long double product = (long double)problem->epsilon * channel->inv_std;
  const long double part = 1 - product, least = 4 * t->roundoff;
  const long double error = (t->inv_std_relative + 4 * double_roundoff) * product;
  const long double factor = oracle_variance_factor(problem);
  if (part < 2 * least || error > part / 2) return factor / least;
  return factor * error / part / (part - error);
}
