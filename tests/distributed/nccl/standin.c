#include "distributed/nccl/standin.h"

ncclResult_t ncclCommCount(const ncclComm_t comm, int *count) {
  *count = comm->self->engine->ranks;
  return ncclSuccess;
}

ncclResult_t ncclCommUserRank(const ncclComm_t comm, int *rank) {
  *rank = comm->self->rank;
  return ncclSuccess;
}

ncclResult_t ncclCommCuDevice(const ncclComm_t comm, int *device) {
  (void)comm;
  *device = 0;
  return ncclSuccess;
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t *result) {
  *result = comm->delay > 0 ? ncclInProgress : comm->background;
  if (comm->delay > 0) --comm->delay;
  return ncclSuccess;
}

ncclResult_t ncclAllGather(const void *send, void *receive, size_t count, ncclDataType_t type,
                           ncclComm_t comm, cudaStream_t stream) {
  if (type != ncclUint64 || comm->delay > 0) return ncclInvalidArgument;
  ++comm->gathers;
  comm->words = count;
  const int error = engine_gather_on_device(comm->self, send, receive, count * 8, stream);
  if (error) return ncclSystemError;
  if (!comm->blocks) comm->delay = 3;
  return comm->blocks ? ncclSuccess : ncclInProgress;
}

/* ---- A group: each rank sends to each and receives from each, in their order ---- */
typedef struct group {
  ncclComm_t comm;
  const char *send;
  char *receive;
  size_t bytes; /* from a rank to another */
  int sends, receives;
  bool is_open, is_wrong;
  cudaStream_t stream;
} group;

static _Thread_local group open_group;

static void add_to_group(ncclComm_t comm, size_t count, ncclDataType_t type, int peer, int expected,
                         cudaStream_t stream) {
  group *const g = &open_group;
  if (!g->comm) *g = (group){.comm = comm, .bytes = count * 8, .is_open = true, .stream = stream};
  if (type != ncclUint64 || comm->delay > 0 || comm != g->comm || g->bytes != count * 8 ||
      g->stream != stream || peer != expected)
    g->is_wrong = true;
}

ncclResult_t ncclGroupStart(void) {
  if (open_group.is_open) return ncclInvalidUsage;
  open_group = (group){.is_open = true};
  return ncclSuccess;
}

ncclResult_t ncclSend(const void *send, size_t count, ncclDataType_t type, int peer,
                      ncclComm_t comm, cudaStream_t stream) {
  group *const g = &open_group;
  add_to_group(comm, count, type, peer, g->sends, stream);
  if (g->sends == 0) g->send = send;
  if ((const char *)send != g->send + (size_t)g->sends++ * g->bytes) g->is_wrong = true;
  return comm->blocks ? ncclSuccess : ncclInProgress;
}

ncclResult_t ncclRecv(void *receive, size_t count, ncclDataType_t type, int peer, ncclComm_t comm,
                      cudaStream_t stream) {
  group *const g = &open_group;
  add_to_group(comm, count, type, peer, g->receives, stream);
  if (g->receives == 0) g->receive = receive;
  if ((char *)receive != g->receive + (size_t)g->receives++ * g->bytes) g->is_wrong = true;
  return comm->blocks ? ncclSuccess : ncclInProgress;
}

ncclResult_t ncclGroupEnd(void) {
  const group g = open_group;
  open_group = (group){0};
  if (!g.comm || g.is_wrong) return ncclInvalidArgument;
  const int ranks = g.comm->self->engine->ranks;
  if (g.sends != ranks || g.receives != ranks) return ncclInvalidUsage;
  ++g.comm->groups;
  const int error = engine_all_to_all_on_device(g.comm->self, g.send, g.receive, g.bytes, g.stream);
  if (error) return ncclSystemError;
  if (!g.comm->blocks) g.comm->delay = 3;
  return g.comm->blocks ? ncclSuccess : ncclInProgress;
}

const char *ncclGetErrorString(ncclResult_t result) {
  return result == ncclRemoteError ? "another process has ended" : "an error of the stand-in";
}

const char *ncclGetLastError(ncclComm_t comm) {
  return comm && comm->background == ncclRemoteError ? "socket closed" : "";
}
