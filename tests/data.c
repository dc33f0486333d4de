#include "data.h"

#include <stdlib.h>
#include <string.h>

#include "data_values.h"

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
      data_set_value(&set->arrays[array], place, data_param_value(source, array));

  const bool has_dy = data_has(set, DATA_DY);
  const bool has_prior = data_has(set, DATA_OUTPUT) && is_read(problem, DATA_OUTPUT);
  for (line_walk walk = line_walk_channel(problem, channel); walk.valid; line_walk_next(&walk)) {
    data_set_value(&set->arrays[DATA_X], walk.at[LINE_X], data_x_value(source, walk.sample));
    if (has_dy)
      data_set_value(&set->arrays[DATA_DY], walk.at[LINE_DY], data_dy_value(source, walk.sample));
    if (has_prior)
      data_set_value(&set->arrays[DATA_OUTPUT], walk.at[LINE_OUTPUT],
                     data_prior_value(walk.at[LINE_OUTPUT]));
  }
}

bool data_create(const line_problem *problem, data_set *set) {
  *set = (data_set){.output = DATA_OUTPUT};
  if (problem->in_place) set->output = problem->pass == LINE_BACKWARD ? DATA_DY : DATA_X;
  if (problem->in_place_x) set->output = DATA_X;
  const data_pattern pattern = data_find_pattern(problem->data);
  if (pattern == PATTERN_COUNT) return false;
  for (int array = 0; array < DATA_ARRAYS; ++array) {
    if (!is_used(problem, array) || allocate(problem, array, &set->arrays[array])) continue;
    data_destroy(set);
    return false;
  }
  const int64_t channels = line_channels(problem);
  for (int64_t channel = 0; channel < channels; ++channel) {
    const channel_source source = data_open_channel(problem, pattern, channel);
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
