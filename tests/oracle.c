#include "oracle.h"

#include <math.h>

static long double get_param(const line_problem *problem, const data_set *set, int array,
                             int64_t channel) {
  return (long double)data_get(&set->arrays[array], line_param_index(problem, channel));
}

/* A blending factor as the call receives it: a float but for double tensors. */
static long double factor_of(const line_problem *problem, double factor) {
  return (long double)data_round(line_param_type(problem), factor);
}

/* prior is not read where its weight is 0. */
static long double blend(long double alpha, long double result, long double beta,
                         const data_set *set, int array, int64_t place) {
  if (beta == 0) return alpha * result;
  return alpha * result + beta * (long double)data_get(&set->arrays[array], place);
}

static long double inverse_std(long double var, double epsilon) {
  const long double v = var + (long double)epsilon;
  return v == 0 ? 0.0L : 1.0L / sqrtl(v);
}

/* mean, var and deviation of x. */
static void compute_statistics(const line_problem *problem, const data_array *x,
                               oracle_channel *channel, int64_t number) {
  const long double count = (long double)channel->count;
  long double sum = 0, rest = 0, squares = 0, largest = 0;
  for (line_walk w = line_walk_channel(problem, number); w.valid; line_walk_next(&w))
    sum += (long double)data_get(x, w.at[LINE_X]);
  const long double about = sum / count;
  for (line_walk w = line_walk_channel(problem, number); w.valid; line_walk_next(&w)) {
    const long double difference = (long double)data_get(x, w.at[LINE_X]) - about;
    rest += difference;
    squares += difference * difference;
    largest = fmaxl(largest, fabsl(difference));
  }
  /* `rest` is what the rounding of the first sum left over. */
  channel->mean = about + rest / count;
  channel->var = (squares - rest * rest / count) / count;
  channel->deviation = largest;
}

static void update_running(const line_problem *problem, const data_set *before,
                           oracle_channel *channel, int64_t place) {
  const long double factor = (long double)problem->factor; /* a double in every call */
  const long double count = (long double)channel->count;
  const long double unbiased =
      channel->count > 1 ? channel->var * count / (count - 1) : channel->var;
  channel->running_mean =
      blend(factor, channel->mean, 1 - factor, before, DATA_RUNNING_MEAN, place);
  channel->running_var = blend(factor, unbiased, 1 - factor, before, DATA_RUNNING_VAR, place);
}

/* The saved mean is a rounded one. Where it is the mean of x up to its own rounding, the mean of x
 * is meant; else the caller supplies other statistics, such as those of a larger batch. */
static long double backward_mean(const line_problem *problem, long double saved,
                                 long double true_mean) {
  const long double rounding = 2 * (long double)data_roundoff(line_param_type(problem));
  return fabsl(true_mean - saved) <= rounding * fabsl(saved) ? true_mean : saved;
}

static void compute_gradients(const line_problem *problem, const data_set *before,
                              oracle_channel *channel, int64_t number) {
  for (line_walk w = line_walk_channel(problem, number); w.valid; line_walk_next(&w)) {
    const long double x = (long double)data_get(&before->arrays[DATA_X], w.at[LINE_X]);
    const long double dy = (long double)data_get(&before->arrays[DATA_DY], w.at[LINE_DY]);
    const long double x_hat = (x - channel->mean) * channel->inv_std;
    channel->deviation = fmaxl(channel->deviation, fabsl(x - channel->mean));
    channel->dbias_sum += dy;
    channel->dscale_sum += dy * x_hat;
    channel->dy_sum_abs += fabsl(dy);
    channel->dy_x_hat_sum_abs += fabsl(dy * x_hat);
  }
}

static void compute_backward(const line_problem *problem, const data_set *before,
                             oracle_channel *channel, int64_t number) {
  const int64_t place = line_param_index(problem, number);
  if (channel->count > 0) {
    compute_statistics(problem, &before->arrays[DATA_X], channel, number);
    channel->inv_std = inverse_std(channel->var, problem->epsilon);
    if (!problem->no_saved) {
      channel->mean = backward_mean(problem, get_param(problem, before, DATA_SAVED_MEAN, number),
                                    channel->mean);
      channel->inv_std = get_param(problem, before, DATA_SAVED_INV_STD, number);
    }
    compute_gradients(problem, before, channel, number);
  }
  const long double alpha = factor_of(problem, problem->param_alpha);
  const long double beta = factor_of(problem, problem->param_beta);
  channel->dscale = blend(alpha, channel->dscale_sum, beta, before, DATA_DSCALE, place);
  channel->dbias = blend(alpha, channel->dbias_sum, beta, before, DATA_DBIAS, place);
}

oracle_channel oracle_compute(const line_problem *problem, const data_set *before,
                              int64_t channel) {
  oracle_channel result = {.count = line_values_per_channel(problem)};
  result.scale = get_param(problem, before, DATA_SCALE, channel);
  if (data_has(before, DATA_BIAS)) result.bias = get_param(problem, before, DATA_BIAS, channel);
  if (problem->pass == LINE_BACKWARD) {
    compute_backward(problem, before, &result, channel);
  } else if (problem->pass == LINE_INFER) {
    result.mean = get_param(problem, before, DATA_MEAN, channel);
    result.var = get_param(problem, before, DATA_VAR, channel);
    result.inv_std = inverse_std(result.var, problem->epsilon);
  } else if (result.count > 0) {
    compute_statistics(problem, &before->arrays[DATA_X], &result, channel);
    result.inv_std = inverse_std(result.var, problem->epsilon);
    result.saved_mean = result.mean;
    result.saved_inv_std = result.inv_std;
    if (!problem->no_running)
      update_running(problem, before, &result, line_param_index(problem, channel));
  }
  return result;
}

long double oracle_output(const line_problem *problem, const oracle_channel *channel, long double x,
                          long double dy, long double prior) {
  const long double x_hat = (x - channel->mean) * channel->inv_std;
  long double result = channel->scale * x_hat + channel->bias;
  if (problem->pass == LINE_BACKWARD) {
    const long double count = (long double)channel->count;
    result = channel->scale * channel->inv_std *
             (dy - channel->dbias_sum / count - x_hat * channel->dscale_sum / count);
  }
  result *= factor_of(problem, problem->alpha);
  return problem->beta == 0 ? result : result + factor_of(problem, problem->beta) * prior;
}

void oracle_fill_saved(const line_problem *problem, data_set *set) {
  if (problem->pass != LINE_BACKWARD || problem->no_saved || line_elements(problem) == 0) return;
  const int64_t channels = line_channels(problem);
  for (int64_t i = 0; i < channels; ++i) {
    oracle_channel channel = {.count = line_values_per_channel(problem)};
    compute_statistics(problem, &set->arrays[DATA_X], &channel, i);
    const int64_t place = line_param_index(problem, i);
    long double mean = channel.mean, inv_std = inverse_std(channel.var, problem->epsilon);
    if (problem->foreign_saved) {
      mean += 0.125L * sqrtl(channel.var);
      inv_std *= 0.75L;
    }
    data_set_value(&set->arrays[DATA_SAVED_MEAN], place, (double)mean);
    data_set_value(&set->arrays[DATA_SAVED_INV_STD], place, (double)inv_std);
  }
}
