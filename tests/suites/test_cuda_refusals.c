/* Launches that need several blocks at the same time, and are refused: the call computes its result
 * another way, and the algorithm is not tried again on the handle. Needs the emulator, which
 * refuses on request, or has fewer SMs than it says. */
#include "suites/support/suite.h"

void test_cuda_refusals_suites(void);

#ifdef CUBN_TESTS_EMULATED
#include <string.h>

#include "cuda/common/algos.h"
#include "emu/control.h"
#include "suites/support/cuda_call.h"
#include "suites/support/expect_error.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

typedef struct refused_case {
  const char *algo, *line;
} refused_case;

static const refused_case cases[] = {
    {"cluster", "train nchw f32 n8c6h8w8"},
    {"cluster", "train nhwc f16 n8c16h8w8 add_relu"},
    {"cluster", "backward nhwc f32 n8c6h8w8"},
    {"cluster", "backward nhwc f32 n8c8h8w8 add_relu"},
    {"cooperative", "train nhwc f32 n8c6h8w8"},
    {"cooperative", "train nhwc bf16 n8c8h16w16 relu"},
    {"cooperative", "backward nhwc f32 n8c6h8w8"},
    {"cooperative", "backward nhwc f64 n8c8h16w16 relu"},
};

/* ---- The warnings of the log ---- */

typedef struct warnings {
  int count;
  char last[512];
} warnings;

static void remember(cubnSeverity_t severity, void *user_data, const cubnDebug_t *debug,
                     const char *message) {
  warnings *const to = user_data;
  (void)severity, (void)debug;
  ++to->count;
  strncpy(to->last, message, sizeof to->last - 1);
}

static void listen(warnings *to) {
  *to = (warnings){0};
  expect_success(cubnSetCallback(CUBN_SEV_WARNING_EN, to, remember), "cubnSetCallback");
}

static void expect_warning(const warnings *seen, const char *algo, const char *why,
                           const char *error) {
  cubnSetCallback(0, NULL, NULL);
  SUITE_CHECK(seen->count == 1 && strstr(seen->last, algo) && strstr(seen->last, why) &&
                  strstr(seen->last, error),
              "%d warnings, the last is \"%s\", wanted one with \"%s\", \"%s\" and \"%s\"",
              seen->count, seen->last, algo, why, error);
}

/* ---- A call with a refused launch ---- */

/* Opens a call on a new handle that would run the algorithm of the case, and does so once if
 * `runs_first`. */
static bool begin_case(cuda_call *c, const refused_case *what, bool runs_first) {
  cubnHandle_t handle = NULL;
  if (!expect_success(cubnCreateOnDevice(&handle, "cuda"), "handle")) return false;
  strcpy(handle->forced_algo, what->algo);
  if (!cuda_call_begin(c, handle, what->line)) return false;
  if (!runs_first) return true;
  expect_success(run_call(&c->run), what->line);
  SUITE_CHECK(strcmp(handle->last_algo->name, what->algo) == 0, "%s: %s, wanted %s", what->line,
              handle->last_algo->name, what->algo);
  return expect_success(run_upload(&c->run, &c->before), what->line);
}

static void end_case(cuda_call *c) {
  cuda_call_end(c);
  expect_success(cubnDestroy(c->handle), "cubnDestroy");
}

/* Checks the result of the call that was refused, and a second call, which does not try again. */
static void expect_fallback(cuda_call *c, const refused_case *what) {
  CU_ASSERT_EQUAL(cudaPeekAtLastError(), cudaSuccess);
  cuda_call_check(c, what->algo, "refused");
  cuda_expect_zero_counters(c->handle, what->line);
  expect_success(run_upload(&c->run, &c->before), what->line);
  expect_success(run_call(&c->run), what->line);
  SUITE_CHECK(strcmp(c->handle->last_algo->name, what->algo) != 0, "%s: %s is tried again",
              what->line, what->algo);
  cuda_call_check(c, c->handle->last_algo->name, "after a refusal");
  cuda_expect_zero_counters(c->handle, what->line);
}

