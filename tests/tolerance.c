/* The tolerances. All are bounds of the rounding errors of first order for what docs and header
 * promise: elements are treated in arithmetic of roundoff u (float: 2^-24, double: 2^-53), and sums
 * are combined in double. Nothing is fitted to results.
 *
 * Let D = max |x - mean|, S = std, m the count, w = 2^-53, and B the largest number of values whose
 * sum is formed in working precision before it goes into a double.
 *
 * Mean. Sums are taken over x - p, where p is a value of the channel. A difference has the error
 *   u |x - p|, their sum over B values (B - 1) u sum|x - p|. As mean|x - p| <= S + D, the mean is
 *   wrong by at most B u (S + D), whatever |mean| is, and by its own representation: one double, or
 *   two floats with u^2 = 2^-48.
 * Variance. Squares of x - p have the relative error 3u, their sum B u more, and their sum is
 *   q = sum (x - p)^2 / sum (x - mean)^2 times what is wanted. With one p, q <= 1 + D^2 / var; with
 *   one p per batch of B values, all different, q <= 2 + 2 B. So the relative error is at most
 *   (B + 3) u min(1 + D^2 / var, 2 + 2 B).
 * inv_std. Half of the variance's part in var + epsilon.
 * y. x - mean, the gain, and the result are rounded; the low part of the mean is one more: 4u of
 *   |scale x_hat|, and 2u of |bias| and |beta prior|, the mean's and inv_std's errors, u of the
 *   result in working precision, and the roundoff of the tensor's type.
 * dbias, dscale. Sums of dy and dy x_hat: (B + 1) u sum|dy| and (B + 3) u sum|dy x_hat|; an error
 * of the mean moves dscale by inv_std |error| sum|dy|, one of inv_std by its relative size. dx =
 * gain (dy - dbias / m - x_hat dscale / m): 4u of each term, the errors of the sums, of the mean in
 * x_hat, and of inv_std. */
#include "tolerance.h"

#include <math.h>

static const long double sum_length = 32;            /* B */
static const long double double_roundoff = 0x1p-53L; /* w */

tolerance tolerance_compute(const line_problem *problem, const oracle_channel *channel) {
  const bool is_backward = problem->pass == LINE_BACKWARD;
  const bool has_statistics = problem->pass == LINE_TRAIN || (is_backward && problem->no_saved);
  const long double u = (long double)data_roundoff(line_param_type(problem));
  const long double b = sum_length, d = channel->deviation, var = channel->var;
  tolerance t = {.roundoff = u, .inv_std_relative = 4 * double_roundoff};

  if (has_statistics || is_backward) {
    const long double mean_distance = has_statistics ? sqrtl(var) : d; /* bound of mean|x - mean| */
    t.mean_error =
        b * u * (mean_distance + d) + 2 * fmaxl(double_roundoff, u * u) * fabsl(channel->mean);
  }
  if (has_statistics && var > 0) {
    t.var_relative = (b + 3) * u * fminl(1 + d * d / var, 2 + 2 * b);
    t.inv_std_relative += t.var_relative / 2 * var / (var + (long double)problem->epsilon);
  }
  if (is_backward) {
    t.dbias_error = (b + 1) * u * channel->dy_sum_abs;
    t.dscale_error = ((b + 3) * u + t.inv_std_relative) * channel->dy_x_hat_sum_abs +
                     t.mean_error * channel->inv_std * channel->dy_sum_abs;
  }
  t.is_exact = problem->pass == LINE_TRAIN && d == 0 && channel->count > 0 && problem->alpha == 1 &&
               problem->beta == 0;
  return t;
}

static long double rounding_to(cubnDataType_t type, long double value) {
  return (long double)data_roundoff(type) * fabsl(value) + (long double)data_least(type) / 2;
}

static long double forward_error(const line_problem *problem, const oracle_channel *channel,
                                 const tolerance *t, long double x) {
  const long double slope = fabsl(channel->scale * channel->inv_std);
  const long double part = slope * fabsl(x - channel->mean);
  return fabsl((long double)problem->alpha) *
         (slope * t->mean_error + part * (t->inv_std_relative + 4 * t->roundoff) +
          2 * t->roundoff * fabsl(channel->bias));
}

static long double backward_error(const line_problem *problem, const oracle_channel *channel,
                                  const tolerance *t, long double x, long double dy) {
  const long double count = (long double)channel->count;
  const long double x_hat = fabsl((x - channel->mean) * channel->inv_std);
  const long double dbias = fabsl(channel->dbias_sum) / count;
  const long double dscale = fabsl(channel->dscale_sum) / count;
  const long double terms = fabsl(dy) + dbias + x_hat * dscale;
  const long double sums = (t->dbias_error + x_hat * t->dscale_error) / count +
                           t->mean_error * channel->inv_std * dscale;
  return fabsl((long double)problem->alpha * channel->scale * channel->inv_std) *
         ((4 * t->roundoff + t->inv_std_relative) * terms + sums);
}

long double tolerance_output(const line_problem *problem, const oracle_channel *channel,
                             const tolerance *t, long double x, long double dy, long double prior,
                             long double exact) {
  if (t->is_exact) return 0;
  long double allowed = problem->pass == LINE_BACKWARD ? backward_error(problem, channel, t, x, dy)
                                                       : forward_error(problem, channel, t, x);
  if (problem->beta != 0) allowed += 2 * t->roundoff * fabsl((long double)problem->beta * prior);
  return allowed + t->roundoff * fabsl(exact) + rounding_to(problem->type, exact);
}

long double tolerance_param(const line_problem *problem, const oracle_channel *channel,
                            const tolerance *t, int array, long double prior, long double exact) {
  const long double factor = (long double)problem->factor;
  const long double param_alpha = fabsl((long double)problem->param_alpha);
  const bool is_running = array == DATA_RUNNING_MEAN || array == DATA_RUNNING_VAR;
  long double allowed = rounding_to(line_param_type(problem), exact);
  if (is_running && factor != 1) allowed += 4 * double_roundoff * (fabsl(prior) + fabsl(exact));
  const bool is_gradient = array == DATA_DSCALE || array == DATA_DBIAS;
  if (is_gradient && problem->param_beta != 0)
    allowed += 2 * t->roundoff * fabsl((long double)problem->param_beta * prior);
  switch (array) {
    case DATA_RUNNING_MEAN:
      return allowed + factor * t->mean_error;
    case DATA_RUNNING_VAR:
      return allowed + (t->var_relative + 4 * double_roundoff) *
                           fabsl(exact - (factor == 1 ? 0 : (1 - factor) * prior));
    case DATA_SAVED_MEAN:
      return allowed + t->mean_error;
    case DATA_SAVED_INV_STD:
      return allowed + t->inv_std_relative * fabsl(exact);
    case DATA_DSCALE:
      return allowed +
             param_alpha * (t->dscale_error + 2 * t->roundoff * fabsl(channel->dscale_sum));
    default:
      return allowed + param_alpha * (t->dbias_error + 2 * t->roundoff * fabsl(channel->dbias_sum));
  }
}
