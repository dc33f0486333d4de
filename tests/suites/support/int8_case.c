#include "suites/support/int8_case.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "suites/support/suite.h"

static unsigned next(unsigned *state) {
  *state = *state * 1664525U + 1013904223U;
  return *state >> 8;
}

/* Uniform in (-1, 1). */
static float next_value(unsigned *state) {
  return (float)next(state) * 0x1p-23f - 1.0f;
}

static int64_t set_strides(const int64_t *dims, int8_order order, int64_t *strides) {
  static const int orders[INT8_ORDERS][4] = {
      {0, 1, 2, 3}, {0, 2, 3, 1}, {0, 1, 2, 3}, {0, 2, 3, 1}, {3, 2, 1, 0}};
  const bool wide = order == INT8_WIDE || order == INT8_WIDE_LAST;
  int64_t stride = 1, extent = 1;
  for (int i = 3; i >= 0; --i) {
    const int d = orders[order][i];
    strides[d] = stride;
    stride = stride * dims[d] + (wide ? 3 : 0);
    extent += (dims[d] - 1) * strides[d];
  }
  return extent;
}

static int64_t offset_of(const int8_run *run, const int64_t *strides, int64_t channel,
                         int64_t index) {
  const int64_t *const dims = run->c.dims;
  const int64_t area = dims[2] * dims[3];
  const int64_t place = run->c.per_activation ? channel % area : index % area;
  const int64_t n = run->c.per_activation ? index : index / area;
  const int64_t c = run->c.per_activation ? channel / area : channel;
  const int64_t h = place / dims[3], w = place % dims[3];
  return run->c.skip + n * strides[0] + c * strides[1] + h * strides[2] + w * strides[3];
}

static void *create_buffer(int8_run *run, cubnHandle_t handle, int which, const void *values,
                           size_t bytes) {
  void *pointer = NULL;
  CU_ASSERT_FATAL(!cubnCreateBuffer(handle, bytes, &run->buffers[which]));
  CU_ASSERT(!cubnGetBufferPointer(run->buffers[which], &pointer));
  CU_ASSERT(!cubnUploadBuffer(run->buffers[which], 0, values, bytes));
  return pointer;
}

static void create_tensors(int8_run *run, cubnHandle_t handle, unsigned *state) {
  const int64_t skip = run->c.skip;
  run->x = malloc((size_t)(run->extent[0] + skip));
  run->y = malloc((size_t)(run->extent[1] + skip));
  CU_ASSERT_FATAL(run->x && run->y);
  for (int64_t i = 0; i < run->extent[0] + skip; ++i) run->x[i] = (int8_t)(next(state) & 255);
  memset(run->y, 0x55, (size_t)(run->extent[1] + skip));
  if (run->c.in_place) memcpy(run->y, run->x, (size_t)(run->extent[0] + skip));
  char *const x = create_buffer(run, handle, INT8_PARAMS, run->x, (size_t)(run->extent[0] + skip));
  char *y = x;
  if (!run->c.in_place)
    y = create_buffer(run, handle, INT8_PARAMS + 1, run->y, (size_t)(run->extent[1] + skip));
  run->call.x = x + skip;
  run->call.y = y + skip;
}

static void create_params(int8_run *run, cubnHandle_t handle, unsigned *state) {
  const void *pointers[INT8_PARAMS];
  for (int a = 0; a < INT8_PARAMS; ++a) {
    float *const values = calloc((size_t)run->channels, sizeof *values);
    CU_ASSERT_FATAL(values != NULL);
    for (int64_t i = 0; i < run->channels; ++i) {
      const float value = next_value(state);
      values[i] = a == INT8_VAR ? 1.5f + value : a == INT8_MEAN_LOW ? value * 1e-7f : 2 * value;
    }
    if (a == INT8_SCALE && run->c.extreme != 0) values[0] = run->c.extreme;
    run->params[a] = values;
    pointers[a] = create_buffer(run, handle, a, values, (size_t)run->channels * sizeof *values);
    if (run->c.absent[a]) pointers[a] = NULL;
  }
  run->call.scale = pointers[INT8_SCALE];
  run->call.bias = pointers[INT8_BIAS];
  run->call.mean = pointers[INT8_MEAN];
  run->call.mean_low = pointers[INT8_MEAN_LOW];
  *(run->c.given_inv_std ? &run->call.inv_std : &run->call.var) = pointers[INT8_VAR];
}

