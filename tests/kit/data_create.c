/* Allocates the arrays of a problem and fills them. */
#include <stdlib.h>
#include <string.h>

#include "kit/data_values.h"

/* Whether the call has this tensor, in its own memory. */
static bool is_used_tensor(const line_problem *problem, int array) {
  const bool backward = problem->pass == LINE_BACKWARD;
  switch (array) {
    case DATA_OUTPUT:
      return line_has_output(problem) && !problem->in_place && !problem->in_place_x &&
             (backward || !problem->in_place_z);
    case DATA_DY:
      return backward;
    case DATA_Z:
      return problem->adds && (backward ? line_needs_forward(problem) : line_has_output(problem));
    case DATA_DZ:
      return line_has_dz(problem) && !problem->in_place_z && !problem->in_place_zx;
    case DATA_Y:
      return line_needs_forward(problem) && line_decides(problem);
    default:
      return true;
  }
}

/* Whether the call has this array. */
static bool is_used(const line_problem *problem, int array) {
  const bool train = problem->pass == LINE_TRAIN, backward = problem->pass == LINE_BACKWARD;
  const bool given = line_has_given_statistics(problem);
  const bool trains_running = train && !problem->no_running;
  if (array < DATA_TENSORS) return is_used_tensor(problem, array);
  switch (array) {
    case DATA_SCALE:
      return !problem->no_scale;
    case DATA_BIAS:
      return !problem->no_bias && (!backward || problem->from_y || line_needs_forward(problem));
    case DATA_DSCALE:
      return backward && !problem->no_dscale;
    case DATA_DBIAS:
      return backward && !problem->no_dbias;
    case DATA_MEAN:
    case DATA_VAR:
      return given;
    case DATA_MEAN_LOW:
      return given && problem->mean_low;
    case DATA_RUNNING_MEAN:
    case DATA_RUNNING_VAR:
      return trains_running;
    case DATA_PREVIOUS_MEAN:
    case DATA_PREVIOUS_VAR:
      return trains_running && problem->separate_running;
    case DATA_SAVED_MEAN:
    case DATA_SAVED_INV_STD:
      return !given && !problem->no_saved;
    case DATA_SAVED_MEAN_LOW:
      return !given && problem->mean_low;
    case DATA_SAVED_R:
    case DATA_SAVED_D:
      return line_renormalizes(problem);
    case DATA_FACTOR:
      return problem->device_factor;
    case DATA_MASK:
      return line_has_padding(problem);
    default:
      return line_reserve_kind(problem) != LINE_RESERVE_NONE;
  }
}

/* Whether the content of the array before the call matters; if not, the array stays poisoned. */
static bool is_read(const line_problem *problem, int array) {
  const bool averages = problem->factor != 1 || problem->guards_running ||
                        line_renormalizes(problem) ||
                        (line_elements(problem) == 0 && !line_is_extended(problem));
  switch (array) {
    case DATA_OUTPUT:
      return problem->beta != 0;
    case DATA_DSCALE:
    case DATA_DBIAS:
      return problem->param_beta != 0 || problem->given_sums;
    case DATA_RUNNING_MEAN:
    case DATA_RUNNING_VAR:
      return averages && !problem->separate_running;
    case DATA_PREVIOUS_MEAN:
    case DATA_PREVIOUS_VAR:
      return averages;
    case DATA_SAVED_MEAN:
    case DATA_SAVED_MEAN_LOW:
    case DATA_SAVED_INV_STD:
    case DATA_DZ:
    case DATA_Y:
      return false;
    case DATA_SAVED_R:
    case DATA_SAVED_D:
      return problem->pass == LINE_BACKWARD;
    default:
      return true;
  }
}

