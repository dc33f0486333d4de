#include "kit/data_values.h"

#include <math.h>
#include <string.h>

/* Streams of random numbers: one for each kind, and after them, for values, one for each
 * channel. */
enum {
  STREAM_CENTER,
  STREAM_WIDTH,
  STREAM_SIGN,
  STREAM_PLACE,
  STREAM_PRIOR, /* + array */
  STREAM_X = 100,
  STREAM_DY = STREAM_X + 1,
  STREAM_Z = STREAM_X + 2
};

static const char *const pattern_names[PATTERN_COUNT] = {
    "pairs",   "spread", "ramp",  "onehot", "onehot0", "constant", "zeros",
    "outlier", "large",  "tiny",  "nan",    "inf",     "nandy",    "nanz",
    "infz",    "ties",   "decoy", "spike",  "largedy"};

data_pattern data_find_pattern(const char *name) {
  int pattern = 0;
  while (pattern < PATTERN_COUNT && strcmp(name, pattern_names[pattern])) ++pattern;
  return (data_pattern)pattern;
}

static uint64_t value_stream(int kind, int64_t channel) {
  return (uint64_t)kind + 3 * (uint64_t)channel;
}

channel_source data_open_channel(const line_problem *problem, data_pattern pattern,
                                 int64_t channel) {
  const uint64_t at = (uint64_t)channel;
  const bool is_half = problem->type == CUBN_DATA_HALF;
  channel_source source = {.pattern = pattern,
                           .channel = channel,
                           .count = line_values_per_channel(problem),
                           .center = problem->mean,
                           .width = problem->std,
                           .marked = -1,
                           .has_inv_std = problem->given_inv_std,
                           .epsilon = problem->epsilon,
                           .sums_scale = 1,
                           .least = data_least(problem->type)};
  if (problem->given_sums)
    source.sums_scale = problem->count > 0 ? problem->count : (double)source.count;
  if (pattern == PATTERN_LARGE) source.center = 0, source.width = is_half ? 3e4 : 1e30;
  if (pattern == PATTERN_TINY) source.center = 0, source.width = is_half ? 1e-6 : 1e-20;
  source.center += source.width * (data_uniform(STREAM_CENTER, at) - 0.5);
  source.width *= 0.75 + 0.5 * data_uniform(STREAM_WIDTH, at);
  if (pattern == PATTERN_LARGE) source.center = 0, source.width = is_half ? 3e4 : 1e30;
  if (pattern == PATTERN_ONEHOT || pattern == PATTERN_ONEHOT0 || pattern == PATTERN_ZEROS)
    source.center = 0, source.width = 1;
  const bool is_marked = pattern == PATTERN_OUTLIER || pattern == PATTERN_SPIKE || channel % 3 == 0;
  if (is_marked) source.marked = (int64_t)(data_uniform(STREAM_PLACE, at) * (double)source.count);
  return source;
}

static double pair_value(const channel_source *source, int64_t sample) {
  const double u = data_uniform(value_stream(STREAM_X, source->channel), (uint64_t)(sample / 2));
  const double v = source->width * sqrt(3.0) * u; /* u uniform: the mean of v^2 is width^2 */
  return sample % 2 ? source->center - v : source->center + v;
}

/* Of five channels with ties one is constant; in one the value is at the mean, so that the bias is
 * small and its own rounding hides nothing; and one has pre-activations that round to 0. */
static bool is_flat(const channel_source *source) {
  return source->channel % 5 == 4;
}

static double tie_value(const channel_source *source) {
  return source->center + (source->channel % 5 == 1 ? 0 : 0.7 * source->width);
}

static bool is_tiny(const channel_source *source) {
  /* That of half. The scales of other types would be denormal. */
  const double least_that_scales = 0x1p-24;
  return source->pattern == PATTERN_TIES && source->channel % 5 == 3 &&
         source->least == least_that_scales;
}

bool data_is_tie(const channel_source *source, int64_t sample) {
  return source->pattern == PATTERN_TIES && (is_flat(source) || sample % 4 == 1);
}

/* Values that mislead those who look at a few: the first, the last of each quarter, and so on. */
static bool is_decoy(const channel_source *source, int64_t sample) {
  for (int64_t k = 1; k < 4; ++k)
    if (sample == source->count * k / 4) return true;
  return sample % 23 == 0;
}

/* A value whose square is beyond the range of its type, or of float for half. */
static double spike_of(const channel_source *source) {
  const double half_least = 0x1p-24, double_least = 0x1p-1074;
  if (source->least == half_least) return 6e4;
  return source->least == double_least ? 5e154 : 1e30;
}

