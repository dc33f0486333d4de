/* Pre-activations that differ only by rounding from the value at which an activation decides: only
 * the library knows on which side they are, and backward must agree with forward. */
#include <math.h>

#include "kit/data_values.h"

typedef struct channel_view {
  long double mean, var, tie; /* tie: the repeated value, NaN if the channel has none */
} channel_view;

static channel_view view_values(const line_problem *problem, const data_set *set,
                                const channel_source *source) {
  channel_view view = {.tie = NAN};
  const data_array *const x = &set->arrays[DATA_X];
  const long double count = (long double)line_valid_values(problem, source->channel);
  for (line_walk w = line_walk_channel(problem, source->channel); w.valid; line_walk_next(&w)) {
    view.mean += (long double)data_get(x, w.at[LINE_X]) / count;
    if (data_is_tie(source, w.sample)) view.tie = (long double)data_get(x, w.at[LINE_X]);
  }
  for (line_walk w = line_walk_channel(problem, source->channel); w.valid; line_walk_next(&w)) {
    const long double distance = (long double)data_get(x, w.at[LINE_X]) - view.mean;
    view.var += distance * distance / count;
  }
  return view;
}

void data_set_tie(const line_problem *problem, data_set *set, const channel_source *source) {
  const int64_t place = line_param_index(problem, source->channel);
  channel_view view = view_values(problem, set, source);
  if (isnan(view.tie)) return;
  if (line_has_given_statistics(problem)) {
    view.mean = (long double)data_get(&set->arrays[DATA_MEAN], place);
    if (data_has(set, DATA_MEAN_LOW))
      view.mean += (long double)data_get(&set->arrays[DATA_MEAN_LOW], place);
    view.var = (long double)data_get(&set->arrays[DATA_VAR], place);
  }
  long double inv_std = view.var;
  if (!problem->given_inv_std || !line_has_given_statistics(problem))
    inv_std = 1 / sqrtl(view.var + (long double)problem->epsilon);
  const bool clips = problem->activation == CUBN_ACTIVATION_CLIPPED_RELU;
  const double limit = clips && source->channel % 2 ? problem->coef : 0;
  const double scale = data_has(set, DATA_SCALE) ? data_get(&set->arrays[DATA_SCALE], place) : 1;
  data_set_value(
      &set->arrays[DATA_BIAS], place,
      (double)((long double)limit - (long double)scale * (view.tie - view.mean) * inv_std));
}
