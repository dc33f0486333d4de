/* Captured graphs, as a CUDA program around the library uses them. */
#include "suites/support/suite.h"

void test_graph_suites(void);

#ifdef CUBN_TESTS_CUDA
#include <string.h>

#include "suites/support/cuda_call.h"
#include "suites/support/expect_error.h"
#ifdef CUBN_TESTS_EMULATED
#include "emu/control.h"
#endif

static cudaGraphExec_t capture(const cuda_call *c, cudaStream_t stream) {
  cudaGraph_t graph = NULL;
  cudaGraphExec_t executable = NULL;
  cuda_ok(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal), "cudaStreamBeginCapture");
  expect_success(cubnSetStream(c->run.handle, stream), "cubnSetStream");
  expect_success(run_call(&c->run), c->line);
  cuda_ok(cudaStreamEndCapture(stream, &graph), c->line);
  if (graph && cuda_ok(cudaGraphInstantiate(&executable, graph, 0), "cudaGraphInstantiate"))
    cudaGraphDestroy(graph);
  return executable;
}

/* A captured call computes with the values that are there when the graph is launched. */
static void replay(const char *line, const cubn_algo *algo, void *state) {
  const cudaStream_t stream = *(cudaStream_t *)state;
  cuda_call c;
  if (!cuda_call_begin(&c, suite_handle(), line)) return;
  const cudaGraphExec_t graph = capture(&c, stream);
  for (int variant = 1; variant <= 3 && graph; ++variant) {
    cuda_call_drop_data(&c);
    cuda_call_make_data(&c, variant);
    expect_success(run_upload(&c.run, &c.before), line);
    cuda_ok(cudaGraphLaunch(graph, stream), "cudaGraphLaunch");
    cuda_call_check(&c, algo->name, "replayed");
  }
  expect_success(run_upload(&c.run, &c.before), line);
  expect_success(run_call(&c.run), line);
  cuda_call_check(&c, algo->name, "called after a replay");
  if (graph) cudaGraphExecDestroy(graph);
  cuda_call_end(&c);
}

static void test_graphs(void) {
  cudaStream_t stream = cuda_create_stream();
  cuda_for_each_algo(replay, &stream);
  expect_success(cubnSetStream(suite_handle(), NULL), "cubnSetStream");
  cudaStreamDestroy(stream);
}

/* What a capture of any stream allows: streams that are new to the handle, and buffers. Waiting is
 * not allowed: it is an error and spoils the capture, but not the handle. */
static void test_during_capture(void) {
  const cubnHandle_t handle = suite_handle();
  const cudaStream_t stream = cuda_create_stream(), other = cuda_create_stream();
  cudaGraph_t graph = NULL;
  cubnBuffer_t buffer = NULL;
  char report[1024];
  cuda_ok(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal), "cudaStreamBeginCapture");
  expect_success(cubnSetStream(handle, other), "cubnSetStream");
  expect_success(cubnCreateBuffer(handle, 1000, &buffer), "cubnCreateBuffer");
  expect_success(cubnDestroyBuffer(buffer), "cubnDestroyBuffer");
  cuda_ok(cudaStreamEndCapture(stream, &graph), "a capture around cubnSetStream and buffers");
  cudaGraphDestroy(graph);
  cuda_ok(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal), "cudaStreamBeginCapture");
  expect_success(cubnSetStream(handle, stream), "cubnSetStream");
  expect_error(cubnSynchronize(handle), CUBN_STATUS_EXECUTION_FAILED, "cubnSynchronize",
               "cudaStreamSynchronize", "cudaErrorStreamCaptureUnsupported");
  CU_ASSERT_EQUAL(cudaStreamEndCapture(stream, &graph), cudaErrorStreamCaptureInvalidated);
  cudaGetLastError();
  strcpy(handle->forced_algo, "two_pass"); /* It counts in the workspace, which began as zero. */
  SUITE_CHECK(run_text(handle, LINE_WITH_PARTIAL_SUMS, report, sizeof report),
              "after a capture: %s", report);
  expect_success(cubnSetStream(handle, NULL), "cubnSetStream");
  cudaStreamDestroy(stream);
  cudaStreamDestroy(other);
}

#ifdef CUBN_TESTS_EMULATED
/* Work that runs as late as the program allows shows a missing wait. */
static void test_lazy_streams(void) {
  emu_set_lazy_streams(1);
  test_graphs();
  emu_set_lazy_streams(0);
}
#endif
#endif

void test_graph_suites(void) {
#ifdef CUBN_TESTS_CUDA
  static const suite_test tests[] = {
      {"graphs compute with the values of the moment", test_graphs},
      {"what a capture allows", test_during_capture},
#ifdef CUBN_TESTS_EMULATED
      {"graphs on lazy streams", test_lazy_streams},
#endif
      {NULL, NULL},
  };
  suite_add("graphs", SUITE_CUDA, tests);
#endif
}
