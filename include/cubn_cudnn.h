/* cuDNN's batch normalization under cuDNN's names: include this instead of cudnn.h in a program
 * that uses of cuDNN only handles, streams, tensor and activation descriptors, batch normalization
 * and normalization, messages and errors. It then runs on cubn, on GPUs and CPUs, unchanged.
 *
 *     #include <cubn_cudnn.h>                            in the place of cudnn.h, or
 *     cc -I PREFIX/include/cubn-cudnn program.c -lcubn   where headers with cuDNN's names include
 *                                                        this one
 *
 * Memory remains the program's business: device memory (cudaMalloc) where its handles are on a GPU,
 * host memory where they are on a CPU. Like cudnn.h, this header includes the CUDA runtime's header
 * where the compiler finds one, unless CUBN_CUDNN_WITHOUT_CUDA is defined; it does not need it.
 * What differs from cuDNN, and what programs do that use more of it: docs/COMPATIBILITY.md.
 *
 * All files of a program that share handles or descriptors take the same header, this one or
 * cuDNN's. A cudnnHandle_t is a cubnHandle_t, and descriptors likewise: cast them for functions
 * that cuDNN does not have. */
#ifndef CUBN_CUDNN_H
#define CUBN_CUDNN_H

#if defined(CUDNN_H_) || defined(CUDNN_GRAPH_H_) || defined(CUDNN_OPS_H_) || \
    defined(CUDNN_OPS_INFER_H_)
#error "cubn_cudnn.h takes the place of cudnn.h, which was included before: remove one of them"
#else

/* cuDNN's own headers, included later, shall be without effect. */
#define CUDNN_H_
#define CUDNN_VERSION_H_
#define CUDNN_GRAPH_H_
#define CUDNN_BACKEND_H_
#define CUDNN_OPS_H_
#define CUDNN_CNN_H_
#define CUDNN_ADV_H_

#if defined(__has_include) && !defined(CUBN_CUDNN_WITHOUT_CUDA)
#if __has_include(<cuda_runtime_api.h>)
#include <cuda_runtime_api.h>
#endif
#endif
#ifndef __DRIVER_TYPES_H__ /* of the CUDA toolkit, which declares the same */
typedef struct CUstream_st *cudaStream_t;
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

/* The name under which the linker looks for a function. */
#define CUBN_CUDNN_IS(name) __asm__(#name)
#include "cubn.h"
#include "cubn_cudnn_names.h"
/* in this order */
#include "cubn_cudnn_absent.h"
#include "cubn_cudnn_functions.h"

