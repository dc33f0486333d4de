#include "kit/oracle.h"

#include <math.h>

#include "kit/oracle_activation.h"

static long double get_param(const line_problem *problem, const data_set *set, int array,
                             int64_t channel) {
  return (long double)data_get(&set->arrays[array], line_param_index(problem, channel));
}

/* A blending factor as the call receives it: a float except for double tensors. */
static long double factor_of(const line_problem *problem, double factor) {
  return (long double)data_round(line_param_type(problem), factor);
}

/* The prior content is not read where its weight is 0. */
static long double blend(long double alpha, long double result, long double beta,
                         const data_set *set, int array, int64_t place) {
  if (beta == 0) return alpha * result;
  return alpha * result + beta * (long double)data_get(&set->arrays[array], place);
}

/* The factor as the call receives it: a double, or a parameter in device memory. */
static long double running_factor(const line_problem *problem) {
  return problem->device_factor ? factor_of(problem, problem->factor)
                                : (long double)problem->factor;
}

static void update_running(const line_problem *problem, const data_set *before,
                           oracle_channel *channel, int64_t place) {
  const bool separate = problem->separate_running;
  const long double weight = running_factor(problem);
  /* An empty batch changes nothing; but with factor 1 the previous values are not read. */
  const long double factor = channel->count == 0 && weight != 1 ? 0 : weight;
  const long double count = (long double)channel->count;
  const bool is_unbiased = channel->count > 1 && !problem->running_is_biased;
  const long double var = is_unbiased ? channel->var * count / (count - 1) : channel->var;
  const long double most = (long double)data_largest(line_param_type(problem));
  channel->is_finite = fabsl(channel->mean) <= most && fabsl(var) <= most;
  const int mean_before = separate ? DATA_PREVIOUS_MEAN : DATA_RUNNING_MEAN;
  const int var_before = separate ? DATA_PREVIOUS_VAR : DATA_RUNNING_VAR;
  if (problem->guards_running && !channel->is_finite) {
    channel->running_mean = (long double)data_get(&before->arrays[mean_before], place);
    channel->running_var = (long double)data_get(&before->arrays[var_before], place);
    return;
  }
  channel->running_mean = blend(factor, channel->mean, 1 - factor, before, mean_before, place);
  channel->running_var = blend(factor, var, 1 - factor, before, var_before, place);
}

/* Takes the statistics that the caller gives. */
static void take_given(const line_problem *problem, const data_set *before, oracle_channel *channel,
                       int64_t number) {
  const long double var = get_param(problem, before, DATA_VAR, number);
  channel->mean = get_param(problem, before, DATA_MEAN, number);
  if (problem->mean_low) channel->mean += get_param(problem, before, DATA_MEAN_LOW, number);
  channel->var = var;
  channel->inv_std = problem->given_inv_std ? var : oracle_inverse_std(problem, var);
}

/* The saved mean is rounded. Where it equals the mean of x up to its own rounding, the exact
 * mean of x is meant; otherwise the caller supplies other statistics, such as those of a larger
 * batch. */
static long double backward_mean(const line_problem *problem, long double saved,
                                 long double true_mean) {
  const long double rounding = 2 * (long double)data_roundoff(line_param_type(problem));
  return fabsl(true_mean - saved) <= rounding * fabsl(saved) ? true_mean : saved;
}

static void compute_gradients(const line_problem *problem, const data_set *before,
                              oracle_channel *channel, int64_t number) {
  for (line_walk w = line_walk_channel(problem, number); w.valid; line_walk_next(&w)) {
    const oracle_element element = oracle_load(problem, before, &w);
    const long double dp = oracle_dp(problem, channel, &element);
    const long double x_hat = (element.x - channel->mean) * channel->inv_std;
    channel->deviation = fmaxl(channel->deviation, fabsl(element.x - channel->mean));
    channel->dbias_sum += dp;
    channel->dscale_sum += dp * x_hat;
    channel->dp_sum_abs += fabsl(dp);
    channel->dp_x_hat_sum_abs += fabsl(dp * x_hat);
  }
}

/* The statistics of backward: those of the pre-activation, and those to normalize x with. */
static void take_saved(const line_problem *problem, const data_set *before, oracle_channel *channel,
                       int64_t number) {
  oracle_statistics(problem, &before->arrays[DATA_X], channel, number);
  channel->inv_std = oracle_inverse_std(problem, channel->var);
  channel->preact_mean = channel->mean;
  channel->preact_inv_std = oracle_kept_inv_std(problem, channel->inv_std);
  if (problem->no_saved) return;
  const long double saved = get_param(problem, before, DATA_SAVED_MEAN, number);
  if (problem->mean_low)
    channel->mean = saved + get_param(problem, before, DATA_SAVED_MEAN_LOW, number);
  else
    channel->mean = problem->given_sums ? saved : backward_mean(problem, saved, channel->mean);
  channel->inv_std = get_param(problem, before, DATA_SAVED_INV_STD, number);
}

