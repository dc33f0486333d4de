/* cubn - batch normalization for CUDA GPUs and CPUs, behind the calls of cuDNN's classic C API.
 *
 * This header is the manual. From top to bottom: status values and errors, handles and devices,
 * buffers, tensor descriptors, and the three operations: forward training, forward inference,
 * backward. A complete program is examples/minimal.c.
 *
 * What is computed (Ioffe and Szegedy 2015, arXiv:1502.03167, algorithms 1 and 2). A tensor x is
 * split into channels. With m values in a channel:
 *
 *     mean     = sum(x) / m
 *     var      = sum((x - mean)^2) / m                     (biased)
 *     inv_std  = 1 / sqrt(var + epsilon)                   (0 where var + epsilon is 0)
 *     x_hat    = (x - mean) * inv_std
 *     y        = scale * x_hat + bias
 *
 * and backwards, from dy = dL/dy, the gradient of the loss:
 *
 *     dbias    = sum(dy)
 *     dscale   = sum(dy * x_hat)
 *     dx       = scale * inv_std * (dy - dbias / m - x_hat * dscale / m)
 *
 * What a channel is depends on the mode (cubnBatchNormMode_t): per channel over N and all spatial
 * positions for convolutions, per feature over N for fully connected layers.
 *
 * Types. Tensors hold float, double, half or bfloat16 values. All per-channel arrays (scale, bias,
 * running, saved and their gradients) are float, and double if the tensors are double. Arithmetic
 * is at least float, sums are combined in double, and double tensors compute in double throughout.
 *
 * Blending. Every output is  alpha * result + beta * prior.  alpha and beta are host pointers to a
 * float, or to a double for double tensors. With beta = 0 the prior content is not read: it may be
 * uninitialized or NaN.
 *
 * Memory. On a GPU handle all tensor and parameter pointers are device pointers, on a CPU handle
 * host pointers. They need only the alignment of their element type. cubnBuffer_t gives memory of
 * either kind to programs that shall run on both.
 *
 * Asynchrony. On a GPU the operations are enqueued on the handle's stream and return at once. They
 * never allocate and never synchronize and can be captured into CUDA graphs. On a CPU they have
 * finished when they return.
 *
 * Reproducibility. The same call on the same device gives the same bits, whatever else runs there
 * and however many CPU threads there are.
 *
 * Threads. Different threads may use different handles at the same time; a handle, its descriptors
 * and its buffers must not be used by two threads at the same time.
 *
 * Environment, read when a handle is created:
 *   CUBN_DEVICE=cpu|cuda|cuda:N   the device that cubnCreate takes
 *   CUBN_LOG=1                    log calls to stderr: problem, algorithm, why others refused
 *   CUBN_ALGO=name                force an algorithm wherever it accepts the problem
 *   CUBN_THREADS=n                threads of a CPU handle (default: what OpenMP chooses)
 *   CUBN_CPU_TARGET=name          its instruction set: generic, avx2, avx512 or neon (default: the
 *                                 best that the CPU has); one that it does not have is an error
 */
#ifndef CUBN_H
#define CUBN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define CUBN_API __attribute__((visibility("default")))
#else
#define CUBN_API
#endif

#define CUBN_VERSION_MAJOR 0
#define CUBN_VERSION_MINOR 2
#define CUBN_VERSION_PATCH 0
#define CUBN_VERSION (CUBN_VERSION_MAJOR * 10000 + CUBN_VERSION_MINOR * 100 + CUBN_VERSION_PATCH)

/* Version of the library that runs, in the form of CUBN_VERSION. */
CUBN_API size_t cubnGetVersion(void);

/* ---- Status values and errors ------------------------------------------------------------------
 * The values equal cuDNN 9's. A call that is refused (all but EXECUTION_FAILED) writes none of its
 * outputs. */
