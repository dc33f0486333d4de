/* cubnBatchNormForwardInt8: its results by the documented arithmetic, to the last bit, and beside
 * exact arithmetic; and what it refuses. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suites/support/expect_error.h"
#include "suites/support/int8_case.h"
#include "suites/support/wrapped.h"

static const char function[] = "cubnBatchNormForwardInt8";
static const int8_case plain = {.dims = {3, 5, 4, 3},
                                .epsilon = 1e-3,
                                .x_scale = 0.05,
                                .y_scale = 0.03,
                                .x_zero_point = -7,
                                .y_zero_point = 5,
                                .activation = CUBN_ACTIVATION_IDENTITY,
                                .ceiling = 2.01,
                                .seed = 1};

static bool run_case(const int8_case *c, const char *what) {
  int8_run run;
  int8_open(&run, suite_handle(), c);
  const bool good =
      expect_success(cubnBatchNormForwardInt8(suite_handle(), run.descriptor, &run.call), what) &&
      int8_check(&run, what);
  int8_close(&run);
  return good;
}

static void set_activation(int8_case *c, int which) {
  static const cubnActivationMode_t modes[] = {CUBN_ACTIVATION_IDENTITY, CUBN_ACTIVATION_RELU,
                                               CUBN_ACTIVATION_CLIPPED_RELU};
  c->activation = modes[which % 3];
}

static void test_orders(void) {
  for (int i = 0; i < INT8_ORDERS * INT8_ORDERS * 4; ++i) {
    int8_case c = plain;
    char what[96];
    c.x_order = (int8_order)(i % INT8_ORDERS);
    c.y_order = (int8_order)(i / INT8_ORDERS % INT8_ORDERS);
    c.per_activation = i / INT8_ORDERS / INT8_ORDERS == 1;
    c.in_place = i / INT8_ORDERS / INT8_ORDERS == 2;
    c.given_inv_std = i % 2;
    c.seed = (unsigned)i;
    set_activation(&c, i);
    snprintf(what, sizeof what, "order %d to %d, per activation %d, in place %d", (int)c.x_order,
             (int)c.y_order, c.per_activation, c.in_place);
    if (!run_case(&c, what)) return;
  }
}

static int64_t next(unsigned *state, int64_t below) {
  *state = *state * 1664525U + 1013904223U;
  return (int64_t)(*state >> 8) % below;
}

/* Short and long rows and runs, aligned or not. */
static void test_shapes(void) {
  unsigned state = 3;
  for (int i = 0; i < 80; ++i) {
    int8_case c = plain;
    char what[96];
    c.dims[0] = 1 + next(&state, i % 4 == 0 ? 30 : 3);
    c.dims[1] = 1 + next(&state, i % 4 == 1 ? 1500 : 40);
    c.dims[2] = 1 + next(&state, i % 4 == 2 ? 40 : 4);
    c.dims[3] = 1 + next(&state, i % 4 == 3 ? 300 : 20);
    c.x_order = c.y_order = i % 5 == 4 ? INT8_WIDE_LAST : (int8_order)(i % 2);
    c.skip = i % 3 == 0 ? 1 + i % 15 : 0;
    c.in_place = i % 7 == 0;
    c.seed = state;
    for (int a = 0; a < INT8_MEAN; ++a) c.absent[a] = next(&state, 4) == 0;
    c.absent[INT8_MEAN_LOW] = next(&state, 2) == 0;
    c.x_zero_point = (int)next(&state, 256) - 128;
    c.y_zero_point = (int)next(&state, 256) - 128;
    set_activation(&c, (int)next(&state, 3));
    snprintf(what, sizeof what, "shape %d: %d x %d x %d x %d, order %d", i, (int)c.dims[0],
             (int)c.dims[1], (int)c.dims[2], (int)c.dims[3], (int)c.x_order);
    if (!run_case(&c, what)) return;
  }
}

/* Long runs, which threads share, and many channels; in the last two more than have room in the
 * workspace at a time. */
static void test_large(void) {
  static const int64_t dims[][4] = {
      {2, 1, 300, 501}, {1, 70000, 1, 3}, {40, 37, 9, 11}, {2, 1050000, 1, 1}};
  for (int i = 0; i < (suite_all_cases() ? 8 : 6); ++i) {
    int8_case c = plain;
    char what[64];
    memcpy(c.dims, dims[i / 2], sizeof c.dims);
    c.x_order = c.y_order = i == 7 ? INT8_WIDE_LAST : (int8_order)(i % 2);
    snprintf(what, sizeof what, "large %d", i);
    if (!run_case(&c, what)) return;
  }
}

