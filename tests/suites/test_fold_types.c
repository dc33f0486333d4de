/* cubnFoldBatchNorm with a descriptor of its own for the folded weights: halves are folded into
 * floats, where no factor makes them infinite, and into another layout. */
#include <math.h>
#include <stdlib.h>

#include "kit/data_types.h"
#include "suites/support/device_array.h"
#include "suites/support/expect_error.h"
#include "suites/support/scenario.h"

enum { K = 6, CHANNELS = 5, R = 2, WEIGHTS = K * CHANNELS * R };
static const double epsilon = 1e-6; /* with variances of 0 the factor is 1000 */

/* A layer with NHWC weights of `type`, and batch normalization with variances of 0. */
typedef struct fixture {
  cubnDataType_t type;
  cubnTensorDescriptor_t weights_desc, folded_desc; /* NHWC; NCHW */
  float w[WEIGHTS], b[K];                           /* the values, in the order of weights_desc */
  cubnBuffer_t weights, layer_bias;
  void *weights_at, *layer_bias_at;
  device_array mean, var, folded, folded_bias;
} fixture;

static cubnTensorDescriptor_t describe(cubnTensorFormat_t format, cubnDataType_t type) {
  cubnTensorDescriptor_t desc = NULL;
  CU_ASSERT_FATAL(cubnCreateTensorDescriptor(&desc) == CUBN_STATUS_SUCCESS);
  CU_ASSERT(cubnSetTensor4dDescriptor(desc, format, type, K, CHANNELS, R, 1) ==
            CUBN_STATUS_SUCCESS);
  return desc;
}

/* Rounds values to the type, and creates an array of them on the device. */
static cubnBuffer_t create(cubnDataType_t type, int count, float *values, void **at) {
  float memory[WEIGHTS]; /* has room for each type */
  cubnBuffer_t buffer = NULL;
  for (int i = 0; i < count; ++i) {
    values[i] = (float)data_round(type, values[i]);
    data_store(type, memory, i, values[i]);
  }
  const size_t bytes = (size_t)count * data_type_bytes(type);
  CU_ASSERT_FATAL(cubnCreateBuffer(suite_handle(), bytes, &buffer) == CUBN_STATUS_SUCCESS);
  CU_ASSERT(cubnUploadBuffer(buffer, 0, memory, bytes) == CUBN_STATUS_SUCCESS);
  CU_ASSERT(cubnGetBufferPointer(buffer, at) == CUBN_STATUS_SUCCESS);
  return buffer;
}

static void open_fixture(fixture *f, cubnDataType_t type, cubnDataType_t folded_type) {
  const float zeros[K] = {0};
  f->type = type;
  f->weights_desc = describe(CUBN_TENSOR_NHWC, type);
  f->folded_desc = describe(CUBN_TENSOR_NCHW, folded_type);
  for (int i = 0; i < WEIGHTS; ++i) f->w[i] = (i % 2 ? -1.0f : 1.0f) * (100.3f + 3.7f * (float)i);
  for (int k = 0; k < K; ++k) f->b[k] = 80.1f * (float)(k + 1);
  f->weights = create(type, WEIGHTS, f->w, &f->weights_at);
  f->layer_bias = create(type, K, f->b, &f->layer_bias_at);
  f->mean = device_array_random(K, 5, 10.0f, 3.0f);
  f->var = device_array_create(K, zeros);
  f->folded = device_array_create(WEIGHTS, NULL);
  f->folded_bias = device_array_create(K, NULL);
}

static void close_fixture(fixture *f) {
  device_array *const arrays[] = {&f->mean, &f->var, &f->folded, &f->folded_bias};
  for (int i = 0; i < 4; ++i) device_array_destroy(arrays[i]);
  cubnDestroyBuffer(f->weights);
  cubnDestroyBuffer(f->layer_bias);
  cubnDestroyTensorDescriptor(f->weights_desc);
  cubnDestroyTensorDescriptor(f->folded_desc);
}

static cubnStatus_t fold(const fixture *f, const void *layer_bias,
                         cubnTensorDescriptor_t folded_desc, void *folded, void *folded_bias) {
  return cubnFoldBatchNorm(suite_handle(), f->weights_desc, f->weights_at, layer_bias, NULL, NULL,
                           f->mean.pointer, f->var.pointer, epsilon, folded_desc, folded,
                           folded_bias);
}

static void expect_value(const char *what, int at, double got, double wanted) {
  SUITE_CHECK(fabs(got - wanted) <= scenario_slack(CUBN_DATA_FLOAT, fabs(wanted)),
              "%s[%d] is %.9g, wanted %.9g", what, at, got, wanted);
}

/* Into floats, in NCHW. */
static void check_into_float(cubnDataType_t type, bool has_layer_bias) {
  fixture f;
  open_fixture(&f, type, CUBN_DATA_FLOAT);
  expect_success(fold(&f, has_layer_bias ? f.layer_bias_at : NULL, f.folded_desc, f.folded.pointer,
                      f.folded_bias.pointer),
                 "fold into float");
  const double factor = 1 / sqrt(epsilon);
  float *const mean = device_array_read(&f.mean), *const got = device_array_read(&f.folded);
  float *const got_bias = device_array_read(&f.folded_bias);
  for (int k = 0; k < K; ++k) {
    expect_value("folded_bias", k, got_bias[k],
                 ((has_layer_bias ? f.b[k] : 0.0) - mean[k]) * factor);
    for (int c = 0; c < CHANNELS; ++c)
      for (int r = 0; r < R; ++r)
        expect_value("folded_weights", (k * CHANNELS + c) * R + r, got[(k * CHANNELS + c) * R + r],
                     f.w[(k * R + r) * CHANNELS + c] * factor);
  }
  free(mean);
  free(got);
  free(got_bias);
  close_fixture(&f);
}

