#include "kit/compare.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kit/tolerance.h"

/* Judges one value. NaN must be NaN; infinity must be the same infinity or, where the exact value
 * is within its tolerance of the largest number of the type, either. */
static void judge(compare_result *result, cubnDataType_t type, long double exact, double allowed,
                  double got, const compare_result *where) {
  const double wanted = data_round(type, (double)exact);
  bool passes;
  double ratio = 0;
  if (isnan(wanted) || isinf(wanted) || !isfinite(got)) {
    const bool may_overflow = fabs((double)exact) + allowed >= data_largest(type);
    passes = isnan(wanted)
                 ? isnan(got)
                 : got == wanted || (isinf(got) && may_overflow && (got > 0) == (exact > 0));
    ratio = passes ? 0 : (double)INFINITY;
  } else {
    /* With allowed == 0 only the correctly rounded value passes. */
    const double error =
        allowed > 0 ? fabs((double)((long double)got - exact)) : fabs(got - wanted);
    passes = error <= allowed;
    ratio = error <= 0 ? 0 : allowed > 0 ? error / allowed : (double)INFINITY;
  }
  result->failures += !passes;
  if (result->array && !(ratio > result->ratio)) return;
  result->array = where->array;
  result->channel = where->channel;
  result->sample = where->sample;
  result->got = got;
  result->wanted = wanted;
  result->allowed = allowed;
  result->ratio = ratio;
}

static void judge_output(const line_problem *problem, const data_set *before, const data_set *after,
                         int64_t number, const oracle_channel *channel, const tolerance *t,
                         compare_result *result) {
  const data_array *const output = &after->arrays[before->output];
  compare_result where = {.array = data_array_name(problem, DATA_OUTPUT), .channel = number};
  for (line_walk w = line_walk_channel(problem, number); w.valid && line_has_output(problem);
       line_walk_next(&w)) {
    const oracle_element element = oracle_load(problem, before, &w);
    const double got = data_get(output, w.at[LINE_OUTPUT]);
    const long double exact = oracle_output(problem, channel, &element);
    const long double allowed = tolerance_output(problem, channel, t, &element, exact);
    where.sample = w.sample;
    judge(result, problem->type, exact, (double)allowed, got, &where);
    const double error = fabs((double)((long double)got - exact));
    if (error > result->output_error) result->output_error = error;
  }
}

/* Padding is 0, if it is not kept: see compare_untouched. */
static void judge_padding(const line_problem *problem, const data_set *before,
                          const data_set *after, int64_t number, compare_result *result) {
  const data_array *const output = &after->arrays[before->output];
  const data_array *const dz = &after->arrays[before->dz];
  compare_result where = {.channel = number};
  if (problem->keeps_padding) return;
  for (line_walk w = line_walk_padding(problem, number); w.valid; line_walk_next(&w)) {
    where.sample = w.sample;
    where.array = data_array_name(problem, DATA_OUTPUT);
    if (line_has_output(problem))
      judge(result, problem->type, 0, 0, data_get(output, w.at[LINE_OUTPUT]), &where);
    where.array = data_array_name(problem, DATA_DZ);
    if (line_has_dz(problem))
      judge(result, problem->type, 0, 0, data_get(dz, w.at[LINE_Z]), &where);
  }
}

static void judge_dz(const line_problem *problem, const data_set *before, const data_set *after,
                     int64_t number, const oracle_channel *channel, const tolerance *t,
                     compare_result *result) {
  const data_array *const dz = &after->arrays[before->dz];
  compare_result where = {.array = data_array_name(problem, DATA_DZ), .channel = number};
  for (line_walk w = line_walk_channel(problem, number); w.valid && line_has_dz(problem);
       line_walk_next(&w)) {
    const oracle_element element = oracle_load(problem, before, &w);
    where.sample = w.sample;
    judge(result, problem->type, oracle_dp(problem, channel, &element),
          (double)tolerance_dp(problem, channel, t, &element), data_get(dz, w.at[LINE_Z]), &where);
  }
}

/* The array that the new content is blended with. */
static int prior_array(const line_problem *problem, int array) {
  if (problem->separate_running && array == DATA_RUNNING_MEAN) return DATA_PREVIOUS_MEAN;
  if (problem->separate_running && array == DATA_RUNNING_VAR) return DATA_PREVIOUS_VAR;
  return array;
}

static void judge_param(const line_problem *problem, const data_set *before, const data_set *after,
                        int64_t number, const oracle_channel *channel, const tolerance *t,
                        int array, compare_result *result) {
  const int64_t place = line_param_index(problem, number);
  /* What the saved mean lacks depends on how that was rounded. */
  const double saved_mean =
      array == DATA_SAVED_MEAN_LOW ? data_get(&after->arrays[DATA_SAVED_MEAN], place) : 0;
  const long double exact[DATA_ARRAYS] = {
      [DATA_RUNNING_MEAN] = channel->running_mean,
      [DATA_RUNNING_VAR] = channel->running_var,
      [DATA_SAVED_MEAN] = channel->saved_mean,
      [DATA_SAVED_MEAN_LOW] = channel->mean - (long double)saved_mean,
      [DATA_SAVED_INV_STD] = channel->saved_inv_std,
      [DATA_SAVED_R] = channel->r,
      [DATA_SAVED_D] = channel->d,
      [DATA_DSCALE] = channel->dscale,
      [DATA_DBIAS] = channel->dbias};
  const double got = data_get(&after->arrays[array], place);
  const double prior = data_get(&before->arrays[prior_array(problem, array)], place);
  const compare_result where = {
      .array = data_array_name(problem, array), .channel = number, .sample = -1};
  const bool is_gradient = array == DATA_DSCALE || array == DATA_DBIAS;
  /* An infinity in dy makes sums that are not finite; their order determines which value they
   * are. */
  if (is_gradient && !isfinite(exact[array]) && !isfinite(got)) return;
  /* Statistics of a channel that is not finite are NaN, also where a formula gives infinity. */
  const long double wanted = isfinite(exact[array]) ? exact[array] : NAN;
  const long double allowed =
      tolerance_param(problem, channel, t, array, (long double)prior, wanted);
  judge(result, line_param_type(problem), wanted, (double)allowed, got, &where);
}

