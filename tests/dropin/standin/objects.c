/* A stand-in for libcudnn.so.9 without a GPU: handles, streams and descriptors. */
#include <stdlib.h>

#include "cudnn.h"

struct cudnnContext {
  cudaStream_t stream;
};

struct cudnnTensorStruct {
  cudnnDataType_t type;
  int rank, dims[CUDNN_DIM_MAX], strides[CUDNN_DIM_MAX];
};

struct cudnnActivationStruct {
  cudnnActivationMode_t mode;
  cudnnNanPropagation_t relu_nan;
  double coef;
};

static unsigned callback_mask;
static void *callback_data;
static cudnnCallback_t callback_function;

size_t cudnnGetVersion(void) {
  return CUDNN_VERSION;
}

cudnnStatus_t cudnnGetProperty(libraryPropertyType type, int *value) {
  *value = type == MAJOR_VERSION ? CUDNN_MAJOR : type == MINOR_VERSION ? CUDNN_MINOR : 0;
  return CUDNN_STATUS_SUCCESS;
}

const char *cudnnGetErrorString(cudnnStatus_t status) {
  if (status == CUDNN_STATUS_SUCCESS) return "CUDNN_STATUS_SUCCESS";
  if (status == CUDNN_STATUS_BAD_PARAM) return "CUDNN_STATUS_BAD_PARAM";
  return status == CUDNN_STATUS_LICENSE_ERROR ? "the stand-in cannot compute" : "another status";
}

cudnnStatus_t cudnnSetCallback(unsigned mask, void *user_data, cudnnCallback_t callback) {
  callback_mask = mask;
  callback_data = user_data;
  callback_function = callback;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnGetCallback(unsigned *mask, void **user_data, cudnnCallback_t *callback) {
  *mask = callback_mask;
  *user_data = callback_data;
  *callback = callback_function;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnCreate(cudnnHandle_t *handle) {
  *handle = calloc(1, sizeof **handle);
  return *handle ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_ALLOC_FAILED;
}

cudnnStatus_t cudnnDestroy(cudnnHandle_t handle) {
  free(handle);
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
  handle->stream = stream;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnGetStream(cudnnHandle_t handle, cudaStream_t *stream) {
  *stream = handle->stream;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnCreateTensorDescriptor(cudnnTensorDescriptor_t *descriptor) {
  *descriptor = calloc(1, sizeof **descriptor);
  return *descriptor ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_ALLOC_FAILED;
}

cudnnStatus_t cudnnDestroyTensorDescriptor(cudnnTensorDescriptor_t descriptor) {
  free(descriptor);
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetTensorNdDescriptor(cudnnTensorDescriptor_t descriptor, cudnnDataType_t type,
                                         int rank, const int dims[], const int strides[]) {
  descriptor->type = type;
  descriptor->rank = rank;
  for (int d = 0; d < rank; ++d) {
    descriptor->dims[d] = dims[d];
    descriptor->strides[d] = strides[d];
  }
  return CUDNN_STATUS_SUCCESS;
}

/* Of NCHW tensors only. */
cudnnStatus_t cudnnSetTensor4dDescriptor(cudnnTensorDescriptor_t descriptor,
                                         cudnnTensorFormat_t format, cudnnDataType_t type, int n,
                                         int c, int h, int w) {
  const int dims[] = {n, c, h, w}, strides[] = {c * h * w, h * w, w, 1};
  if (format != CUDNN_TENSOR_NCHW) return CUDNN_STATUS_NOT_SUPPORTED;
  return cudnnSetTensorNdDescriptor(descriptor, type, 4, dims, strides);
}

cudnnStatus_t cudnnGetTensorNdDescriptor(const cudnnTensorDescriptor_t descriptor,
                                         int requested_rank, cudnnDataType_t *type, int *rank,
                                         int dims[], int strides[]) {
  *type = descriptor->type;
  *rank = descriptor->rank;
  for (int d = 0; d < descriptor->rank && d < requested_rank; ++d) {
    dims[d] = descriptor->dims[d];
    strides[d] = descriptor->strides[d];
  }
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnGetTensor4dDescriptor(const cudnnTensorDescriptor_t descriptor,
                                         cudnnDataType_t *type, int *n, int *c, int *h, int *w,
                                         int *n_stride, int *c_stride, int *h_stride,
                                         int *w_stride) {
  int *const dims[] = {n, c, h, w}, *const strides[] = {n_stride, c_stride, h_stride, w_stride};
  *type = descriptor->type;
  for (int d = 0; d < 4; ++d) {
    *dims[d] = descriptor->dims[d];
    *strides[d] = descriptor->strides[d];
  }
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnDeriveBNTensorDescriptor(cudnnTensorDescriptor_t derived,
                                            const cudnnTensorDescriptor_t x,
                                            cudnnBatchNormMode_t mode) {
  derived->type = x->type == CUDNN_DATA_DOUBLE ? CUDNN_DATA_DOUBLE : CUDNN_DATA_FLOAT;
  derived->rank = x->rank;
  for (int d = x->rank - 1, stride = 1; d >= 0; --d) {
    const int is_kept = d == 1 || (d > 1 && mode == CUDNN_BATCHNORM_PER_ACTIVATION);
    derived->dims[d] = is_kept ? x->dims[d] : 1;
    derived->strides[d] = stride;
    stride *= derived->dims[d];
  }
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnCreateActivationDescriptor(cudnnActivationDescriptor_t *descriptor) {
  *descriptor = calloc(1, sizeof **descriptor);
  return *descriptor ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_ALLOC_FAILED;
}

cudnnStatus_t cudnnDestroyActivationDescriptor(cudnnActivationDescriptor_t descriptor) {
  free(descriptor);
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetActivationDescriptor(cudnnActivationDescriptor_t descriptor,
                                           cudnnActivationMode_t mode,
                                           cudnnNanPropagation_t relu_nan, double coef) {
  descriptor->mode = mode;
  descriptor->relu_nan = relu_nan;
  descriptor->coef = coef;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnGetActivationDescriptor(const cudnnActivationDescriptor_t descriptor,
                                           cudnnActivationMode_t *mode,
                                           cudnnNanPropagation_t *relu_nan, double *coef) {
  *mode = descriptor->mode;
  *relu_nan = descriptor->relu_nan;
  *coef = descriptor->coef;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnGetActivationDescriptorSwishBeta(const cudnnActivationDescriptor_t descriptor,
                                                    double *swish_beta) {
  (void)descriptor;
  *swish_beta = 1;
  return CUDNN_STATUS_SUCCESS;
}
