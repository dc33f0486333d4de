/* A program that uses of cuDNN batch normalization only. Its tensors are in the host's memory, so
 * that it needs a CPU handle (CUBN_DEVICE=cpu). */
#include <cudnn.h>
#include <math.h>
#include <stdio.h>

/* Whether y = (x - 2) / sqrt(4) for the given mean 2 and variance 4. */
static int normalizes(cudnnHandle_t handle) {
  const float x[6] = {0, 2, 4, 6, 8, 10}, ones[3] = {1, 1, 1}, zeros[3] = {0, 0, 0};
  const float mean[3] = {2, 2, 2}, var[3] = {4, 4, 4}, alpha = 1, beta = 0;
  float y[6] = {0, 0, 0, 0, 0, 0};
  cudnnTensorDescriptor_t x_desc, param_desc;
  if (cudnnCreateTensorDescriptor(&x_desc) || cudnnCreateTensorDescriptor(&param_desc)) return 0;
  cudnnSetTensor4dDescriptor(x_desc, CUDNN_TENSOR_NCHW, CUDNN_DATA_FLOAT, 2, 3, 1, 1);
  cudnnDeriveBNTensorDescriptor(param_desc, x_desc, CUDNN_BATCHNORM_SPATIAL);
  const cudnnStatus_t status = cudnnBatchNormalizationForwardInference(
      handle, CUDNN_BATCHNORM_SPATIAL, &alpha, &beta, x_desc, x, x_desc, y, param_desc, ones, zeros,
      mean, var, 0);
  if (status != CUDNN_STATUS_SUCCESS) fprintf(stderr, "%s\n", cudnnGetErrorString(status));
  cudnnDestroyTensorDescriptor(x_desc);
  cudnnDestroyTensorDescriptor(param_desc);
  for (int i = 0; i < 6; ++i)
    if (!(fabsf(y[i] - (x[i] - 2) / 2) < 1e-6f)) return 0;
  return status == CUDNN_STATUS_SUCCESS;
}

int main(void) {
  cudnnHandle_t handle;
  if (cudnnCreate(&handle) != CUDNN_STATUS_SUCCESS) return 1;
  const int right = normalizes(handle);
  puts(right ? "norm: right" : "norm: wrong");
  return cudnnDestroy(handle) != CUDNN_STATUS_SUCCESS || !right;
}
