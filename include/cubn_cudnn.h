/* cuDNN's batch normalization under cuDNN's names: include this instead of cudnn.h in a program
 * that uses of cuDNN only handles, streams, tensor and activation descriptors, batch normalization
 * and normalization, messages and errors. It then runs on cubn, on GPUs and CPUs, unchanged.
 *
 *     cc -include cubn_cudnn.h ... program.c -lcubn      with the line for cudnn.h removed, or
 *     #include <cubn_cudnn.h>                            in its place
 *
 * Memory remains the program's business: device memory (cudaMalloc) where its handles are on a GPU,
 * host memory where they are on a CPU. Like cudnn.h, this header includes the CUDA runtime's header
 * where the compiler finds one, unless CUBN_CUDNN_WITHOUT_CUDA is defined; it does not need it.
 * What differs from cuDNN: docs/COMPATIBILITY.md.
 *
 * Functions are macros for cubn's, so that they can be called and their addresses taken; their
 * names cannot be declared again. Must not be included in one file with cudnn.h. */
#ifndef CUBN_CUDNN_H
#define CUBN_CUDNN_H

#if defined(CUDNN_H_) || defined(CUDNN_GRAPH_H_) || defined(CUDNN_OPS_H_)
#error "cubn_cudnn.h takes the place of cudnn.h, which was included before"
#endif

#include "cubn.h"
#include "cubn_cudnn_names.h"

#if defined(__has_include) && !defined(CUBN_CUDNN_WITHOUT_CUDA)
#if __has_include(<cuda_runtime_api.h>)
#include <cuda_runtime_api.h>
#endif
#endif
#ifndef __DRIVER_TYPES_H__ /* of the CUDA toolkit, which declares the same */
typedef cubnStream_t cudaStream_t;
#endif
#if defined(__has_include) && !defined(CUBN_CUDNN_WITHOUT_CUDA)
#if __has_include(<library_types.h>)
#include <library_types.h>
#endif
#endif
#ifndef __LIBRARY_TYPES_H__ /* likewise */
typedef enum libraryPropertyType_t {
  MAJOR_VERSION,
  MINOR_VERSION,
  PATCH_LEVEL
} libraryPropertyType;
#endif

#ifndef CUDNNWINAPI
#define CUDNNWINAPI
#endif

/* ---- Handles and descriptors; the tags for programs that declare the types themselves */
#define cudnnContext cubnContext
#define cudnnTensorStruct cubnTensorStruct
#define cudnnActivationStruct cubnActivationStruct
typedef cubnHandle_t cudnnHandle_t;
typedef cubnTensorDescriptor_t cudnnTensorDescriptor_t;
typedef cubnActivationDescriptor_t cudnnActivationDescriptor_t;

#define cudnnCreate cubnCreate
#define cudnnDestroy cubnDestroy
#define cudnnSetStream cubnSetStream
#define cudnnGetStream cubnGetStream

#define cudnnCreateTensorDescriptor cubnCreateTensorDescriptor
#define cudnnDestroyTensorDescriptor cubnDestroyTensorDescriptor
#define cudnnSetTensor4dDescriptor cubnSetTensor4dDescriptor
#define cudnnSetTensor4dDescriptorEx cubnSetTensor4dDescriptorEx
#define cudnnSetTensorNdDescriptor cubnSetTensorNdDescriptor
#define cudnnSetTensorNdDescriptorEx cubnSetTensorNdDescriptorEx
#define cudnnGetTensor4dDescriptor cubnGetTensor4dDescriptor
#define cudnnGetTensorNdDescriptor cubnGetTensorNdDescriptor
#define cudnnGetTensorSizeInBytes cubnGetTensorSizeInBytes

#define cudnnCreateActivationDescriptor cubnCreateActivationDescriptor
#define cudnnDestroyActivationDescriptor cubnDestroyActivationDescriptor
#define cudnnSetActivationDescriptor cubnSetActivationDescriptor
#define cudnnGetActivationDescriptor cubnGetActivationDescriptor
#define cudnnSetActivationDescriptorSwishBeta cubnSetActivationDescriptorSwishBeta
#define cudnnGetActivationDescriptorSwishBeta cubnGetActivationDescriptorSwishBeta

/* ---- Batch normalization */
#define cudnnDeriveBNTensorDescriptor cubnDeriveBNTensorDescriptor
#define cudnnBatchNormalizationForwardTraining cubnBatchNormalizationForwardTraining
#define cudnnBatchNormalizationForwardTrainingEx cubnBatchNormalizationForwardTrainingEx
#define cudnnBatchNormalizationForwardInference cubnBatchNormalizationForwardInference
#define cudnnBatchNormalizationBackward cubnBatchNormalizationBackward
#define cudnnBatchNormalizationBackwardEx cubnBatchNormalizationBackwardEx
#define cudnnGetBatchNormalizationForwardTrainingExWorkspaceSize \
  cubnGetBatchNormalizationForwardTrainingExWorkspaceSize