static void describe(cubnTensorDescriptor_t *descriptor, const int64_t *dims,
                     const int64_t *strides) {
  int small_dims[4], small_strides[4];
  for (int d = 0; d < 4; ++d) {
    small_dims[d] = (int)dims[d];
    small_strides[d] = (int)strides[d];
  }
  CU_ASSERT(!cubnCreateTensorDescriptor(descriptor));
  CU_ASSERT(!cubnSetTensorNdDescriptor(*descriptor, CUBN_DATA_INT8, 4, small_dims, small_strides));
}

static void create_descriptor(int8_run *run) {
  const int8_case *const c = &run->c;
  cubnActivationDescriptor_t activation;
  CU_ASSERT(!cubnCreateBatchNormDescriptor(&run->descriptor));
  const double values[] = {[CUBN_BATCHNORM_MODE] = c->per_activation ? CUBN_BATCHNORM_PER_ACTIVATION
                                                                     : CUBN_BATCHNORM_SPATIAL,
                           [CUBN_BATCHNORM_STATISTICS] = c->given_inv_std
                                                             ? CUBN_STATISTICS_GIVEN_INV_STD
                                                             : CUBN_STATISTICS_GIVEN,
                           [CUBN_BATCHNORM_EPSILON] = c->epsilon};
  for (int a = CUBN_BATCHNORM_MODE; a <= CUBN_BATCHNORM_EPSILON; ++a)
    CU_ASSERT(!cubnSetBatchNormAttribute(run->descriptor, (cubnBatchNormAttribute_t)a, values[a]));
  CU_ASSERT(!cubnCreateActivationDescriptor(&activation));
  CU_ASSERT(
      !cubnSetActivationDescriptor(activation, c->activation, CUBN_PROPAGATE_NAN, c->ceiling));
  CU_ASSERT(
      !cubnSetBatchNormActivation(run->descriptor, CUBN_BATCHNORM_OPS_BN_ACTIVATION, activation));
  CU_ASSERT(!cubnDestroyActivationDescriptor(activation));
}

void int8_open(int8_run *run, cubnHandle_t handle, const int8_case *c) {
  unsigned state = c->seed * 2654435761U + 1;
  memset(run, 0, sizeof *run);
  run->c = *c;
  if (c->in_place) run->c.y_order = c->x_order;
  const int64_t area = c->dims[2] * c->dims[3];
  run->channels = c->dims[1] * (c->per_activation ? area : 1);
  run->count = c->dims[0] * (c->per_activation ? 1 : area);
  run->extent[0] = set_strides(c->dims, run->c.x_order, run->x_strides);
  run->extent[1] = set_strides(c->dims, run->c.y_order, run->y_strides);
  create_tensors(run, handle, &state);
  create_params(run, handle, &state);
  describe(&run->x_desc, c->dims, run->x_strides);
  describe(&run->y_desc, c->dims, run->y_strides);
  CU_ASSERT(!cubnCreateTensorDescriptor(&run->param_desc));
  CU_ASSERT(!cubnDeriveBNTensorDescriptor(
      run->param_desc, run->x_desc,
      c->per_activation ? CUBN_BATCHNORM_PER_ACTIVATION : CUBN_BATCHNORM_SPATIAL));
  create_descriptor(run);
  run->call.x_desc = run->x_desc;
  run->call.y_desc = run->y_desc;
  run->call.param_desc = run->param_desc;
  run->call.x_scale = c->x_scale;
  run->call.y_scale = c->y_scale;
  run->call.x_zero_point = c->x_zero_point;
  run->call.y_zero_point = c->y_zero_point;
}

void int8_close(int8_run *run) {
  for (int a = 0; a < INT8_PARAMS + 2; ++a)
    if (run->buffers[a]) CU_ASSERT(!cubnDestroyBuffer(run->buffers[a]));
  for (int a = 0; a < INT8_PARAMS; ++a) free(run->params[a]);
  free(run->x);
  free(run->y);
  cubnDestroyTensorDescriptor(run->x_desc);
  cubnDestroyTensorDescriptor(run->y_desc);
  cubnDestroyTensorDescriptor(run->param_desc);
  cubnDestroyBatchNormDescriptor(run->descriptor);
}

/* ---- References ---- */
static double param(const int8_run *run, int which, int64_t channel, double absent) {
  return run->c.absent[which] ? absent : (double)run->params[which][channel];
}