/* Every value of x, with gain 1/2: half of the results are ties. */
static void test_ties(void) {
  for (int zero = -3; zero <= 3; ++zero) {
    int8_case c = plain;
    int8_run run;
    memcpy(c.dims, (const int64_t[]){256, 1, 1, 1}, sizeof c.dims);
    c.x_scale = 0.5;
    c.y_scale = 1;
    c.x_zero_point = 0;
    c.y_zero_point = zero;
    c.given_inv_std = true;
    c.absent[INT8_SCALE] = c.absent[INT8_BIAS] = c.absent[INT8_MEAN_LOW] = true;
    int8_open(&run, suite_handle(), &c);
    int8_t x[256], y[256];
    const float one = 1, none = 0;
    for (int i = 0; i < 256; ++i) x[i] = (int8_t)(i - 128);
    CU_ASSERT(!cubnUploadBuffer(run.buffers[INT8_PARAMS], 0, x, sizeof x));
    CU_ASSERT(!cubnUploadBuffer(run.buffers[INT8_VAR], 0, &one, sizeof one));
    CU_ASSERT(!cubnUploadBuffer(run.buffers[INT8_MEAN], 0, &none, sizeof none));
    expect_success(cubnBatchNormForwardInt8(suite_handle(), run.descriptor, &run.call), "ties");
    CU_ASSERT(!cubnDownloadBuffer(run.buffers[INT8_PARAMS + 1], 0, y, sizeof y));
    for (int i = 0; i < 256; ++i) {
      const int halves = i - 128, below = (halves - (halves & 1)) / 2;
      const int even = below + ((halves & 1) && (below & 1));
      SUITE_CHECK(y[i] == even + zero, "x %d gives %d, wanted %d", halves, y[i], even + zero);
    }
    int8_close(&run);
  }
}

/* Coefficients that leave int8, the integers of float, or float itself. */
static void test_extremes(void) {
  static const float scales[] = {1e4f, -3e7f, 1e30f, 3e38f, INFINITY, NAN, 1e-30f};
  for (int i = 0; i < 7 * 4; ++i) {
    int8_case c = plain;
    c.extreme = scales[i % 7];
    c.y_scale = i % 7 == 3 ? 1e-10 : 0.03;
    c.x_order = c.y_order = (int8_order)(i / 7 % 2);
    c.seed = (unsigned)i;
    set_activation(&c, i / 14);
    if (!run_case(&c, "extreme")) return;
  }
}

/* ---- Refusals ---- */
static void refuse(const int8_run *run, const cubnBatchNormInt8Tensors_t *tensors,
                   cubnStatus_t status, const char *argument, const char *value) {
  expect_error(cubnBatchNormForwardInt8(suite_handle(), run->descriptor, tensors), status, function,
               argument, value);
}

#define REFUSE(member, to, status, argument, value)  \
  do {                                               \
    cubnBatchNormInt8Tensors_t spoiled = run.call;   \
    spoiled.member = (to);                           \
    refuse(&run, &spoiled, status, argument, value); \
  } while (0)

