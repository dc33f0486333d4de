/**
 * @file cubn.h
 * Batch normalization for CUDA GPUs and CPUs, behind the calls of cuDNN's classic C API.
 *
 * This header is the manual. From top to bottom: status values and errors, handles and devices,
 * buffers, tensor descriptors, and the three operations: forward training, forward inference,
 * backward. The chapters that it includes: cubn_communicator.h, cubn_double_backward.h,
 * cubn_extended.h, cubn_fold.h, cubn_fused.h, cubn_int8.h, cubn_log.h and cubn_normalization.h. A
 * complete program is examples/minimal.c.
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
 * **Types.** Tensors hold float, double, half or bfloat16 values. All per-channel arrays (scale,
 * bias, running, saved and their gradients) are float, and double if the tensors are double.
 * Arithmetic is at least float, sums are combined in double, and double tensors compute in double
 * throughout.
 *
 * **Blending.** y, dx, dscale and dbias become `alpha * result + beta * prior`. alpha and beta are
 * host pointers to a float, or to a double for double tensors: a pointer to a number of the other
 * type cannot be told from it. With beta = 0 the prior content is
 * not read: it may be uninitialized or NaN.
 *
 * **Memory.** On a GPU handle all tensor and parameter pointers are device pointers, on a CPU
 * handle host pointers. They need only the alignment of their element type. cubnBuffer_t gives
 * memory of either kind to programs that shall run on both. An output that shares an element with
 * another array, where the text of a function does not allow just that, is refused with both
 * addresses, as far as descriptors and pointers show it; slices of one buffer, whose addresses
 * interleave but whose elements differ, are right. Overlaps of arrays whose strides differ are not
 * all found.
 *
 * **Asynchrony.** On a GPU the operations are enqueued on the handle's stream and return at once.
 * They never allocate and never synchronize and can be captured into CUDA graphs; calls that
 * cubn_communicator.h synchronizes with other processes wait. On a CPU they have finished when they
 * return.
 *
 * **Reproducibility.** The same call on the same device gives the same bits, whatever else runs
 * there and however many CPU threads there are. The same call: the same descriptors, arguments and
 * values; and a handle that was created with the same environment and version of the library. On a
 * CPU it does not matter where arrays are in memory. On a GPU each pointer must have the same
 * address modulo 16 bytes, because that decides how a tensor is read, and so in which order its
 * values are added; memory from the CUDA runtime or a cubnBuffer_t begins at a multiple of 16. If a
 * stream or process has fewer SMs than the GPU, a launch may be refused: the handle computes in
 * another way from then on, perhaps with other bits, and the log warns once.
 *
 * **Threads.** Different threads may use different handles at the same time; a handle, its
 * descriptors and its buffers must not be used by two threads at the same time. A CPU handle has
 * threads of its own, which start with the first large call, sleep between calls, end with
 * cubnDestroy, and compute in the caller's floating-point mode. They take no signals. After fork
 * the child may go on with handles that were idle. Where all processors are busy with calls on
 * other handles, or the system refuses a thread, a call makes do with fewer, with the same bits.
 *
 * **Environment**, read when a handle is created:
 *
 *     CUBN_DEVICE=cpu|cuda|cuda:N   the device that cubnCreate takes
 *     CUBN_LOG=1                    log calls to stderr: problem, algorithm, why others refused
 *     CUBN_ALGO=name                force an algorithm wherever it accepts the problem
 *     CUBN_THREADS=n                threads of a CPU handle, 1 .. 1024; 1: none but the caller's
 *                                   (default: OMP_NUM_THREADS, else one for each processor that
 *                                   the process may use)
 *     CUBN_CPU_TARGET=name          its instruction set: generic, avx2, avx512 or neon (default:
 *                                   the best that the CPU has); one that it does not have is an
 *                                   error
 *
 * cubn_log.h says where else the log can go. A variable that is empty counts as not set.
 *
 * A layer in training. All arrays are memory of the handle's device: x, y, dy and dx hold
 * n * c * h * w floats, the others c floats. Start with scale and running_var 1, bias and
 * running_mean 0.
 *
 * @code{.c}
 * #include <cubn.h>
 * #include <stdio.h>
 *
 * struct layer {
 *   const float *x, *dy;
 *   float *y, *dx, *scale, *bias, *dscale, *dbias;
 *   float *running_mean, *running_var, *saved_mean, *saved_inv_std;
 * };
 *
 * static int failed(cubnStatus_t status) {
 *   if (status == CUBN_STATUS_SUCCESS) return 0;
 *   char message[256];
 *   cubnGetLastErrorString(message, sizeof message);
 *   fprintf(stderr, "%s: %s\n", cubnGetErrorString(status), message);
 *   return 1;
 * }
 *
 * // Once: image describes x, y, dy and dx, param the per-channel arrays.
 * int describe(int n, int c, int h, int w, cubnTensorDescriptor_t *image,
 *              cubnTensorDescriptor_t *param) {
 *   return failed(cubnCreateTensorDescriptor(image)) ||
 *          failed(cubnCreateTensorDescriptor(param)) ||
 *          failed(cubnSetTensor4dDescriptor(*image, CUBN_TENSOR_NCHW, CUBN_DATA_FLOAT, n, c, h,
 *                                           w)) ||
 *          failed(cubnDeriveBNTensorDescriptor(*param, *image, CUBN_BATCHNORM_SPATIAL));
 * }
 *
 * // For each batch: y from x, ...
 * int forward(cubnHandle_t handle, cubnTensorDescriptor_t image, cubnTensorDescriptor_t param,
 *             const struct layer *l) {
 *   const float one = 1, zero = 0;
 *   return failed(cubnBatchNormalizationForwardTraining(
 *       handle, CUBN_BATCHNORM_SPATIAL, &one, &zero, image, l->x, image, l->y, param, l->scale,
 *       l->bias, 0.1, l->running_mean, l->running_var, 1e-5, l->saved_mean, l->saved_inv_std));
 * }
 *
 * // ... and, when dy is known: dx, dscale and dbias, for the optimizer.
 * int backward(cubnHandle_t handle, cubnTensorDescriptor_t image, cubnTensorDescriptor_t param,
 *              const struct layer *l) {
 *   const float one = 1, zero = 0;
 *   return failed(cubnBatchNormalizationBackward(
 *       handle, CUBN_BATCHNORM_SPATIAL, &one, &zero, &one, &zero, image, l->x, image, l->dy, image,
 *       l->dx, param, l->scale, l->dscale, l->dbias, 1e-5, l->saved_mean, l->saved_inv_std));
 * }
 * @endcode
 */

