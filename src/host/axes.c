/* Collapses the dimensions of a call: drops those of size 1, orders the rest as they are in memory,
 * merges neighbors, and recognizes the packed shapes that fast kernels know. After this, layout,
 * rank and mode of the caller are gone. */
#include "host/axes.h"

#include "host/descriptor.h"

static bool is_channel_dimension(const cubn_problem *problem, int dimension) {
  return dimension == 1 || (dimension > 1 && problem->mode == CUBN_BATCHNORM_PER_ACTIVATION);
}

/* The number of elements of x in memory after which dimension `dimension` advances: that of the
 * dimensions with smaller strides, or equal ones and further back. */
static int64_t place_stride(const struct cubnTensorStruct *x, int dimension) {
  const int64_t own = x->strides[dimension];
  int64_t stride = 1;
  for (int i = 0; i < x->rank; ++i) {
    const bool is_faster = x->strides[i] < own || (x->strides[i] == own && i > dimension);
    if (x->dims[i] > 1 && i != dimension && is_faster) stride *= x->dims[i];
  }
  return stride;
}

/* A mask is the same for all of a dimension in which it has size 1. Lengths are like a mask of the
 * samples times one dimension. */
static int64_t validity_stride(const cubn_problem *problem, int dimension) {
  const struct cubnTensorStruct *mask = problem->descriptors[CUBN_ARRAY_VALID];
  const cubn_validity *validity = &problem->validity;
  if (validity->kind == CUBN_VALID_MASK)
    return mask->dims[dimension] == 1 ? 0 : mask->strides[dimension];
  if (validity->kind == CUBN_VALID_ALL) return 0;
  return dimension == 0 ? validity->extent : dimension == validity->lengths_dim;
}

static inline int64_t stride_of(const struct cubnTensorStruct *tensor, int dimension) {
  return tensor && dimension < tensor->rank ? tensor->strides[dimension] : 0;
}

/* Sets the strides of axis `at` in the first `arrays` arrays: up to DDY, or all. */
static inline void set_strides(cubn_axes *axes, const cubn_problem *problem, int arrays, int at,
                               int dimension) {
  const cubnTensorDescriptor_t *const tensors = problem->descriptors;
  for (int a = CUBN_ARRAY_X; a <= CUBN_ARRAY_Z; ++a)
    axes->stride[a][at] = stride_of(tensors[a], dimension);
  axes->stride[CUBN_ARRAY_PLACE][at] = place_stride(tensors[CUBN_ARRAY_X], dimension);
  /* Parameters do not change along N, nor in spatial mode along spatial dimensions. */
  axes->stride[CUBN_ARRAY_PARAM][at] = is_channel_dimension(problem, dimension)
                                           ? stride_of(tensors[CUBN_ARRAY_PARAM], dimension)
                                           : 0;
  if (arrays == CUBN_ARRAY_DDY) return;
  axes->stride[CUBN_ARRAY_DDY][at] = stride_of(tensors[CUBN_ARRAY_DDY], dimension);
  axes->stride[CUBN_ARRAY_VALID][at] = validity_stride(problem, dimension);
}

/* Inserts a dimension so that the strides of x keep falling. */
static inline void insert(cubn_axes *axes, const cubn_problem *problem, int arrays, int dimension) {
  const struct cubnTensorStruct *x = problem->descriptors[CUBN_ARRAY_X];
  int at = axes->rank++;
  for (; at > 0 && axes->stride[CUBN_ARRAY_X][at - 1] < x->strides[dimension]; --at) {
    axes->size[at] = axes->size[at - 1];
    for (int a = 0; a < arrays; ++a) axes->stride[a][at] = axes->stride[a][at - 1];
  }
  axes->size[at] = x->dims[dimension];
  set_strides(axes, problem, arrays, at, dimension);
}

/* Whether axis `outer` continues where the next one ends, in all arrays. */
static inline bool mergeable(const cubn_axes *axes, int arrays, int outer) {
  for (int a = 0; a < arrays; ++a)
    if (axes->stride[a][outer] != axes->stride[a][outer + 1] * axes->size[outer + 1]) return false;
  return true;
}

static inline void merge(cubn_axes *axes, int arrays) {
  int kept = 0; /* axes[0 .. kept] are final, but for the last one */
  for (int i = 1; i < axes->rank; ++i) {
    const bool joins = mergeable(axes, arrays, i - 1);
    const int to = joins ? kept : kept + 1;
    axes->size[to] = joins ? axes->size[kept] * axes->size[i] : axes->size[i];
    for (int a = 0; a < arrays; ++a) axes->stride[a][to] = axes->stride[a][i];
    kept = to;
  }
  if (axes->rank > 0) axes->rank = kept + 1;
}

static int64_t elements(const cubn_axes *axes) {
  int64_t count = 1;
  for (int i = 0; i < axes->rank; ++i) count *= axes->size[i];
  return count;
}

static bool same_strides(const cubn_problem *problem, const cubn_axes *axes) {
  static const int tensors[] = {CUBN_ARRAY_OUTPUT, CUBN_ARRAY_DY, CUBN_ARRAY_Z, CUBN_ARRAY_DDY};
  for (int t = 0; t < 4; ++t) {
    const int a = tensors[t];
    if (!problem->descriptors[a]) continue;
    for (int i = 0; i < axes->rank; ++i)
      if (axes->stride[a][i] != axes->stride[CUBN_ARRAY_X][i]) return false;
  }
  return true;
}

