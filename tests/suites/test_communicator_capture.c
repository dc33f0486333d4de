/* A synchronized call waits, so a captured one fails on all ranks; only the capture is lost. */
#include "suites/support/suite.h"

void test_communicator_capture_suites(void);

#ifdef CUBN_TESTS_CUDA
#include "suites/support/cuda_call.h"
#include "suites/support/engine.h"
#include "suites/support/expect_error.h"

enum { RANKS = 2, CAPTURES = 1 }; /* the rank that captures */

static void call_and_capture(const engine_rank *self, const cuda_call *c, cudaStream_t stream) {
  cudaGraph_t graph = NULL;
  const bool captures = self->rank == CAPTURES;
  if (captures) cuda_ok(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "begin");
  expect_error(run_extended(&c->run), CUBN_STATUS_EXECUTION_FAILED, "cubnBatchNormForward",
               "rank 1 of 2", NULL);
  if (captures) {
    CU_ASSERT_NOT_EQUAL(cudaStreamEndCapture(stream, &graph), cudaSuccess);
    CU_ASSERT_PTR_NULL(graph);
    cudaGetLastError();
  }
  expect_success(run_extended(&c->run), "the call after a capture");
}

static void run_rank(engine_rank *self) {
  const cudaStream_t stream = cuda_create_stream();
  cuda_call c;
  expect_success(cubnSetStream(self->handle, stream), "cubnSetStream");
  if (cuda_call_begin(&c, self->handle, "train nchw f32 n2c5h3w4 low")) {
    if (expect_success(
            cubnSetBatchNormCommunicator(self->handle, c.run.batch_norm, self->communicator, 5),
            "attach"))
      call_and_capture(self, &c, stream);
    cuda_call_end(&c);
  }
  expect_success(cubnSetStream(self->handle, NULL), "cubnSetStream");
  cudaStreamDestroy(stream);
}

static void test_capture(void) {
  static engine e;
  e = (engine){0};
  engine_run(&e, RANKS, run_rank, NULL);
}

#endif

void test_communicator_capture_suites(void) {
#ifdef CUBN_TESTS_CUDA
  static const suite_test tests[] = {{"a captured call", test_capture}, {NULL, NULL}};
  suite_add("communicator in a capture", SUITE_CUDA, tests);
#endif
}
