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
