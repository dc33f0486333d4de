#include "suites/support/double_case.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kit/data_types.h"
#include "suites/support/double_exact.h"
#include "suites/support/suite.h"

/* Uniform in [-sqrt(3), sqrt(3)]: standard deviation 1. */
static double next_value(unsigned *state) {
  *state = *state * 1664525U + 1013904223U;
  return 1.7320508 * ((double)(*state >> 8) * 0x1p-23 - 1);
}

static cubnDataType_t param_type(const double_case *c) {
  return c->type == CUBN_DATA_DOUBLE ? CUBN_DATA_DOUBLE : CUBN_DATA_FLOAT;
}

static void set_strides(const int64_t *dims, double_order order, double_array *array) {
  static const int orders[DOUBLE_ORDERS][4] = {
      {0, 1, 2, 3}, {0, 2, 3, 1}, {0, 1, 2, 3}, {3, 2, 1, 0}};
  int64_t stride = order == DOUBLE_WIDE ? 2 : 1;
  for (int i = 3; i >= 0; --i) {
    const int d = orders[order][i];
    array->strides[d] = stride;
    stride *= dims[d];
    if (stride < 1) stride = 1;
    if (order == DOUBLE_WIDE) stride += 3;
  }
  array->extent = 1;
  for (int d = 0; d < 4; ++d) array->extent += (dims[d] - 1) * array->strides[d];
  if (dims[0] == 0) array->extent = 0;
}

/* Channels count along C, H, W; values along N, or N, H, W. */
int64_t double_offset(const double_run *run, int array, int64_t channel, int64_t index) {
  if (array >= DOUBLE_TENSORS) return channel;
  const int64_t *const dims = run->c.dims, *const strides = run->arrays[array].strides;
  const bool spatial = run->c.mode != CUBN_BATCHNORM_PER_ACTIVATION;
  const int64_t area = dims[2] * dims[3];
  const int64_t place = spatial ? index % area : channel % area;
  const int64_t n = spatial ? index / area : index, c = spatial ? channel : channel / area;
  const int64_t h = place / dims[3], w = place % dims[3];
  return n * strides[0] + c * strides[1] + h * strides[2] + w * strides[3];
}

static void set(double_run *run, int array, int64_t channel, int64_t index, double value) {
  data_store(run->arrays[array].type, run->arrays[array].values,
             double_offset(run, array, channel, index), value);
}

static long double get(const double_run *run, int array, int64_t channel, int64_t index) {
  return (long double)data_load(run->arrays[array].type, run->arrays[array].values,
                                double_offset(run, array, channel, index));
}

/* What is subtracted from values first, which is exact, so that long double has digits enough for
 * the rest. Nothing depends on the origin of x nor, unless statistics are given, of dy and ddx. */
static long double origin(const double_run *run, int array) {
  const bool given = run->c.statistics != CUBN_STATISTICS_BATCH;
  return array == DOUBLE_X || !given ? (long double)run->c.means[array] : 0;
}

long double *double_gather(const double_run *run, int64_t channel, double_channel *to) {
  const int64_t count = run->count;
  const bool given = run->c.statistics != CUBN_STATISTICS_BATCH;
  long double *const values = calloc((size_t)count * 3 + 1, sizeof *values);
  CU_ASSERT_FATAL(values != NULL);
  for (int a = DOUBLE_X; a <= DOUBLE_DDX; ++a)
    for (int64_t i = 0; i < count && !run->c.absent[a]; ++i)
      values[a * count + i] = get(run, a, channel, i) - origin(run, a);
  *to = (double_channel){.count = count,
                         .x = values,
                         .dy = values + count,
                         .ddx = values + 2 * count,
                         .is_given = given};
  to->scale = run->c.absent[DOUBLE_SCALE] ? 1 : get(run, DOUBLE_SCALE, channel, 0);
  to->ddscale = run->c.absent[DOUBLE_DDSCALE] ? 0 : get(run, DOUBLE_DDSCALE, channel, 0);
  to->ddbias = run->c.absent[DOUBLE_DDBIAS] ? 0 : get(run, DOUBLE_DDBIAS, channel, 0);
  double_statistics(to, (long double)run->c.epsilon);
  return values;
}

