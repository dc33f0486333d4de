/* Compares results bit by bit. */
#include <stdio.h>
#include <string.h>

#include "kit/compare.h"

static bool same_bits(const data_array *a, int64_t a_at, const data_array *b, int64_t b_at) {
  const size_t bytes = data_type_bytes(a->type);
  return !memcmp(a->block + a->begin_bytes + (size_t)a_at * bytes,
                 b->block + b->begin_bytes + (size_t)b_at * bytes, bytes);
}

/* The offset of an element of y or dx, or of dz. */
static int64_t place_of(int array, const line_walk *walk) {
  return walk->at[array == DATA_DZ ? LINE_Z : LINE_OUTPUT];
}

static bool equal_tensor(const line_problem *a_problem, const data_array *a,
                         const line_problem *b_problem, const data_array *b, int array,
                         int64_t channel, char *report, size_t report_bytes) {
  line_walk v = line_walk_channel(b_problem, channel);
  for (line_walk w = line_walk_channel(a_problem, channel); w.valid;
       line_walk_next(&w), line_walk_next(&v)) {
    const int64_t a_at = place_of(array, &w), b_at = place_of(array, &v);
    if (same_bits(a, a_at, b, b_at)) continue;
    snprintf(report, report_bytes, "%s[channel %lld, sample %lld]: %.17g and %.17g",
             data_array_name(a_problem, array), (long long)channel, (long long)w.sample,
             data_get(a, a_at), data_get(b, b_at));
    return false;
  }
  return true;
}

/* The bits between the rows of a mask may have any value: backward reads the others. */
static bool equal_reserve(const line_problem *problem, const data_set *a, const data_set *b,
                          char *report, size_t report_bytes) {
  const data_array *const p = &a->arrays[DATA_RESERVE], *const q = &b->arrays[DATA_RESERVE];
  if (!compare_writes(problem, a, DATA_RESERVE) ||
      line_reserve_kind(problem) == LINE_RESERVE_MASK ||
      (p->extent == q->extent && !memcmp(data_elements(p), data_elements(q), (size_t)p->extent)))
    return true;
  snprintf(report, report_bytes, "the reserve spaces differ");
  return false;
}

bool compare_equal(const line_problem *a_problem, const data_set *a, const line_problem *b_problem,
                   const data_set *b, char *report, size_t report_bytes) {
  const int64_t channels = line_channels(a_problem);
  for (int64_t i = 0; i < channels; ++i) {
    if (line_has_output(a_problem) &&
        !equal_tensor(a_problem, &a->arrays[a->output], b_problem, &b->arrays[b->output],
                      DATA_OUTPUT, i, report, report_bytes))
      return false;
    if (line_has_dz(a_problem) &&
        !equal_tensor(a_problem, &a->arrays[a->dz], b_problem, &b->arrays[b->dz], DATA_DZ, i,
                      report, report_bytes))
      return false;
    for (int array = DATA_TENSORS; array < DATA_CHANNELS_END; ++array) {
      if (!compare_writes(a_problem, a, array)) continue;
      const data_array *const p = &a->arrays[array], *const q = &b->arrays[array];
      const int64_t p_at = line_param_index(a_problem, i), q_at = line_param_index(b_problem, i);
      if (same_bits(p, p_at, q, q_at)) continue;
      snprintf(report, report_bytes, "%s[channel %lld]: %.17g and %.17g",
               data_array_name(a_problem, array), (long long)i, data_get(p, p_at),
               data_get(q, q_at));
      return false;
    }
  }
  return equal_reserve(a_problem, a, b, report, report_bytes);
}
