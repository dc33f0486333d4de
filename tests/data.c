#include "data.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

double data_uniform(uint64_t stream, uint64_t index) {
  /* The finalizer of splitmix64 (Steele, Lea and Flood 2014), over both numbers. */
  uint64_t z = (index + 1) * 0x9e3779b97f4a7c15u ^ (stream + 1) * 0xd1b54a32d192ed03u;
  for (int round = 0; round < 2; ++round) {
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    z ^= z >> 31;
  }
  return (double)(z >> 11) * 0x1p-53;
}

/* Streams of random numbers: one per kind, and for values one per channel behind them. */
enum {
  STREAM_CENTER,
  STREAM_WIDTH,
  STREAM_SIGN,
  STREAM_PLACE,
  STREAM_PRIOR, /* + array */
  STREAM_X = 100,
  STREAM_DY = STREAM_X + 1
};

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
  PATTERN_COUNT
} data_pattern;

static const char *const pattern_names[PATTERN_COUNT] = {
    "pairs",   "spread", "ramp", "onehot", "onehot0", "constant", "zeros",
    "outlier", "large",  "tiny", "nan",    "inf",     "nandy"};

/* How the values of one channel come about. */
typedef struct channel_source {
  data_pattern pattern;
  int64_t channel, count;
  double center, width; /* mean and std */
  int64_t marked;       /* sample of the outlier, NaN or infinity; -1 if the channel has none */
} channel_source;

static uint64_t value_stream(int kind, int64_t channel) {
  return (uint64_t)kind + 2 * (uint64_t)channel;
}

static channel_source open_channel(const line_problem *problem, data_pattern pattern,
                                   int64_t channel) {
  const uint64_t at = (uint64_t)channel;
  const bool is_half = problem->type == CUBN_DATA_HALF;
  channel_source source = {pattern,       channel,      line_values_per_channel(problem),
                           problem->mean, problem->std, -1};
  if (pattern == PATTERN_LARGE) source.center = 0, source.width = is_half ? 3e4 : 1e30;
  if (pattern == PATTERN_TINY) source.center = 0, source.width = is_half ? 1e-6 : 1e-20;
  source.center += source.width * (data_uniform(STREAM_CENTER, at) - 0.5);
  source.width *= 0.75 + 0.5 * data_uniform(STREAM_WIDTH, at);
  if (pattern == PATTERN_LARGE) source.center = 0, source.width = is_half ? 3e4 : 1e30;
  if (pattern == PATTERN_ONEHOT || pattern == PATTERN_ONEHOT0 || pattern == PATTERN_ZEROS)
    source.center = 0, source.width = 1;
  const bool is_marked = pattern == PATTERN_OUTLIER || channel % 3 == 0;
  if (is_marked) source.marked = (int64_t)(data_uniform(STREAM_PLACE, at) * (double)source.count);
  return source;
}

static double pair_value(const channel_source *source, int64_t sample) {
  const double u = data_uniform(value_stream(STREAM_X, source->channel), (uint64_t)(sample / 2));
  const double v = source->width * sqrt(3.0) * u; /* u uniform: the mean of v^2 is width^2 */
  return sample % 2 ? source->center - v : source->center + v;
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
    default:
      return pair_value(source, sample);
  }
}

static double x_value(const channel_source *source, int64_t sample) {
  if (sample == source->marked && source->pattern == PATTERN_NAN) return (double)NAN;
  if (sample == source->marked && source->pattern == PATTERN_INF)
    return source->channel % 2 ? -(double)INFINITY : (double)INFINITY;
  return finite_value(source, sample);
}

static double dy_value(const channel_source *source, int64_t sample) {
  if (sample == source->marked && source->pattern == PATTERN_NANDY) return (double)NAN;
  const double noise =
      data_uniform(value_stream(STREAM_DY, source->channel), (uint64_t)sample) - 0.5;
  const double slope = source->width > 0 ? 0.5 / source->width : 0.0;
  return 0.25 + noise + slope * (finite_value(source, sample) - source->center);
}

/* Value of a per-channel array, or the prior content of an output's. */
static double param_value(const channel_source *source, int array) {
  const uint64_t at = (uint64_t)source->channel;
  const double u = data_uniform(STREAM_PRIOR + (uint64_t)array, at);
  switch (array) {
    case DATA_SCALE:
      return (0.5 + u) * (data_uniform(STREAM_SIGN, at) < 0.25 ? -1.0 : 1.0);
    case DATA_MEAN:
      return source->center + source->width * (u - 0.5);
    case DATA_VAR:
      return fmin(source->width * source->width * (0.5 + u), 1e37); /* fits into a float */
    case DATA_RUNNING_VAR:
      return 0.5 + u;
    default:
      return 2 * u - 1;
  }
}

bool data_has(const data_set *set, int array) {
  return set->arrays[array].block != NULL;
}

void *data_elements(const data_array *array) {
  return array->block + array->begin_bytes;
}

double data_get(const data_array *array, int64_t offset) {
  return data_load(array->type, data_elements(array), offset);
}

void data_set_value(data_array *array, int64_t offset, double value) {
  data_store(array->type, data_elements(array), offset, value);
}

const char *data_array_name(const line_problem *problem, int array) {
  static const char *const names[DATA_ARRAYS] = {"x",
                                                 "y",
                                                 "dy",
                                                 "scale",
                                                 "bias",
                                                 "mean",
                                                 "var",
                                                 "running_mean",
                                                 "running_var",
                                                 "saved_mean",
                                                 "saved_inv_std",
                                                 "dscale",
                                                 "dbias"};
  return array == DATA_OUTPUT && problem->pass == LINE_BACKWARD ? "dx" : names[array];
}