static void test_errors(void) {
  static const cudaError_t errors[] = {cudaErrorCooperativeLaunchTooLarge,
                                       cudaErrorInvalidClusterSize, cudaErrorLaunchOutOfResources};
  for (size_t i = 0; i < COUNT_OF(cases); ++i)
    for (size_t e = 0; e < COUNT_OF(errors); ++e) {
      cuda_call c;
      warnings seen;
      if (!begin_case(&c, &cases[i], e == 0)) return;
      listen(&seen);
      emu_fail_next("cudaLaunchKernelExC", 1, errors[e]);
      expect_success(run_call(&c.run), cases[i].line);
      expect_warning(&seen, cases[i].algo, "a launch was refused", cudaGetErrorName(errors[e]));
      expect_fallback(&c, &cases[i]);
      end_case(&c);
    }
}

/* Other errors of a launch are the call's, and nothing falls back. */
static void test_other_errors(void) {
  for (size_t i = 0; i < COUNT_OF(cases); ++i) {
    cuda_call c;
    if (!begin_case(&c, &cases[i], false)) return;
    emu_fail_next("cudaLaunchKernelExC", 1, cudaErrorLaunchFailure);
    CU_ASSERT_EQUAL(run_call(&c.run), CUBN_STATUS_EXECUTION_FAILED);
    expect_success(run_call(&c.run), cases[i].line);
    CU_ASSERT_STRING_EQUAL(c.handle->last_algo->name, cases[i].algo);
    end_case(&c);
  }
}

/* The SMs of a green context, or of a process under MPS. Tiles are so large that an SM has no room
 * for a cluster, or for the blocks of a cooperative launch. */
static void test_fewer_sms(void) {
  static const refused_case large[] = {
      {"cluster", "train nchw f32 n32c6h64w64"},
      {"cooperative", "train nhwc f32 n2c64h27w29"},
      {"cooperative", "backward nhwc f32 n3c48h25w27"},
  };
  for (size_t i = 0; i < COUNT_OF(large); ++i) {
    cuda_call c;
    warnings seen;
    if (!begin_case(&c, &large[i], true)) return;
    emu_set_free_sms(1);
    listen(&seen);
    expect_success(run_call(&c.run), large[i].line);
    expect_warning(&seen, large[i].algo, "a launch was refused", "cudaError");
    expect_fallback(&c, &large[i]);
    emu_set_free_sms(0);
    end_case(&c);
  }
}

/* Virtual batches whose one launch is refused are calls in order, with the same results. */
static void test_batches(void) {
  static const refused_case what = {"cluster", "train nchw f32 n8c6h8w8 nosaved"};
  cuda_call c;
  data_set results[2] = {0};
  if (!begin_case(&c, &what, false)) return;
  expect_success(cubnSetBatchNormAttribute(c.run.batch_norm, CUBN_BATCHNORM_VIRTUAL_BATCH, 4),
                 "set");
  const cubnBatchNormTensors_t tensors = run_tensors(&c.run);
  for (int refused = 0; refused < 2; ++refused) {
    CU_ASSERT(data_copy(&c.before, &results[refused]));
    expect_success(run_upload(&c.run, &c.before), what.line);
    if (refused) emu_fail_next("cudaLaunchKernelExC", 1, cudaErrorLaunchOutOfResources);
    expect_success(cubnBatchNormForward(c.handle, c.run.batch_norm, &tensors), what.line);
    expect_success(run_download(&c.run, &results[refused]), what.line);
  }
  for (int i = 0; i < DATA_ARRAYS; ++i) {
    const data_array *const one = &results[0].arrays[i], *const two = &results[1].arrays[i];
    if (one->block)
      SUITE_CHECK(!memcmp(one->block, two->block, one->block_bytes), "%s: %s differs", what.line,
                  data_array_name(&c.problem, i));
  }
  for (int i = 0; i < 2; ++i) data_destroy(&results[i]);
  end_case(&c);
}