bool compare_writes(const line_problem *problem, const data_set *set, int array) {
  const bool backward = problem->pass == LINE_BACKWARD;
  if (!data_has(set, array)) return false;
  if (!backward && line_elements(problem) == 0 && !line_is_extended(problem)) return false;
  switch (array) {
    case DATA_RUNNING_MEAN:
    case DATA_RUNNING_VAR:
      return true;
    case DATA_DSCALE:
    case DATA_DBIAS:
      return !problem->given_sums;
    case DATA_SAVED_MEAN:
    case DATA_SAVED_MEAN_LOW:
    case DATA_SAVED_INV_STD:
    case DATA_SAVED_R:
    case DATA_SAVED_D:
      return !backward;
    case DATA_RESERVE:
      return !backward && line_elements(problem) > 0;
    default:
      return (array == set->output && line_has_output(problem)) ||
             (array == set->dz && line_has_dz(problem));
  }
}

compare_result compare_outputs(const line_problem *problem, const data_set *before,
                               const data_set *after, int64_t channel_step) {
  compare_result result = {0};
  const int64_t channels = line_channels(problem);
  for (int64_t i = 0; i < channels; i += channel_step) {
    const oracle_channel channel = oracle_compute(problem, before, i);
    const tolerance t = tolerance_compute(problem, before, &channel, i);
    judge_output(problem, before, after, i, &channel, &t, &result);
    judge_dz(problem, before, after, i, &channel, &t, &result);
    judge_padding(problem, before, after, i, &result);
    for (int array = DATA_TENSORS; array < DATA_CHANNELS_END; ++array)
      if (compare_writes(problem, before, array))
        judge_param(problem, before, after, i, &channel, &t, array, &result);
  }
  return result;
}

static void copy_tensor(const data_array *from, int array, line_walk walk, unsigned char *to) {
  const size_t bytes = data_type_bytes(from->type);
  for (; walk.valid; line_walk_next(&walk)) {
    const size_t at = from->begin_bytes + (size_t)walk.at[data_line_tensor(array)] * bytes;
    memcpy(to + at, from->block + at, bytes);
  }
}

/* Copies the elements of an array, but neither the gaps between them nor what is kept. */
static void copy_elements(const line_problem *problem, int array, const data_array *from,
                          unsigned char *to) {
  const size_t bytes = data_type_bytes(from->type);
  const int64_t channels = line_channels(problem);
  if (array == DATA_RESERVE) {
    memcpy(to + from->begin_bytes, from->block + from->begin_bytes, (size_t)from->extent);
    return;
  }
  for (int64_t i = 0; i < channels; ++i) {
    if (array >= DATA_TENSORS) {
      const size_t at = from->begin_bytes + (size_t)line_param_index(problem, i) * bytes;
      memcpy(to + at, from->block + at, bytes);
      continue;
    }
    copy_tensor(from, array, line_walk_channel(problem, i), to);
    if (!problem->keeps_padding) copy_tensor(from, array, line_walk_padding(problem, i), to);
  }
}

static bool array_untouched(const line_problem *problem, const data_set *before,
                            const data_set *after, int array, char *report, size_t report_bytes) {
  const data_array *const old = &before->arrays[array], *const now = &after->arrays[array];
  unsigned char *const expected = malloc(old->block_bytes + 1);
  if (!expected) {
    snprintf(report, report_bytes, "out of memory");
    return false;
  }
  memcpy(expected, old->block, old->block_bytes);
  const bool written = compare_writes(problem, before, array);
  if (written) copy_elements(problem, array, now, expected);
  const bool same = !memcmp(expected, now->block, old->block_bytes);
  if (!same) {
    size_t at = 0;
    while (expected[at] == now->block[at]) ++at;
    const long long element =
        ((long long)at - (long long)old->begin_bytes) / (long long)data_type_bytes(old->type);
    snprintf(report, report_bytes, "%s was written to at element %lld of %lld%s",
             data_array_name(problem, array), element, (long long)old->extent,
             written ? ", which is not part of the output" : ", although it is an input");
  }
  free(expected);
  return same;
}

bool compare_untouched(const line_problem *problem, const data_set *before, const data_set *after,
                       char *report, size_t report_bytes) {
  for (int array = 0; array < DATA_ARRAYS; ++array)
    if (data_has(before, array) &&
        !array_untouched(problem, before, after, array, report, report_bytes))
      return false;
  return true;
}

void compare_describe(const compare_result *result, char *report, size_t report_bytes) {
  char place[80] = "";
  if (!result->array) {
    snprintf(report, report_bytes, "nothing was compared");
    return;
  }
  if (result->sample >= 0)
    snprintf(place, sizeof place, ", sample %lld", (long long)result->sample);
  snprintf(report, report_bytes,
           "%s[channel %lld%s]: got %.9g, wanted %.9g, allowed error %.3g (%lld failures)",
           result->array, (long long)result->channel, place, result->got, result->wanted,
           result->allowed, (long long)result->failures);
}
