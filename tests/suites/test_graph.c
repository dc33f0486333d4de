/* Streams, captured graphs, several devices: what a CUDA program around the library does. */
#include "suites/support/suite.h"

void test_graph_suites(void);

#ifdef CUBN_TESTS_CUDA
#include <cuda_runtime_api.h>
#include <string.h>

#include "core/handle.h"
#include "kit/run_line.h"
#include "suites/support/expect_error.h"
#ifdef CUBN_TESTS_EMULATED
#include "emu/control.h"
#endif

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* All algorithms, one launch and several, with and without partial sums in the workspace. */
#define LINE_WITH_PARTIAL_SUMS "train nchw f32 n8c1h49w57 inplace"
static const char *const lines[] = {
    "train nchw f32 n4c6h8w9",         "train nhwc f16 n4c16h5w7",
    "train nchw+1 bf16 n3c2h33w33",    LINE_WITH_PARTIAL_SUMS,
    "infer nchw f32 n4c6h8w9 beta=.5", "infer nhwc+1 f64 n2c5h3w3",
    "backward nchw f32 n4c6h8w9",      "backward nhwc f16 n4c16h5w7 nosaved",
    "backward nchw f32 n8c1h49w57",    "backward nchw+1:nhwc f32 n6c2h33w33 nosaved",
};

static bool cuda_ok(cudaError_t error, const char *what) {
  return SUITE_CHECK(error == cudaSuccess, "%s: %s", what, cudaGetErrorName(error));
}

