/**
 * @file cubn_communicator.h
 * Chapter "communicator": batch statistics of several processes.
 *
 * Included by cubn.h. In data-parallel training each process, a rank, has a share of the batch. A
 * batch-norm descriptor that carries a communicator makes cubnBatchNormForward and
 * cubnBatchNormBackward normalize with the statistics of all shares: synchronized batch
 * normalization. Shares may have different sizes, dimensions and layouts, and may be empty; the
 * number of channels and the types are those of all ranks.
 *
 * What is computed. Rank r has M[r] values of a channel, their mean, and their sum of squared
 * deviations M2[r]. Each rank receives these of all ranks, as doubles, and merges them in the order
 * of the ranks (Chan, Golub and LeVeque 1979, "Updating formulae and a pairwise algorithm for
 * computing sample variances", Stanford STAN-CS-79-773):
 *
 *     delta = mean[r] - mean
 *     mean += delta * M[r] / (m + M[r])
 *     M2   += M2[r] + delta^2 * m * M[r] / (m + M[r])
 *     m    += M[r]
 *
 * Then var = M2 / m, and the running variance takes M2 / (m - 1). Backward adds up the two sums
 *
 *     dbias = sum(dp)     dscale = sum(dp * x_hat)
 *
 * over all ranks in that order, and computes dx of its share from them and m. So all ranks have the
 * same statistics to the bit, in every run, whatever order messages arrive in.
 *
 * **Cost.** One gather per pass: 24 bytes per channel and rank forward, 16 backward, and 64 bytes
 * for the rank; at least 256 bytes, so that there is room for the message of a failure. The tensors
 * are read as often as without a communicator, but for one more pass over x where an algorithm
 * otherwise keeps it in a cache between statistics and normalization.
 *
 * **Faults.** A rank whose call is refused takes part in the gather all the same, and says so: all
 * ranks return its status, with a message that names the rank and its reason, write none of their
 * outputs, and none waits for ever. The exceptions: a rank whose batch-norm descriptor is no
 * descriptor; a rank that makes no call, a call that exchanges nothing, or calls in another order;
 * and a failure after the gather, such as a GPU's, which its rank alone returns. An error of the
 * user's functions is CUBN_STATUS_EXECUTION_FAILED, with their number and text.
 *
 * **GPUs.** The gather is one between the memories of hosts. On a GPU handle statistics are copied
 * to the host and back, so a synchronized call waits for its stream, and cannot be captured into a
 * CUDA graph.
 *
 * cubn_mpi.h makes communicators of MPI's. This one is of a program that has its own:
 *
 * @code{.c}
 * #include <cubn.h>
 *
 * int my_all_gather(void *group, const void *send, void *receive, size_t bytes);
 *
 * static int gather(void *context, const double *send, double *receive, size_t count,
 *                   cubnStream_t stream) {
 *   (void)stream;
 *   return my_all_gather(context, send, receive, count * sizeof *send);
 * }
 *
 * // All ranks call it. Then the functions of cubn_extended.h work as if x were the whole batch.
 * cubnStatus_t synchronize(cubnHandle_t handle, cubnBatchNormDescriptor_t bn, int64_t channels,
 *                          void *group, int rank, int ranks, cubnCommunicator_t *communicator) {
 *   const cubnCommunicatorFunctions_t functions = {.gather = gather};
 *   cubnStatus_t status = cubnCreateCommunicator(communicator, &functions, group, rank, ranks);
 *   if (status == CUBN_STATUS_SUCCESS)
 *     status = cubnSetBatchNormCommunicator(handle, bn, *communicator, channels);
 *   return status;
 * }
 * @endcode
 */
#include "cubn.h" /* before the guard: that header includes this one */
#include "cubn_extended.h"