/* The names as cuDNN spells them, which programs print and compare. */
static inline const char *cudnnGetErrorString(cudnnStatus_t status) {
#define CUBN_CUDNN_NAME(name) \
  case name:                  \
    return #name;
  switch (status) {
    CUBN_CUDNN_NAME(CUDNN_STATUS_SUCCESS)
    CUBN_CUDNN_NAME(CUDNN_STATUS_NOT_INITIALIZED)
    CUBN_CUDNN_NAME(CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH)
    CUBN_CUDNN_NAME(CUDNN_STATUS_SERIALIZATION_VERSION_MISMATCH)
    CUBN_CUDNN_NAME(CUDNN_STATUS_DEPRECATED)
    CUBN_CUDNN_NAME(CUDNN_STATUS_LICENSE_ERROR)
    CUBN_CUDNN_NAME(CUDNN_STATUS_RUNTIME_IN_PROGRESS)
    CUBN_CUDNN_NAME(CUDNN_STATUS_RUNTIME_FP_OVERFLOW)
    CUBN_CUDNN_NAME(CUDNN_STATUS_SUBLIBRARY_LOADING_FAILED)
    CUBN_CUDNN_NAME(CUDNN_STATUS_BAD_PARAM)
    CUBN_CUDNN_NAME(CUDNN_STATUS_BAD_PARAM_NULL_POINTER)
    CUBN_CUDNN_NAME(CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER)
    CUBN_CUDNN_NAME(CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED)
    CUBN_CUDNN_NAME(CUDNN_STATUS_BAD_PARAM_OUT_OF_BOUND)
    CUBN_CUDNN_NAME(CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT)
    CUBN_CUDNN_NAME(CUDNN_STATUS_BAD_PARAM_STREAM_MISMATCH)
    CUBN_CUDNN_NAME(CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH)
    CUBN_CUDNN_NAME(CUDNN_STATUS_BAD_PARAM_DUPLICATED_ENTRIES)
    CUBN_CUDNN_NAME(CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE)
    CUBN_CUDNN_NAME(CUDNN_STATUS_BAD_PARAM_CUDA_GRAPH_MISMATCH)
    CUBN_CUDNN_NAME(CUDNN_STATUS_BAD_PARAM_DESCRIPTOR_TYPE)
    CUBN_CUDNN_NAME(CUDNN_STATUS_NOT_SUPPORTED)
    CUBN_CUDNN_NAME(CUDNN_STATUS_NOT_SUPPORTED_GRAPH_PATTERN)
    CUBN_CUDNN_NAME(CUDNN_STATUS_NOT_SUPPORTED_SHAPE)
    CUBN_CUDNN_NAME(CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE)
    CUBN_CUDNN_NAME(CUDNN_STATUS_NOT_SUPPORTED_LAYOUT)
    CUBN_CUDNN_NAME(CUDNN_STATUS_NOT_SUPPORTED_INCOMPATIBLE_CUDA_DRIVER)
    CUBN_CUDNN_NAME(CUDNN_STATUS_NOT_SUPPORTED_INCOMPATIBLE_CUDART)
    CUBN_CUDNN_NAME(CUDNN_STATUS_NOT_SUPPORTED_ARCH_MISMATCH)
    CUBN_CUDNN_NAME(CUDNN_STATUS_NOT_SUPPORTED_RUNTIME_PREREQUISITE_MISSING)
    CUBN_CUDNN_NAME(CUDNN_STATUS_NOT_SUPPORTED_SUBLIBRARY_UNAVAILABLE)
    CUBN_CUDNN_NAME(CUDNN_STATUS_NOT_SUPPORTED_SHARED_MEMORY_INSUFFICIENT)
    CUBN_CUDNN_NAME(CUDNN_STATUS_NOT_SUPPORTED_PADDING)
    CUBN_CUDNN_NAME(CUDNN_STATUS_NOT_SUPPORTED_BAD_LAUNCH_PARAM)
    CUBN_CUDNN_NAME(CUDNN_STATUS_NOT_SUPPORTED_CUDA_GRAPH_NATIVE_API)
    CUBN_CUDNN_NAME(CUDNN_STATUS_NOT_SUPPORTED_INVALID_DYNAMIC_SHAPE)
    CUBN_CUDNN_NAME(CUDNN_STATUS_INTERNAL_ERROR)
    CUBN_CUDNN_NAME(CUDNN_STATUS_INTERNAL_ERROR_COMPILATION_FAILED)
    CUBN_CUDNN_NAME(CUDNN_STATUS_INTERNAL_ERROR_UNEXPECTED_VALUE)
    CUBN_CUDNN_NAME(CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED)
    CUBN_CUDNN_NAME(CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED)
    CUBN_CUDNN_NAME(CUDNN_STATUS_INTERNAL_ERROR_BAD_LAUNCH_PARAM)
    CUBN_CUDNN_NAME(CUDNN_STATUS_INTERNAL_ERROR_TEXTURE_CREATION_FAILED)
    CUBN_CUDNN_NAME(CUDNN_STATUS_EXECUTION_FAILED)
    CUBN_CUDNN_NAME(CUDNN_STATUS_EXECUTION_FAILED_CUDA_DRIVER)
    CUBN_CUDNN_NAME(CUDNN_STATUS_EXECUTION_FAILED_CUBLAS)
    CUBN_CUDNN_NAME(CUDNN_STATUS_EXECUTION_FAILED_CUDART)
    CUBN_CUDNN_NAME(CUDNN_STATUS_EXECUTION_FAILED_CURAND)
    CUBN_CUDNN_NAME(CUDNN_STATUS_INVALID_VALUE)
  }
#undef CUBN_CUDNN_NAME
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

/* Of cuDNN 8 and 9. */
static inline cudnnStatus_t cudnnOpsVersionCheck(void) {
  return CUDNN_STATUS_SUCCESS;
}
#define cudnnGraphVersionCheck cudnnOpsVersionCheck
#define cudnnOpsInferVersionCheck cudnnOpsVersionCheck
#define cudnnOpsTrainVersionCheck cudnnOpsVersionCheck

#endif /* not after cudnn.h */

#endif /* CUBN_CUDNN_H */
