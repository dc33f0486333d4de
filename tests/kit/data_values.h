/* The patterns of generated values. Internal to data.c and data_values.c. */
#ifndef CUBN_TESTS_DATA_VALUES_H
#define CUBN_TESTS_DATA_VALUES_H

#include "kit/data.h"

typedef enum {
  PATTERN_PAIRS,
  PATTERN_SPREAD,
  PATTERN_RAMP,
  PATTERN_ONEHOT,
  PATTERN_ONEHOT0,
  PATTERN_CONSTANT,
  PATTERN_ZEROS,
  PATTERN_OUTLIER,
  PATTERN_LARGE,
  PATTERN_TINY,
  PATTERN_NAN,
  PATTERN_INF,
  PATTERN_NANDY,
  PATTERN_NANZ,
  PATTERN_INFZ,
  PATTERN_TIES,
  PATTERN_COUNT
} data_pattern;

/* The pattern of that name; PATTERN_COUNT if there is none. */
data_pattern data_find_pattern(const char *name);

/* How the values of one channel come about. */
typedef struct channel_source {
  data_pattern pattern;
  int64_t channel, count;
  double center, width; /* mean and std */
  int64_t marked;       /* sample of the outlier, NaN or infinity; -1 if the channel has none */
  bool has_inv_std;     /* DATA_VAR is 1 / sqrt(var + epsilon) */
  double epsilon;
  double sums_scale; /* of dscale and dbias */
  double least;      /* positive value of the type */
} channel_source;

channel_source data_open_channel(const line_problem *problem, data_pattern pattern,
                                 int64_t channel);
/* Of a tensor at an offset; of the output that is its prior content. */
double data_tensor_value(const channel_source *source, int array, int64_t sample, int64_t offset);
/* PATTERN_TIES: sets the channel's bias so that the repeated value's pre-activation is nearly that at
 * which an activation decides: 0, or the ceiling (data_ties.c). */
bool data_is_tie(const channel_source *source, int64_t sample);
void data_set_tie(const line_problem *problem, data_set *set, const channel_source *source);

/* Of a per-channel array, or the prior content of an output's. */
double data_param_value(const channel_source *source, int array);

#endif /* CUBN_TESTS_DATA_VALUES_H */
