/* Batch renormalization (Ioffe 2017, arXiv:1702.03275). */
#include <math.h>

#include "kit/oracle.h"

static long double get(const line_problem *problem, const data_set *set, int array,
                       int64_t channel) {
  return (long double)data_get(&set->arrays[array], line_param_index(problem, channel));
}

oracle_running oracle_running_before(const line_problem *problem, const data_set *before,
                                     int64_t channel) {
  const bool separate = problem->separate_running;
  return (oracle_running){
      get(problem, before, separate ? DATA_PREVIOUS_MEAN : DATA_RUNNING_MEAN, channel),
      get(problem, before, separate ? DATA_PREVIOUS_VAR : DATA_RUNNING_VAR, channel)};
}

long double oracle_running_inverse_std(const line_problem *problem, long double var) {
  line_problem biased = *problem;
  biased.unbiased = false; /* this one is what the attribute made it */
  return oracle_inverse_std(&biased, var);
}

static long double clip(long double value, long double least, long double most) {
  return value < least ? least : value > most ? most : value;
}

/* From the batch and the running statistics. */
static void compute(const line_problem *problem, const data_set *before, oracle_channel *channel,
                    int64_t number) {
  const oracle_running running = oracle_running_before(problem, before, number);
  const long double inverse = oracle_running_inverse_std(problem, running.var);
  if (channel->count == 0 || inverse == 0) return;
  const long double r_max = (long double)problem->r_max, d_max = (long double)problem->d_max;
  channel->r = clip(channel->inv_std == 0 ? 0 : inverse / channel->inv_std, 1 / r_max, r_max);
  channel->d = clip((channel->mean - running.mean) * inverse, -d_max, d_max);
}

void oracle_renormalize(const line_problem *problem, const data_set *before,
                        oracle_channel *channel, int64_t number) {
  if (!line_renormalizes(problem)) return;
  if (problem->pass == LINE_TRAIN) {
    compute(problem, before, channel, number);
  } else {
    channel->r = get(problem, before, DATA_SAVED_R, number);
    channel->d = get(problem, before, DATA_SAVED_D, number);
  }
  channel->bias += channel->scale * channel->d;
  channel->scale *= channel->r;
}