static void compute_backward(const line_problem *problem, const data_set *before,
                             oracle_channel *channel, int64_t number) {
  const int64_t place = line_param_index(problem, number);
  if (channel->count > 0 && problem->frozen) {
    take_given(problem, before, channel, number);
    channel->preact_mean = channel->mean;
    channel->preact_inv_std = oracle_kept_inv_std(problem, channel->inv_std);
  } else if (channel->count > 0) {
    take_saved(problem, before, channel, number);
  }
  channel->dx_inv_std = channel->inv_std;
  if (problem->from_y) { /* x_hat = (y - bias) / scale */
    channel->mean = channel->bias;
    channel->inv_std = channel->scale == 0 ? 0 : 1 / channel->scale;
  }
  compute_gradients(problem, before, channel, number);
  if (problem->given_sums) {
    channel->dscale_sum = get_param(problem, before, DATA_DSCALE, number);
    channel->dbias_sum = get_param(problem, before, DATA_DBIAS, number);
    return;
  }
  const long double alpha = factor_of(problem, problem->param_alpha);
  const long double beta = factor_of(problem, problem->param_beta);
  if (!problem->no_dscale)
    channel->dscale =
        blend(alpha, channel->r * channel->dscale_sum + channel->d * channel->dbias_sum, beta,
              before, DATA_DSCALE, place);
  if (!problem->no_dbias)
    channel->dbias = blend(alpha, channel->dbias_sum, beta, before, DATA_DBIAS, place);
}

oracle_channel oracle_compute(const line_problem *problem, const data_set *before,
                              int64_t channel) {
  oracle_channel result = {.count = line_valid_values(problem, channel), .scale = 1, .r = 1};
  if (data_has(before, DATA_SCALE)) result.scale = get_param(problem, before, DATA_SCALE, channel);
  if (data_has(before, DATA_BIAS)) result.bias = get_param(problem, before, DATA_BIAS, channel);
  if (problem->pass == LINE_BACKWARD) {
    oracle_renormalize(problem, before, &result, channel);
    compute_backward(problem, before, &result, channel);
    return result;
  }
  if (problem->pass == LINE_INFER) {
    take_given(problem, before, &result, channel);
  } else {
    if (result.count > 0) oracle_statistics(problem, &before->arrays[DATA_X], &result, channel);
    result.inv_std = oracle_inverse_std(problem, result.var);
    oracle_renormalize(problem, before, &result, channel);
    result.saved_mean = result.mean;
    result.saved_inv_std = oracle_kept_inv_std(problem, result.inv_std);
    if (problem->activation != CUBN_ACTIVATION_IDENTITY) result.inv_std = result.saved_inv_std;
    if (!problem->no_running)
      update_running(problem, before, &result, line_param_index(problem, channel));
  }
  result.preact_mean = result.mean;
  result.preact_inv_std = result.inv_std;
  return result;
}

static long double load(const data_set *set, int array, int64_t at) {
  return data_has(set, array) ? (long double)data_get(&set->arrays[array], at) : 0;
}

oracle_element oracle_load(const line_problem *problem, const data_set *before,
                           const line_walk *walk) {
  oracle_element element = {.x = load(before, DATA_X, walk->at[LINE_X]),
                            .dy = load(before, DATA_DY, walk->at[LINE_DY]),
                            .z = load(before, DATA_Z, walk->at[LINE_Z])};
  if (problem->beta != 0) element.prior = load(before, before->output, walk->at[LINE_OUTPUT]);
  if (problem->from_y && problem->activation != CUBN_ACTIVATION_IDENTITY) {
    element.passes = isnan(element.x) || element.x > 0;
    element.x = oracle_inverse(problem, element.x);
  }
  if (!data_has(before, DATA_Y)) return element;
  const double y = data_get(&before->arrays[DATA_Y], walk->at[LINE_OUTPUT]);
  const bool clips = problem->activation == CUBN_ACTIVATION_CLIPPED_RELU;
  element.passes = isnan(y) || (y > 0 && (!clips || y < problem->coef));
  return element;
}

long double oracle_preact(const oracle_channel *channel, const oracle_element *element) {
  return channel->scale * ((element->x - channel->preact_mean) * channel->preact_inv_std) +
         channel->bias + element->z;
}

long double oracle_exact_dp(const line_problem *problem, const oracle_channel *channel,
                            const oracle_element *element) {
  if (problem->activation == CUBN_ACTIVATION_IDENTITY) return element->dy;
  long double p = problem->from_y ? element->x : oracle_preact(channel, element);
  /* With z, forward stored the pre-activation. */
  if (problem->adds) p = (long double)data_round(problem->type, (double)p);
  const long double slope = oracle_slope(problem, p, element->passes);
  /* These stop also NaN and infinity; the others multiply, even if coef is 0. */
  const bool may_stop = problem->activation == CUBN_ACTIVATION_RELU ||
                        problem->activation == CUBN_ACTIVATION_CLIPPED_RELU;
  return may_stop && slope == 0 ? 0 : element->dy * slope;
}

long double oracle_dp(const line_problem *problem, const oracle_channel *channel,
                      const oracle_element *element) {
  return (long double)data_round(problem->type, (double)oracle_exact_dp(problem, channel, element));
}

/* The result before blending. */
static long double output_result(const line_problem *problem, const oracle_channel *channel,
                                 const oracle_element *element) {
  if (problem->pass != LINE_BACKWARD)
    return oracle_activate(problem, oracle_preact(channel, element));
  const long double count =
      problem->count > 0 ? (long double)problem->count : (long double)channel->count;
  const long double dp = oracle_dp(problem, channel, element);
  const long double gain = channel->scale * channel->dx_inv_std;
  const long double x_hat = (element->x - channel->mean) * channel->inv_std;
  if (problem->frozen) return gain * dp;
  const long double slope = oracle_variance_slope(problem, channel->dx_inv_std);
  return gain * (dp - channel->dbias_sum / count - slope * x_hat * channel->dscale_sum / count);
}

long double oracle_output(const line_problem *problem, const oracle_channel *channel,
                          const oracle_element *element) {
  const long double result =
      factor_of(problem, problem->alpha) * output_result(problem, channel, element);
  if (problem->beta == 0) return result;
  return result + factor_of(problem, problem->beta) * element->prior;
}
