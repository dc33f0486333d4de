/* What setters and getters answer, by cuDNN itself (it needs no GPU for that) and by cubn: the
 * same, but for the lines with two values. docs/COMPATIBILITY.md says the same in words. */
#include <stdio.h>
#include <string.h>

#include "dropin.h"

/* What is expected of cuDNN, and of cubn. */
#ifdef DROPIN_USES_CUBN
#define EITHER(cudnn, cubn) (cubn)
#else
#define EITHER(cudnn, cubn) (cudnn)
#endif

static int failures;

static void expect(int is_right, const char *what) {
  if (is_right) return;
  ++failures;
  fprintf(stderr, "descriptors: %s\n", what);
}

#define OK CUDNN_STATUS_SUCCESS
#define BAD CUDNN_STATUS_BAD_PARAM
#define UNSUPPORTED CUDNN_STATUS_NOT_SUPPORTED

static cudnnTensorDescriptor_t x;

static cudnnStatus_t set(int rank, const int dims[], const int strides[]) {
  return cudnnSetTensorNdDescriptor(x, CUDNN_DATA_FLOAT, rank, dims, strides);
}

static size_t size(void) {
  size_t bytes = 77;
  expect(cudnnGetTensorSizeInBytes(x, &bytes) == OK, "size");
  return bytes;
}

/* Whether the 4d getter gives these dimensions and strides. */
static int is_4d(const int wanted[8]) {
  int d[8];
  cudnnDataType_t type;
  if (cudnnGetTensor4dDescriptor(x, &type, d, d + 1, d + 2, d + 3, d + 4, d + 5, d + 6, d + 7))
    return 0;
  return memcmp(d, wanted, sizeof d) == 0;
}

static void test_unset(void) {
  int rank = 77, dims[8], strides[8];
  cudnnDataType_t type;
  expect(size() == 0, "size of a descriptor that was never set");
  expect(cudnnGetTensorNdDescriptor(x, 8, &type, &rank, dims, strides) == EITHER(OK, BAD) &&
             rank == EITHER(0, 77),
         "descriptor that was never set");
}

