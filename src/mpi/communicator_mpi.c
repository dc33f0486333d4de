/* Communicators whose functions are MPI_Allgather and MPI_Alltoall. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "cubn_mpi.h"

/* MPIX_Query_cuda_support. MPICH declares it in mpi.h. */
#ifdef OPEN_MPI
#include <mpi-ext.h>
#endif

typedef struct mpi_context {
  MPI_Comm comm; /* the duplicate */
  int ordinal;   /* of the GPU whose memory MPI is given */
} mpi_context;

/* The stream is that of a handle; MPI knows no streams, so nothing is ordered by it. */
static int gather(void *context, const double *send, double *receive, size_t count,
                  cubnStream_t stream) {
  const mpi_context *const self = context;
  (void)stream;
  if (count > INT_MAX) return MPI_ERR_COUNT;
  return MPI_Allgather(send, (int)count, MPI_DOUBLE, receive, (int)count, MPI_DOUBLE, self->comm);
}

static int all_to_all(void *context, const double *send, double *receive, size_t count,
                      cubnStream_t stream) {
  const mpi_context *const self = context;
  (void)stream;
  if (count > INT_MAX) return MPI_ERR_COUNT;
  return MPI_Alltoall(send, (int)count, MPI_DOUBLE, receive, (int)count, MPI_DOUBLE, self->comm);
}

static const char *error_string(void *context, int error) {
  static _Thread_local char text[MPI_MAX_ERROR_STRING];
  int length = 0;
  (void)context;
  return MPI_Error_string(error, text, &length) == MPI_SUCCESS ? text : NULL;
}

static void destroy(void *context) {
  mpi_context *const self = context;
  int is_finalized = 0;
  MPI_Finalized(&is_finalized);
  if (!is_finalized && self->comm != MPI_COMM_NULL) MPI_Comm_free(&self->comm);
  free(self);
}

/* ---- In memory of a GPU ---- */
static int gather_host(void *context, const double *send, double *receive, size_t count) {
  return gather(context, send, receive, count, NULL);
}

static int device(void *context) {
  const mpi_context *const self = context;
  return self->ordinal;
}

/* ---- Making one ---- */
static cubnStatus_t fail_mpi(const char *caller, const char *function, int error) {
  char text[MPI_MAX_ERROR_STRING + 64];
  const char *const reason = error_string(NULL, error);
  snprintf(text, sizeof text, "%s returned error %d: %s", function, error, reason ? reason : "");
  return cubnReportError(CUBN_STATUS_EXECUTION_FAILED, caller, text);
}

static cubnStatus_t check(const cubnCommunicator_t *communicator, MPI_Comm comm,
                          const char *caller) {
  int is_initialized = 0, is_finalized = 0, is_inter = 0;
  MPI_Initialized(&is_initialized);
  MPI_Finalized(&is_finalized);
  const char *const refusal = !communicator     ? "communicator is NULL"
                              : !is_initialized ? "MPI is not initialized, call MPI_Init first"
                              : is_finalized    ? "MPI is finalized, call before that"
                              : comm == MPI_COMM_NULL ? "comm is MPI_COMM_NULL"
                                                      : NULL;
  if (refusal) return cubnReportError(CUBN_STATUS_BAD_PARAM, caller, refusal);
  const int error = MPI_Comm_test_inter(comm, &is_inter);
  if (error != MPI_SUCCESS) return fail_mpi(caller, "MPI_Comm_test_inter", error);
  return is_inter ? cubnReportError(CUBN_STATUS_BAD_PARAM, caller,
                                    "comm is an inter-communicator, must be one group")
                  : CUBN_STATUS_SUCCESS;
}

static cubnStatus_t create(cubnCommunicator_t *communicator, MPI_Comm comm,
                           const cubnCommunicatorFunctions_t *functions, int ordinal,
                           const char *caller) {
  int rank = 0, ranks = 0;
  mpi_context *const context = malloc(sizeof *context);
  if (!context)
    return cubnReportError(CUBN_STATUS_HOST_ALLOCATION_FAILED, caller,
                           "no memory for a communicator");
  *context = (mpi_context){.comm = MPI_COMM_NULL, .ordinal = ordinal};
  int error = MPI_Comm_dup(comm, &context->comm);
  if (error != MPI_SUCCESS) context->comm = MPI_COMM_NULL;
  if (error == MPI_SUCCESS) error = MPI_Comm_set_errhandler(context->comm, MPI_ERRORS_RETURN);
  if (error == MPI_SUCCESS) error = MPI_Comm_rank(context->comm, &rank);
  if (error == MPI_SUCCESS) error = MPI_Comm_size(context->comm, &ranks);
  const cubnStatus_t status =
      error == MPI_SUCCESS ? cubnCreateCommunicator(communicator, functions, context, rank, ranks)
                           : fail_mpi(caller, "MPI_Comm_dup", error);
  if (status != CUBN_STATUS_SUCCESS) destroy(context);
  return status;
}

cubnStatus_t cubnCreateCommunicatorMPI(cubnCommunicator_t *communicator, MPI_Comm comm) {
  static const cubnCommunicatorFunctions_t functions = {.memory = CUBN_DEVICE_CPU,
                                                        .gather = gather,
                                                        .error_string = error_string,
                                                        .destroy = destroy,
                                                        .all_to_all = all_to_all};
  const cubnStatus_t status = check(communicator, comm, __func__);
  return status == CUBN_STATUS_SUCCESS ? create(communicator, comm, &functions, 0, __func__)
                                       : status;
}

cubnStatus_t cubnCreateCommunicatorMPIOnDevice(cubnCommunicator_t *communicator, MPI_Comm comm,
                                               int ordinal) {
  static const cubnCommunicatorFunctions_t functions = {.memory = CUBN_DEVICE_CUDA,
                                                        .gather = gather,
                                                        .error_string = error_string,
                                                        .destroy = destroy,
                                                        .gather_host = gather_host,
                                                        .all_to_all = all_to_all,
                                                        .device = device,
                                                        .needs_idle_stream = 1};
  const cubnStatus_t status = check(communicator, comm, __func__);
  if (status != CUBN_STATUS_SUCCESS) return status;
  if (ordinal < 0)
    return cubnReportError(CUBN_STATUS_BAD_PARAM, __func__,
                           "ordinal is negative, must be that of cubnGetDevice");
#if defined OPEN_MPI && !defined MPIX_CUDA_AWARE_SUPPORT
  const int takes_device_memory = 0; /* a release before 2.0 */
#else
  const int takes_device_memory = MPIX_Query_cuda_support();
#endif
  if (!takes_device_memory)
    return cubnReportError(CUBN_STATUS_NOT_SUPPORTED, __func__,
                           "this MPI does not take memory of a GPU; use cubnCreateCommunicatorMPI");
  return create(communicator, comm, &functions, ordinal, __func__);
}
