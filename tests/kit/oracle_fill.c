/* Fills, with the oracle instead of the library, what a backward line has from its forward call. */
#include <math.h>

#include "kit/oracle.h"

void oracle_fill_saved(const line_problem *problem, data_set *set) {
  if (problem->pass != LINE_BACKWARD || !data_has(set, DATA_SAVED_MEAN)) return;
  if (line_elements(problem) == 0) return;
  const int64_t channels = line_channels(problem);
  for (int64_t i = 0; i < channels; ++i) {
    oracle_channel channel = {.count = line_valid_values(problem, i)};
    if (channel.count > 0) oracle_statistics(problem, &set->arrays[DATA_X], &channel, i);
    const int64_t place = line_param_index(problem, i);
    const long double exact = oracle_inverse_std(problem, channel.var);
    long double mean = channel.mean, inv_std = oracle_kept_inv_std(problem, exact);
    if (problem->foreign_saved) {
      mean += 0.125L * sqrtl(channel.var);
      inv_std *= 0.75L;
    }
    data_set_value(&set->arrays[DATA_SAVED_MEAN], place, (double)mean);
    data_set_value(&set->arrays[DATA_SAVED_INV_STD], place, (double)inv_std);
    if (!problem->mean_low) continue;
    const long double saved = (long double)data_get(&set->arrays[DATA_SAVED_MEAN], place);
    data_set_value(&set->arrays[DATA_SAVED_MEAN_LOW], place, (double)(mean - saved));
  }
}

/* The forward line reads the same inputs. */
void oracle_fill_y(const line_problem *problem, data_set *set) {
  const line_problem forward = line_forward_of(problem);
  const int64_t channels = line_channels(problem);
  for (int64_t i = 0; i < channels && data_has(set, DATA_Y); ++i) {
    const oracle_channel channel = oracle_compute(&forward, set, i);
    for (line_walk w = line_walk_channel(problem, i); w.valid; line_walk_next(&w)) {
      const oracle_element element = oracle_load(&forward, set, &w);
      data_set_value(&set->arrays[DATA_Y], w.at[LINE_OUTPUT],
                     (double)oracle_output(&forward, &channel, &element));
    }
  }
}