/* Whether the call has this array. */
static bool is_used(const line_problem *problem, int array) {
  const bool train = problem->pass == LINE_TRAIN, backward = problem->pass == LINE_BACKWARD;
  switch (array) {
    case DATA_OUTPUT:
      return !problem->in_place && !problem->in_place_x;
    case DATA_DY:
    case DATA_DSCALE:
    case DATA_DBIAS:
      return backward;
    case DATA_BIAS:
      return !backward;
    case DATA_MEAN:
    case DATA_VAR:
      return problem->pass == LINE_INFER;
    case DATA_RUNNING_MEAN:
    case DATA_RUNNING_VAR:
      return train && !problem->no_running;
    case DATA_SAVED_MEAN:
    case DATA_SAVED_INV_STD:
      return (train || backward) && !problem->no_saved;
    default:
      return true;
  }
}

/* Whether the array's content before the call matters; if not, it stays poisoned. */
static bool is_read(const line_problem *problem, int array) {
  switch (array) {
    case DATA_OUTPUT:
      return problem->beta != 0;
    case DATA_DSCALE:
    case DATA_DBIAS:
      return problem->param_beta != 0;
    case DATA_RUNNING_MEAN:
    case DATA_RUNNING_VAR:
      return problem->factor != 1 || line_elements(problem) == 0;
    case DATA_SAVED_MEAN:
    case DATA_SAVED_INV_STD:
      return false;
    default:
      return true;
  }
}

static bool allocate(const line_problem *problem, int array, data_array *out) {
  const bool is_tensor = array < LINE_TENSORS;
  out->type = is_tensor ? problem->type : line_param_type(problem);
  out->extent = is_tensor ? line_extent(problem, array) : line_channels(problem);
  const int64_t offset = is_tensor ? problem->offset[array] : problem->param_offset;
  const size_t element_bytes = data_type_bytes(out->type);
  out->begin_bytes = DATA_GUARD_BYTES + (size_t)offset * element_bytes;
  out->block_bytes = out->begin_bytes + (size_t)out->extent * element_bytes + DATA_GUARD_BYTES;
  out->block = malloc(out->block_bytes + 1); /* not NULL for 0 bytes */
  if (out->block) memset(out->block, 0xff, out->block_bytes);
  return out->block != NULL;
}

static void fill_channel(const line_problem *problem, data_set *set, const channel_source *source) {
  const int64_t channel = source->channel, place = line_param_index(problem, channel);
  for (int array = LINE_TENSORS; array < DATA_ARRAYS; ++array)
    if (data_has(set, array) && is_read(problem, array))
      data_set_value(&set->arrays[array], place, param_value(source, array));

  const bool has_dy = data_has(set, DATA_DY);
  const bool has_prior = data_has(set, DATA_OUTPUT) && is_read(problem, DATA_OUTPUT);
  for (line_walk walk = line_walk_channel(problem, channel); walk.valid; line_walk_next(&walk)) {
    data_set_value(&set->arrays[DATA_X], walk.at[LINE_X], x_value(source, walk.sample));
    if (has_dy)
      data_set_value(&set->arrays[DATA_DY], walk.at[LINE_DY], dy_value(source, walk.sample));
    if (has_prior)
      data_set_value(&set->arrays[DATA_OUTPUT], walk.at[LINE_OUTPUT],
                     2 * data_uniform(STREAM_PRIOR, (uint64_t)walk.at[LINE_OUTPUT]) - 1);
  }
}

bool data_create(const line_problem *problem, data_set *set) {
  *set = (data_set){.output = DATA_OUTPUT};
  if (problem->in_place) set->output = problem->pass == LINE_BACKWARD ? DATA_DY : DATA_X;
  if (problem->in_place_x) set->output = DATA_X;
  int pattern = 0;
  while (pattern < PATTERN_COUNT && strcmp(problem->data, pattern_names[pattern])) ++pattern;
  if (pattern == PATTERN_COUNT) return false;
  for (int array = 0; array < DATA_ARRAYS; ++array) {
    if (!is_used(problem, array) || allocate(problem, array, &set->arrays[array])) continue;
    data_destroy(set);
    return false;
  }
  const int64_t channels = line_channels(problem);
  for (int64_t channel = 0; channel < channels; ++channel) {
    const channel_source source = open_channel(problem, (data_pattern)pattern, channel);
    fill_channel(problem, set, &source);
  }
  return true;
}

bool data_copy(const data_set *from, data_set *to) {
  *to = *from;
  for (int array = 0; array < DATA_ARRAYS; ++array) to->arrays[array].block = NULL;
  for (int array = 0; array < DATA_ARRAYS; ++array) {
    const data_array *const source = &from->arrays[array];
    if (!source->block) continue;
    to->arrays[array].block = malloc(source->block_bytes + 1);
    if (!to->arrays[array].block) {
      data_destroy(to);
      return false;
    }
    memcpy(to->arrays[array].block, source->block, source->block_bytes);
  }
  return true;
}

void data_destroy(data_set *set) {
  for (int array = 0; array < DATA_ARRAYS; ++array) {
    free(set->arrays[array].block);
    set->arrays[array].block = NULL;
  }
}