typedef enum {
  CUBN_STATUS_SUCCESS = 0,
  CUBN_STATUS_NOT_INITIALIZED = 1001,             /* the handle is NULL */
  CUBN_STATUS_SUBLIBRARY_VERSION_MISMATCH = 1002, /* cuDNN's; never returned */
  CUBN_STATUS_RUNTIME_IN_PROGRESS = 1006,         /* cubnQueryRuntimeError: work has not finished */
  CUBN_STATUS_RUNTIME_FP_OVERFLOW = 1007, /* cuDNN's; never returned: no mode here overflows */
  CUBN_STATUS_BAD_PARAM = 2000,           /* an argument is invalid; the message says which */
  CUBN_STATUS_NOT_SUPPORTED = 3000, /* valid, but not available in this library or on this device */
  CUBN_STATUS_INTERNAL_ERROR = 4000,
  CUBN_STATUS_HOST_ALLOCATION_FAILED = 4003,
  CUBN_STATUS_DEVICE_ALLOCATION_FAILED = 4004,
  CUBN_STATUS_EXECUTION_FAILED = 5000 /* the CUDA runtime reported an error */
} cubnStatus_t;

/* Name of a status value, such as "CUBN_STATUS_BAD_PARAM". Never NULL. */
CUBN_API const char *cubnGetErrorString(cubnStatus_t status);

/* Copies the message of the last failed call of the calling thread, at most max_size bytes with the
 * terminating zero: it names the function, the argument and the value. Empty if no call failed yet.
 * Successful calls leave it alone. */
CUBN_API void cubnGetLastErrorString(char *message, size_t max_size);

/* ---- Handles and devices --------------------------------------------------------------------- */
typedef struct cubnContext *cubnHandle_t;

/* The type of a CUDA stream: a cudaStream_t can be passed as it is. */
typedef struct CUstream_st *cubnStream_t;

typedef enum { CUBN_DEVICE_CPU = 0, CUBN_DEVICE_CUDA = 1 } cubnDeviceType_t;

/* Creates a handle on the current CUDA device if there is one, else on the CPU; CUBN_DEVICE
 * overrides.
 *   BAD_PARAM      handle is NULL, or CUBN_DEVICE or CUBN_ALGO names nothing known
 *   NOT_SUPPORTED  CUBN_DEVICE asks for a GPU, but there is none, or the library has no CUDA
 *   HOST_ALLOCATION_FAILED, DEVICE_ALLOCATION_FAILED, EXECUTION_FAILED  as their names say */
CUBN_API cubnStatus_t cubnCreate(cubnHandle_t *handle);

/* The same on a given device: "cpu", "cuda" (the current CUDA device) or "cuda:N". CUBN_DEVICE is
 * not read. Status as for cubnCreate; BAD_PARAM also for any other name. */
CUBN_API cubnStatus_t cubnCreateOnDevice(cubnHandle_t *handle, const char *device);

/* Waits for the work of the handle and frees it. NULL is allowed and does nothing. Buffers that
 * were created with the handle must be destroyed before it: BAD_PARAM names how many are left. */
CUBN_API cubnStatus_t cubnDestroy(cubnHandle_t handle);

/* The device of a handle. Each output may be NULL. ordinal is the CUDA device number, and 0 for a
 * CPU. */
CUBN_API cubnStatus_t cubnGetDevice(cubnHandle_t handle, cubnDeviceType_t *type, int *ordinal);

/* Work that follows goes to this stream. The stream must belong to the handle's device and outlive
 * the handle or its replacement. NULL is the default stream, where a new handle starts. Temporary
 * storage is kept per stream, so a handle may alternate between streams.
 *   BAD_PARAM                 a stream other than NULL on a CPU handle
 *   DEVICE_ALLOCATION_FAILED  no memory for the temporary storage of a new stream
 * Captured graphs use the temporary storage of the stream on which they were captured: a graph must
 * not outlive the handle, and must not run at the same time as another graph, or other work of the
 * handle, of the same stream. */
CUBN_API cubnStatus_t cubnSetStream(cubnHandle_t handle, cubnStream_t stream);
CUBN_API cubnStatus_t cubnGetStream(cubnHandle_t handle, cubnStream_t *stream);

/* Waits until all work of the handle's stream has finished. Reports errors of that work as
 * EXECUTION_FAILED. */
CUBN_API cubnStatus_t cubnSynchronize(cubnHandle_t handle);

/* ---- Buffers: device memory for programs that run on both kinds of device -------------------- */
typedef struct cubnBufferStruct *cubnBuffer_t;

