/**
 * @file cubn_nccl.h
 * Communicators of NCCL, for synchronized batch normalization; see cubn_communicator.h.
 *
 * Not included by cubn.h, and not in its library: programs include this header, and are linked to
 * libcubn_nccl, libcubn and libnccl (pkg-config: cubn_nccl). Statistics stay on the GPUs: calls
 * enqueue their work, gather included, wait for nothing, and can be captured into a CUDA graph. A
 * complete program is examples/minimal_nccl.c.
 */
#ifndef CUBN_NCCL_H
#define CUBN_NCCL_H

#include <nccl.h>

#include "cubn.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @defgroup cubn_nccl Communicators of NCCL
 * @{
 */

/**
 * Creates a communicator whose gather is ncclAllGather on `comm`, in the order of a handle's
 * stream, and whose all_to_all is a group of ncclSend and ncclRecv.
 *
 * It exchanges nothing, and allocates some 16 MB on comm's device, which is that of all handles
 * that the communicator serves: cubnSetBatchNormCommunicator refuses others. comm stays the
 * caller's: it outlives the communicator, whose calls are calls of comm like others, made in the
 * same order on all ranks. A comm that does not block is waited for until NCCL has enqueued what it
 * was asked to.
 *
 * An error that ncclCommGetAsyncError reports is CUBN_STATUS_EXECUTION_FAILED with NCCL's text in
 * cubnSynchronize and cubnQueryRuntimeError, of handles with descriptors that carry the
 * communicator. They do not wait any longer then, and the caller may call ncclCommAbort, after
 * which only cubnDestroyCommunicator is allowed.
 *
 * @param[out] communicator  receives the communicator
 * @param[in] comm           of the ranks that share a batch
 * @retval CUBN_STATUS_BAD_PARAM  communicator or comm is NULL
 * @retval CUBN_STATUS_NOT_SUPPORTED  comm's device is none of cubn's, which may be without CUDA
 * @retval CUBN_STATUS_HOST_ALLOCATION_FAILED  no host memory
 * @retval CUBN_STATUS_DEVICE_ALLOCATION_FAILED  no memory on the device
 * @retval CUBN_STATUS_EXECUTION_FAILED  NCCL or the CUDA runtime reported an error
 */
CUBN_API cubnStatus_t cubnCreateCommunicatorNCCL(cubnCommunicator_t *communicator, ncclComm_t comm);

/** @} */

#ifdef __cplusplus
}
#endif

#endif /* CUBN_NCCL_H */
