/**
 * @file cubn_mpi.h
 * Communicators of MPI, for synchronized batch normalization; see cubn_communicator.h.
 *
 * Not included by cubn.h, and not in its library: programs include this header, are compiled by
 * MPI's compiler, and are linked to libcubn_mpi and libcubn (pkg-config: cubn_mpi). The library
 * belongs to the MPI it was built with. A complete program is examples/minimal_mpi.c.
 */
#ifndef CUBN_MPI_H
#define CUBN_MPI_H

#include <mpi.h>

#include "cubn.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @defgroup cubn_mpi Communicators of MPI
 * @{
 */

/**
 * Creates a communicator whose collectives are MPI_Allgather and MPI_Alltoall on a duplicate of
 * `comm`.
 *
 * All ranks of comm call it. The duplicate has the error handler MPI_ERRORS_RETURN: an error of MPI
 * becomes CUBN_STATUS_EXECUTION_FAILED with MPI's text. An error of MPI_Comm_dup itself is handled
 * as comm says, and by default ends the program.
 *
 * MPI must have been initialized. Calls of MPI are made by the thread that makes the synchronized
 * call: in a program of several threads MPI needs MPI_THREAD_SERIALIZED or more, or
 * MPI_THREAD_FUNNELED if it is the main thread.
 *
 * cubnDestroyCommunicator frees the duplicate, so all ranks call it, before MPI_Finalize. After
 * that it frees its own memory only.
 *
 * @param[out] communicator  receives the communicator
 * @param[in] comm           of the ranks that share a batch; no inter-communicator
 * @retval CUBN_STATUS_BAD_PARAM  communicator is NULL; comm is MPI_COMM_NULL or an
 *         inter-communicator; MPI is not initialized, or finalized
 * @retval CUBN_STATUS_HOST_ALLOCATION_FAILED  no host memory
 * @retval CUBN_STATUS_EXECUTION_FAILED  MPI reported an error
 */
CUBN_API cubnStatus_t cubnCreateCommunicatorMPI(cubnCommunicator_t *communicator, MPI_Comm comm);

/**
 * Creates a communicator of which MPI gets pointers to a GPU's memory, as cubnCreateCommunicatorMPI
 * but for that. Statistics are not copied to the host; there is a copy over PCIe less in either
 * direction.
 *
 * MPI knows no streams: a synchronized call waits for its handle's stream before each collective,
 * and cannot be captured. Faults are told as cubn_communicator.h says of device memory.
 *
 * @param[out] communicator  receives the communicator
 * @param[in] comm           of the ranks that share a batch; no inter-communicator
 * @param[in] ordinal        of this rank's GPU, as cubnGetDevice says: that of all handles that the
 *                           communicator is given to
 * @retval CUBN_STATUS_BAD_PARAM  as cubnCreateCommunicatorMPI; ordinal is negative
 * @retval CUBN_STATUS_NOT_SUPPORTED  this MPI does not take memory of a GPU
 *         (MPIX_Query_cuda_support); nothing is created, on no rank if all have the same MPI
 * @retval CUBN_STATUS_HOST_ALLOCATION_FAILED  no host memory
 * @retval CUBN_STATUS_EXECUTION_FAILED  MPI reported an error
 */
CUBN_API cubnStatus_t cubnCreateCommunicatorMPIOnDevice(cubnCommunicator_t *communicator,
                                                        MPI_Comm comm, int ordinal);

/** @} */

#ifdef __cplusplus
}
#endif

#endif /* CUBN_MPI_H */