static cudaStream_t create_stream(void) {
  cudaStream_t stream = NULL;
  cuda_ok(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
  return stream;
}

/* ---- A call in single steps ---- */

typedef struct call {
  cubnHandle_t handle;
  const char *line;
  line_problem problem;
  data_set before, after;
  run_context run;
} call;

/* Fills `before` with values whose mean depends on `variant`, and a factor in device memory, too; and
 * makes room for results. */
static void make_data(call *c, int variant) {
  c->problem.mean = 0.5 + variant;
  if (c->problem.device_factor) c->problem.factor = 1.0 / (1 + variant);
  char report[512] = "";
  SUITE_CHECK(run_create(c->handle, &c->problem, &c->before, report, sizeof report), "%s", report);
  CU_ASSERT(data_copy(&c->before, &c->after));
}

static void drop_data(call *c) {
  data_destroy(&c->before);
  data_destroy(&c->after);
}

static bool begin(call *c, cubnHandle_t handle, const char *line) {
  *c = (call){.handle = handle, .line = line};
  const char *const wrong = line_parse(line, &c->problem);
  if (!SUITE_CHECK(!wrong, "%s: %s", line, wrong)) return false;
  make_data(c, 0);
  return expect_success(run_open(&c->run, handle, &c->problem, &c->before), line);
}

/* Downloads and compares with the oracle. */
static void check(call *c, const char *algo, const char *when) {
  char report[512];
  expect_success(run_download(&c->run, &c->after), c->line);
  const compare_result result = compare_outputs(&c->problem, &c->before, &c->after, 1);
  if (result.failures) compare_describe(&result, report, sizeof report);
  SUITE_CHECK(!result.failures, "%s, %s, %s: %s", c->line, algo, when, report);
  SUITE_CHECK(compare_untouched(&c->problem, &c->before, &c->after, report, sizeof report),
              "%s, %s, %s: %s", c->line, algo, when, report);
}

static void end(call *c) {
  run_close(&c->run);
  drop_data(c);
}

/* Does something with every line and every algorithm that accepts it. */
static void for_each_algo(void (*test)(const char *line, const cubn_algo *algo, void *state),
                          void *state) {
  const cubnHandle_t handle = suite_handle();
  for (size_t i = 0; i < COUNT_OF(lines); ++i) {
    line_problem problem;
    CU_ASSERT_PTR_NULL(line_parse(lines[i], &problem));
    for (const cubn_algo *const *algo = handle->backend->algos[problem.pass]; *algo; ++algo) {
      call c;
      strcpy(handle->forced_algo, (*algo)->name);
      if (begin(&c, handle, lines[i])) expect_success(run_call(&c.run), lines[i]);
      end(&c);
      if (handle->last_algo == *algo) test(lines[i], *algo, state);
    }
  }
}

/* ---- Graphs ---- */

static cudaGraphExec_t capture(const call *c, cudaStream_t stream) {
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
  call c;
  if (!begin(&c, suite_handle(), line)) return;
  const cudaGraphExec_t graph = capture(&c, stream);
  for (int variant = 1; variant <= 3 && graph; ++variant) {
    drop_data(&c);
    make_data(&c, variant);
    expect_success(run_upload(&c.run, &c.before), line);
    cuda_ok(cudaGraphLaunch(graph, stream), "cudaGraphLaunch");
    check(&c, algo->name, "replayed");
  }
  expect_success(run_upload(&c.run, &c.before), line);
  expect_success(run_call(&c.run), line);
  check(&c, algo->name, "called after a replay");
  if (graph) cudaGraphExecDestroy(graph);
  end(&c);
}

static void test_graphs(void) {
  cudaStream_t stream = create_stream();
  for_each_algo(replay, &stream);
  expect_success(cubnSetStream(suite_handle(), NULL), "cubnSetStream");
  cudaStreamDestroy(stream);
}

/* What a capture of any stream allows: streams that are new to the handle, and buffers. What it
 * does not allow, waiting, is an error and spoils the capture, but not the handle. */
static void test_during_capture(void) {
  const cubnHandle_t handle = suite_handle();
  const cudaStream_t stream = create_stream(), other = create_stream();
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
  strcpy(handle->forced_algo, "two_pass"); /* it counts in the workspace, which began as zero */
  SUITE_CHECK(run_text(handle, LINE_WITH_PARTIAL_SUMS, report, sizeof report),
              "after a capture: %s", report);
  expect_success(cubnSetStream(handle, NULL), "cubnSetStream");
  cudaStreamDestroy(stream);
  cudaStreamDestroy(other);
}

/* ---- Streams ---- */

/* A handle that alternates between streams, whose work overlaps in every way that they allow. */
static void alternate(const char *line, const cubn_algo *algo, void *state) {
  const cubnHandle_t handle = suite_handle();
  const cudaStream_t *const streams = state;
  call calls[2];
  if (!begin(&calls[0], handle, line) || !begin(&calls[1], handle, line)) return;
  drop_data(&calls[1]);
  make_data(&calls[1], 7);
  expect_success(run_upload(&calls[1].run, &calls[1].before), line);
  for (int i = 0; i < 2; ++i) {
    expect_success(cubnSetStream(handle, streams[i]), "cubnSetStream");
    expect_success(run_call(&calls[i].run), line);
  }
  for (int i = 0; i < 2; ++i) {
    expect_success(cubnSetStream(handle, streams[i]), "cubnSetStream");
    expect_success(cubnSynchronize(handle), "cubnSynchronize");
    check(&calls[i], algo->name, i == 0 ? "on the first stream" : "on the second stream");
    end(&calls[i]);
  }
}

static void test_two_streams(void) {
  cudaStream_t streams[2] = {create_stream(), create_stream()};
  for_each_algo(alternate, streams);
  expect_success(cubnSetStream(suite_handle(), NULL), "cubnSetStream");
  cudaStreamDestroy(streams[0]);
  cudaStreamDestroy(streams[1]);
}

#ifdef CUBN_TESTS_EMULATED
/* Work that runs as late as the program allows shows where nobody waits for it. */
static void test_lazy_streams(void) {
  emu_set_lazy_streams(1);
  test_two_streams();
  test_graphs();
  emu_set_lazy_streams(0);
}

/* ---- Devices ---- */

static int current_device(void) {
  int device = -1;
  cuda_ok(cudaGetDevice(&device), "cudaGetDevice");
  return device;
}

/* Handles work on their own device, whichever is current, and leave that as it is. */
static void test_two_devices(void) {
  static const char *const names[] = {"cuda:0", "cuda:1"};
  char report[1024];
  emu_set_device_count(2);
  for (int current = 0; current < 2; ++current)
    for (int own = 0; own < 2; ++own) {
      cubnHandle_t handle = NULL;
      int ordinal = -1;
      cudaSetDevice(own);
      const cudaStream_t stream = create_stream();
      cudaSetDevice(current);
      expect_success(cubnCreateOnDevice(&handle, names[own]), names[own]);
      expect_success(cubnGetDevice(handle, NULL, &ordinal), "cubnGetDevice");
      CU_ASSERT_EQUAL(ordinal, own);
      expect_success(cubnSetStream(handle, stream), "cubnSetStream");
      for (size_t i = 0; i < COUNT_OF(lines); ++i)
        SUITE_CHECK(run_text(handle, lines[i], report, sizeof report), "%s, current is %d: %s",
                    names[own], current, report);
      cubnBuffer_t buffer = NULL;
      expect_success(cubnCreateBuffer(handle, 100, &buffer), "cubnCreateBuffer");
      expect_success(cubnFillBuffer(buffer, 7), "cubnFillBuffer");
      expect_success(cubnDestroyBuffer(buffer), "cubnDestroyBuffer");
      expect_success(cubnDestroy(handle), "cubnDestroy");
      CU_ASSERT_EQUAL(current_device(), current);
      cudaStreamDestroy(stream);
    }
  cudaSetDevice(0);
  emu_set_device_count(1);
}

/* What the library might call in an operation, but must not. */
static const char *const not_in_operations[] = {
    "cudaMalloc",
    "cudaMallocAsync",
    "cudaFree",
    "cudaFreeAsync",
    "cudaMallocHost",
    "cudaMemcpyAsync",
    "cudaMemcpy",
    "cudaMemsetAsync",
    "cudaMemset",
    "cudaDeviceSynchronize",
    "cudaStreamSynchronize",
    "cudaStreamQuery",
    "cudaEventCreate",
    "cudaEventRecord",
    "cudaEventSynchronize",
    "cudaFuncSetAttribute",
    "cudaFuncGetAttributes",
    "cudaDeviceGetAttribute",
    "cudaGetDeviceCount",
    "cudaGetDeviceProperties",
    "cudaStreamCreateWithFlags",
    "cudaSetDevice",
    "cudaThreadExchangeStreamCaptureMode",
};

/* Operations ask once which device is current, and launch. */
static void only_launch(const char *line, const cubn_algo *algo, void *state) {
  (void)state;
  unsigned long long calls[COUNT_OF(not_in_operations)];
  call c;
  if (!begin(&c, suite_handle(), line)) return;
  for (size_t i = 0; i < COUNT_OF(calls); ++i) calls[i] = emu_api_calls(not_in_operations[i]);
  const unsigned long long launches = emu_api_calls("cudaLaunchKernelExC");
  const unsigned long long questions = emu_api_calls("cudaGetDevice");
  expect_success(run_call(&c.run), line);
  CU_ASSERT(emu_api_calls("cudaLaunchKernelExC") > launches);
  CU_ASSERT_EQUAL(emu_api_calls("cudaGetDevice") - questions, 1);
  for (size_t i = 0; i < COUNT_OF(calls); ++i)
    SUITE_CHECK(emu_api_calls(not_in_operations[i]) == calls[i], "%s, %s calls %s", line,
                algo->name, not_in_operations[i]);
  end(&c);
}

static void test_operations_only_launch(void) {
  for_each_algo(only_launch, NULL);
}
#endif
#endif

void test_graph_suites(void) {
#ifdef CUBN_TESTS_CUDA
  static const suite_test tests[] = {
      {"graphs compute with the values of the moment", test_graphs},
      {"what a capture allows", test_during_capture},
      {"a handle alternates between streams", test_two_streams},
#ifdef CUBN_TESTS_EMULATED
      {"the same on lazy streams", test_lazy_streams},
      {"two devices", test_two_devices},
      {"operations only launch", test_operations_only_launch},
#endif
      {NULL, NULL},
  };
  suite_add("graphs and streams", SUITE_CUDA, tests);
#endif
}