/* Replaces the statistics of x by those in use. A saved mean without its low part stands for the
 * mean of x, which it is but for rounding. */
void double_use_statistics(const double_run *run, int64_t channel, double_channel *to) {
  const bool has_low = !run->c.absent[DOUBLE_MEAN_LOW];
  const long double given =
      run->c.absent[DOUBLE_INV_STD] ? 0 : get(run, DOUBLE_INV_STD, channel, 0);
  if (run->c.absent[DOUBLE_MEAN]) return;
  if (to->is_given || has_low) to->mean = get(run, DOUBLE_MEAN, channel, 0) - origin(run, DOUBLE_X);
  if (has_low) to->mean += get(run, DOUBLE_MEAN_LOW, channel, 0);
  to->inv_std = run->c.statistics == CUBN_STATISTICS_GIVEN
                    ? 1 / sqrtl(given + (long double)run->c.epsilon)
                    : given;
}

/* Given statistics are values near those of x; saved ones are those of x, rounded. */
static void fill_statistics(double_run *run, int64_t channel, unsigned *state) {
  double_channel of;
  free(double_gather(run, channel, &of));
  const bool given = of.is_given;
  const long double mean = of.mean + (given ? 0.25L * (long double)next_value(state) : 0);
  const long double from = origin(run, DOUBLE_X);
  set(run, DOUBLE_MEAN, channel, 0, (double)(from + mean));
  set(run, DOUBLE_MEAN_LOW, channel, 0,
      (double)(mean - (get(run, DOUBLE_MEAN, channel, 0) - from)));
  const bool is_var = run->c.statistics == CUBN_STATISTICS_GIVEN;
  set(run, DOUBLE_INV_STD, channel, 0,
      is_var ? 1.5 + 0.5 * next_value(state) / 1.7320508 : (double)of.inv_std);
}

static void fill(double_run *run) {
  unsigned state = run->c.seed * 2654435761U + 1;
  for (int64_t channel = 0; channel < run->channels; ++channel) {
    for (int a = DOUBLE_X; a <= DOUBLE_DDX; ++a)
      for (int64_t i = 0; i < run->count; ++i)
        set(run, a, channel, i, run->c.means[a] + next_value(&state));
    for (int a = DOUBLE_SCALE; a <= DOUBLE_DDBIAS; ++a)
      set(run, a, channel, 0, 1.5 + next_value(&state));
    if (run->count > 0) fill_statistics(run, channel, &state);
  }
}

static void set_call(double_run *run) {
  cubnBatchNormDoubleBackwardTensors_t *const t = &run->call;
  void *at[DOUBLE_ARRAYS];
  cubnTensorDescriptor_t of[DOUBLE_TENSORS];
  for (int a = 0; a < DOUBLE_ARRAYS; ++a) {
    at[a] = run->c.absent[a] ? NULL : run->arrays[run->home[a]].pointer;
    if (a < DOUBLE_TENSORS) of[a] = run->c.absent[a] ? NULL : run->tensors[a];
  }
  *t = (cubnBatchNormDoubleBackwardTensors_t){.x_desc = of[DOUBLE_X],
                                              .dy_desc = of[DOUBLE_DY],
                                              .ddx_desc = of[DOUBLE_DDX],
                                              .gx_desc = of[DOUBLE_GX],
                                              .ddy_desc = of[DOUBLE_DDY],
                                              .param_desc = run->params,
                                              .x = at[DOUBLE_X],
                                              .dy = at[DOUBLE_DY],
                                              .scale = at[DOUBLE_SCALE],
                                              .ddx = at[DOUBLE_DDX],
                                              .ddscale = at[DOUBLE_DDSCALE],
                                              .ddbias = at[DOUBLE_DDBIAS],
                                              .gx = at[DOUBLE_GX],
                                              .ddy = at[DOUBLE_DDY],
                                              .gscale = at[DOUBLE_GSCALE]};
  if (run->c.statistics == CUBN_STATISTICS_BATCH) {
    t->saved_mean = at[DOUBLE_MEAN];
    t->saved_mean_low = at[DOUBLE_MEAN_LOW];
    t->saved_inv_std = at[DOUBLE_INV_STD];
    return;
  }
  t->mean = at[DOUBLE_MEAN];
  t->mean_low = at[DOUBLE_MEAN_LOW];
  *(run->c.statistics == CUBN_STATISTICS_GIVEN ? &t->var : &t->inv_std) = at[DOUBLE_INV_STD];
}

