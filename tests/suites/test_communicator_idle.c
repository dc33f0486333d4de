/* Communicators of device memory that know no streams, as MPI's: calls wait for their stream before
 * each collective. On lazy streams a block that was not waited for is not there. */
#include "suites/support/suite.h"

void test_communicator_idle_suites(void);

#ifdef CUBN_TESTS_EMULATED
#include "emu/control.h"
#include "suites/support/cuda_call.h"
#include "suites/support/engine.h"
#include "suites/support/expect_error.h"

enum { RANKS = 3, BUSY = 45 };

/* All ranks have the same images, so the statistics are those of one. */
static const char *const lines[] = {"train nchw f32 n2c5h3w4 low biased relu",
                                    "backward nhwc f64 n2c5h3w4 low",
                                    "train nhwc bf16 n3c5h3w3 low biased"};

/* By the way of host memory. Each rank is a thread, and has its own. */
static int exchange(engine_rank *self, const double *send, size_t count, double *all,
                    cubnStream_t stream) {
  double own[ENGINE_WORDS_MAX];
  if (cudaStreamQuery(stream) != cudaSuccess) return BUSY;
  cuda_ok(cudaMemcpy(own, send, count * sizeof *own, cudaMemcpyDeviceToHost), "send");
  return engine_gather(self, own, all, count);
}

static int gather(void *context, const double *send, double *receive, size_t count,
                  cubnStream_t stream) {
  double all[ENGINE_RANKS_MAX * ENGINE_WORDS_MAX];
  engine_rank *const self = context;
  const size_t bytes = (size_t)self->engine->ranks * count * sizeof *all;
  const int error = exchange(self, send, count, all, stream);
  if (!error) cuda_ok(cudaMemcpy(receive, all, bytes, cudaMemcpyHostToDevice), "receive");
  return error;
}

static int all_to_all(void *context, const double *send, double *receive, size_t count,
                      cubnStream_t stream) {
  double all[ENGINE_RANKS_MAX * ENGINE_WORDS_MAX];
  engine_rank *const self = context;
  const size_t ranks = (size_t)self->engine->ranks, own = (size_t)self->rank;
  const int error = exchange(self, send, ranks * count, all, stream);
  for (size_t r = 0; r < ranks && !error; ++r)
    cuda_ok(cudaMemcpy(receive + r * count, all + (r * ranks + own) * count, count * sizeof *all,
                       cudaMemcpyHostToDevice),
            "receive");
  return error;
}

static cubnStatus_t create(engine_rank *self, cubnCommunicator_t *communicator) {
  const cubnCommunicatorFunctions_t functions = {.memory = CUBN_DEVICE_CUDA,
                                                 .gather = gather,
                                                 .error_string = engine_error_string,
                                                 .gather_host = engine_gather,
                                                 .all_to_all = all_to_all,
                                                 .needs_idle_stream = 1};
  if (!engine_open_board(self)) return CUBN_STATUS_DEVICE_ALLOCATION_FAILED;
  return cubnCreateCommunicator(communicator, &functions, self, self->rank, self->engine->ranks);
}

static void call_lines(engine_rank *self) {
  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; ++i) {
    cuda_call c;
    if (cuda_call_begin(&c, self->handle, lines[i]) &&
        expect_success(
            cubnSetBatchNormCommunicator(self->handle, c.run.batch_norm, self->communicator, 5),
            "attach")) {
      expect_success(run_extended(&c.run), lines[i]);
      cuda_call_check(&c, "any", "called");
    }
    cuda_call_end(&c);
  }
}

static void test_lazy(void) {
  static const engine_kind idle = {create, engine_close_board};
  static engine e;
  emu_set_lazy_streams(1);
  engine_select(&idle);
  for (int divides = 0; divides <= 1; ++divides) {
    e = (engine){0};
    engine_divide(divides);
    engine_run(&e, RANKS, call_lines, NULL);
  }
  engine_divide(false);
  engine_select(NULL);
  emu_set_lazy_streams(0);
}

void test_communicator_idle_suites(void) {
  static const suite_test tests[] = {{"calls wait for their stream", test_lazy}, {0}};
  suite_add("communicator without streams", SUITE_CUDA, tests);
}
#else
void test_communicator_idle_suites(void) {}
#endif
