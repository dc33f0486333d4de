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
 *   q = sum (x - p)^2 / sum (x - mean)^2 times the wanted one. With one p, q <= 1 + D^2 / var; with
 *   one p per batch of B values, all different, q <= 2 + 2 B. So the relative error is at most
 *   (B + 3) u min(1 + D^2 / var, 2 + 2 B).
 * inv_std. Half of the variance's part in var + epsilon, or of the root's in sqrt(var) + epsilon.
 * y. x - mean, the gain, and the result are rounded; the low part of the mean is one more: 4u of
 *   |scale x_hat|, and 2u of |bias| and |beta prior|, the mean's and inv_std's errors, u of the
 *   result in working precision, and the roundoff of the tensor's type.
 * dbias, dscale. Sums of dy and dy x_hat: (B + 1) u sum|dy| and (B + 3) u sum|dy x_hat|; an error
 *   of the mean moves dscale by inv_std |error| sum|dy|, one of inv_std by its relative size.
 * dx = gain (dy - dbias / m - v x_hat dscale / m): 4u of each term, the errors of the sums, of the
 *   mean in x_hat, of inv_std, and of v.
 *
 * Fused. The pre-activation p is y of the above without blending; inv_std was rounded to the
 *   parameters' type, u more, and so is the low part of the mean, u^2 |mean| more; the sum with z
 *   is u |p|. tolerance_activation.c derives what the activation makes of that error.
 *   dp = dy times the derivative is rounded to the type of the tensors. Computed with an error e,
 *   it is one of the values between the rounded ends of [dp - e, dp + e], which mostly equal that
 *   of the oracle. Where the derivative is 0 or 1, e is 0. The possible error is summed over the
 *   channel for dbias, and times |x_hat| for dscale.
 * Given. Constant statistics and given sums have no error. A low part of a given mean is part of
 *   the shift of y, 2u of it, and in backward of what is taken from dscale, where the error of
 *   dbias comes with it: (B + 3) u of it in all. */
#include "kit/tolerance.h"

#include <math.h>

#include "kit/tolerance_activation.h"
#include "kit/tolerance_renorm.h"
#include "kit/tolerance_variance.h"

static const long double sum_length = TOLERANCE_SUM_LENGTH; /* B */
static const long double double_roundoff = 0x1p-53L;        /* w */

/* Errors of statistics that are computed from x. */
static long double statistics_mean_error(const oracle_channel *channel, long double u,
                                         long double distance, long double mean, int roundings) {
  return sum_length * u * (distance + channel->deviation) +
         roundings * fmaxl(double_roundoff, u * u) * fabsl(mean);
}

static void compute_statistics_errors(const line_problem *problem, const oracle_channel *channel,
                                      tolerance *t) {
  const bool is_backward = problem->pass == LINE_BACKWARD;
  const bool has_statistics = problem->pass == LINE_TRAIN || (is_backward && problem->no_saved);
  const bool is_fused = problem->activation != CUBN_ACTIVATION_IDENTITY;
  const long double b = sum_length, d = channel->deviation, var = channel->var, u = t->roundoff;
  const long double part = tolerance_variance_part(problem, var);
  t->var_relative = var > 0 ? (b + 3) * u * fminl(1 + d * d / var, 2 + 2 * b) : 0;
  const long double inv_std_relative = var > 0 ? t->var_relative / 2 * part : 0;
  if (has_statistics) {
    t->mean_error = statistics_mean_error(channel, u, sqrtl(var), channel->mean, 2);
    t->inv_std_relative += inv_std_relative;
  } else if (problem->from_y) { /* Only 1 / scale is rounded. */
    t->inv_std_relative += u;
  } else if (!problem->given_sums && !problem->mean_low) { /* The saved mean is corrected. */
    t->mean_error = statistics_mean_error(channel, u, d, channel->mean, 2);
  }
  if (!is_fused) return;
  t->preact_mean_error = statistics_mean_error(channel, u, sqrtl(var), channel->preact_mean, 3);
  t->preact_inv_std_relative = 4 * double_roundoff + inv_std_relative + u;
}

static void compute_sums_errors(const line_problem *problem, const data_set *before,
                                const oracle_channel *channel, int64_t number, tolerance *t) {
  const long double b = sum_length, u = t->roundoff;
  long double dp_errors = 0, dp_x_hat_errors = 0;
  const bool may_differ = problem->activation != CUBN_ACTIVATION_IDENTITY;
  for (line_walk w = line_walk_channel(problem, number); w.valid && may_differ;
       line_walk_next(&w)) {
    const oracle_element element = oracle_load(problem, before, &w);
    const long double error = tolerance_dp(problem, channel, t, &element);
    const long double inv_std = fabsl(channel->inv_std);
    dp_errors += error;
    dp_x_hat_errors += tolerance_times(error, fabsl(element.x - channel->mean) * inv_std) +
                       tolerance_times(inverse_error(problem, element.x) * inv_std,
                                       fabsl(oracle_dp(problem, channel, &element)));
  }
  t->dbias_error = (b + 1) * u * channel->dp_sum_abs + dp_errors;
  t->dscale_error = ((b + 3) * u + t->inv_std_relative) * channel->dp_x_hat_sum_abs +
                    t->mean_error * channel->inv_std * channel->dp_sum_abs + dp_x_hat_errors;
}

