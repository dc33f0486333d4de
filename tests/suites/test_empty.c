/* Tensors without elements, and those of so many that numbers overflow. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "suites/support/device_array.h"
#include "suites/support/expect_error.h"
#include "suites/support/suite.h"

void test_empty_suites(void);

enum { RANK_MAX = CUBN_DIM_MAX };

typedef struct call {
  cubnTensorDescriptor_t x, param;
  cubnBatchNormMode_t mode;
} call;

/* Describes a tensor whose strides are products of dimensions: 0 before an empty one. */
static bool describe(cubnTensorDescriptor_t tensor, int rank, const int dims[]) {
  int strides[RANK_MAX];
  for (int i = rank - 1, product = 1; i >= 0; product *= dims[i--]) strides[i] = product;
  return expect_success(cubnSetTensorNdDescriptor(tensor, CUBN_DATA_FLOAT, rank, dims, strides),
                        "set");
}

static void train(const call *call) {
  const float one = 1, zero = 0;
  const cubnHandle_t handle = suite_handle();
  expect_success(cubnBatchNormalizationForwardTraining(handle, call->mode, &one, &zero, call->x,
                                                       NULL, call->x, NULL, call->param, NULL, NULL,
                                                       0.1, NULL, NULL, 1e-5, NULL, NULL),
                 "training");
  expect_success(cubnBatchNormalizationForwardInference(handle, call->mode, &one, &zero, call->x,
                                                        NULL, call->x, NULL, call->param, NULL,
                                                        NULL, NULL, NULL, 1e-5),
                 "inference");
}

/* Sizes, and operations on no memory, in which there are no parameters either. */
static void test_strides_of_products(void) {
  call call = {.mode = CUBN_BATCHNORM_SPATIAL};
  expect_success(cubnCreateTensorDescriptor(&call.x), "create");
  expect_success(cubnCreateTensorDescriptor(&call.param), "create");
  for (int rank = 2; rank <= RANK_MAX; ++rank)
    for (int at = 0; at < rank; ++at)
      for (int mode = 0; mode < 2; ++mode) {
        int dims[RANK_MAX] = {2, 3, 4, 2, 3, 2, 2, 2};
        size_t bytes = 1;
        dims[at] = 0;
        call.mode = mode ? CUBN_BATCHNORM_SPATIAL : CUBN_BATCHNORM_PER_ACTIVATION;
        if (!describe(call.x, rank, dims)) continue;
        expect_success(cubnDeriveBNTensorDescriptor(call.param, call.x, call.mode), "derive");
        expect_success(cubnGetTensorSizeInBytes(call.x, &bytes), "size");
        CU_ASSERT(bytes == 0);
        train(&call);
      }
  cubnDestroyTensorDescriptor(call.x);
  cubnDestroyTensorDescriptor(call.param);
}

/* Parameters that are empty, with strides that are products. */
static void test_parameters(void) {
  const int dims[] = {4, 3, 0, 5}, params[] = {1, 3, 0, 5};
  call call = {.mode = CUBN_BATCHNORM_PER_ACTIVATION};
  expect_success(cubnCreateTensorDescriptor(&call.x), "create");
  expect_success(cubnCreateTensorDescriptor(&call.param), "create");
  if (describe(call.x, 4, dims) && describe(call.param, 4, params)) train(&call);
  cubnDestroyTensorDescriptor(call.x);
  cubnDestroyTensorDescriptor(call.param);
}

/* A dimension of 0 does not hide that the others have no product. */
static void test_overflow(void) {
  enum { CASES = 4 };
  const int64_t huge = INT64_C(1) << 40, large = INT64_C(1) << 32;
  const int64_t dims[CASES][4] = {
      {0, large, large, 1}, {huge, 0, huge, 1}, {large, large, 0, 1}, {large, large, 1, 1}};
  const int64_t strides[CASES][4] = {{1, 1, 1, 1}, {0, 0, 0, 0}, {0, 0, 1, 1}, {0, 0, 0, 0}};
  cubnTensorDescriptor_t tensor;
  expect_success(cubnCreateTensorDescriptor(&tensor), "create");
  for (int i = 0; i < CASES; ++i) {
    expect_error(cubnSetTensorNdDescriptor64(tensor, CUBN_DATA_FLOAT, 4, dims[i], NULL),
                 CUBN_STATUS_BAD_PARAM, "cubnSetTensorNdDescriptor64", "dims", "2^63");
    expect_error(cubnSetTensorNdDescriptor64(tensor, CUBN_DATA_FLOAT, 4, dims[i], strides[i]),
                 CUBN_STATUS_BAD_PARAM, "cubnSetTensorNdDescriptor64", "dims", "2^63");
  }
  cubnDestroyTensorDescriptor(tensor);
}