/* Allocates `bytes` bytes, aligned to 256, with undefined content; 0 is allowed. */
CUBN_API cubnStatus_t cubnCreateBuffer(cubnHandle_t handle, size_t bytes, cubnBuffer_t *buffer);
/* Waits for the handle's work, then frees. NULL is allowed and does nothing. */
CUBN_API cubnStatus_t cubnDestroyBuffer(cubnBuffer_t buffer);
/* The memory: an ordinary device pointer on a GPU, an ordinary host pointer on a CPU. NULL if the
 * buffer has 0 bytes. */
CUBN_API cubnStatus_t cubnGetBufferPointer(cubnBuffer_t buffer, void **pointer);
CUBN_API cubnStatus_t cubnGetBufferSize(cubnBuffer_t buffer, size_t *bytes);

/* Host memory to buffer and back, in the order of the handle's stream; the host memory is free to
 * use when the call returns. Bytes offset .. offset + bytes - 1 must lie inside the buffer:
 * BAD_PARAM. Fill sets every byte of the buffer to value (0 .. 255). */
CUBN_API cubnStatus_t cubnUploadBuffer(cubnBuffer_t buffer, size_t offset, const void *source,
                                       size_t bytes);
CUBN_API cubnStatus_t cubnDownloadBuffer(cubnBuffer_t buffer, size_t offset, void *destination,
                                         size_t bytes);
CUBN_API cubnStatus_t cubnFillBuffer(cubnBuffer_t buffer, int value);

/* ---- Tensor descriptors -------------------------------------------------------------------------
 * A descriptor says type, dimensions and strides (in elements) of a tensor of rank 2 to 8:
 * dimension 0 is N, dimension 1 is C, the others are spatial. Dimensions may be 0 (an empty
 * tensor). Strides may be anything that is not negative; an output must not have stride 0 in a
 * dimension above 1.
 *
 * All setters answer BAD_PARAM, and leave the descriptor as it was, if the descriptor or an array
 * is NULL, a dimension or stride is negative, the rank is outside 2 .. 8, the type or format is
 * unknown, or the size in bytes does not fit into 63 bits. */
typedef struct cubnTensorStruct *cubnTensorDescriptor_t;

#define CUBN_DIM_MAX 8

typedef enum {
  CUBN_DATA_FLOAT = 0,
  CUBN_DATA_DOUBLE = 1,
  CUBN_DATA_HALF = 2,
  CUBN_DATA_INT8 = 3, /* descriptors only: the operations answer NOT_SUPPORTED */
  CUBN_DATA_BFLOAT16 = 9
} cubnDataType_t;

typedef enum {
  CUBN_TENSOR_NCHW = 0, /* packed, channels before the spatial dimensions */
  CUBN_TENSOR_NHWC = 1  /* packed, channels last in memory; dimensions are still N, C, H, W */
} cubnTensorFormat_t;

CUBN_API cubnStatus_t cubnCreateTensorDescriptor(cubnTensorDescriptor_t *descriptor);
/* NULL is allowed and does nothing. */
CUBN_API cubnStatus_t cubnDestroyTensorDescriptor(cubnTensorDescriptor_t descriptor);

CUBN_API cubnStatus_t cubnSetTensor4dDescriptor(cubnTensorDescriptor_t descriptor,
                                                cubnTensorFormat_t format, cubnDataType_t type,
                                                int n, int c, int h, int w);
CUBN_API cubnStatus_t cubnSetTensor4dDescriptorEx(cubnTensorDescriptor_t descriptor,
                                                  cubnDataType_t type, int n, int c, int h, int w,
                                                  int n_stride, int c_stride, int h_stride,
                                                  int w_stride);
CUBN_API cubnStatus_t cubnSetTensorNdDescriptor(cubnTensorDescriptor_t descriptor,
                                                cubnDataType_t type, int rank, const int dims[],
                                                const int strides[]);
/* Packed, in the given format. With NHWC the memory order is N, spatial dimensions, C. */
CUBN_API cubnStatus_t cubnSetTensorNdDescriptorEx(cubnTensorDescriptor_t descriptor,
                                                  cubnTensorFormat_t format, cubnDataType_t type,
                                                  int rank, const int dims[]);
/* The same with 64-bit dimensions and strides (not in cuDNN). strides NULL: packed, in NCHW
 * order. */