static void test_tensors(void) {
  int8_run run;
  cubnTensorDescriptor_t floats;
  int8_open(&run, suite_handle(), &plain);
  CU_ASSERT(!cubnCreateTensorDescriptor(&floats));
  CU_ASSERT(!cubnSetTensor4dDescriptor(floats, CUBN_TENSOR_NCHW, CUBN_DATA_FLOAT, 3, 5, 4, 3));
  const cubnStatus_t bad = CUBN_STATUS_BAD_PARAM;
  REFUSE(x, NULL, bad, "x", "NULL");
  REFUSE(y, NULL, bad, "y", "NULL");
  REFUSE(mean, NULL, bad, "mean", "NULL");
  REFUSE(var, NULL, bad, "var", "NULL");
  REFUSE(x_desc, NULL, bad, "x_desc", "NULL");
  REFUSE(y_desc, NULL, bad, "y_desc", "NULL");
  REFUSE(param_desc, NULL, bad, "param_desc", "NULL");
  cubnBatchNormInt8Tensors_t both = run.call;
  both.x_desc = both.y_desc = floats;
  refuse(&run, &both, bad, "x_desc", "CUBN_DATA_FLOAT");
  REFUSE(y_desc, floats, bad, "y_desc", "CUBN_DATA_FLOAT");
  REFUSE(param_desc, run.x_desc, bad, "param_desc", "CUBN_DATA_INT8");
  REFUSE(x_scale, 0, bad, "x_scale", "0");
  REFUSE(y_scale, -0.5, bad, "y_scale", "-0.5");
  REFUSE(x_scale, INFINITY, bad, "x_scale", "inf");
  REFUSE(y_scale, NAN, bad, "y_scale", NULL);
  REFUSE(x_zero_point, -129, bad, "x_zero_point", "-129");
  REFUSE(y_zero_point, 128, bad, "y_zero_point", "128");
  REFUSE(mean, (const char *)run.call.mean + 1, bad, "mean", NULL);
  REFUSE(y, (char *)run.call.y + 1 - ((char *)run.call.y - (const char *)run.call.x), bad, "y",
         "x");
  REFUSE(y, (int8_t *)(uintptr_t)run.call.mean, bad, "y at", "overlaps");
  refuse(&run, NULL, bad, "tensors", "NULL");
  expect_error(cubnBatchNormForwardInt8(NULL, run.descriptor, &run.call),
               CUBN_STATUS_NOT_INITIALIZED, function, "handle", "NULL");
  expect_error(cubnBatchNormForwardInt8(suite_handle(), NULL, &run.call), bad, function,
               "descriptor", "NULL");
  expect_success(cubnBatchNormForwardInt8(suite_handle(), run.descriptor, &run.call), "valid");
  CU_ASSERT(int8_check(&run, "valid"));
  CU_ASSERT(!cubnDestroyTensorDescriptor(floats));
  int8_close(&run);
}

static void test_attributes(void) {
  int8_run run;
  int8_open(&run, suite_handle(), &plain);
  const cubnBatchNormDescriptor_t d = run.descriptor;
  CU_ASSERT(!cubnSetBatchNormAttribute(d, CUBN_BATCHNORM_ALPHA, 2));
  refuse(&run, &run.call, CUBN_STATUS_NOT_SUPPORTED, "descriptor", "CUBN_BATCHNORM_ALPHA");
  CU_ASSERT(!cubnSetBatchNormAttribute(d, CUBN_BATCHNORM_ALPHA, 1));
  CU_ASSERT(!cubnSetBatchNormAttribute(d, CUBN_BATCHNORM_STATISTICS, CUBN_STATISTICS_BATCH));
  refuse(&run, &run.call, CUBN_STATUS_BAD_PARAM, "descriptor", "CUBN_STATISTICS_BATCH");
  CU_ASSERT(!cubnSetBatchNormAttribute(d, CUBN_BATCHNORM_STATISTICS, CUBN_STATISTICS_GIVEN));
  cubnActivationDescriptor_t tanh_activation;
  CU_ASSERT(!cubnCreateActivationDescriptor(&tanh_activation));
  CU_ASSERT(
      !cubnSetActivationDescriptor(tanh_activation, CUBN_ACTIVATION_TANH, CUBN_PROPAGATE_NAN, 0));
  CU_ASSERT(!cubnSetBatchNormActivation(d, CUBN_BATCHNORM_OPS_BN_ACTIVATION, tanh_activation));
  refuse(&run, &run.call, CUBN_STATUS_NOT_SUPPORTED, "descriptor", "CUBN_ACTIVATION_TANH");
  CU_ASSERT(!cubnDestroyActivationDescriptor(tanh_activation));
  int8_close(&run);
}

/* A call neither allocates nor reads the environment. */
static void test_host_path(void) {
  int8_run run;
  int8_open(&run, suite_handle(), &plain);
  wrapped_reset();
  const cubnStatus_t status = cubnBatchNormForwardInt8(suite_handle(), run.descriptor, &run.call);
  const int allocations = wrapped_counts[WRAPPED_ALLOCATIONS];
  const int looks = wrapped_counts[WRAPPED_ENVIRONMENT];
  expect_success(status, function);
  SUITE_CHECK(allocations == 0 && looks == 0, "%d allocations, %d looks", allocations, looks);
  int8_close(&run);
}

void test_int8_suites(void) {
  static const suite_test tests[] = {{"orders", test_orders},         {"shapes", test_shapes},
                                     {"large", test_large},           {"ties", test_ties},
                                     {"extremes", test_extremes},     {"tensors", test_tensors},
                                     {"attributes", test_attributes}, {NULL, NULL}};
  static const suite_test path[] = {{"no allocation", test_host_path}, {NULL, NULL}};
  suite_add("int8", SUITE_DEVICES, tests);
  suite_add("int8 host path", SUITE_CPU, path);
}