static void test_set(void) {
  const int ones[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
  const int dims[5] = {2, 3, 4, 5, 6}, gaps[4] = {1000, 100, 10, 2};
  const int packed[5] = {360, 120, 30, 6, 1}, mirrored[4] = {-60, 20, 5, -1};
  const int mirrored_4d[8] = {2, 3, 4, 5, -60, 20, 5, -1};
  const int first_four[8] = {2, 3, 4, 5, 360, 120, 30, 6};
  const int empty[4] = {2, 0, 4, 5}, repeated[4] = {60, 20, 0, 1};
  expect(set(1, ones, ones) == BAD && set(0, ones, ones) == BAD, "rank 0 and 1");
  expect(set(9, ones, ones) == UNSUPPORTED, "rank 9");
  expect(set(2, ones, ones) == OK && set(8, ones, ones) == OK, "rank 2 and 8");
  expect(set(4, dims, gaps) == OK && size() == 4956, "gaps");
  expect(set(4, dims, mirrored) == OK && is_4d(mirrored_4d) && size() == 480, "negative strides");
  expect(set(5, dims, packed) == OK && is_4d(first_four), "4d getter of rank 5");
#ifdef DROPIN_USES_CUBN /* cuDNN reads them */
  expect(set(4, NULL, gaps) == BAD && set(4, dims, NULL) == BAD, "NULL");
#endif
  expect(set(4, empty, packed) == EITHER(BAD, OK), "dimension 0");
  expect(set(4, dims, repeated) == EITHER(BAD, OK), "stride 0");
  expect(cudnnSetTensor4dDescriptor(x, CUDNN_TENSOR_NCHW, CUDNN_DATA_FLOAT, 1, 1, 65536, 32768) ==
             EITHER(UNSUPPORTED, OK),
         "2^31 elements");
  expect(cudnnSetTensor4dDescriptor(x, CUDNN_TENSOR_NCHW, CUDNN_DATA_INT32, 2, 3, 4, 5) ==
             EITHER(OK, BAD),
         "INT32");
  expect(cudnnSetTensor4dDescriptor(x, CUDNN_TENSOR_NCHW, CUDNN_DATA_INT64, 2, 3, 4, 5) == BAD,
         "INT64");
  expect(cudnnSetTensor4dDescriptor(NULL, CUDNN_TENSOR_NCHW, CUDNN_DATA_FLOAT, 2, 3, 4, 5) == BAD,
         "no descriptor");
}

static void test_derive(void) {
  static const cudnnDataType_t types[] = {CUDNN_DATA_FLOAT, CUDNN_DATA_DOUBLE, CUDNN_DATA_HALF,
                                          CUDNN_DATA_BFLOAT16, CUDNN_DATA_INT8};
  for (size_t i = 0; i < sizeof types / sizeof *types; ++i) {
    const int wanted[8] = {1, 3, 1, 1, 3, 1, 1, 1};
    cudnnDataType_t type;
    int rank, dims[4], strides[4];
    cudnnSetTensor4dDescriptor(x, CUDNN_TENSOR_NHWC, types[i], 2, 3, 4, 5);
    expect(cudnnDeriveBNTensorDescriptor(x, x, CUDNN_BATCHNORM_SPATIAL) == OK && is_4d(wanted),
           "derived from itself");
    cudnnGetTensorNdDescriptor(x, 4, &type, &rank, dims, strides);
    expect(type == (i == 1 ? CUDNN_DATA_DOUBLE : CUDNN_DATA_FLOAT), "type of parameters");
  }
}

static void test_activation(void) {
  cudnnActivationDescriptor_t activation;
  cudnnActivationMode_t mode;
  cudnnNanPropagation_t nan;
  double coef;
  expect(cudnnCreateActivationDescriptor(&activation) == OK, "activation");
  expect(cudnnGetActivationDescriptor(activation, &mode, &nan, &coef) == OK &&
             mode == EITHER(CUDNN_ACTIVATION_SIGMOID, CUDNN_ACTIVATION_IDENTITY),
         "new activation");
  expect(cudnnSetActivationDescriptor(activation, CUDNN_ACTIVATION_CLIPPED_RELU,
                                      CUDNN_PROPAGATE_NAN, -1) == EITHER(OK, BAD),
         "CLIPPED_RELU with -1");
  expect(cudnnSetActivationDescriptor(activation, (cudnnActivationMode_t)8, CUDNN_PROPAGATE_NAN,
                                      1) == BAD,
         "unknown activation");
  cudnnDestroyActivationDescriptor(activation);
}

static void test_errors(void) {
  static const struct {
    int status;
    const char *name;
  } list[] = {{0, "CUDNN_STATUS_SUCCESS"},
              {1005, "CUDNN_STATUS_LICENSE_ERROR"},
              {2000, "CUDNN_STATUS_BAD_PARAM"},
              {2001, "CUDNN_STATUS_INVALID_VALUE"},
              {2012, "CUDNN_STATUS_BAD_PARAM_DESCRIPTOR_TYPE"},
              {3014, "CUDNN_STATUS_NOT_SUPPORTED_INVALID_DYNAMIC_SHAPE"},
              {4006, "CUDNN_STATUS_INTERNAL_ERROR_TEXTURE_CREATION_FAILED"},
              {5004, "CUDNN_STATUS_EXECUTION_FAILED_CURAND"},
              {3, "CUDNN_UNKNOWN_STATUS"},
              {12345, "CUDNN_UNKNOWN_STATUS"}};
  for (size_t i = 0; i < sizeof list / sizeof *list; ++i)
    expect(strcmp(cudnnGetErrorString((cudnnStatus_t)list[i].status), list[i].name) == 0,
           list[i].name);
  char text[256] = "";
  cudnnSetTensor4dDescriptor(x, CUDNN_TENSOR_NCHW, CUDNN_DATA_FLOAT, 1, -2, 3, 4);
  cudnnGetLastErrorString(text, sizeof text);
  expect(text[0] != 0, "message of the last error");
  cudnnGetLastErrorString(text, sizeof text);
  expect((text[0] != 0) == EITHER(0, 1), "message of the last error, read again");
}

int main(void) {
#ifndef DROPIN_USES_CUBN
  if (cudnnGetVersion() < 91900) {
    puts("descriptors: not compared with cuDNN, which is older than 9.19");
    return 0;
  }
#endif
  if (cudnnCreateTensorDescriptor(&x) != OK) return 1;
  test_unset();
  test_set();
  test_derive();
  test_activation();
  test_errors();
  expect(cudnnDestroyTensorDescriptor(x) == OK, "destroy");
  printf("descriptors: %d failures\n", failures);
  return failures != 0;
}