/* x without NaN and infinity. */
static double finite_value(const channel_source *source, int64_t sample) {
  const double u = data_uniform(value_stream(STREAM_X, source->channel), (uint64_t)sample);
  const double center = source->center, span = source->width * sqrt(12.0);
  switch (source->pattern) {
    case PATTERN_SPREAD:
      return center + span * (u - 0.5);
    case PATTERN_RAMP:
      return center + span * (((double)sample + 0.5) / (double)source->count - 0.5);
    case PATTERN_ONEHOT:
      return sample == source->count - 1 ? 1.0 : 0.0;
    case PATTERN_ONEHOT0:
      return sample == 0 ? 1.0 : 0.0;
    case PATTERN_CONSTANT:
      return center;
    case PATTERN_ZEROS:
      return 0.0;
    case PATTERN_LARGE:
      return (sample % 2 ? -1.0 : 1.0) * source->width * (0.5 + 0.5 * u);
    case PATTERN_OUTLIER:
      return pair_value(source, sample) + (sample == source->marked ? 1000 * source->width : 0.0);
    case PATTERN_DECOY:
      return is_decoy(source, sample) ? 0 : pair_value(source, sample);
    case PATTERN_SPIKE:
      return sample == source->marked ? spike_of(source) : pair_value(source, sample);
    case PATTERN_TIES:
      if (is_flat(source)) return center;
      return data_is_tie(source, sample) ? tie_value(source) : pair_value(source, sample);
    default:
      return pair_value(source, sample);
  }
}

static double infinity_of(const channel_source *source) {
  return source->channel % 2 ? -(double)INFINITY : (double)INFINITY;
}

static double x_value(const channel_source *source, int64_t sample) {
  if (sample == source->marked && source->pattern == PATTERN_NAN) return (double)NAN;
  if (sample == source->marked && source->pattern == PATTERN_INF) return infinity_of(source);
  return finite_value(source, sample);
}

static double z_value(const channel_source *source, int64_t sample) {
  if (sample == source->marked && source->pattern == PATTERN_NANZ) return (double)NAN;
  if (sample == source->marked && source->pattern == PATTERN_INFZ) return infinity_of(source);
  if (source->pattern == PATTERN_TIES) return 0;
  return 3 * data_uniform(value_stream(STREAM_Z, source->channel), (uint64_t)sample) - 1.5;
}

/* Sums of neighbors are beyond float, those of a channel are not; nor are those of dy * x_hat, as x
 * comes in pairs. */
static double large_gradient(const channel_source *source, int64_t sample) {
  const double half_least = 0x1p-24, size = source->least == half_least ? 6e4 : 3e37;
  const double noise = data_uniform(value_stream(STREAM_DY, source->channel), (uint64_t)sample);
  return (sample * 8 / source->count % 2 ? -size : size) * (1 + 0.01 * noise);
}

static double dy_value(const channel_source *source, int64_t sample) {
  if (source->pattern == PATTERN_LARGEDY) return large_gradient(source, sample);
  if (sample == source->marked && source->pattern == PATTERN_NANDY) return (double)NAN;
  const double noise =
      data_uniform(value_stream(STREAM_DY, source->channel), (uint64_t)sample) - 0.5;
  const double slope = source->width > 0 ? 0.5 / source->width : 0.0;
  return 0.25 + noise + slope * (finite_value(source, sample) - source->center);
}

double data_tensor_value(const channel_source *source, int array, int64_t sample, int64_t offset) {
  switch (array) {
    case DATA_X:
      return x_value(source, sample);
    case DATA_DY:
      return dy_value(source, sample);
    case DATA_Z:
      return z_value(source, sample);
    default: /* what an output is blended with */
      return 2 * data_uniform(STREAM_PRIOR, (uint64_t)offset) - 1;
  }
}

double data_param_value(const channel_source *source, int array) {
  const uint64_t at = (uint64_t)source->channel;
  const double u = data_uniform(STREAM_PRIOR + (uint64_t)array, at);
  double var;
  switch (array) {
    case DATA_SCALE:
      if (is_tiny(source)) return 2 * source->least;
      return (0.5 + u) * (data_uniform(STREAM_SIGN, at) < 0.25 ? -1.0 : 1.0);
    case DATA_MEAN:
      return source->center + source->width * (u - 0.5);
    case DATA_MEAN_LOW: /* more than a rounding: it shows the loss of this part */
      return 0.01 * source->width * (2 * u - 1);
    case DATA_VAR:
      var = fmin(source->width * source->width * (0.5 + u), 1e37); /* fits into a float */
      return source->has_inv_std ? 1 / sqrt(var + source->epsilon) : var;
    case DATA_RUNNING_VAR:
    case DATA_PREVIOUS_VAR:
    case DATA_SAVED_R:
      return 0.5 + u;
    case DATA_DSCALE:
    case DATA_DBIAS:
      return (2 * u - 1) * source->sums_scale;
    default:
      return 2 * u - 1;
  }
}
