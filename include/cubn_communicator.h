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
 * for the rank; at least 256 bytes, so that there is room for the message of a failure. Each rank
 * receives and merges those of all, so this grows with the number of ranks. The tensors are read as
 * often as without a communicator, but for one more pass over x where an algorithm otherwise keeps
 * it in a cache between statistics and normalization.
 *
 * **Many ranks.** If the communicator has a function `all_to_all`, there are at least 64 channels,
 * and ranks * channels is at least 8192, the channels are divided. Of R ranks and C channels rank r
 * owns the P = ceil(C / R) channels from r * P on; the last ranks may own fewer, or none. A pass is
 * two collectives: an all-to-all of blocks of P channels, by which each rank receives its channels
 * of all ranks, and a gather of what the owners have merged, in the order of the ranks, by the
 * formulas above. Results have the bits of one gather. A rank receives 24 * P * R bytes, about
 * 24 * C, in each of the two, and in the first one 64 bytes more for each rank; with device memory
 * a block of the first one has at least 256 bytes. cubnSetCommunicatorGatherRanks sets another
 * limit.
 *
 * **Faults.** A rank whose call is refused takes part in the gather all the same, or in the
 * collectives of divided channels, and says so: all ranks return its status, with a message that
 * names the rank and its reason, write none of their outputs, and none waits for ever. The
 * exceptions: a rank whose batch-norm descriptor is no descriptor; a rank that makes no call, a
 * call that exchanges nothing, or calls in another order; and a failure after the gather, such as a
 * GPU's, which its rank alone returns. An error of the user's functions is
 * CUBN_STATUS_EXECUTION_FAILED, with their number and text.
 *
 * **GPUs.** A communicator gathers in host memory or in device memory.
 *
 * With *host memory*, on a GPU handle too, statistics are copied to the host and back, so a
 * synchronized call waits for its stream, and cannot be captured into a CUDA graph.
 *
 * With *device memory* statistics stay on the GPU. A call enqueues its kernels and the gather on
 * the handle's stream, allocates nothing, waits for nothing, and can be captured; functions that
 * know no streams (`needs_idle_stream`) are waited for and cannot. The merge is a
 * kernel with the same arithmetic in the same order, so statistics, y, dscale and dbias have the
 * bits that they have with host memory. (dx may differ in its last bits: the sums are divided by m
 * before they are rounded to parameters.) Calls of one descriptor use the same memory: on different
 * streams the caller orders them, and waits for the one stream before it asks the other for faults.
 * A call returns before the headers of other ranks are there, so faults are told later:
 *
 *     the call of the refused rank returns its status at once, as with host memory; it enqueues the
 *         collectives by which the others learn of it, and nothing else
 *     the calls of the other ranks return SUCCESS. When their work runs, the running statistics
 *         stay as they were, and NaN is written to the saved statistics, dscale and dbias; y, dx
 *         and dz are computed from NaN. Then cubnSynchronize returns, and cubnQueryRuntimeError
 *         reports, the status of the refused rank, with its message: "cubnBatchNormForward: rank 2
 *         of 4 refuses: x is NULL", of which the reason has at most 247 characters
 *     if ranks differ in function, type, epsilon, CUBN_BATCHNORM_VARIANCE or _EPSILON_PLACE, that
 *         is so on all ranks, with BAD_PARAM
 *     a fault is told once, the first one of a descriptor's; the next call works. Other functions
 *         that wait, such as cubnDownloadBuffer, do not tell it. Whoever destroys the descriptor
 *         before asking, or takes its communicator away, does not learn of it.
 *     an error that `query` reports is returned by these two functions as EXECUTION_FAILED as long
 *         as `query` reports it; cubnSynchronize does not wait any longer then. So that it can
 *         notice, it asks the stream again and again, as long as a descriptor of the handle has
 *         such a communicator.
 *
 * A graph whose capture included a refused call repeats the refusal whenever it is launched.
 *
 * cubn_mpi.h makes communicators of MPI's, in host memory, and cubn_nccl.h of NCCL's, in device
 * memory. This one is of a program that has its own:
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
  /**
   * Where send and receive of gather are: CUBN_DEVICE_CPU, host memory, for handles of every
   * device; CUBN_DEVICE_CUDA, device memory, for handles of the GPU that gather works on.
   */
  cubnDeviceType_t memory;
  /**
   * Gathers `count` doubles of each rank on all ranks: receive[r * count + i] is send[i] of rank r.
   * The bytes arrive as they are, also those that are no numbers. With host memory it returns when
   * receive is complete, and send and receive are then free to use. With device memory it enqueues
   * the gather on `stream`, a cudaStream_t, which may be in capture, and does not wait. All ranks
   * call it with the same count. stream is that of the handle; NULL on a CPU and while a
   * communicator is attached. Returns 0 or an error number.
   */
  int (*gather)(void *context, const double *send, double *receive, size_t count,
                cubnStream_t stream);
  /** The text of an error number, valid until the next call of the thread; may be NULL. */
  const char *(*error_string)(void *context, int error);
  /** Called by cubnDestroyCommunicator; may be NULL. */
  void (*destroy)(void *context);
  /**
   * With device memory: the same gather in host memory, which waits, for
   * cubnSetBatchNormCommunicator, whose handle may be none. `count` is at most 32. Required with
   * device memory; not called with host memory.
   */
  int (*gather_host)(void *context, const double *send, double *receive, size_t count);
  /**
   * With device memory: the number of an error that happened after gather had returned, or 0.
   * cubnSynchronize and cubnQueryRuntimeError ask. May be NULL; not called with host memory.
   */
  int (*query)(void *context);
  /**
   * Sends `count` doubles from each rank to each: receive[r * count + i] is
   * send[rank * count + i] of rank r, where rank is this one. Memory, stream, waiting and result
   * are as with gather. NULL: ranks gather, however many there are.
   */
  int (*all_to_all)(void *context, const double *send, double *receive, size_t count,
                    cubnStream_t stream);
  /**
   * With device memory: the number of the GPU whose memory it is, as in "cuda:1".
   * cubnSetBatchNormCommunicator refuses handles on others. NULL: it cannot tell.
   */
  int (*device)(void *context);
  /**
   * With device memory. 1: gather and all_to_all know no streams. The handle's stream is waited for
   * before they are called, they return when receive is complete, and calls cannot be captured. 0:
   * they enqueue, as above.
   */
  int needs_idle_stream;
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
 * @retval CUBN_STATUS_BAD_PARAM  a pointer, or gather, is NULL, or with device memory gather_host;
 *         functions->memory is no cubnDeviceType_t; a rank out of range
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
 * Sets up to how many ranks a communicator gathers. More ranks divide the channels, if the
 * communicator has a function all_to_all; see above. Results have the same bits.
 *
 * All ranks set the same, before cubnSetBatchNormCommunicator, which fails if they differ, and
 * which alone reads it: descriptors that carry the communicator keep what they have. One rank
 * exchanges nothing.
 *
 * @param[in,out] communicator  is set
 * @param[in] ranks             1: channels are always divided; INT_MAX: never; 0, the preset: from
 *                              64 channels on where ranks * channels is at least 8192
 * @retval CUBN_STATUS_BAD_PARAM  communicator is NULL, or was destroyed; ranks is negative
 */
CUBN_API cubnStatus_t cubnSetCommunicatorGatherRanks(cubnCommunicator_t communicator, int ranks);

/**
 * Makes the calls of a descriptor synchronized ones. All ranks call it: it gathers, and finds
 * whether they agree on the number of channels, and on whether to divide them.
 *
 * It allocates all memory that the calls need: 3 * (ranks + 1) doubles per channel where the
 * communicator gathers, or some 9 per channel and up to 64 per rank if channels are divided; and
 * five doubles per channel on the device, as one buffer of the handle; with host memory, on the
 * host too. It waits, and cannot be captured. Until the communicator is
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
 *         or another number than on another rank; some ranks gather and others divide the channels;
 *         a communicator of device memory, and a handle of a CPU or of another GPU
 * @retval CUBN_STATUS_HOST_ALLOCATION_FAILED  no host memory
 * @retval CUBN_STATUS_DEVICE_ALLOCATION_FAILED  no memory on the device
 * @retval CUBN_STATUS_EXECUTION_FAILED  a collective, or the CUDA runtime, reported an error
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
