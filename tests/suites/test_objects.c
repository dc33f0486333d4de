/* Pointers to objects of another kind, to none, and to those that were destroyed. */
#include <string.h>

#include "suites/support/expect_error.h"
#include "suites/support/suite.h"

void test_objects_suites(void);

/* Memory that is no object. */
static double nothing[512];

static void expect_bad(cubnStatus_t status, const char *function, const char *argument) {
  expect_error(status, CUBN_STATUS_BAD_PARAM, function, argument, "destroyed");
}

static void check_handle(cubnHandle_t handle) {
  cubnStream_t stream;
  size_t bytes;
  expect_error(cubnGetStream(handle, &stream), CUBN_STATUS_NOT_INITIALIZED, "cubnGetStream",
               "handle", "destroyed");
  expect_error(cubnDestroy(handle), CUBN_STATUS_NOT_INITIALIZED, "cubnDestroy", "handle",
               "destroyed");
  expect_error(cubnBatchNormForward(handle, NULL, NULL), CUBN_STATUS_NOT_INITIALIZED,
               "cubnBatchNormForward", "handle", "destroyed");
  expect_error(cubnGetBatchNormalizationTrainingExReserveSpaceSize(
                   handle, CUBN_BATCHNORM_SPATIAL, CUBN_BATCHNORM_OPS_BN, NULL, NULL, &bytes),
               CUBN_STATUS_NOT_INITIALIZED, "cubnGetBatchNormalizationTrainingExReserveSpaceSize",
               "handle", "destroyed");
}

static void check_tensor(cubnTensorDescriptor_t tensor) {
  const int dims[] = {1, 2};
  size_t bytes;
  expect_bad(cubnSetTensorNdDescriptor(tensor, CUBN_DATA_FLOAT, 2, dims, dims),
             "cubnSetTensorNdDescriptor", "descriptor");
  expect_bad(cubnGetTensorSizeInBytes(tensor, &bytes), "cubnGetTensorSizeInBytes", "descriptor");
  expect_bad(cubnDestroyTensorDescriptor(tensor), "cubnDestroyTensorDescriptor", "descriptor");
}

static void check_activation(cubnActivationDescriptor_t activation) {
  double coef;
  expect_bad(cubnGetActivationDescriptor(activation, NULL, NULL, &coef),
             "cubnGetActivationDescriptor", "descriptor");
  expect_bad(cubnDestroyActivationDescriptor(activation), "cubnDestroyActivationDescriptor",
             "descriptor");
}

static void check_batch_norm(cubnBatchNormDescriptor_t descriptor) {
  expect_bad(cubnSetBatchNormAttribute(descriptor, CUBN_BATCHNORM_EPSILON, 1),
             "cubnSetBatchNormAttribute", "descriptor");
  expect_bad(cubnDestroyBatchNormDescriptor(descriptor), "cubnDestroyBatchNormDescriptor",
             "descriptor");
}

static void check_buffer(cubnBuffer_t buffer) {
  size_t bytes;
  expect_bad(cubnGetBufferSize(buffer, &bytes), "cubnGetBufferSize", "buffer");
  expect_bad(cubnFillBuffer(buffer, 0), "cubnFillBuffer", "buffer");
  expect_bad(cubnDestroyBuffer(buffer), "cubnDestroyBuffer", "buffer");
}

static void check_all(void *object) {
  check_handle(object);
  check_tensor(object);
  check_activation(object);
  check_batch_norm(object);
  check_buffer(object);
}

static void test_no_object(void) {
  check_all(nothing);
  memset(nothing, 0xff, sizeof nothing);
  check_all(nothing);
}

static void test_other_kind(void) {
  cubnTensorDescriptor_t tensor;
  cubnActivationDescriptor_t activation;
  expect_success(cubnCreateTensorDescriptor(&tensor), "create");
  expect_success(cubnCreateActivationDescriptor(&activation), "create");
  check_handle((cubnHandle_t)(void *)tensor);
  check_activation((cubnActivationDescriptor_t)(void *)tensor);
  check_tensor((cubnTensorDescriptor_t)(void *)activation);
  check_batch_norm((cubnBatchNormDescriptor_t)(void *)activation);
  check_buffer((cubnBuffer_t)(void *)suite_handle());
  cubnDestroyTensorDescriptor(tensor);
  cubnDestroyActivationDescriptor(activation);
}

/* AddressSanitizer itself reports a look at memory that was freed. */
#ifndef __SANITIZE_ADDRESS__
static void test_destroyed(void) {
  cubnHandle_t handle;
  cubnTensorDescriptor_t tensor;
  cubnActivationDescriptor_t activation;
  cubnBatchNormDescriptor_t batch_norm;
  cubnBuffer_t buffer;
  expect_success(cubnCreateTensorDescriptor(&tensor), "create");
  expect_success(cubnDestroyTensorDescriptor(tensor), "destroy");
  check_tensor(tensor);
  expect_success(cubnCreateActivationDescriptor(&activation), "create");
  expect_success(cubnDestroyActivationDescriptor(activation), "destroy");
  check_activation(activation);
  expect_success(cubnCreateBatchNormDescriptor(&batch_norm), "create");
  expect_success(cubnDestroyBatchNormDescriptor(batch_norm), "destroy");
  check_batch_norm(batch_norm);
  expect_success(cubnCreateBuffer(suite_handle(), 64, &buffer), "create");
  expect_success(cubnDestroyBuffer(buffer), "destroy");
  check_buffer(buffer);
  expect_success(cubnCreateOnDevice(&handle, suite_device()), "create");
  expect_success(cubnDestroy(handle), "destroy");
  check_handle(handle);
}
#endif

void test_objects_suites(void) {
  static const suite_test tests[] = {{"memory that is no object", test_no_object},
                                     {"objects of another kind", test_other_kind},
#ifndef __SANITIZE_ADDRESS__
                                     {"destroyed objects", test_destroyed},
#endif
                                     {NULL, NULL}};
  suite_add("objects", SUITE_DEVICES, tests);
}