static void describe(double_run *run) {
  const double_case *const c = &run->c;
  for (int a = 0; a < DOUBLE_TENSORS; ++a) {
    int dims[4], strides[4];
    for (int d = 0; d < 4; ++d) {
      dims[d] = (int)c->dims[d];
      strides[d] = (int)run->arrays[a].strides[d];
    }
    CU_ASSERT(!cubnCreateTensorDescriptor(&run->tensors[a]));
    CU_ASSERT(!cubnSetTensorNdDescriptor(run->tensors[a], c->type, 4, dims, strides));
  }
  CU_ASSERT(!cubnCreateTensorDescriptor(&run->params));
  int dims[4] = {1, (int)c->dims[1], 1, 1}, strides[4] = {(int)run->channels, 1, 1, 1};
  if (c->mode == CUBN_BATCHNORM_PER_ACTIVATION) {
    dims[2] = (int)c->dims[2];
    dims[3] = (int)c->dims[3];
    strides[1] = dims[2] * dims[3];
    strides[2] = dims[3];
  }
  CU_ASSERT(!cubnSetTensorNdDescriptor(run->params, param_type(c), 4, dims, strides));
  CU_ASSERT(!cubnCreateBatchNormDescriptor(&run->descriptor));
  CU_ASSERT(!cubnSetBatchNormAttribute(run->descriptor, CUBN_BATCHNORM_MODE, c->mode));
  CU_ASSERT(!cubnSetBatchNormAttribute(run->descriptor, CUBN_BATCHNORM_STATISTICS, c->statistics));
  CU_ASSERT(!cubnSetBatchNormAttribute(run->descriptor, CUBN_BATCHNORM_EPSILON, c->epsilon));
}

void double_open(double_run *run, cubnHandle_t handle, const double_case *c) {
  const int64_t area = c->dims[2] * c->dims[3];
  const bool spatial = c->mode != CUBN_BATCHNORM_PER_ACTIVATION;
  memset(run, 0, sizeof *run);
  run->c = *c;
  run->channels = c->dims[1] * (spatial ? 1 : area);
  run->count = c->dims[0] * (spatial ? area : 1);
  for (int a = 0; a < DOUBLE_ARRAYS; ++a) {
    double_array *const array = &run->arrays[a];
    const bool is_tensor = a < DOUBLE_TENSORS;
    array->type = is_tensor ? c->type : param_type(c);
    run->home[a] = is_tensor && c->in_place[a] ? c->home[a] : a;
    if (is_tensor)
      set_strides(c->dims, c->order[run->home[a]], array);
    else
      array->extent = run->channels;
    const size_t bytes = (size_t)array->extent * data_type_bytes(array->type);
    array->values = malloc(bytes + 1);
    CU_ASSERT_FATAL(array->values != NULL);
    memset(array->values, 0xff, bytes);
  }
  fill(run);
  for (int a = 0; a < DOUBLE_ARRAYS; ++a) {
    double_array *const array = &run->arrays[a];
    const size_t bytes = (size_t)array->extent * data_type_bytes(array->type);
    if (run->home[a] != a) continue;
    CU_ASSERT_FATAL(!cubnCreateBuffer(handle, bytes, &array->buffer));
    CU_ASSERT(!cubnGetBufferPointer(array->buffer, &array->pointer));
    CU_ASSERT(!cubnUploadBuffer(array->buffer, 0, array->values, bytes));
  }
  describe(run);
  set_call(run);
}

void double_close(double_run *run) {
  for (int a = 0; a < DOUBLE_ARRAYS; ++a) {
    if (run->arrays[a].buffer) CU_ASSERT(!cubnDestroyBuffer(run->arrays[a].buffer));
    free(run->arrays[a].values);
  }
  for (int a = 0; a < DOUBLE_TENSORS; ++a) cubnDestroyTensorDescriptor(run->tensors[a]);
  cubnDestroyTensorDescriptor(run->params);
  cubnDestroyBatchNormDescriptor(run->descriptor);
}
