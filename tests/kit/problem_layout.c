#include "kit/problem_layout.h"

#include <stdlib.h>
#include <string.h>

const char *layout_letters(int rank) {
  static const char *const letters[CUBN_DIM_MAX + 1] = {
      "", "", "nc", "ncw", "nchw", "ncdhw", "ncedhw", "ncfedhw", "ncgfedhw"};
  return letters[rank];
}

/* Reads "nhwc", "nhwc+2" or "nhwc+c2" to the order of the dimensions, slowest first, and to the
 * padding of each dimension. */
static bool read_layout(const char *text, int rank, int order[], int64_t padding[]) {
  const char *const letters = layout_letters(rank);
  unsigned seen = 0;
  for (int i = 0; i < rank; ++i) {
    const char *const found = text[i] ? strchr(letters, text[i]) : NULL;
    if (!found || seen >> (found - letters) & 1) return false;
    order[i] = (int)(found - letters);
    seen |= 1u << order[i];
  }
  for (int i = 0; i < rank; ++i) padding[i] = 0;
  if (!text[rank]) return true;
  if (text[rank] != '+') return false;
  const char *const number = text + rank + 1;
  const char *const only = *number ? strchr(letters, *number) : NULL;
  if (only && only - letters == order[0]) return false; /* nothing follows the slowest */
  char *end;
  const int64_t count = strtoll(number + (only != NULL), &end, 10);
  for (int i = 1; i < rank; ++i)
    if (!only || only - letters == order[i]) padding[order[i]] = count;
  return count > 0 && !*end;
}

const char *layout_strides(line_problem *problem, int tensor) {
  int order[CUBN_DIM_MAX];
  int64_t padding[CUBN_DIM_MAX], stride = 1;
  if (!read_layout(problem->layout[tensor], problem->rank, order, padding))
    return "a layout is no order of the sizes' letters, or its padding is no count, or that of the "
           "slowest dimension";
  for (int i = problem->rank - 1; i >= 0; --i) {
    const int64_t size = problem->dims[order[i]] + padding[order[i]];
    problem->strides[tensor][order[i]] = stride;
    /* As in packed strides of empty tensors, a size of 0 counts as 1. */
    if (__builtin_mul_overflow(stride, size ? size : 1, &stride) || stride > INT64_MAX / 16)
      return "the tensor is too large";
  }
  return NULL;
}

int64_t line_elements(const line_problem *problem) {
  int64_t elements = 1;
  for (int i = 0; i < problem->rank; ++i) elements *= problem->dims[i];
  return elements;
}

int64_t line_extent(const line_problem *problem, int tensor) {
  if (line_elements(problem) == 0) return 0;
  int64_t last = 0;
  for (int i = 0; i < problem->rank; ++i)
    last += (problem->dims[i] - 1) * problem->strides[tensor][i];
  return last + 1;
}

/* Whether a dimension distinguishes channels; the others distinguish the values of a channel. */
static bool is_channel_dim(const line_problem *problem, int dim) {
  return dim == 1 || (dim > 1 && problem->mode == CUBN_BATCHNORM_PER_ACTIVATION);
}

static int64_t product(const line_problem *problem, bool of_channels) {
  int64_t elements = 1;
  for (int i = 0; i < problem->rank; ++i)
    if (is_channel_dim(problem, i) == of_channels) elements *= problem->dims[i];
  return elements;
}

int64_t line_channels(const line_problem *problem) {
  return product(problem, true);
}

int64_t line_values_per_channel(const line_problem *problem) {
  return product(problem, false);
}

cubnDataType_t line_param_type(const line_problem *problem) {
  return problem->type == CUBN_DATA_DOUBLE ? CUBN_DATA_DOUBLE : CUBN_DATA_FLOAT;
}

static void param_shape(const line_problem *problem, int64_t dims[], int64_t strides[]) {
  int order[CUBN_DIM_MAX];
  int64_t padding[CUBN_DIM_MAX], stride = 1;
  const char *const layout =
      problem->params_like_x ? problem->layout[LINE_X] : layout_letters(problem->rank);
  read_layout(layout, problem->rank, order, padding);
  for (int i = problem->rank - 1; i >= 0; --i) {
    const int dim = order[i];
    dims[dim] = is_channel_dim(problem, dim) ? problem->dims[dim] : 1;
    strides[dim] = stride;
    stride *= dims[dim] ? dims[dim] : 1;
  }
}

/* Splits the index in the last of the channel (or sample) dimensions off a linear number. */
static int64_t take_index(int64_t *number, int64_t size) {
  const int64_t index = *number % size;
  *number /= size;
  return index;
}

