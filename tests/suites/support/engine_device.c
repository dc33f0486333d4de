/* Gathers in device memory: each rank copies its block to a board that all see, waits until all
 * have come, copies all blocks, and waits again before the board may change. All of it is work of
 * the rank's stream, which is its own. The host waits until all ranks have enqueued theirs, so that
 * no rank waits for its stream while another one cannot run. */
#include "suites/support/engine.h"

#ifdef CUBN_TESTS_CUDA
#include <cuda_runtime_api.h>

#include "suites/support/expect_error.h"

enum { ENGINE_CUDA_ERROR = 44 };

#ifdef CUBN_TESTS_EMULATED
#include "emu/control.h"

static void arrive(void *data) {
  const engine_rank *const self = data;
  ++self->engine->arrivals[self->rank];
}

static void do_nothing(void *data) {
  (void)data;
}

static int always(void *data) {
  (void)data;
  return 1;
}

static int all_have_come(void *data) {
  const engine_rank *const self = data;
  const int *const arrivals = self->engine->arrivals;
  for (int r = 0; r < self->engine->ranks; ++r)
    if (arrivals[r] < arrivals[self->rank]) return 0;
  return 1;
}

static bool enqueue_barrier(engine_rank *self, cubnStream_t stream) {
  return emu_enqueue(stream, arrive, always, self) == cudaSuccess &&
         emu_enqueue(stream, do_nothing, all_have_come, self) == cudaSuccess;
}

#else
/* By events, which each rank waits for when all have recorded theirs, and records again when all
 * wait. Such a gather cannot be captured. */
static bool enqueue_barrier(engine_rank *self, cubnStream_t stream) {
  engine *const e = self->engine;
  bool good = cudaEventRecord(e->events[self->rank], stream) == cudaSuccess;
  good = engine_meet(self, 0) == 0 && good;
  for (int r = 0; r < e->ranks; ++r)
    good = cudaStreamWaitEvent(stream, e->events[r], 0) == cudaSuccess && good;
  return engine_meet(self, 0) == 0 && good;
}
#endif

/* Of the `sent` bytes of each rank this one takes `bytes` from the first'th on. */
static bool enqueue(engine_rank *self, const void *send, size_t sent, void *receive, size_t first,
                    size_t bytes, cubnStream_t stream) {
  char *const board = (char *)self->engine->board;
  const enum cudaMemcpyKind kind = cudaMemcpyDeviceToDevice;
  const size_t own = (size_t)self->rank * sent;
  bool good = cudaMemcpyAsync(board + own, send, sent, kind, stream) == cudaSuccess &&
              enqueue_barrier(self, stream);
  for (int r = 0; r < self->engine->ranks && good; ++r)
    good = cudaMemcpyAsync((char *)receive + (size_t)r * bytes, board + (size_t)r * sent + first,
                           bytes, kind, stream) == cudaSuccess;
  return good && enqueue_barrier(self, stream);
}

static int swap(engine_rank *self, const void *send, size_t sent, void *receive, size_t first,
                size_t bytes, cubnStream_t stream) {
  int error = engine_meet(self, sent);
  if (error) return error;
  const bool good = sent <= ENGINE_WORDS_MAX * sizeof(double) &&
                    enqueue(self, send, sent, receive, first, bytes, stream);
  error = engine_meet(self, sent);
  return good ? error : ENGINE_CUDA_ERROR;
}

int engine_gather_on_device(engine_rank *self, const void *send, void *receive, size_t bytes,
                            cubnStream_t stream) {
  return swap(self, send, bytes, receive, 0, bytes, stream);
}

int engine_all_to_all_on_device(engine_rank *self, const void *send, void *receive, size_t bytes,
                                cubnStream_t stream) {
  return swap(self, send, (size_t)self->engine->ranks * bytes, receive, (size_t)self->rank * bytes,
              bytes, stream);
}

bool engine_open_board(engine_rank *self) {
  engine *const e = self->engine;
  const size_t bytes = ENGINE_RANKS_MAX * ENGINE_WORDS_MAX * sizeof(double);
  void *memory = e->board;
  cudaStream_t stream;
  cudaEvent_t event;
  if (cudaEventCreateWithFlags(&event, cudaEventDisableTiming) != cudaSuccess) return false;
  e->events[self->rank] = event;
  if (cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) != cudaSuccess ||
      cubnSetStream(self->handle, stream) != CUBN_STATUS_SUCCESS)
    return false;
  self->stream = stream;
  if (!memory && cudaMalloc(&memory, bytes) != cudaSuccess) return false;
  e->board = memory;
  ++e->board_users;
  return true;
}

void engine_close_board(engine_rank *self) {
  engine *const e = self->engine;
  cubnSetStream(self->handle, NULL);
  cudaStreamDestroy(self->stream);
  cudaEventDestroy(e->events[self->rank]);
  if (--e->board_users > 0) return;
  cudaFree(e->board);
  e->board = NULL;
}

static int gather(void *context, const double *send, double *receive, size_t count,
                  cubnStream_t stream) {
  return engine_gather_on_device(context, send, receive, count * sizeof *send, stream);
}

static int all_to_all(void *context, const double *send, double *receive, size_t count,
                      cubnStream_t stream) {
  const int error =
      engine_all_to_all_on_device(context, send, receive, count * sizeof *send, stream);
#ifdef CUBN_TESTS_EMULATED
  const engine_rank *const self = context;
  if (self->engine->failing_launch == self->rank + 1)
    emu_fail_next("cudaLaunchKernelExC", 1, cudaErrorLaunchOutOfResources);
#endif
  return error;
}

static int query(void *context) {
  const engine_rank *const self = context;
  return self->engine->background_error;
}

static int device(void *context) {
  const engine_rank *const self = context;
  cubnDeviceType_t type;
  int ordinal = -1;
  expect_success(cubnGetDevice(self->handle, &type, &ordinal), "device");
  return ordinal;
}

static cubnStatus_t create(engine_rank *self, cubnCommunicator_t *communicator) {
  const cubnCommunicatorFunctions_t functions = {.memory = CUBN_DEVICE_CUDA,
                                                 .gather = gather,
                                                 .error_string = engine_error_string,
                                                 .gather_host = engine_gather,
                                                 .query = query,
                                                 .all_to_all = all_to_all,
                                                 .device = device};
  if (!engine_open_board(self)) return CUBN_STATUS_DEVICE_ALLOCATION_FAILED;
  return cubnCreateCommunicator(communicator, &functions, self, self->rank, self->engine->ranks);
}

const engine_kind engine_on_device = {create, engine_close_board};
#endif