static bool allocate(const line_problem *problem, int array, data_array *out) {
  const bool is_tensor = array < DATA_TENSORS;
  const int tensor = is_tensor ? data_line_tensor(array) : 0;
  int64_t offset = is_tensor ? problem->offset[tensor] : problem->param_offset;
  out->type = is_tensor ? problem->type : line_param_type(problem);
  out->extent = is_tensor ? line_extent(problem, tensor) : line_channels(problem);
  if (array == DATA_FACTOR) out->extent = 1;
  if (array == DATA_RESERVE) {
    const size_t bytes = line_reserve_bytes(problem);
    if (bytes == SIZE_MAX) return false;
    out->type = CUBN_DATA_INT8;
    out->extent = (int64_t)bytes;
    offset *= (int64_t)data_type_bytes(line_param_type(problem)); /* aligned for every kind of it */
  }
  if (array == DATA_MASK) {
    out->type = CUBN_DATA_INT8;
    out->extent = (int64_t)line_mask_bytes(problem);
    offset = 0;
  }
  const size_t element_bytes = data_type_bytes(out->type);
  out->begin_bytes = DATA_GUARD_BYTES + (size_t)offset * element_bytes;
  out->block_bytes = out->begin_bytes + (size_t)out->extent * element_bytes + DATA_GUARD_BYTES;
  out->block = malloc(out->block_bytes + 1); /* not NULL for 0 bytes */
  if (out->block) memset(out->block, 0xff, out->block_bytes);
  return out->block != NULL;
}

/* Fills one element of all tensors. */
static void fill_element(data_set *set, const channel_source *source, const line_walk *walk,
                         const bool fills[]) {
  for (int array = 0; array < DATA_TENSORS; ++array) {
    if (!fills[array]) continue;
    const int64_t at = walk->at[data_line_tensor(array)];
    data_set_value(&set->arrays[array], at, data_tensor_value(source, array, walk->sample, at));
  }
}

static void fill_channel(const line_problem *problem, data_set *set, const channel_source *source) {
  const int64_t channel = source->channel, place = line_param_index(problem, channel);
  for (int array = DATA_TENSORS; array < DATA_CHANNELS_END; ++array)
    if (data_has(set, array) && is_read(problem, array))
      data_set_value(&set->arrays[array], place, data_param_value(source, array));

  bool fills[DATA_TENSORS];
  for (int array = 0; array < DATA_TENSORS; ++array)
    fills[array] = data_has(set, array) && is_read(problem, array);
  for (line_walk walk = line_walk_channel(problem, channel); walk.valid; line_walk_next(&walk))
    fill_element(set, source, &walk, fills);
  if (source->pattern == PATTERN_TIES && data_has(set, DATA_BIAS))
    data_set_tie(problem, set, source);
}

static void choose_places(const line_problem *problem, data_set *set) {
  const bool backward = problem->pass == LINE_BACKWARD;
  set->output = DATA_OUTPUT;
  set->dz = DATA_DZ;
  if (problem->in_place) set->output = backward ? DATA_DY : DATA_X;
  if (problem->in_place_x) set->output = DATA_X;
  if (problem->in_place_z && !backward) set->output = DATA_Z;
  if (problem->in_place_z && backward) set->dz = DATA_DY;
  if (problem->in_place_zx) set->dz = DATA_X;
}

bool data_allocate(const line_problem *problem, data_set *set) {
  *set = (data_set){0};
  choose_places(problem, set);
  for (int array = 0; array < DATA_ARRAYS; ++array) {
    if (!is_used(problem, array) || allocate(problem, array, &set->arrays[array])) continue;
    data_destroy(set);
    return false;
  }
  return true;
}

bool data_resize(const line_problem *problem, int array, data_set *set) {
  free(set->arrays[array].block);
  set->arrays[array].block = NULL;
  return allocate(problem, array, &set->arrays[array]);
}

bool data_create(const line_problem *problem, data_set *set) {
  *set = (data_set){0};
  const data_pattern pattern = data_find_pattern(problem->data);
  if (pattern == PATTERN_COUNT || !data_allocate(problem, set)) return false;
  if (data_has(set, DATA_MASK)) line_fill_mask(problem, data_elements(&set->arrays[DATA_MASK]));
  if (data_has(set, DATA_FACTOR)) data_set_value(&set->arrays[DATA_FACTOR], 0, problem->factor);
  const int64_t channels = line_channels(problem);
  for (int64_t channel = 0; channel < channels; ++channel) {
    const channel_source source = data_open_channel(problem, pattern, channel);
    fill_channel(problem, set, &source);
  }
  return true;
}