#ifndef CUBN_H
#define CUBN_H

#include <stddef.h>
#include <stdint.h>

/** @mainpage cubn
 * @copydoc cubn.h */

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @defgroup cubn_status Versions, status values and errors
 *
 * Functions that return a cubnStatus_t answer CUBN_STATUS_SUCCESS when they did what was asked. A
 * call that is refused (all statuses but CUBN_STATUS_EXECUTION_FAILED) writes none of its outputs.
 * @{
 */

/** Marks the functions that the library exports. */
#if defined(__GNUC__)
#define CUBN_API __attribute__((visibility("default")))
#else
#define CUBN_API
#endif

#define CUBN_VERSION_MAJOR 0 /**< Major version. */
#define CUBN_VERSION_MINOR 2 /**< Minor version. */
#define CUBN_VERSION_PATCH 0 /**< Patch. */
/** Version of this header: 10000 * major + 100 * minor + patch. */
#define CUBN_VERSION (CUBN_VERSION_MAJOR * 10000 + CUBN_VERSION_MINOR * 100 + CUBN_VERSION_PATCH)

/**
 * Version of the library that runs.
 *
 * @return  a number in the form of CUBN_VERSION
 */
CUBN_API size_t cubnGetVersion(void);

/** What a call answers. The values equal cuDNN 9's. */
typedef enum {
  CUBN_STATUS_SUCCESS = 0,                        /**< The call did what was asked. */
  CUBN_STATUS_NOT_INITIALIZED = 1001,             /**< The handle is NULL or was destroyed. */
  CUBN_STATUS_SUBLIBRARY_VERSION_MISMATCH = 1002, /**< cuDNN's; never returned. */
  CUBN_STATUS_RUNTIME_IN_PROGRESS = 1006, /**< cubnQueryRuntimeError: work has not finished. */
  CUBN_STATUS_RUNTIME_FP_OVERFLOW = 1007, /**< cuDNN's; never returned: no mode here overflows. */
  CUBN_STATUS_BAD_PARAM = 2000,           /**< An argument is invalid; the message says which. */
  CUBN_STATUS_NOT_SUPPORTED = 3000,       /**< Valid, but not in this library or on this device. */
  CUBN_STATUS_INTERNAL_ERROR = 4000,      /**< A fault of the library; please report the message. */
  CUBN_STATUS_HOST_ALLOCATION_FAILED = 4003,   /**< No host memory. */
  CUBN_STATUS_DEVICE_ALLOCATION_FAILED = 4004, /**< No memory on the device. */
  CUBN_STATUS_EXECUTION_FAILED = 5000 /**< The CUDA runtime or a communicator reported an error. */
} cubnStatus_t;

/**
 * Name of a status value, such as "CUBN_STATUS_BAD_PARAM".
 *
 * @param[in] status  any value
 * @return  a constant string, never NULL
 */
CUBN_API const char *cubnGetErrorString(cubnStatus_t status);

/**
 * Copies the message of the last failed call of the calling thread.
 *
 * The message names the function, the argument and the value. It is empty if no call failed yet.
 * Successful calls leave it alone.
 *
 * @param[out] message  receives the message and a terminating zero; NULL is allowed
 * @param[in] max_size  bytes that fit into message; a longer text is cut
 */
CUBN_API void cubnGetLastErrorString(char *message, size_t max_size);

/** @} */

/**
 * @defgroup cubn_devices Handles and devices
 *
 * A handle stands for a device and a stream of it. Every operation takes one.
 * @{
 */

/** A handle: a device, its current stream and its temporary storage. */
typedef struct cubnContext *cubnHandle_t;

/** The type of a CUDA stream: a cudaStream_t can be passed as it is. */
typedef struct CUstream_st *cubnStream_t;

/** The kinds of devices. */
typedef enum {
  CUBN_DEVICE_CPU = 0, /**< The CPU: pointers are host pointers. */
  CUBN_DEVICE_CUDA = 1 /**< A CUDA GPU: pointers are device pointers. */
} cubnDeviceType_t;

/**
 * Creates a handle on the current CUDA device if there is one, else on the CPU.
 *
 * The environment's CUBN_DEVICE (cpu, cuda or cuda:N) overrides that choice. Without a GPU or a
 * driver there is no device, but a driver that is too old for the library is an error. All kernels
 * are loaded here, so that no call waits for that.
 *
 * @param[out] handle  receives the handle
 * @retval CUBN_STATUS_BAD_PARAM  handle is NULL, or a variable of the environment has a value that
 *         it cannot have; the message names it
 * @retval CUBN_STATUS_NOT_SUPPORTED  CUBN_DEVICE asks for a GPU, but there is none, or the library
 *         has no CUDA; CUBN_CPU_TARGET asks for instructions that there are not
 * @retval CUBN_STATUS_HOST_ALLOCATION_FAILED  no host memory
 * @retval CUBN_STATUS_DEVICE_ALLOCATION_FAILED  no memory on the device
 * @retval CUBN_STATUS_EXECUTION_FAILED  the CUDA runtime reported an error, or the driver is too
 *         old; the message says for which version of CUDA the driver is, and for which the library
 */
CUBN_API cubnStatus_t cubnCreate(cubnHandle_t *handle);

/**
 * Creates a handle on a given device; CUBN_DEVICE is not read.
 *
 * @param[out] handle  receives the handle
 * @param[in] device   "cpu", "cuda" (the current CUDA device) or "cuda:N"
 * @return  as for cubnCreate; CUBN_STATUS_BAD_PARAM also if device is NULL or any other name
 */
CUBN_API cubnStatus_t cubnCreateOnDevice(cubnHandle_t *handle, const char *device);

/**
 * Waits for the work of the handle and frees it.
 *
 * @param[in] handle  NULL is allowed and does nothing
 * @retval CUBN_STATUS_BAD_PARAM  buffers that were created with the handle are left, and must be
 *         destroyed before it; the message says how many. A descriptor with a communicator has one.
 * @retval CUBN_STATUS_EXECUTION_FAILED  the CUDA runtime reported an error, perhaps of earlier
 *         work; the handle is gone all the same
 */
CUBN_API cubnStatus_t cubnDestroy(cubnHandle_t handle);

/**
 * The device of a handle.
 *
 * @param[in] handle    a handle
 * @param[out] type     kind of device; may be NULL
 * @param[out] ordinal  CUDA device number, 0 for a CPU; may be NULL
 * @retval CUBN_STATUS_NOT_INITIALIZED  handle is NULL
 */
CUBN_API cubnStatus_t cubnGetDevice(cubnHandle_t handle, cubnDeviceType_t *type, int *ordinal);

/**
 * Work that follows goes to this stream.
 *
 * Temporary storage is kept per stream, so a handle may alternate between streams. Captured graphs
 * use the temporary storage of the stream on which they were captured: a graph must not outlive the
 * handle, and must not run at the same time as another graph, or other work of the handle, of the
 * same stream. Work of the handle must have finished before its stream is destroyed, or the thread
 * of its cudaStreamPerThread ends, because a new stream may get the same address and storage.
 *
 * cudaStreamPerThread is another stream in each thread: every thread that makes calls on it sets
 * the handle to it first, or its calls return BAD_PARAM. cudaStreamLegacy is the default stream.
 *
 * @param[in] handle  a handle
 * @param[in] stream  belongs to the handle's device and outlives the handle or its replacement.
 *                    NULL is the default stream, where a new handle starts.
 * @retval CUBN_STATUS_NOT_INITIALIZED  handle is NULL
 * @retval CUBN_STATUS_BAD_PARAM  a stream other than NULL on a CPU handle
 * @retval CUBN_STATUS_HOST_ALLOCATION_FAILED  no host memory for a new stream
 * @retval CUBN_STATUS_DEVICE_ALLOCATION_FAILED  no memory for the temporary storage of a new stream
 * @retval CUBN_STATUS_EXECUTION_FAILED  the CUDA runtime reported an error
 */
CUBN_API cubnStatus_t cubnSetStream(cubnHandle_t handle, cubnStream_t stream);

/**
 * The stream of a handle.
 *
 * @param[in] handle   a handle
 * @param[out] stream  receives what cubnSetStream set, or NULL
 * @retval CUBN_STATUS_NOT_INITIALIZED  handle is NULL
 * @retval CUBN_STATUS_BAD_PARAM  stream is NULL
 */
CUBN_API cubnStatus_t cubnGetStream(cubnHandle_t handle, cubnStream_t *stream);

/**
 * Waits until all work of the handle's stream has finished.
 *
 * @param[in] handle  a handle
 * @retval CUBN_STATUS_NOT_INITIALIZED  handle is NULL
 * @retval CUBN_STATUS_EXECUTION_FAILED  an error of that work, or of a communicator
 *
 * Also the status of a rank that refused a synchronized call; see cubn_communicator.h, "GPUs".
 */
CUBN_API cubnStatus_t cubnSynchronize(cubnHandle_t handle);

/** @} */

/**
 * @defgroup cubn_buffers Buffers
 *
 * Device memory for programs that run on both kinds of device. Uploads and downloads are in the
 * order of the handle's stream; the host memory is free to use when the call returns.
 * @{
 */

/** A piece of device memory. */
typedef struct cubnBufferStruct *cubnBuffer_t;

/**
 * Allocates device memory, aligned to 256 bytes, with undefined content.
 *
 * @param[in] handle   whose device; it must outlive the buffer
 * @param[in] bytes    0 is allowed
 * @param[out] buffer  receives the buffer
 * @retval CUBN_STATUS_NOT_INITIALIZED  handle is NULL
 * @retval CUBN_STATUS_BAD_PARAM  buffer is NULL
 * @retval CUBN_STATUS_HOST_ALLOCATION_FAILED  no host memory
 * @retval CUBN_STATUS_DEVICE_ALLOCATION_FAILED  no memory on the device
 * @retval CUBN_STATUS_EXECUTION_FAILED  the CUDA runtime reported an error
 */
CUBN_API cubnStatus_t cubnCreateBuffer(cubnHandle_t handle, size_t bytes, cubnBuffer_t *buffer);

/**
 * Waits for the handle's work, then frees.
 *
 * @param[in] buffer  NULL is allowed and does nothing
 * @retval CUBN_STATUS_EXECUTION_FAILED  the CUDA runtime reported an error, perhaps of earlier
 *         work; the buffer is gone all the same
 */
CUBN_API cubnStatus_t cubnDestroyBuffer(cubnBuffer_t buffer);

/**
 * The memory of a buffer.
 *
 * @param[in] buffer    a buffer
 * @param[out] pointer  receives an ordinary device pointer on a GPU, an ordinary host pointer on a
 *                      CPU; NULL if the buffer has 0 bytes
 * @retval CUBN_STATUS_BAD_PARAM  an argument is NULL
 */
CUBN_API cubnStatus_t cubnGetBufferPointer(cubnBuffer_t buffer, void **pointer);

/**
 * The size of a buffer.
 *
 * @param[in] buffer  a buffer
 * @param[out] bytes  receives what it was created with
 * @retval CUBN_STATUS_BAD_PARAM  an argument is NULL
 */
CUBN_API cubnStatus_t cubnGetBufferSize(cubnBuffer_t buffer, size_t *bytes);

/**
 * Copies from host memory into a buffer.
 *
 * @param[in] buffer  the destination
 * @param[in] offset  its first byte that is written
 * @param[in] source  host memory; may be NULL for 0 bytes
 * @param[in] bytes   how many
 * @retval CUBN_STATUS_BAD_PARAM  a required pointer is NULL, or bytes offset .. offset + bytes - 1
 *         do not lie inside the buffer
 * @retval CUBN_STATUS_EXECUTION_FAILED  the CUDA runtime reported an error
 */
CUBN_API cubnStatus_t cubnUploadBuffer(cubnBuffer_t buffer, size_t offset, const void *source,
                                       size_t bytes);

/**
 * Copies from a buffer into host memory.
 *
 * @param[in] buffer        the source
 * @param[in] offset        its first byte that is read
 * @param[out] destination  host memory; may be NULL for 0 bytes
 * @param[in] bytes         how many
 * @return  as for cubnUploadBuffer
 */
CUBN_API cubnStatus_t cubnDownloadBuffer(cubnBuffer_t buffer, size_t offset, void *destination,
                                         size_t bytes);

/**
 * Sets every byte of a buffer.
 *
 * @param[in] buffer  a buffer
 * @param[in] value   0 .. 255
 * @retval CUBN_STATUS_BAD_PARAM  buffer is NULL, or value is outside 0 .. 255
 * @retval CUBN_STATUS_EXECUTION_FAILED  the CUDA runtime reported an error
 */
CUBN_API cubnStatus_t cubnFillBuffer(cubnBuffer_t buffer, int value);

/** @} */

/**
 * @defgroup cubn_descriptors Tensor descriptors
 *
 * A descriptor says type, dimensions and strides (in elements) of a tensor of rank 2 to 8:
 * dimension 0 is N, dimension 1 is C, the others are spatial. Dimensions may be 0 (an empty
 * tensor). Strides may be anything; operations answer CUBN_STATUS_NOT_SUPPORTED if one is negative
 * in a dimension of more than 1, where an output must not have stride 0 either.
 *
 * All setters answer CUBN_STATUS_BAD_PARAM, and leave the descriptor as it was, if the descriptor
 * or an array is NULL, a dimension is negative, the rank is below 2, the type or format is unknown,
 * or the size in bytes does not fit into 63 bits; and CUBN_STATUS_NOT_SUPPORTED, likewise, if the
 * rank is above 8.
 *
 * The getters answer CUBN_STATUS_BAD_PARAM if the descriptor is NULL or was never set.
 * @{
 */

/** Type, dimensions and strides of a tensor. */
typedef struct cubnTensorStruct *cubnTensorDescriptor_t;

#define CUBN_DIM_MAX 8 /**< The highest rank. */

/** Types of elements. */
typedef enum {
  CUBN_DATA_FLOAT = 0,   /**< IEEE 754, 32 bits. */
  CUBN_DATA_DOUBLE = 1,  /**< IEEE 754, 64 bits. */
  CUBN_DATA_HALF = 2,    /**< IEEE 754, 16 bits. */
  CUBN_DATA_INT8 = 3,    /**< For cubnBatchNormForwardInt8 only; else NOT_SUPPORTED. */
  CUBN_DATA_BFLOAT16 = 9 /**< The upper 16 bits of a float. */
} cubnDataType_t;

/** Orders in memory of tensors without gaps. */
typedef enum {
  CUBN_TENSOR_NCHW = 0, /**< Packed, channels before the spatial dimensions. */
  CUBN_TENSOR_NHWC = 1  /**< Packed, channels last in memory; dimensions are still N, C, H, W. */
} cubnTensorFormat_t;

/**
 * Creates a descriptor that is not yet set.
 *
 * @param[out] descriptor  receives the descriptor
 * @retval CUBN_STATUS_BAD_PARAM  descriptor is NULL
 * @retval CUBN_STATUS_HOST_ALLOCATION_FAILED  no host memory
 */
CUBN_API cubnStatus_t cubnCreateTensorDescriptor(cubnTensorDescriptor_t *descriptor);

/**
 * Frees a descriptor.
 *
 * @param[in] descriptor  NULL is allowed and does nothing
 * @return  CUBN_STATUS_SUCCESS
 */
CUBN_API cubnStatus_t cubnDestroyTensorDescriptor(cubnTensorDescriptor_t descriptor);

/**
 * Describes a packed tensor of rank 4.
 *
 * @param[in,out] descriptor  is set
 * @param[in] format  order in memory
 * @param[in] type    type of the elements
 * @param[in] n       images
 * @param[in] c       channels
 * @param[in] h       height
 * @param[in] w       width
 * @retval CUBN_STATUS_BAD_PARAM  as for all setters, see cubn_descriptors
 */
CUBN_API cubnStatus_t cubnSetTensor4dDescriptor(cubnTensorDescriptor_t descriptor,
                                                cubnTensorFormat_t format, cubnDataType_t type,
                                                int n, int c, int h, int w);

/**
 * Describes a tensor of rank 4 by its strides.
 *
 * @param[in,out] descriptor  is set
 * @param[in] type      type of the elements
 * @param[in] n         images
 * @param[in] c         channels
 * @param[in] h         height
 * @param[in] w         width
 * @param[in] n_stride  elements from one image to the next
 * @param[in] c_stride  elements from one channel to the next
 * @param[in] h_stride  elements from one row to the next
 * @param[in] w_stride  elements from one column to the next
 * @retval CUBN_STATUS_BAD_PARAM  as for all setters, see cubn_descriptors
 */
CUBN_API cubnStatus_t cubnSetTensor4dDescriptorEx(cubnTensorDescriptor_t descriptor,
                                                  cubnDataType_t type, int n, int c, int h, int w,
                                                  int n_stride, int c_stride, int h_stride,
                                                  int w_stride);

/**
 * Describes a tensor of any rank by its strides.
 *
 * @param[in,out] descriptor  is set
 * @param[in] type     type of the elements
 * @param[in] rank     2 .. CUBN_DIM_MAX
 * @param[in] dims     rank dimensions
 * @param[in] strides  rank strides, in elements
 * @retval CUBN_STATUS_BAD_PARAM  as for all setters, see cubn_descriptors
 * @retval CUBN_STATUS_NOT_SUPPORTED  rank is above CUBN_DIM_MAX
 */
CUBN_API cubnStatus_t cubnSetTensorNdDescriptor(cubnTensorDescriptor_t descriptor,
                                                cubnDataType_t type, int rank, const int dims[],
                                                const int strides[]);

/**
 * Describes a packed tensor of any rank.
 *
 * @param[in,out] descriptor  is set
 * @param[in] format  order in memory; with NHWC it is N, spatial dimensions, C
 * @param[in] type    type of the elements
 * @param[in] rank    2 .. CUBN_DIM_MAX
 * @param[in] dims    rank dimensions: N, C, spatial ones
 * @retval CUBN_STATUS_BAD_PARAM  as for all setters, see cubn_descriptors
 * @retval CUBN_STATUS_NOT_SUPPORTED  rank is above CUBN_DIM_MAX
 */
CUBN_API cubnStatus_t cubnSetTensorNdDescriptorEx(cubnTensorDescriptor_t descriptor,
                                                  cubnTensorFormat_t format, cubnDataType_t type,
                                                  int rank, const int dims[]);

/**
 * Describes a tensor with 64-bit dimensions and strides (not in cuDNN).
 *
 * @param[in,out] descriptor  is set
 * @param[in] type     type of the elements
 * @param[in] rank     2 .. CUBN_DIM_MAX
 * @param[in] dims     rank dimensions
 * @param[in] strides  rank strides, in elements. NULL: packed, in NCHW order.
 * @retval CUBN_STATUS_BAD_PARAM  as for all setters, see cubn_descriptors
 * @retval CUBN_STATUS_NOT_SUPPORTED  rank is above CUBN_DIM_MAX
 */
CUBN_API cubnStatus_t cubnSetTensorNdDescriptor64(cubnTensorDescriptor_t descriptor,
                                                  cubnDataType_t type, int rank,
                                                  const int64_t dims[], const int64_t strides[]);

/**
 * Reads the first four dimensions of a descriptor. Every output may be NULL.
 *
 * @param[in] descriptor  a descriptor
 * @param[out] type       type of the elements
 * @param[out] n          images
 * @param[out] c          channels
 * @param[out] h          height
 * @param[out] w          width
 * @param[out] n_stride   elements from one image to the next
 * @param[out] c_stride   elements from one channel to the next
 * @param[out] h_stride   elements from one row to the next
 * @param[out] w_stride   elements from one column to the next
 * @retval CUBN_STATUS_BAD_PARAM  descriptor is NULL, was never set or has a rank below 4
 * @retval CUBN_STATUS_NOT_SUPPORTED  a value does not fit into an int: use the 64-bit getter
 */
CUBN_API cubnStatus_t cubnGetTensor4dDescriptor(const cubnTensorDescriptor_t descriptor,
                                                cubnDataType_t *type, int *n, int *c, int *h,
                                                int *w, int *n_stride, int *c_stride, int *h_stride,
                                                int *w_stride);

/**
 * Reads a descriptor of any rank. Every output may be NULL.
 *
 * @param[in] descriptor      a descriptor
 * @param[in] requested_rank  room in dims and strides: the lesser of it and the rank is written
 * @param[out] type           type of the elements
 * @param[out] rank           of the tensor, whatever was requested
 * @param[out] dims           dimensions
 * @param[out] strides        strides, in elements
 * @retval CUBN_STATUS_BAD_PARAM  descriptor is NULL or was never set, or requested_rank is negative
 * @retval CUBN_STATUS_NOT_SUPPORTED  a value does not fit into an int: use the 64-bit getter
 */
CUBN_API cubnStatus_t cubnGetTensorNdDescriptor(const cubnTensorDescriptor_t descriptor,
                                                int requested_rank, cubnDataType_t *type, int *rank,
                                                int dims[], int strides[]);

/**
 * Reads a descriptor of any rank and size. Every output may be NULL.
 *
 * @param[in] descriptor      a descriptor
 * @param[in] requested_rank  room in dims and strides: the lesser of it and the rank is written
 * @param[out] type           type of the elements
 * @param[out] rank           of the tensor, whatever was requested
 * @param[out] dims           dimensions
 * @param[out] strides        strides, in elements
 * @retval CUBN_STATUS_BAD_PARAM  descriptor is NULL or was never set, or requested_rank is negative
 */
CUBN_API cubnStatus_t cubnGetTensorNdDescriptor64(const cubnTensorDescriptor_t descriptor,
                                                  int requested_rank, cubnDataType_t *type,
                                                  int *rank, int64_t dims[], int64_t strides[]);

/**
 * Bytes from the first to the last element, gaps between them included.
 *
 * @param[in] descriptor  a descriptor
 * @param[out] bytes      receives the size; 0 for an empty tensor, and if descriptor was never set
 * @retval CUBN_STATUS_BAD_PARAM  an argument is NULL
 */
CUBN_API cubnStatus_t cubnGetTensorSizeInBytes(const cubnTensorDescriptor_t descriptor,
                                               size_t *bytes);

/** @} */

/**
 * @defgroup cubn_batchnorm Batch normalization
 *
 * The three operations: training, inference, and backward. The formulas are in cubn.h's first
 * comment.
 * @{
 */

/** What a channel is. */
typedef enum {
  /** One channel per element of C x spatial, statistics over N: after fully connected layers.
   * Parameters are 1 x C x spatial; cubnDeriveBNTensorDescriptor packs them in NCHW order whatever
   * the layout of x. A descriptor in x's own order works too, and is faster for NHWC. */
  CUBN_BATCHNORM_PER_ACTIVATION = 0,
  /** One channel per element of C, statistics over N x spatial: after convolutions. Parameters are
   * 1 x C x 1 x 1. For rank 2 both modes are the same. */
  CUBN_BATCHNORM_SPATIAL = 1,
  /** Accepted for cuDNN's sake; means CUBN_BATCHNORM_SPATIAL. */
  CUBN_BATCHNORM_SPATIAL_PERSISTENT = 2
} cubnBatchNormMode_t;

#define CUBN_BN_MIN_EPSILON 0.0 /**< The least epsilon, as in cuDNN 7.5 and later. */

/**
 * Describes the per-channel arrays for tensors like x.
 *
 * They are 1 x C x 1 x 1 (spatial) or 1 x C x H x W (per activation) of x's rank, packed; float,
 * for double tensors double. Descriptors made otherwise may lack trailing dimensions of 1, and have
 * strides, but not 0 in a dimension of more than 1.
 *
 * @param[in,out] derived  is set; may be x itself
 * @param[in] x            describes the tensor that is normalized
 * @param[in] mode         what a channel is
 * @retval CUBN_STATUS_BAD_PARAM  unknown mode, a NULL descriptor, or an x that was never set
 */
CUBN_API cubnStatus_t cubnDeriveBNTensorDescriptor(cubnTensorDescriptor_t derived,
                                                   const cubnTensorDescriptor_t x,
                                                   cubnBatchNormMode_t mode);

/**
 * Forward pass in training: normalizes with the statistics of the batch.
 *
 * With mean, var, x_hat and m as in the formula at the top of cubn.h:
 *
 *     y            = alpha * (scale * x_hat + bias) + beta * y
 *     running_mean = (1 - factor) * running_mean + factor * mean
 *     running_var  = (1 - factor) * running_var  + factor * var * m / (m - 1)
 *     saved_mean, saved_inv_std = mean, inv_std
 *
 * An empty tensor is a success that changes nothing. A constant channel gives y = bias exactly
 * (alpha 1, beta 0). NaN or infinity in a channel makes NaN of that channel only.
 *
 * @param[in] handle  a handle
 * @param[in] mode    what a channel is
 * @param[in] alpha   host pointer, see "Blending" in cubn.h
 * @param[in] beta    host pointer
 * @param[in] x_desc  of x
 * @param[in] x       input
 * @param[in] y_desc  of y: type and dimensions of x; strides may differ
 * @param[in,out] y   output. It may be x itself if the strides agree; tensors must not overlap
 *                    otherwise.
 * @param[in] param_desc  of all per-channel arrays, see cubnDeriveBNTensorDescriptor
 * @param[in] scale   input. scale and bias may share memory with the running statistics: these are
 *                    written after the last use of scale and bias.
 * @param[in] bias    input
 * @param[in] factor  in [0, 1]: weight of this batch in the running statistics. With 1 the old
 *                    values are not read (first call on uninitialized memory); 1 / (1 + k) at call
 *                    k = 0, 1, ... gives the average over all batches.
 * @param[in,out] running_mean  updated; NULL if running_var is
 * @param[in,out] running_var   updated; NULL if running_mean is. It is the unbiased variance; with
 *                    one value per channel (m = 1), where that is undefined, the biased one, 0.
 * @param[in] epsilon  at least CUBN_BN_MIN_EPSILON
 * @param[out] saved_mean     for cubnBatchNormalizationBackward; NULL if saved_inv_std is
 * @param[out] saved_inv_std  for cubnBatchNormalizationBackward; NULL if saved_mean is. At most the
 *                    largest finite number of its type: FLT_MAX stands for 1 / sqrt(var + epsilon)
 *                    where that is beyond float (var + epsilon below 8.6e-78).
 * @retval CUBN_STATUS_NOT_INITIALIZED  handle is NULL or was destroyed
 * @retval CUBN_STATUS_BAD_PARAM  a required pointer or descriptor is NULL; a descriptor was never
 *         set or was destroyed; exactly one of a pair is NULL; unknown mode; y differs from x in
 *         type or dimensions; param_desc does not fit x and mode; epsilon is negative or NaN;
 *         factor is outside [0, 1] or NaN; y is x with other strides; y has stride 0, or strides
 *         with which elements share memory; an output overlaps another array; a pointer is not
 *         aligned to its element type
 * @retval CUBN_STATUS_NOT_SUPPORTED  type INT8, a negative stride
 * @retval CUBN_STATUS_EXECUTION_FAILED  the CUDA runtime refused a launch
 */
CUBN_API cubnStatus_t cubnBatchNormalizationForwardTraining(
    cubnHandle_t handle, cubnBatchNormMode_t mode, const void *alpha, const void *beta,
    const cubnTensorDescriptor_t x_desc, const void *x, const cubnTensorDescriptor_t y_desc,
    void *y, const cubnTensorDescriptor_t param_desc, const void *scale, const void *bias,
    double factor, void *running_mean, void *running_var, double epsilon, void *saved_mean,
    void *saved_inv_std);

/**
 * Forward pass in inference: normalizes with given statistics instead of the batch's.
 *
 *     y = alpha * (scale * (x - mean) / sqrt(var + epsilon) + bias) + beta * y
 *
 * 1 / sqrt(var + epsilon) is 0 where var + epsilon is 0. All pointers are required (not for an
 * empty tensor).
 *
 * @param[in] handle  a handle
 * @param[in] mode    what a channel is
 * @param[in] alpha   host pointer, see "Blending" in cubn.h
 * @param[in] beta    host pointer
 * @param[in] x_desc  of x
 * @param[in] x       input
 * @param[in] y_desc  of y: type and dimensions of x; strides may differ
 * @param[in,out] y   output. It may be x itself if the strides agree; tensors must not overlap
 *                    otherwise.
 * @param[in] param_desc  of all per-channel arrays, see cubnDeriveBNTensorDescriptor
 * @param[in] scale   input
 * @param[in] bias    input
 * @param[in] mean    the running mean of training
 * @param[in] var     the running variance of training
 * @param[in] epsilon  at least CUBN_BN_MIN_EPSILON
 * @return  as for cubnBatchNormalizationForwardTraining
 */
CUBN_API cubnStatus_t cubnBatchNormalizationForwardInference(
    cubnHandle_t handle, cubnBatchNormMode_t mode, const void *alpha, const void *beta,
    const cubnTensorDescriptor_t x_desc, const void *x, const cubnTensorDescriptor_t y_desc,
    void *y, const cubnTensorDescriptor_t param_desc, const void *scale, const void *bias,
    const void *mean, const void *var, double epsilon);

/**
 * Backward pass of training.
 *
 * With the results of the formula at the top of cubn.h:
 *
 *     dx     = alpha_data  * dx_result     + beta_data  * dx
 *     dscale = alpha_param * dscale_result + beta_param * dscale
 *     dbias  = alpha_param * dbias_result  + beta_param * dbias
 *
 * x, dy and dx have the same type and dimensions; strides may differ. An empty tensor gives
 * dscale = dbias = 0 (blended as above).
 *
 * @param[in] handle       a handle
 * @param[in] mode         what a channel is
 * @param[in] alpha_data   host pointer; blends dx, see "Blending" in cubn.h
 * @param[in] beta_data    host pointer
 * @param[in] alpha_param  host pointer; blends dscale and dbias
 * @param[in] beta_param   host pointer
 * @param[in] x_desc       of x
 * @param[in] x            the input of forward
 * @param[in] dy_desc      of dy
 * @param[in] dy           gradient with respect to y (of forward with alpha 1)
 * @param[in] dx_desc      of dx
 * @param[in,out] dx       output. It may be dy itself, or x itself, if the strides agree.
 * @param[in] param_desc   of scale, dscale, dbias and the saved statistics
 * @param[in] scale        as in forward (the bias is not needed)
 * @param[in,out] dscale   output
 * @param[in,out] dbias    output
 * @param[in] epsilon      as in forward; used only when the saved statistics are NULL
 * @param[in] saved_mean   as written by forward on either device. A float saved_mean is rounded;
 *                         where it is the mean of x up to that rounding, the difference is taken
 *                         into account (docs/NUMERICS.md).
 * @param[in] saved_inv_std  as written by forward on either device. Both NULL: the statistics are
 *                         computed again from x.
 * @return  as for cubnBatchNormalizationForwardTraining
 */
CUBN_API cubnStatus_t cubnBatchNormalizationBackward(
    cubnHandle_t handle, cubnBatchNormMode_t mode, const void *alpha_data, const void *beta_data,
    const void *alpha_param, const void *beta_param, const cubnTensorDescriptor_t x_desc,
    const void *x, const cubnTensorDescriptor_t dy_desc, const void *dy,
    const cubnTensorDescriptor_t dx_desc, void *dx, const cubnTensorDescriptor_t param_desc,
    const void *scale, void *dscale, void *dbias, double epsilon, const void *saved_mean,
    const void *saved_inv_std);

/** @} */

#ifdef __cplusplus
}
#endif

#include "cubn_communicator.h"
#include "cubn_double_backward.h"
#include "cubn_extended.h"
#include "cubn_fold.h"
#include "cubn_fused.h"
#include "cubn_int8.h"
#include "cubn_log.h"
#include "cubn_normalization.h"

#endif /* CUBN_H */