/* The documented arithmetic. */
static int by_documentation(const int8_run *run, int64_t channel, int8_t x) {
  const int8_case *const c = &run->c;
  const double var = param(run, INT8_VAR, channel, 0);
  const double square = var + c->epsilon, root = square == 0 ? INFINITY : sqrt(square);
  const double inv_std = c->given_inv_std ? var : 1 / root;
  const double gain = param(run, INT8_SCALE, channel, 1) * inv_std * (c->x_scale / c->y_scale);
  const double center = (param(run, INT8_MEAN, channel, 0) / c->x_scale + c->x_zero_point) +
                        param(run, INT8_MEAN_LOW, channel, 0) / c->x_scale;
  const double moved = gain * center;
  const float shift = (float)(param(run, INT8_BIAS, channel, 0) / c->y_scale - moved);
  const float product = (float)gain * (float)x;
  const float v = product + shift;
  const bool is_clipped = c->activation == CUBN_ACTIVATION_CLIPPED_RELU;
  const float least =
      c->activation == CUBN_ACTIVATION_IDENTITY ? -128.0f - (float)c->y_zero_point : 0.0f;
  float largest = 127.0f - (float)c->y_zero_point;
  if (is_clipped && (float)(c->ceiling / c->y_scale) < largest)
    largest = (float)(c->ceiling / c->y_scale);
  const float low = v > least ? v : least, clamped = low < largest ? low : largest;
  return (int)rintf(clamped) + c->y_zero_point;
}

/* Whether y is that of exact arithmetic, or its neighbor near a tie, or float has no room. */
static bool is_near_exact(const int8_run *run, int64_t channel, int8_t x, int y) {
  const int8_case *const c = &run->c;
  const long double var = param(run, INT8_VAR, channel, 0);
  const long double square = var + (long double)c->epsilon;
  const long double root = square == 0 ? (long double)INFINITY : sqrtl(square);
  const long double inv_std = c->given_inv_std ? var : 1 / root;
  const long double mean = (long double)param(run, INT8_MEAN, channel, 0) +
                           (long double)param(run, INT8_MEAN_LOW, channel, 0);
  const long double scale = param(run, INT8_SCALE, channel, 1);
  const long double bias = param(run, INT8_BIAS, channel, 0);
  const long double real = (x - c->x_zero_point) * (long double)c->x_scale;
  const long double gain = scale * inv_std * c->x_scale / c->y_scale;
  long double value = scale * (real - mean) * inv_std + bias;
  const long double shift = value / c->y_scale - gain * x;
  if (!(fabsl(gain) <= FLT_MAX && fabsl(shift) <= FLT_MAX)) return true;
  if (c->activation != CUBN_ACTIVATION_IDENTITY && value < 0) value = 0;
  if (c->activation == CUBN_ACTIVATION_CLIPPED_RELU && value > c->ceiling) value = c->ceiling;
  const long double slack = 0x1p-22L * (fabsl(gain * x) + fabsl(shift));
  const long double steps = value / c->y_scale;
  const long double low = fmaxl(-128, fminl(127, rintl(steps - slack) + c->y_zero_point));
  const long double high = fmaxl(-128, fminl(127, rintl(steps + slack) + c->y_zero_point));
  return y >= (int)low && y <= (int)high;
}

bool int8_check(int8_run *run, const char *what) {
  const size_t bytes = (size_t)(run->extent[1] + run->c.skip);
  int8_t *const got = malloc(bytes);
  CU_ASSERT_FATAL(got != NULL);
  CU_ASSERT(!cubnDownloadBuffer(run->buffers[INT8_PARAMS + !run->c.in_place], 0, got, bytes));
  bool good = true;
  for (int64_t channel = 0; channel < run->channels; ++channel)
    for (int64_t i = 0; i < run->count && good; ++i) {
      const int8_t x = run->x[offset_of(run, run->x_strides, channel, i)];
      const int64_t at = offset_of(run, run->y_strides, channel, i);
      const int wanted = by_documentation(run, channel, x);
      good = SUITE_CHECK(got[at] == wanted, "%s: channel %d, value %d: x %d gives %d, wanted %d",
                         what, (int)channel, (int)i, x, got[at], wanted) &&
             SUITE_CHECK(is_near_exact(run, channel, x, got[at]),
                         "%s: channel %d, value %d: x %d gives %d, which is not near exact", what,
                         (int)channel, (int)i, x, got[at]);
      run->y[at] = got[at];
    }
  good = good && SUITE_CHECK(memcmp(got, run->y, bytes) == 0, "%s: gaps were written", what);
  free(got);
  return good;
}