CUBN_API cubnStatus_t cubnSetTensorNdDescriptor64(cubnTensorDescriptor_t descriptor,
                                                  cubnDataType_t type, int rank,
                                                  const int64_t dims[], const int64_t strides[]);

/* Getters. Every output may be NULL. BAD_PARAM if the descriptor is NULL or was never set;
 * NOT_SUPPORTED if a value does not fit into an int (use the 64-bit getter). The 4d getter wants
 * rank 4: BAD_PARAM. The others write min(requested_rank, rank) dimensions and strides. */
CUBN_API cubnStatus_t cubnGetTensor4dDescriptor(const cubnTensorDescriptor_t descriptor,
                                                cubnDataType_t *type, int *n, int *c, int *h,
                                                int *w, int *n_stride, int *c_stride, int *h_stride,
                                                int *w_stride);
CUBN_API cubnStatus_t cubnGetTensorNdDescriptor(const cubnTensorDescriptor_t descriptor,
                                                int requested_rank, cubnDataType_t *type, int *rank,
                                                int dims[], int strides[]);
CUBN_API cubnStatus_t cubnGetTensorNdDescriptor64(const cubnTensorDescriptor_t descriptor,
                                                  int requested_rank, cubnDataType_t *type,
                                                  int *rank, int64_t dims[], int64_t strides[]);
/* Bytes from the first to the last element, gaps between them included; 0 for an empty tensor. */
CUBN_API cubnStatus_t cubnGetTensorSizeInBytes(const cubnTensorDescriptor_t descriptor,
                                               size_t *bytes);

/* ---- Batch normalization --------------------------------------------------------------------- */
typedef enum {
  /* One channel per element of C x spatial, statistics over N: after fully connected layers.
   * Parameters are 1 x C x spatial; cubnDeriveBNTensorDescriptor packs them in NCHW order whatever
   * the layout of x. A descriptor in x's own order works too, and is faster for NHWC. */
  CUBN_BATCHNORM_PER_ACTIVATION = 0,
  /* One channel per element of C, statistics over N x spatial: after convolutions. Parameters are
   * 1 x C x 1 x 1. For rank 2 both modes are the same. */
  CUBN_BATCHNORM_SPATIAL = 1,
  /* Accepted for cuDNN's sake; means CUBN_BATCHNORM_SPATIAL. */
  CUBN_BATCHNORM_SPATIAL_PERSISTENT = 2
} cubnBatchNormMode_t;

/* The least epsilon. (In cuDNN 7.5 and later too.) */
#define CUBN_BN_MIN_EPSILON 0.0

/* Sets `derived` to the descriptor of the per-channel arrays for tensors like x: 1 x C x 1 x 1
 * (spatial) or 1 x C x H x W (per activation) of x's rank, packed; float, for double tensors
 * double. derived may be x itself.
 *   BAD_PARAM  unknown mode, a NULL descriptor, or an x that was never set */
CUBN_API cubnStatus_t cubnDeriveBNTensorDescriptor(cubnTensorDescriptor_t derived,
                                                   const cubnTensorDescriptor_t x,
                                                   cubnBatchNormMode_t mode);

/* Forward pass in training: batch statistics, as in the formula at the top of this file.
 *
 *     y            = alpha * (scale * x_hat + bias) + beta * y
 *     running_mean = (1 - factor) * running_mean + factor * mean
 *     running_var  = (1 - factor) * running_var  + factor * var * m / (m - 1)
 *     saved_mean, saved_inv_std = mean, inv_std
 *
 *   mode            what a channel is
 *   alpha, beta     host pointers, see "Blending" at the top
 *   x_desc, x       input
 *   y_desc, y       output: type and dimensions of x; strides may differ. y may be x itself if the
 *                   strides agree; tensors must not overlap otherwise.
 *   param_desc      of all per-channel arrays, see cubnDeriveBNTensorDescriptor
 *   scale, bias     inputs. They may share memory with the running statistics: these are written
 *                   after the last use of scale and bias.
 *   factor          in [0, 1]: weight of this batch in the running statistics. With 1 the old
 *                   values are not read (first call on uninitialized memory); 1 / (1 + k) at call
 *                   k = 0, 1, ... gives the average over all batches.
 *   running_mean, running_var
 *                   updated; both may be NULL. The variance is the unbiased one; with one value per
 *                   channel (m = 1), where that is undefined, it is the biased one, 0.
 *   epsilon         at least CUBN_BN_MIN_EPSILON
 *   saved_mean, saved_inv_std
 *                   written for cubnBatchNormalizationBackward; both may be NULL
 *
 * An empty tensor is a success that changes nothing. A constant channel gives y = bias exactly
 * (alpha 1, beta 0). NaN or infinity in a channel makes NaN of that channel only.
 *
 *   NOT_INITIALIZED  handle is NULL
 *   BAD_PARAM        a required pointer or descriptor is NULL; a descriptor was never set;
 *                    exactly one of a pair is NULL; unknown mode; y differs from x in type or
 *                    dimensions; param_desc does not fit x and mode; epsilon is negative or NaN;
 *                    factor is outside [0, 1] or NaN; y is x with other strides; y has stride 0; a
 *                    pointer is not aligned to its element type
 *   NOT_SUPPORTED    type INT8
 *   EXECUTION_FAILED the CUDA runtime refused a launch */
