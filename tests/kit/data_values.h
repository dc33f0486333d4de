/* The patterns of generated values. Internal to data_*.c. */
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
  PATTERN_DECOY,
  PATTERN_SPIKE,
  PATTERN_LARGEDY,
  PATTERN_COUNT
} data_pattern;

/* The pattern of that name; PATTERN_COUNT if there is none. */
data_pattern data_find_pattern(const char *name);

/* How the values of one channel are generated. */
typedef struct channel_source {
  data_pattern pattern;
  int64_t channel, count;
  double center, width; /* mean and std */
  int64_t marked;       /* the sample with the outlier, NaN or infinity; -1 if there is none */
  bool has_inv_std;     /* DATA_VAR is 1 / sqrt(var + epsilon) */
  double epsilon;
  double sums_scale; /* factor of given dscale and dbias */
  double least;      /* least positive value of the type */
} channel_source;

channel_source data_open_channel(const line_problem *problem, data_pattern pattern,
                                 int64_t channel);
/* The value of a tensor at an offset; for the output, its prior content. */
double data_tensor_value(const channel_source *source, int array, int64_t sample, int64_t offset);
/* PATTERN_TIES: sets the bias of the channel so that the pre-activation of the repeated value is
 * nearly that at which an activation decides: 0, or the ceiling (data_ties.c). */
bool data_is_tie(const channel_source *source, int64_t sample);
void data_set_tie(const line_problem *problem, data_set *set, const channel_source *source);

/* The value of a per-channel array, or the prior content of an output. */
double data_param_value(const channel_source *source, int array);

#endif /* CUBN_TESTS_DATA_VALUES_H */