#define cudnnGetBatchNormalizationBackwardExWorkspaceSize \
  cubnGetBatchNormalizationBackwardExWorkspaceSize
#define cudnnGetBatchNormalizationTrainingExReserveSpaceSize \
  cubnGetBatchNormalizationTrainingExReserveSpaceSize

/* ---- Normalization */
#define cudnnDeriveNormTensorDescriptor cubnDeriveNormTensorDescriptor
#define cudnnNormalizationForwardTraining cubnNormalizationForwardTraining
#define cudnnNormalizationForwardInference cubnNormalizationForwardInference
#define cudnnNormalizationBackward cubnNormalizationBackward
#define cudnnGetNormalizationForwardTrainingWorkspaceSize \
  cubnGetNormalizationForwardTrainingWorkspaceSize
#define cudnnGetNormalizationBackwardWorkspaceSize cubnGetNormalizationBackwardWorkspaceSize
#define cudnnGetNormalizationTrainingReserveSpaceSize cubnGetNormalizationTrainingReserveSpaceSize

/* ---- Messages, errors */
#define cudnnDebugStruct cubnDebugStruct
#define cudnn_version cubn_version /* two members of it */
#define cudnnStatus cubnStatus
typedef cubnDebug_t cudnnDebug_t;
typedef cubnCallback_t cudnnCallback_t;
typedef cubnRuntimeTag_t cudnnRuntimeTag_t;
#define cudnnSetCallback cubnSetCallback
#define cudnnGetCallback cubnGetCallback
#define cudnnQueryRuntimeError cubnQueryRuntimeError
#define cudnnGetLastErrorString cubnGetLastErrorString

/* The names as cuDNN spells them, which programs print and compare. */
static inline const char *cudnnGetErrorString(cudnnStatus_t status) {
  switch (status) {
    case CUBN_STATUS_SUCCESS:
      return "CUDNN_STATUS_SUCCESS";
    case CUBN_STATUS_NOT_INITIALIZED:
      return "CUDNN_STATUS_NOT_INITIALIZED";
    case CUBN_STATUS_SUBLIBRARY_VERSION_MISMATCH:
      return "CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH";
    case CUBN_STATUS_RUNTIME_IN_PROGRESS:
      return "CUDNN_STATUS_RUNTIME_IN_PROGRESS";
    case CUBN_STATUS_RUNTIME_FP_OVERFLOW:
      return "CUDNN_STATUS_RUNTIME_FP_OVERFLOW";
    case CUBN_STATUS_BAD_PARAM:
      return "CUDNN_STATUS_BAD_PARAM";
    case CUBN_STATUS_NOT_SUPPORTED:
      return "CUDNN_STATUS_NOT_SUPPORTED";
    case CUBN_STATUS_INTERNAL_ERROR:
      return "CUDNN_STATUS_INTERNAL_ERROR";
    case CUBN_STATUS_HOST_ALLOCATION_FAILED:
      return "CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED";
    case CUBN_STATUS_DEVICE_ALLOCATION_FAILED:
      return "CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED";
    case CUBN_STATUS_EXECUTION_FAILED:
      return "CUDNN_STATUS_EXECUTION_FAILED";
  }
  return "CUDNN_UNKNOWN_STATUS";
}

/* ---- Versions. cubn's own: cubnGetVersion. */
static inline size_t cudnnGetVersion(void) {
  return CUDNN_VERSION;
}

static inline size_t cudnnGetCudartVersion(void) {
#ifdef CUDART_VERSION
  return CUDART_VERSION;
#else
  return 0; /* without CUDA */
#endif
}

/* A part of cudnnGetVersion(). BAD_PARAM: value is NULL, or type none of the three. */
static inline cudnnStatus_t cudnnGetProperty(libraryPropertyType type, int *value) {
  if (!value || (unsigned)type > PATCH_LEVEL) return CUDNN_STATUS_BAD_PARAM;
  *value = type == MAJOR_VERSION   ? CUDNN_MAJOR
           : type == MINOR_VERSION ? CUDNN_MINOR
                                   : CUDNN_PATCHLEVEL;
  return CUDNN_STATUS_SUCCESS;
}

static inline cudnnStatus_t cudnnOpsVersionCheck(void) {
  return CUDNN_STATUS_SUCCESS;
}

#endif /* CUBN_CUDNN_H */