/* ---- Preparation ---- */

/* A kernel whose attributes cannot be set when the handle is created: the handle is made, and does
 * without the algorithm. Each algorithm has 14 kernels with two attributes each, clusters three. */
static void test_preparation(void) {
  static const struct {
    int call;
    refused_case what;
  } failing[] = {{1, {"resident", "train nchw f32 n8c6h8w8"}},
                 {28, {"resident", "backward nhwc f32 n2c6h8w8"}},
                 {29, {"cluster", "train nchw f32 n8c6h8w8"}},
                 {70, {"cluster", "backward nhwc f32 n8c8h8w8 add_relu"}},
                 {71, {"cooperative", "train nhwc f32 n8c6h8w8"}},
                 {98, {"cooperative", "backward nhwc f32 n8c6h8w8"}}};
  for (size_t i = 0; i < COUNT_OF(failing); ++i) {
    const refused_case *const what = &failing[i].what;
    cubnHandle_t handle = NULL;
    warnings seen;
    char report[1024];
    listen(&seen);
    emu_fail_next("cudaFuncSetAttribute", failing[i].call, cudaErrorInvalidValue);
    if (!expect_success(cubnCreateOnDevice(&handle, "cuda"), what->algo)) return;
    expect_warning(&seen, what->algo, "could not be prepared", "cudaErrorInvalidValue");
    CU_ASSERT_EQUAL(cudaPeekAtLastError(), cudaSuccess);
    strcpy(handle->forced_algo, what->algo);
    SUITE_CHECK(run_text(handle, what->line, report, sizeof report), "%s", report);
    SUITE_CHECK(strcmp(handle->last_algo->name, what->algo) != 0, "%s is used", what->algo);
    cuda_expect_zero_counters(handle, what->line);
    expect_success(cubnDestroy(handle), "cubnDestroy");
  }
}

/* ---- Captures ---- */

/* The graph has what computed the result. */
static void test_capture(void) {
  for (size_t i = 0; i < COUNT_OF(cases); ++i) {
    cuda_call c;
    cudaGraph_t graph = NULL;
    cudaGraphExec_t executable = NULL;
    const cudaStream_t stream = cuda_create_stream();
    if (!begin_case(&c, &cases[i], false)) return;
    expect_success(cubnSetStream(c.handle, stream), "cubnSetStream");
    emu_fail_next("cudaLaunchKernelExC", 1, cudaErrorCooperativeLaunchTooLarge);
    cuda_ok(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal), "cudaStreamBeginCapture");
    expect_success(run_call(&c.run), cases[i].line);
    cuda_ok(cudaStreamEndCapture(stream, &graph), cases[i].line);
    cuda_ok(cudaGraphInstantiate(&executable, graph, 0), "cudaGraphInstantiate");
    for (int launch = 0; launch < 2; ++launch) {
      expect_success(run_upload(&c.run, &c.before), cases[i].line);
      cuda_ok(cudaGraphLaunch(executable, stream), "cudaGraphLaunch");
    }
    expect_fallback(&c, &cases[i]);
    cudaGraphExecDestroy(executable);
    cudaGraphDestroy(graph);
    end_case(&c);
    cudaStreamDestroy(stream);
  }
}
#endif

void test_cuda_refusals_suites(void) {
#ifdef CUBN_TESTS_EMULATED
  static const suite_test tests[] = {{"refused launches", test_errors},
                                     {"other errors of launches", test_other_errors},
                                     {"fewer SMs than the device has", test_fewer_sms},
                                     {"virtual batches", test_batches},
                                     {"refused in a capture", test_capture},
                                     {"kernels that cannot be prepared", test_preparation},
                                     {NULL, NULL}};
  suite_add("cuda refusals", SUITE_CUDA, tests);
#endif
}