tolerance tolerance_compute(const line_problem *problem, const data_set *before,
                            const oracle_channel *channel, int64_t number) {
  const long double u = (long double)data_roundoff(line_param_type(problem));
  const bool is_given = line_has_given_statistics(problem);
  const bool is_fused = problem->activation != CUBN_ACTIVATION_IDENTITY;
  tolerance t = {.roundoff = u, .inv_std_relative = 4 * double_roundoff};
  t.mean_error = t.preact_mean_error = tolerance_low(problem, before, channel, number, u);
  if (is_given && (is_fused || problem->frozen)) t.inv_std_relative += u;
  t.preact_inv_std_relative = t.inv_std_relative;
  if (!is_given) compute_statistics_errors(problem, channel, &t);
  tolerance_renormalize(problem, before, channel, number, &t);
  if (problem->pass == LINE_BACKWARD && !problem->given_sums)
    compute_sums_errors(problem, before, channel, number, &t);
  const bool keeps_bias = !problem->adds && (problem->activation == CUBN_ACTIVATION_IDENTITY ||
                                             problem->activation == CUBN_ACTIVATION_RELU ||
                                             problem->activation == CUBN_ACTIVATION_CLIPPED_RELU);
  t.is_exact = problem->pass == LINE_TRAIN && channel->deviation == 0 && channel->count > 0 &&
               problem->alpha == 1 && problem->beta == 0 && keeps_bias &&
               !line_renormalizes(problem);
  return t;
}

static long double rounding_to(cubnDataType_t type, long double value) {
  return (long double)data_roundoff(type) * fabsl(value) + (long double)data_least(type) / 2;
}

/* The error of scale x_hat + bias, without the rounding of the result. */
static long double affine_error(const oracle_channel *channel, long double u, long double x,
                                long double mean_error, long double inv_std_relative) {
  const long double slope = fabsl(channel->scale * channel->preact_inv_std);
  const long double part = slope * fabsl(x - channel->preact_mean);
  return slope * mean_error + part * (inv_std_relative + 4 * u) + 2 * u * fabsl(channel->bias);
}

/* The error of the pre-activation. */
static long double preact_error(const line_problem *problem, const oracle_channel *channel,
                                const tolerance *t, const oracle_element *element) {
  const long double p = oracle_preact(channel, element), u = t->roundoff;
  if (!isfinite(p)) return 0;
  const long double sum = problem->adds ? u * fabsl(p) : 0;
  const long double relative = t->preact_inv_std_relative + t->scale_relative;
  return affine_error(channel, u, element->x, t->preact_mean_error, relative) + t->bias_error +
         u * fabsl(p - element->z) + sum;
}

static long double forward_error(const line_problem *problem, const oracle_channel *channel,
                                 const tolerance *t, const oracle_element *element) {
  const long double u = t->roundoff, alpha = fabsl((long double)problem->alpha);
  if (problem->activation == CUBN_ACTIVATION_IDENTITY) {
    const long double p = oracle_preact(channel, element);
    const long double sum = problem->adds ? u * (fabsl(p) + fabsl(p - element->z)) : 0;
    return tolerance_times(affine_error(channel, u, element->x, t->mean_error,
                                        t->inv_std_relative + t->scale_relative) +
                               t->bias_error + sum,
                           alpha);
  }
  return tolerance_times(activation_error(problem, u, oracle_preact(channel, element),
                                          preact_error(problem, channel, t, element)),
                         alpha);
}

/* How far the rounded value can be off where the exact one is wrong by `error`. */
static long double rounded_error(cubnDataType_t type, long double exact, long double error) {
  const double middle = data_round(type, (double)exact);
  const double low = data_round(type, (double)(exact - error));
  const double high = data_round(type, (double)(exact + error));
  return fmaxl((long double)high - (long double)middle, (long double)middle - (long double)low);
}

