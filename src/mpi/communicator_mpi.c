/* Communicators whose functions are MPI_Allgather and MPI_Alltoall. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "cubn_mpi.h"

typedef struct mpi_context {
  MPI_Comm comm; /* the duplicate */
} mpi_context;

/* The stream is that of a handle; the memory is the host's, so nothing is ordered by it. */
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

static cubnStatus_t fail(cubnStatus_t status, const char *text) {
  return cubnReportError(status, "cubnCreateCommunicatorMPI", text);
}

static cubnStatus_t fail_mpi(const char *function, int error) {
  char text[MPI_MAX_ERROR_STRING + 64];
  const char *const reason = error_string(NULL, error);
  snprintf(text, sizeof text, "%s returned error %d: %s", function, error, reason ? reason : "");
  return fail(CUBN_STATUS_EXECUTION_FAILED, text);
}

static cubnStatus_t check(cubnCommunicator_t *communicator, MPI_Comm comm) {
  int is_initialized = 0, is_finalized = 0, is_inter = 0;
  if (!communicator) return fail(CUBN_STATUS_BAD_PARAM, "communicator is NULL");
  MPI_Initialized(&is_initialized);
  MPI_Finalized(&is_finalized);
  if (!is_initialized)
    return fail(CUBN_STATUS_BAD_PARAM, "MPI is not initialized, call MPI_Init first");
  if (is_finalized) return fail(CUBN_STATUS_BAD_PARAM, "MPI is finalized, call before that");
  if (comm == MPI_COMM_NULL) return fail(CUBN_STATUS_BAD_PARAM, "comm is MPI_COMM_NULL");
  const int error = MPI_Comm_test_inter(comm, &is_inter);
  if (error != MPI_SUCCESS) return fail_mpi("MPI_Comm_test_inter", error);
  return is_inter ? fail(CUBN_STATUS_BAD_PARAM, "comm is an inter-communicator, must be one group")
                  : CUBN_STATUS_SUCCESS;
}

cubnStatus_t cubnCreateCommunicatorMPI(cubnCommunicator_t *communicator, MPI_Comm comm) {
  static const cubnCommunicatorFunctions_t functions = {.memory = CUBN_DEVICE_CPU,
                                                        .gather = gather,
                                                        .error_string = error_string,
                                                        .destroy = destroy,
                                                        .all_to_all = all_to_all};
  int rank = 0, ranks = 0;
  cubnStatus_t status = check(communicator, comm);
  if (status != CUBN_STATUS_SUCCESS) return status;
  mpi_context *const context = malloc(sizeof *context);
  if (!context) return fail(CUBN_STATUS_HOST_ALLOCATION_FAILED, "no memory for a communicator");
  context->comm = MPI_COMM_NULL;
  int error = MPI_Comm_dup(comm, &context->comm);
  if (error != MPI_SUCCESS) context->comm = MPI_COMM_NULL;
  if (error == MPI_SUCCESS) error = MPI_Comm_set_errhandler(context->comm, MPI_ERRORS_RETURN);
  if (error == MPI_SUCCESS) error = MPI_Comm_rank(context->comm, &rank);
  if (error == MPI_SUCCESS) error = MPI_Comm_size(context->comm, &ranks);
  status = error == MPI_SUCCESS
               ? cubnCreateCommunicator(communicator, &functions, context, rank, ranks)
               : fail_mpi("MPI_Comm_dup", error);
  if (status != CUBN_STATUS_SUCCESS) destroy(context);
  return status;
}