#ifndef CUBN_COMMUNICATOR_H
#define CUBN_COMMUNICATOR_H

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @defgroup cubn_communicator Communicators
 *
 * Ranks, and the function by which they exchange statistics.
 * @{
 */

/** A group of ranks, of which this process is one. */
typedef struct cubnCommunicatorStruct *cubnCommunicator_t;

/** What a communicator is made of. */
typedef struct cubnCommunicatorFunctions {
  /** Where send and receive are: host memory, CUBN_DEVICE_CPU. Device memory is not supported. */
  cubnDeviceType_t memory;
  /**
   * Gathers `count` doubles of each rank on all ranks: receive[r * count + i] is send[i] of rank r.
   * The bytes arrive as they are, also those that are no numbers. With host memory it returns when
   * receive is complete, and send and receive are then free to use. All ranks call it with the same
   * count. stream is that of the handle; NULL on a CPU and while a communicator is attached.
   * Returns 0 or an error number.
   */
  int (*gather)(void *context, const double *send, double *receive, size_t count,
                cubnStream_t stream);
  /** The text of an error number, valid until the next call of the thread; may be NULL. */
  const char *(*error_string)(void *context, int error);
  /** Called by cubnDestroyCommunicator; may be NULL. */
  void (*destroy)(void *context);
} cubnCommunicatorFunctions_t;

/**
 * Creates a communicator. It exchanges nothing.
 *
 * A communicator may serve many descriptors, but only one thread at a time.
 *
 * @param[out] communicator  receives the communicator
 * @param[in] functions      are copied
 * @param[in] context        is passed on to them. If this call fails, destroy is not called.
 * @param[in] rank           of this process, 0 .. ranks - 1
 * @param[in] ranks          at least 1; all call the same functions in the same order
 * @retval CUBN_STATUS_BAD_PARAM  a pointer, or gather, is NULL; a rank out of range
 * @retval CUBN_STATUS_NOT_SUPPORTED  functions->memory is not CUBN_DEVICE_CPU
 * @retval CUBN_STATUS_HOST_ALLOCATION_FAILED  no host memory
 */
CUBN_API cubnStatus_t cubnCreateCommunicator(cubnCommunicator_t *communicator,
                                             const cubnCommunicatorFunctions_t *functions,
                                             void *context, int rank, int ranks);

/**
 * Frees a communicator, and calls its destroy.
 *
 * @param[in] communicator  NULL is allowed and does nothing
 * @retval CUBN_STATUS_BAD_PARAM  it was destroyed before; descriptors carry it still, and must be
 *         destroyed before it, or get another one; the message says how many
 */
CUBN_API cubnStatus_t cubnDestroyCommunicator(cubnCommunicator_t communicator);

/**
 * Rank and number of ranks of a communicator.
 *
 * @param[in] communicator  a communicator
 * @param[out] rank         may be NULL
 * @param[out] ranks        may be NULL
 * @retval CUBN_STATUS_BAD_PARAM  communicator is NULL, or was destroyed
 */
CUBN_API cubnStatus_t cubnGetCommunicatorRank(cubnCommunicator_t communicator, int *rank,
                                              int *ranks);

/**
 * Makes the calls of a descriptor synchronized ones. All ranks call it: it gathers, and finds
 * whether they agree on the number of channels.
 *
 * It allocates all memory that the calls need: 3 * (ranks + 1) doubles per channel, and five
 * parameters per channel on host and device, as one buffer of the handle. Until the communicator is
 * taken away, or the descriptor is destroyed, the handle cannot be destroyed, and the descriptor
 * works with this handle alone.
 *
 * From then on, with CUBN_STATISTICS_BATCH (and in backward CUBN_SUMS_COMPUTED), all ranks call
 * cubnBatchNormForward and cubnBatchNormBackward together, with the same kind of descriptor, and
 *
 *     saved and running statistics are those of all shares, and the same on all ranks
 *     saved_mean_low is required where saved_mean is given: without it a mean far from 0 would be
 *         too inaccurate for shares. A reserve space is needed for an addition alone.
 *     backward requires the saved statistics
 *     dscale and dbias are as CUBN_BATCHNORM_PARAM_SUMS says
 *     the per-channel arrays have no gaps
 *
 * Other calls exchange nothing, and their sums are those of the share. With one rank the results
 * have the bits of the call without a communicator.
 *
 * @param[in] handle          whose device the calls run on
 * @param[in,out] descriptor  is set; if the call fails, it is as before
 * @param[in] communicator    outlives the descriptor or its replacement. NULL takes it away;
 *                            handle and channels are then ignored, and nothing is exchanged.
 * @param[in] channels        of all calls of the descriptor, 1 .. 2^28; per activation C * H * W
 * @retval CUBN_STATUS_NOT_INITIALIZED  handle is NULL
 * @retval CUBN_STATUS_BAD_PARAM  a descriptor or communicator that is none; channels out of range,
 *         or another number than on another rank
 * @retval CUBN_STATUS_HOST_ALLOCATION_FAILED  no host memory
 * @retval CUBN_STATUS_DEVICE_ALLOCATION_FAILED  no memory on the device
 * @retval CUBN_STATUS_EXECUTION_FAILED  gather, or the CUDA runtime, reported an error
 *
 * Each status may be that of another rank, which the message then names.
 */
CUBN_API cubnStatus_t cubnSetBatchNormCommunicator(cubnHandle_t handle,
                                                   cubnBatchNormDescriptor_t descriptor,
                                                   cubnCommunicator_t communicator,
                                                   int64_t channels);

/**
 * Sets the message of the calling thread's last error, for functions that make communicators.
 *
 * @param[in] status    is returned
 * @param[in] function  whose failure it is; NULL: "cubnReportError"
 * @param[in] text      names the argument, its value and what to do; NULL: ""
 * @return  status
 */
CUBN_API cubnStatus_t cubnReportError(cubnStatus_t status, const char *function, const char *text);

/** @} */

#ifdef __cplusplus
}
#endif

#endif /* CUBN_COMMUNICATOR_H */