long double tolerance_dp(const line_problem *problem, const oracle_channel *channel,
                         const tolerance *t, const oracle_element *element) {
  const bool is_one_or_zero = problem->activation == CUBN_ACTIVATION_IDENTITY ||
                              problem->activation == CUBN_ACTIVATION_RELU ||
                              problem->activation == CUBN_ACTIVATION_CLIPPED_RELU ||
                              (line_decides(problem) && element->passes);
  const long double dp = oracle_exact_dp(problem, channel, element);
  if (is_one_or_zero || !isfinite(dp)) return 0;
  const long double p = problem->from_y ? element->x : oracle_preact(channel, element);
  long double p_error = preact_error(problem, channel, t, element), at = p;
  if (problem->adds) { /* The derivative is taken at the stored value. */
    at = (long double)data_round(problem->type, (double)p);
    p_error = rounded_error(problem->type, p, p_error);
  }
  const long double error =
      t->roundoff * fabsl(dp) +
      tolerance_times(slope_error(problem, t->roundoff, at, p_error), fabsl(element->dy));
  return rounded_error(problem->type, dp, error);
}

static long double backward_error(const line_problem *problem, const oracle_channel *channel,
                                  const tolerance *t, const oracle_element *element) {
  const long double gain =
      fabsl((long double)problem->alpha * channel->scale * channel->dx_inv_std);
  const long double relative = 4 * t->roundoff + t->inv_std_relative + t->scale_relative;
  const long double of_dp = relative * fabsl(oracle_dp(problem, channel, element)) +
                            tolerance_dp(problem, channel, t, element);
  if (problem->frozen) return tolerance_times(of_dp, gain); /* x, even NaN, has no part in dx */
  const long double count =
      problem->count > 0 ? (long double)problem->count : (long double)channel->count;
  const long double x_hat = fabsl((element->x - channel->mean) * channel->inv_std);
  const long double dbias = fabsl(channel->dbias_sum) / count;
  const long double slope = oracle_variance_slope(problem, channel->dx_inv_std);
  const long double slope_error = tolerance_variance_slope(problem, channel, t);
  const long double dscale = slope * fabsl(channel->dscale_sum) / count;
  const long double sums =
      (t->dbias_error + tolerance_times(t->dscale_error, slope * x_hat)) / count +
      (t->mean_error + inverse_error(problem, element->x)) * fabsl(channel->inv_std) * dscale +
      tolerance_times(slope_error, x_hat * fabsl(channel->dscale_sum) / count);
  return tolerance_times(of_dp + relative * (dbias + x_hat * dscale) + sums, gain);
}

long double tolerance_output(const line_problem *problem, const oracle_channel *channel,
                             const tolerance *t, const oracle_element *element, long double exact) {
  if (t->is_exact) return 0;
  long double allowed = problem->pass == LINE_BACKWARD
                            ? backward_error(problem, channel, t, element)
                            : forward_error(problem, channel, t, element);
  if (problem->beta != 0)
    allowed += 2 * t->roundoff * fabsl((long double)problem->beta * element->prior);
  return allowed + t->roundoff * fabsl(exact) + rounding_to(problem->type, exact);
}

long double tolerance_param(const line_problem *problem, const oracle_channel *channel,
                            const tolerance *t, int array, long double prior, long double exact) {
  const long double factor = (long double)problem->factor;
  const long double param_alpha = fabsl((long double)problem->param_alpha);
  const bool is_running = array == DATA_RUNNING_MEAN || array == DATA_RUNNING_VAR;
  if (is_running && problem->guards_running && !channel->is_finite) return 0;
  long double allowed = rounding_to(line_param_type(problem), exact);
  if (is_running && factor != 1) allowed += 4 * double_roundoff * (fabsl(prior) + fabsl(exact));
  const bool is_gradient = array == DATA_DSCALE || array == DATA_DBIAS;
  if (is_gradient && problem->param_beta != 0)
    allowed += 2 * t->roundoff * fabsl((long double)problem->param_beta * prior);
  switch (array) {
    case DATA_RUNNING_MEAN:
      return allowed + tolerance_times(t->mean_error, factor);
    case DATA_RUNNING_VAR:
      return allowed + (t->var_relative + 4 * double_roundoff) *
                           fabsl(exact - (factor == 1 ? 0 : (1 - factor) * prior));
    case DATA_SAVED_MEAN:
    case DATA_SAVED_MEAN_LOW:
      return allowed + t->mean_error;
    case DATA_SAVED_INV_STD:
      return allowed + t->inv_std_relative * fabsl(exact);
    case DATA_DSCALE:
      return allowed + tolerance_times(tolerance_dscale(channel, t), param_alpha);
    case DATA_SAVED_R:
      return allowed + t->r_error;
    case DATA_SAVED_D:
      return allowed + t->d_error;
    default:
      return allowed + tolerance_times(t->dbias_error + 2 * t->roundoff * fabsl(channel->dbias_sum),
                                       param_alpha);
  }
}