CUBN_API cubnStatus_t cubnBatchNormalizationForwardTraining(
    cubnHandle_t handle, cubnBatchNormMode_t mode, const void *alpha, const void *beta,
    const cubnTensorDescriptor_t x_desc, const void *x, const cubnTensorDescriptor_t y_desc,
    void *y, const cubnTensorDescriptor_t param_desc, const void *scale, const void *bias,
    double factor, void *running_mean, void *running_var, double epsilon, void *saved_mean,
    void *saved_inv_std);

/* Forward pass in inference: the given statistics instead of the batch's.
 *
 *     y = alpha * (scale * (x - mean) / sqrt(var + epsilon) + bias) + beta * y
 *
 * mean and var are the running statistics of training; the factor is 0 where var + epsilon is 0.
 * Arguments, aliasing and status as for training; all pointers are required (not for an empty
 * tensor). */
CUBN_API cubnStatus_t cubnBatchNormalizationForwardInference(
    cubnHandle_t handle, cubnBatchNormMode_t mode, const void *alpha, const void *beta,
    const cubnTensorDescriptor_t x_desc, const void *x, const cubnTensorDescriptor_t y_desc,
    void *y, const cubnTensorDescriptor_t param_desc, const void *scale, const void *bias,
    const void *mean, const void *var, double epsilon);

/* Backward pass of training, as in the formula at the top of this file.
 *
 *     dx     = alpha_data  * dx_result     + beta_data  * dx
 *     dscale = alpha_param * dscale_result + beta_param * dscale
 *     dbias  = alpha_param * dbias_result  + beta_param * dbias
 *
 *   x_desc, x       the input of forward
 *   dy_desc, dy     gradient with respect to y (of forward with alpha 1)
 *   dx_desc, dx     output. dx may be dy itself, or x itself, if the strides agree. x, dy and dx
 *                   have the same type and dimensions; strides may differ.
 *   param_desc      of scale, dscale, dbias and the saved statistics
 *   scale           as in forward (the bias is not needed)
 *   dscale, dbias   outputs
 *   epsilon         as in forward; used only when the saved statistics are NULL
 *   saved_mean, saved_inv_std
 *                   as written by forward on either device. Both NULL: they are computed again from
 *                   x. A float saved_mean is rounded; where it is the mean of x up to that
 *                   rounding, the difference is taken into account (docs/NUMERICS.md).
 *
 * An empty tensor gives dscale = dbias = 0 (blended as above). Status as for training. */
CUBN_API cubnStatus_t cubnBatchNormalizationBackward(
    cubnHandle_t handle, cubnBatchNormMode_t mode, const void *alpha_data, const void *beta_data,
    const void *alpha_param, const void *beta_param, const cubnTensorDescriptor_t x_desc,
    const void *x, const cubnTensorDescriptor_t dy_desc, const void *dy,
    const cubnTensorDescriptor_t dx_desc, void *dx, const cubnTensorDescriptor_t param_desc,
    const void *scale, void *dscale, void *dbias, double epsilon, const void *saved_mean,
    const void *saved_inv_std);

#ifdef __cplusplus
}
#endif

#include "cubn_extended.h"
#include "cubn_fused.h"
#include "cubn_log.h"
#include "cubn_normalization.h"

#endif /* CUBN_H */
