/* Communicators whose functions are ncclAllGather, and ncclSend and ncclRecv in a group. */
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "cubn_nccl.h"

enum { WORDS_MAX = 32 }; /* of a rank in gather_host */

typedef struct nccl_context {
  ncclComm_t comm; /* the caller's */
  int rank, ranks, device;
  cubnHandle_t handle; /* on comm's device, for gather_host */
  cubnBuffer_t buffer; /* WORDS_MAX doubles of this rank, then those of all */
} nccl_context;

/* ---- The functions of the communicator; error numbers are ncclResult_t ---- */
/* A comm that does not block has to enqueue the gather before what follows is enqueued. */
static ncclResult_t await_comm(ncclComm_t comm, ncclResult_t result) {
  while (result == ncclInProgress) {
    sched_yield();
    const ncclResult_t error = ncclCommGetAsyncError(comm, &result);
    if (error != ncclSuccess) return error;
  }
  return result;
}

/* Of a call in a group; a comm that does not block may say that it is in progress. */
static bool is_error(ncclResult_t result) {
  return result != ncclSuccess && result != ncclInProgress;
}

/* Doubles are exchanged as integers, which have the same bytes. */
static int gather(void *context, const double *send, double *receive, size_t count,
                  cubnStream_t stream) {
  const nccl_context *const self = context;
  return (int)await_comm(self->comm,
                         ncclAllGather(send, receive, count, ncclUint64, self->comm, stream));
}

static int all_to_all(void *context, const double *send, double *receive, size_t count,
                      cubnStream_t stream) {
  const nccl_context *const self = context;
  ncclResult_t error = ncclGroupStart();
  if (error != ncclSuccess) return (int)error;
  for (int r = 0; r < self->ranks && !is_error(error); ++r) {
    const size_t first = (size_t)r * count;
    error = ncclSend(send + first, count, ncclUint64, r, self->comm, stream);
    if (!is_error(error))
      error = ncclRecv(receive + first, count, ncclUint64, r, self->comm, stream);
  }
  const ncclResult_t end = ncclGroupEnd();
  return (int)await_comm(self->comm, is_error(error) ? error : end);
}

static int device(void *context) {
  const nccl_context *const self = context;
  return self->device;
}

static int query(void *context) {
  const nccl_context *const self = context;
  ncclResult_t result = ncclSuccess;
  const ncclResult_t error = ncclCommGetAsyncError(self->comm, &result);
  if (error != ncclSuccess) return (int)error;
  return result == ncclInProgress ? 0 : (int)result;
}

/* Waits for the handle's stream, unless the comm fails. */
static int await_gather(nccl_context *self) {
  cubnStatus_t status = CUBN_STATUS_RUNTIME_IN_PROGRESS;
  while (status == CUBN_STATUS_RUNTIME_IN_PROGRESS) {
    const int error = query(self);
    if (error) return error;
    if (cubnQueryRuntimeError(self->handle, &status, CUBN_ERRQUERY_NONBLOCKING, NULL) !=
        CUBN_STATUS_SUCCESS)
      return ncclUnhandledCudaError;
    sched_yield();
  }
  return status == CUBN_STATUS_SUCCESS ? ncclSuccess : ncclUnhandledCudaError;
}

static int gather_host(void *context, const double *send, double *receive, size_t count) {
  nccl_context *const self = context;
  void *memory;
  if (count > WORDS_MAX) return ncclInvalidArgument;
  if (cubnGetBufferPointer(self->buffer, &memory) != CUBN_STATUS_SUCCESS ||
      cubnUploadBuffer(self->buffer, 0, send, count * sizeof *send) != CUBN_STATUS_SUCCESS)
    return ncclUnhandledCudaError;
  double *const own = memory;
  int error = gather(self, own, own + WORDS_MAX, count, cudaStreamPerThread);
  if (!error) error = await_gather(self);
  if (error) return error;
  const cubnStatus_t status = cubnDownloadBuffer(self->buffer, WORDS_MAX * sizeof *own, receive,
                                                 (size_t)self->ranks * count * sizeof *own);
  return status == CUBN_STATUS_SUCCESS ? ncclSuccess : ncclUnhandledCudaError;
}

static const char *error_string(void *context, int error) {
  static _Thread_local char text[512];
  const nccl_context *const self = context;
  const char *const last = ncclGetLastError(self->comm);
  snprintf(text, sizeof text, "%s%s%s", ncclGetErrorString((ncclResult_t)error),
           last && *last ? ": " : "", last ? last : "");
  return text;
}

static void destroy(void *context) {
  nccl_context *const self = context;
  cubnDestroyBuffer(self->buffer);
  cubnDestroy(self->handle);
  free(self);
}

/* ---- Making one ---- */
static cubnStatus_t fail(cubnStatus_t status, const char *text) {
  return cubnReportError(status, "cubnCreateCommunicatorNCCL", text);
}

/* What cubn's function has failed with is told to come from here. */
static cubnStatus_t within(cubnStatus_t status) {
  char text[512];
  if (status == CUBN_STATUS_SUCCESS) return status;
  cubnGetLastErrorString(text, sizeof text);
  return fail(status, text);
}

static cubnStatus_t open(nccl_context *self) {
  char name[32];
  ncclResult_t error = await_comm(self->comm, ncclInProgress);
  if (error == ncclSuccess) error = ncclCommCount(self->comm, &self->ranks);
  if (error == ncclSuccess) error = ncclCommUserRank(self->comm, &self->rank);
  if (error == ncclSuccess) error = ncclCommCuDevice(self->comm, &self->device);
  if (error != ncclSuccess)
    return fail(CUBN_STATUS_EXECUTION_FAILED, error_string(self, (int)error));
  snprintf(name, sizeof name, "cuda:%d", self->device);
  cubnStatus_t status = within(cubnCreateOnDevice(&self->handle, name));
  /* Which no other stream waits for; the default one does. */
  if (status == CUBN_STATUS_SUCCESS)
    status = within(cubnSetStream(self->handle, cudaStreamPerThread));
  const size_t words = WORDS_MAX * (1 + (size_t)self->ranks);
  if (status == CUBN_STATUS_SUCCESS)
    status = within(cubnCreateBuffer(self->handle, words * sizeof(double), &self->buffer));
  return status;
}

cubnStatus_t cubnCreateCommunicatorNCCL(cubnCommunicator_t *communicator, ncclComm_t comm) {
  static const cubnCommunicatorFunctions_t functions = {.memory = CUBN_DEVICE_CUDA,
                                                        .gather = gather,
                                                        .error_string = error_string,
                                                        .destroy = destroy,
                                                        .gather_host = gather_host,
                                                        .query = query,
                                                        .all_to_all = all_to_all,
                                                        .device = device};
  if (!communicator) return fail(CUBN_STATUS_BAD_PARAM, "communicator is NULL");
  if (!comm) return fail(CUBN_STATUS_BAD_PARAM, "comm is NULL");
  nccl_context *const self = calloc(1, sizeof *self);
  if (!self) return fail(CUBN_STATUS_HOST_ALLOCATION_FAILED, "no memory for a communicator");
  self->comm = comm;
  cubnStatus_t status = open(self);
  if (status == CUBN_STATUS_SUCCESS)
    status =
        within(cubnCreateCommunicator(communicator, &functions, self, self->rank, self->ranks));
  if (status != CUBN_STATUS_SUCCESS) destroy(self);
  return status;
}
