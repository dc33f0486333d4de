/* The header of the stand-in for cuDNN: the declarations of cuDNN that the test program uses. */
#ifndef DROPIN_STANDIN_CUDNN_H
#define DROPIN_STANDIN_CUDNN_H

#include <cuda_runtime_api.h>
#include <library_types.h>

#include "cubn_cudnn_names.h"
#include "cudnn/cudnn_api.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cudnnDebugStruct {
  unsigned cudnn_version;
  cudnnStatus_t cudnnStatus;
} cudnnDebug_t;
typedef void (*cudnnCallback_t)(cudnnSeverity_t severity, void *user_data,
                                const cudnnDebug_t *debug, const char *message);

size_t cudnnGetVersion(void);
cudnnStatus_t cudnnGetProperty(libraryPropertyType type, int *value);
const char *cudnnGetErrorString(cudnnStatus_t status);
cudnnStatus_t cudnnSetCallback(unsigned mask, void *user_data, cudnnCallback_t callback);
cudnnStatus_t cudnnGetCallback(unsigned *mask, void **user_data, cudnnCallback_t *callback);

cudnnStatus_t cudnnCreate(cudnnHandle_t *handle);
cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream);

cudnnStatus_t cudnnCreateTensorDescriptor(cudnnTensorDescriptor_t *descriptor);
cudnnStatus_t cudnnDestroyTensorDescriptor(cudnnTensorDescriptor_t descriptor);
cudnnStatus_t cudnnSetTensorNdDescriptor(cudnnTensorDescriptor_t descriptor, cudnnDataType_t type,
                                         int rank, const int dims[], const int strides[]);
cudnnStatus_t cudnnGetTensor4dDescriptor(const cudnnTensorDescriptor_t descriptor,
                                         cudnnDataType_t *type, int *n, int *c, int *h, int *w,
                                         int *n_stride, int *c_stride, int *h_stride,
                                         int *w_stride);
cudnnStatus_t cudnnDeriveBNTensorDescriptor(cudnnTensorDescriptor_t derived,
                                            const cudnnTensorDescriptor_t x,
                                            cudnnBatchNormMode_t mode);

cudnnStatus_t cudnnCreateActivationDescriptor(cudnnActivationDescriptor_t *descriptor);
cudnnStatus_t cudnnDestroyActivationDescriptor(cudnnActivationDescriptor_t descriptor);
cudnnStatus_t cudnnSetActivationDescriptor(cudnnActivationDescriptor_t descriptor,
                                           cudnnActivationMode_t mode,
                                           cudnnNanPropagation_t relu_nan, double coef);

#ifdef __cplusplus
}
#endif

#endif /* DROPIN_STANDIN_CUDNN_H */
