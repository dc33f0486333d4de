/* cuDNN's functions that the binary drop-in takes over or calls, as they are in libcudnn.so.9, with
 * cubn's types for the enumerations, since their values are the same. Handles and descriptors are
 * cuDNN's own objects, unknown here. */
#ifndef CUBN_CUDNN_API_H
#define CUBN_CUDNN_API_H

#include "cubn.h"

typedef struct cudnnContext *cudnnHandle_t;
typedef struct cudnnTensorStruct *cudnnTensorDescriptor_t;
typedef struct cudnnActivationStruct *cudnnActivationDescriptor_t;
typedef cubnStream_t cudaStream_t;
typedef cubnStatus_t cudnnStatus_t;
typedef cubnDataType_t cudnnDataType_t;
typedef cubnTensorFormat_t cudnnTensorFormat_t;
typedef cubnActivationMode_t cudnnActivationMode_t;
typedef cubnNanPropagation_t cudnnNanPropagation_t;
typedef cubnBatchNormMode_t cudnnBatchNormMode_t;
typedef cubnBatchNormOps_t cudnnBatchNormOps_t;
typedef cubnNormMode_t cudnnNormMode_t;
typedef cubnNormOps_t cudnnNormOps_t;
typedef cubnNormAlgo_t cudnnNormAlgo_t;
typedef cubnCallback_t cudnnCallback_t;
typedef cubnErrQueryMode_t cudnnErrQueryMode_t;
typedef cubnRuntimeTag_t cudnnRuntimeTag_t;

#include "cubn_cudnn_functions.h"

#endif /* CUBN_CUDNN_API_H */