int64_t line_param_index(const line_problem *problem, int64_t channel) {
  int64_t dims[CUBN_DIM_MAX], strides[CUBN_DIM_MAX], place = 0;
  param_shape(problem, dims, strides);
  for (int i = problem->rank - 1; i > 0; --i)
    if (is_channel_dim(problem, i)) place += take_index(&channel, dims[i]) * strides[i];
  return place;
}

cubnStatus_t line_describe(const line_problem *problem, int tensor,
                           cubnTensorDescriptor_t descriptor) {
  return cubnSetTensorNdDescriptor64(descriptor, problem->type, problem->rank, problem->dims,
                                     problem->strides[tensor]);
}

cubnStatus_t line_describe_params(const line_problem *problem, cubnTensorDescriptor_t descriptor) {
  if (problem->params_like_x) {
    int64_t dims[CUBN_DIM_MAX], strides[CUBN_DIM_MAX];
    param_shape(problem, dims, strides);
    return cubnSetTensorNdDescriptor64(descriptor, line_param_type(problem), problem->rank, dims,
                                       strides);
  }
  const cubnStatus_t status = line_describe(problem, LINE_X, descriptor);
  if (status != CUBN_STATUS_SUCCESS) return status;
  return cubnDeriveBNTensorDescriptor(descriptor, descriptor, problem->mode);
}

static void set_mask_strides(line_walk *walk, const line_problem *problem, int64_t channel) {
  int64_t dims[CUBN_DIM_MAX], strides[CUBN_DIM_MAX], stride = 1;
  line_mask_dims(problem, dims);
  for (int i = problem->rank - 1; i >= 0; --i) {
    strides[i] = dims[i] == 1 ? 0 : stride;
    stride *= dims[i];
    if (is_channel_dim(problem, i))
      walk->place += take_index(&channel, problem->dims[i]) * strides[i];
  }
  for (int i = 0, at = 0; i < problem->rank; ++i)
    if (!is_channel_dim(problem, i)) walk->place_stride[at++] = strides[i];
}

static void step(line_walk *walk) {
  ++walk->sample;
  for (int i = walk->rank - 1; i >= 0; --i) {
    walk->place += walk->place_stride[i];
    for (int t = 0; t < LINE_TENSORS; ++t) walk->at[t] += walk->stride[t][i];
    if (++walk->index[i] < walk->size[i]) return;
    walk->place -= walk->place_stride[i] * walk->size[i];
    for (int t = 0; t < LINE_TENSORS; ++t) walk->at[t] -= walk->stride[t][i] * walk->size[i];
    walk->index[i] = 0;
  }
  walk->valid = false;
}

/* From where the walk is to the next element that it visits. */
static void skip(line_walk *walk) {
  while (walk->masked && walk->valid &&
         line_is_valid(walk->masked, walk->place) == walk->visits_padding)
    step(walk);
}

static line_walk begin_walk(const line_problem *problem, int64_t channel) {
  line_walk walk = {.valid = line_elements(problem) > 0};
  if (!walk.valid) return walk;
  if (line_has_padding(problem)) {
    walk.masked = problem;
    set_mask_strides(&walk, problem, channel);
  }
  for (int i = problem->rank - 1; i >= 0; --i) {
    if (!is_channel_dim(problem, i)) continue;
    const int64_t index = take_index(&channel, problem->dims[i]);
    for (int t = 0; t < LINE_TENSORS; ++t) walk.at[t] += index * problem->strides[t][i];
  }
  for (int i = 0; i < problem->rank; ++i) {
    if (is_channel_dim(problem, i)) continue;
    walk.size[walk.rank] = problem->dims[i];
    for (int t = 0; t < LINE_TENSORS; ++t) walk.stride[t][walk.rank] = problem->strides[t][i];
    ++walk.rank;
  }
  return walk;
}

line_walk line_walk_channel(const line_problem *problem, int64_t channel) {
  line_walk walk = begin_walk(problem, channel);
  skip(&walk);
  return walk;
}

line_walk line_walk_padding(const line_problem *problem, int64_t channel) {
  line_walk walk = begin_walk(problem, channel);
  walk.visits_padding = true;
  if (!walk.masked) walk.valid = false;
  skip(&walk);
  return walk;
}

void line_walk_next(line_walk *walk) {
  step(walk);
  skip(walk);
}

int64_t line_valid_values(const line_problem *p, int64_t channel) {
  int64_t count = 0;
  if (!line_has_padding(p)) return line_values_per_channel(p);
  for (line_walk w = line_walk_channel(p, channel); w.valid; line_walk_next(&w)) ++count;
  return count;
}
