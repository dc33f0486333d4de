/* Convolutions of the stand-in: of 1 x 1, packed floats in NCHW, computed on the spot. */
#include <stdlib.h>

#include "cudnn.h"

struct cudnnFilterStruct {
  int k, c;
};

struct cudnnConvolutionStruct {
  cudnnConvolutionMode_t mode;
};

cudnnStatus_t cudnnCreateFilterDescriptor(cudnnFilterDescriptor_t *descriptor) {
  *descriptor = calloc(1, sizeof **descriptor);
  return *descriptor ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_ALLOC_FAILED;
}

cudnnStatus_t cudnnDestroyFilterDescriptor(cudnnFilterDescriptor_t descriptor) {
  free(descriptor);
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetFilter4dDescriptor(cudnnFilterDescriptor_t descriptor, cudnnDataType_t type,
                                         cudnnTensorFormat_t format, int k, int c, int h, int w) {
  if (type != CUDNN_DATA_FLOAT || format != CUDNN_TENSOR_NCHW || h != 1 || w != 1)
    return CUDNN_STATUS_NOT_SUPPORTED;
  descriptor->k = k;
  descriptor->c = c;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnCreateConvolutionDescriptor(cudnnConvolutionDescriptor_t *descriptor) {
  *descriptor = calloc(1, sizeof **descriptor);
  return *descriptor ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_ALLOC_FAILED;
}

cudnnStatus_t cudnnDestroyConvolutionDescriptor(cudnnConvolutionDescriptor_t descriptor) {
  free(descriptor);
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetConvolution2dDescriptor(cudnnConvolutionDescriptor_t descriptor, int pad_h,
                                              int pad_w, int stride_h, int stride_w, int dilation_h,
                                              int dilation_w, cudnnConvolutionMode_t mode,
                                              cudnnDataType_t type) {
  if (pad_h || pad_w || stride_h != 1 || stride_w != 1 || type != CUDNN_DATA_FLOAT)
    return CUDNN_STATUS_NOT_SUPPORTED;
  descriptor->mode = mode;
  return CUDNN_STATUS_SUCCESS;
}

/* The memory of the emulator can be read and written by the host. */
cudnnStatus_t cudnnConvolutionForward(cudnnHandle_t handle, const void *alpha,
                                      const cudnnTensorDescriptor_t x_desc, const void *x,
                                      const cudnnFilterDescriptor_t filter_desc, const void *filter,
                                      const cudnnConvolutionDescriptor_t convolution_desc,
                                      cudnnConvolutionFwdAlgo_t algorithm, void *workspace,
                                      size_t workspace_bytes, const void *beta,
                                      const cudnnTensorDescriptor_t y_desc, void *y) {
  int n, c, h, w, strides[4];
  cudnnDataType_t type;
  cudnnGetTensor4dDescriptor(x_desc, &type, &n, &c, &h, &w, strides, strides + 1, strides + 2,
                             strides + 3);
  if (c != filter_desc->c || *(const float *)alpha != 1 || *(const float *)beta != 0)
    return CUDNN_STATUS_NOT_SUPPORTED;
  const int k = filter_desc->k, area = h * w;
  for (int i = 0; i < n * k * area; ++i) {
    const int image = i / (k * area), channel = i / area % k, pixel = i % area;
    float sum = 0;
    for (int j = 0; j < c; ++j)
      sum += ((const float *)filter)[channel * c + j] *
             ((const float *)x)[(image * c + j) * area + pixel];
    ((float *)y)[i] = sum;
  }
  return CUDNN_STATUS_SUCCESS;
}