/* Whether axis i is absent or has this stride in x. */
static bool has_stride(const cubn_axes *axes, int i, int64_t stride) {
  return i >= axes->rank || axes->stride[CUBN_ARRAY_X][i] == stride;
}

/* Recognizes [n][c] and [n][c][s]. */
static void recognize(cubn_problem *problem) {
  const cubn_axes *channels = &problem->channels, *samples = &problem->samples;
  const int64_t c = problem->c, m = problem->n;
  if (c == 0 || m == 0 || channels->rank > 1 || samples->rank > 2) return;
  if (channels->rank == 1 && channels->stride[CUBN_ARRAY_PARAM][0] != 1) return;
  if (!same_strides(problem, channels) || !same_strides(problem, samples)) return;
  if (samples->rank <= 1 && c > 1 && has_stride(channels, 0, 1) && has_stride(samples, 0, c)) {
    problem->layout = CUBN_LAYOUT_COLUMNS;
    return;
  }
  if (samples->rank == 0) { /* one element, or one per channel with gaps between them */
    if (channels->rank == 0) problem->layout = CUBN_LAYOUT_COLUMNS;
    return;
  }
  const int inner = samples->rank - 1;
  const int64_t s = samples->size[inner];
  if (samples->stride[CUBN_ARRAY_X][inner] != 1 || !has_stride(channels, 0, s)) return;
  if (samples->rank == 2 && samples->stride[CUBN_ARRAY_X][0] != c * s) return;
  problem->layout = CUBN_LAYOUT_ROWS;
  problem->s = s;
  problem->n = m / s;
}

/* Whether the dimensions of x are in the order: samples, channels, samples, each of which may be
 * absent. Gaps do not count: bits have places. `inner` becomes the number of elements of the last
 * part. */
static bool x_is_rows(const cubn_problem *problem, int64_t *inner) {
  const struct cubnTensorStruct *x = problem->descriptors[CUBN_ARRAY_X];
  int64_t channels_begin = INT64_MAX, channels_end = 1;
  for (int i = 0; i < x->rank; ++i) {
    if (x->dims[i] <= 1) continue;
    const int64_t stride = place_stride(x, i);
    if (!is_channel_dimension(problem, i)) continue;
    if (stride < channels_begin) channels_begin = stride;
    if (stride * x->dims[i] > channels_end) channels_end = stride * x->dims[i];
  }
  *inner = channels_begin;
  return channels_begin == INT64_MAX || channels_end / channels_begin == problem->c;
}

int64_t cubn_mask_layout(cubn_problem *problem) {
  const int64_t count = problem->c * cubn_count(problem);
  int64_t inner, row = count;
  bool is_rows = false;
  if (x_is_rows(problem, &inner)) {
    is_rows = inner > 1;
    row = inner == 1 ? problem->c : inner < count ? inner : count;
  }
  const bool is_phased = is_rows && row % 8 != 0;
  problem->mask = (cubn_mask){row, (row + (is_phased ? 14 : 7)) / 8, is_phased};
  return row > 0 ? count / row * problem->mask.row_bytes : 0;
}

/* Inserts the dimensions with the strides of the first `arrays` arrays. */
static inline void insert_dimensions(cubn_problem *problem, int arrays) {
  const struct cubnTensorStruct *x = problem->descriptors[CUBN_ARRAY_X];
  problem->channels.rank = problem->samples.rank = 0;
  for (int i = 0; i < x->rank; ++i)
    if (x->dims[i] != 1)
      insert(is_channel_dimension(problem, i) ? &problem->channels : &problem->samples, problem,
             arrays, i);
}

static inline void merge_dimensions(cubn_problem *problem, int arrays) {
  merge(&problem->channels, arrays);
  merge(&problem->samples, arrays);
}

static void recognize_layout(cubn_problem *problem) {
  problem->c = elements(&problem->channels);
  problem->n = elements(&problem->samples);
  problem->s = 1;
  problem->layout = CUBN_LAYOUT_STRIDED;
  recognize(problem);
}

/* Nearly all calls have neither of the last two arrays, whose strides stay 0. */
void cubn_collapse(cubn_problem *problem) {
  const bool all_valid = problem->validity.kind == CUBN_VALID_ALL;
  if (all_valid && problem->pass != CUBN_PASS_DOUBLE_BACKWARD) {
    insert_dimensions(problem, CUBN_ARRAY_DDY);
    merge_dimensions(problem, CUBN_ARRAY_DDY);
    recognize_layout(problem);
    return;
  }
  insert_dimensions(problem, CUBN_ARRAY_COUNT);
  const cubn_axes channels = problem->channels, samples = problem->samples;
  merge_dimensions(problem, CUBN_ARRAY_VALID);
  recognize_layout(problem);
  if (all_valid) return;
  problem->channels = channels; /* The layout does not depend on what is valid, the axes do. */
  problem->samples = samples;
  merge_dimensions(problem, CUBN_ARRAY_COUNT);
}