/* A broadcast x may have more elements than memory; the reserve space could not. */
static void test_reserve_overflow(void) {
  const int64_t dims[] = {INT64_C(1) << 31, 2, INT64_C(1) << 30, 1}, strides[] = {0, 0, 0, 1};
  size_t bytes = 7;
  cubnTensorDescriptor_t x;
  cubnActivationDescriptor_t activation;
  expect_success(cubnCreateTensorDescriptor(&x), "create");
  expect_success(cubnCreateActivationDescriptor(&activation), "create");
  expect_success(cubnSetTensorNdDescriptor64(x, CUBN_DATA_DOUBLE, 4, dims, strides), "set");
  expect_success(
      cubnSetActivationDescriptor(activation, CUBN_ACTIVATION_TANH, CUBN_NOT_PROPAGATE_NAN, 0),
      "set activation");
  expect_error(cubnGetBatchNormalizationTrainingExReserveSpaceSize(
                   suite_handle(), CUBN_BATCHNORM_SPATIAL, CUBN_BATCHNORM_OPS_BN_ADD_ACTIVATION,
                   activation, x, &bytes),
               CUBN_STATUS_NOT_SUPPORTED, "cubnGetBatchNormalizationTrainingExReserveSpaceSize",
               "x_desc", "2^64");
  CU_ASSERT(bytes == 7);
  cubnDestroyTensorDescriptor(x);
  cubnDestroyActivationDescriptor(activation);
}

/* ---- Statistics of no values */
enum { CHANNELS = 3, FACTORS = 3 };

/* Trains on an empty batch. In place the running statistics are their own previous ones. */
static void run_empty(double factor, bool in_device_memory, bool in_place) {
  const float previous[CHANNELS] = {1, 2, 3}, given = (float)factor;
  const int dims[] = {0, CHANNELS, 4, 5};
  device_array mean = device_array_create(CHANNELS, previous);
  device_array var = device_array_create(CHANNELS, previous);
  device_array new_mean = device_array_create(CHANNELS, NULL);
  device_array new_var = device_array_create(CHANNELS, NULL);
  device_array saved[3];
  device_array weight = device_array_create(1, &given);
  cubnBatchNormDescriptor_t descriptor;
  cubnTensorDescriptor_t x, param;
  for (int i = 0; i < 3; ++i) saved[i] = device_array_create(CHANNELS, NULL);
  expect_success(cubnCreateTensorDescriptor(&x), "create");
  expect_success(cubnCreateTensorDescriptor(&param), "create");
  expect_success(cubnCreateBatchNormDescriptor(&descriptor), "create");
  describe(x, 4, dims);
  expect_success(cubnDeriveBNTensorDescriptor(param, x, CUBN_BATCHNORM_SPATIAL), "derive");
  cubnSetBatchNormAttribute(descriptor, CUBN_BATCHNORM_FACTOR, in_device_memory ? 0.5 : factor);
  cubnSetBatchNormAttribute(descriptor, CUBN_BATCHNORM_EPSILON, 0.25);
  const cubnBatchNormTensors_t tensors = {
      .x_desc = x,
      .param_desc = param,
      .saved_mean = saved[0].pointer,
      .saved_mean_low = saved[1].pointer,
      .saved_inv_std = saved[2].pointer,
      .running_mean = in_place ? mean.pointer : new_mean.pointer,
      .running_var = in_place ? var.pointer : new_var.pointer,
      .previous_running_mean = in_place ? NULL : mean.pointer,
      .previous_running_var = in_place ? NULL : var.pointer,
      .factor = in_device_memory ? weight.pointer : NULL};
  expect_success(cubnBatchNormForward(suite_handle(), descriptor, &tensors), "empty batch");
  const device_array *const arrays[] = {in_place ? &mean : &new_mean, in_place ? &var : &new_var,
                                        &saved[0], &saved[1], &saved[2]};
  for (int a = 0; a < 5; ++a) {
    float *found = device_array_read(arrays[a]);
    for (int c = 0; c < CHANNELS; ++c) {
      const float wanted = a == 4 ? 2 : a >= 2 || factor == 1 ? 0 : previous[c];
      SUITE_CHECK(found[c] == wanted, "array %d, factor %g, in place %d: %g, wanted %g", a, factor,
                  in_place, (double)found[c], (double)wanted);
    }
    free(found);
  }
  cubnDestroyBatchNormDescriptor(descriptor);
  cubnDestroyTensorDescriptor(x);
  cubnDestroyTensorDescriptor(param);
  device_array *const all[] = {&mean,     &var,      &new_mean, &new_var,
                               &saved[0], &saved[1], &saved[2], &weight};
  for (int i = 0; i < 8; ++i) device_array_destroy(all[i]);
}

static void test_statistics(void) {
  static const double factors[FACTORS] = {0, 0.125, 1};
  for (int f = 0; f < FACTORS; ++f)
    for (int memory = 0; memory < 2; ++memory)
      for (int place = 0; place < 2; ++place) run_empty(factors[f], memory, place);
}

void test_empty_suites(void) {
  static const suite_test tests[] = {{"strides that are products", test_strides_of_products},
                                     {"parameters without elements", test_parameters},
                                     {"dimensions that overflow", test_overflow},
                                     {"reserve space that overflows", test_reserve_overflow},
                                     {"statistics of no values", test_statistics},
                                     {NULL, NULL}};
  suite_add("empty", SUITE_DEVICES, tests);
}