static void test_into_float(void) {
  for (int has_layer_bias = 0; has_layer_bias < 2; ++has_layer_bias) {
    check_into_float(CUBN_DATA_HALF, has_layer_bias);
    check_into_float(CUBN_DATA_BFLOAT16, has_layer_bias);
    check_into_float(CUBN_DATA_FLOAT, has_layer_bias);
  }
}

/* Weights without inputs: there is the bias alone. */
static void test_no_weights(void) {
  fixture f;
  const int dims[] = {K, 0};
  open_fixture(&f, CUBN_DATA_HALF, CUBN_DATA_FLOAT);
  CU_ASSERT(
      !cubnSetTensorNdDescriptorEx(f.weights_desc, CUBN_TENSOR_NCHW, CUBN_DATA_HALF, 2, dims));
  CU_ASSERT(
      !cubnSetTensorNdDescriptorEx(f.folded_desc, CUBN_TENSOR_NCHW, CUBN_DATA_FLOAT, 2, dims));
  expect_success(fold(&f, f.layer_bias_at, f.folded_desc, NULL, f.folded_bias.pointer), "fold");
  float *const mean = device_array_read(&f.mean), *const got = device_array_read(&f.folded_bias);
  for (int k = 0; k < K; ++k)
    expect_value("folded_bias", k, got[k], ((double)f.b[k] - mean[k]) / sqrt(epsilon));
  free(mean);
  free(got);
  close_fixture(&f);
}

/* Folded into their own type, values beyond its range become infinite, as in any rounding. */
static void test_out_of_range(void) {
  fixture f;
  uint16_t got[WEIGHTS];
  open_fixture(&f, CUBN_DATA_HALF, CUBN_DATA_HALF);
  expect_success(fold(&f, f.layer_bias_at, NULL, f.weights_at, f.layer_bias_at), "fold in place");
  CU_ASSERT(cubnDownloadBuffer(f.weights, 0, got, sizeof got) == CUBN_STATUS_SUCCESS);
  for (int i = 0; i < WEIGHTS; ++i) {
    const double value = data_load(CUBN_DATA_HALF, got, i);
    SUITE_CHECK(isinf(value) && (value > 0) == (f.w[i] > 0), "weight %d, %g times 1000, is %g", i,
                (double)f.w[i], value);
  }
  close_fixture(&f);
}

static void refuse(const fixture *f, const void *layer_bias, cubnTensorDescriptor_t folded_desc,
                   void *folded, void *folded_bias, const char *argument, const char *value) {
  expect_error(fold(f, layer_bias, folded_desc, folded, folded_bias), CUBN_STATUS_BAD_PARAM,
               "cubnFoldBatchNorm", argument, value);
}

static void test_refusals(void) {
  fixture f;
  open_fixture(&f, CUBN_DATA_HALF, CUBN_DATA_FLOAT);
  void *const w = f.weights_at, *const b = f.layer_bias_at;
  void *const to = f.folded.pointer, *const to_bias = f.folded_bias.pointer;
  const cubnTensorDescriptor_t desc = f.folded_desc;
  refuse(&f, b, desc, w, to_bias, "folded_weights", NULL);
  refuse(&f, b, desc, to, b, "folded_bias", NULL);
  refuse(&f, b, desc, (char *)to + 2, to_bias, "folded_weights", "4 bytes");
  CU_ASSERT(cubnSetTensor4dDescriptor(desc, CUBN_TENSOR_NCHW, CUBN_DATA_DOUBLE, K, CHANNELS, R,
                                      1) == CUBN_STATUS_SUCCESS);
  refuse(&f, b, desc, to, to_bias, "folded_desc", "CUBN_DATA_DOUBLE");
  CU_ASSERT(cubnSetTensor4dDescriptor(desc, CUBN_TENSOR_NCHW, CUBN_DATA_BFLOAT16, K, CHANNELS, R,
                                      1) == CUBN_STATUS_SUCCESS);
  refuse(&f, b, desc, to, to_bias, "folded_desc", "CUBN_DATA_BFLOAT16");
  CU_ASSERT(cubnSetTensor4dDescriptor(desc, CUBN_TENSOR_NCHW, CUBN_DATA_FLOAT, K, R, CHANNELS, 1) ==
            CUBN_STATUS_SUCCESS);
  refuse(&f, b, desc, to, to_bias, "folded_desc", "dimension 1");
  CU_ASSERT(cubnSetTensor4dDescriptor(desc, CUBN_TENSOR_NCHW, CUBN_DATA_HALF, K, CHANNELS, R, 1) ==
            CUBN_STATUS_SUCCESS);
  refuse(&f, b, desc, w, to_bias, "folded_weights", "strides");
  float *const untouched = device_array_read(&f.folded);
  for (int i = 0; i < WEIGHTS; ++i) CU_ASSERT(isnan(untouched[i]));
  free(untouched);
  close_fixture(&f);
}

void test_fold_types_suites(void) {
  static const suite_test tests[] = {{"into float", test_into_float},
                                     {"no weights", test_no_weights},
                                     {"out of range", test_out_of_range},
                                     {"refusals", test_refusals},
                                     {NULL, NULL}};
  suite_add("fold types", SUITE_DEVICES, tests);
}
