/* The CUDA backend under failures: every runtime call that it makes fails once. The status and the
 * message say so, no device memory, host memory, stream or event leaks, and the handle works
 * afterwards. Needs the emulator, which fails on request. */
#include "suites/support/suite.h"

void test_cuda_backend_suites(void);

#ifdef CUBN_TESTS_EMULATED
#include <cuda_runtime_api.h>
#include <string.h>

#include "core/handle.h"
#include "emu/control.h"
#include "kit/run_line.h"
#include "suites/support/cuda_steps.h"
#include "suites/support/expect_error.h"
#include "suites/support/wrapped.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Where these fail, something stays behind whatever the caller does: test_cuda_cleanup.c. */
static const char *const releases[] = {"cudaFree", "cudaStreamDestroy"};

/* Everything else that the backend calls. */
static const char *const runtime_calls[] = {
    "cudaGetDeviceCount",
    "cudaGetDevice",
    "cudaGetDriverEntryPoint",
    "cuCtxGetCurrent",
    "cuCtxPushCurrent",
    "cuCtxPopCurrent",
    "cuDevicePrimaryCtxRetain",
    "cudaDeviceGetAttribute",
    "cudaFuncGetAttributes",
    "cudaFuncSetAttribute",
    "cudaDriverGetVersion",
    "cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags",
    "cudaOccupancyMaxActiveClusters",
    "cudaMalloc",
    "cudaThreadExchangeStreamCaptureMode",
    "cudaMemsetAsync",
    "cudaMemcpyAsync",
    "cudaStreamCreateWithFlags",
    "cudaStreamSynchronize",
    "cudaStreamQuery",
    "cudaLaunchKernelExC",
};

/* The C++ name of the same function. */
static const char *public_name(const char *api) {
  if (!strcmp(api, "cudaLaunchKernelExC")) return "cudaLaunchKernelEx";
  if (!strcmp(api, "cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags"))
    return "cudaOccupancyMaxActiveBlocksPerMultiprocessor";
  return api;
}

static void expect_failure(cubnStatus_t status, const char *api, const char *what) {
  const bool is_malloc = !strcmp(api, "cudaMalloc");
  const char *const function = public_name(api);
  const cubnStatus_t wanted =
      is_malloc ? CUBN_STATUS_DEVICE_ALLOCATION_FAILED : CUBN_STATUS_EXECUTION_FAILED;
  const char *const error = is_malloc ? "cudaErrorMemoryAllocation" : "cudaErrorUnknown";
  char message[512];
  cubnGetLastErrorString(message, sizeof message);
  SUITE_CHECK(status == wanted, "%s, %s fails: status %s, wanted %s", what, api,
              cubnGetErrorString(status), cubnGetErrorString(wanted));
  SUITE_CHECK(
      strncmp(message, "cubn", 4) == 0 && strstr(message, function) && strstr(message, error),
      "%s, %s fails: message \"%s\" lacks the public function, %s or %s", what, api, message,
      function, error);
  SUITE_CHECK(cudaPeekAtLastError() == cudaSuccess,
              "%s, %s fails: the runtime's last error is left behind", what, api);
}

static void expect_works(cubnHandle_t handle, const char *when) {
  char report[1024];
  handle->forced_algo[0] = '\0';
  SUITE_CHECK(run_text(handle, "train nchw f32 n2c3h4w5", report, sizeof report), "after %s: %s",
              when, report);
  SUITE_CHECK(run_text(handle, "backward nchw+1 f16 n2c3h4w5", report, sizeof report),
              "after %s: %s", when, report);
}

/* The calls with which the backend returns to the caller's context and capture mode; of the latter
 * that is every second one. If these fail, the call of the library has succeeded nevertheless. */
static bool is_return(const char *api, int nth) {
  return !strcmp(api, "cuCtxPopCurrent") ||
         (nth % 2 == 0 && !strcmp(api, "cudaThreadExchangeStreamCaptureMode"));
}

static void return_instead(const char *api) {
  enum cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  if (!strcmp(api, "cuCtxPopCurrent"))
    cudaSetDevice(0);
  else
    cudaThreadExchangeStreamCaptureMode(&mode);
}

/* The calls that prepare an algorithm or load a kernel: those that create a handle, less the six
 * attributes of the device that it cannot do without, and the look at the first kernel. A handle
 * whose preparation fails does without the algorithm. */
static bool is_preparation(const cuda_step *what, const char *api, int nth) {
  return !what->line &&
         (!strcmp(api, "cudaFuncSetAttribute") || !strncmp(api, "cudaOccupancy", 13) ||
          (!strcmp(api, "cudaDeviceGetAttribute") && nth > 6) ||
          (!strcmp(api, "cudaFuncGetAttributes") && nth > 1));
}

static void expect_returned(void) {
  int current = -1;
  cudaGetDevice(&current);
  CU_ASSERT_EQUAL(current, 0);
  enum cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  cudaThreadExchangeStreamCaptureMode(&mode);
  CU_ASSERT_EQUAL(mode, cudaStreamCaptureModeGlobal);
}

/* What is in use. */
typedef struct resources {
  unsigned long long device_bytes; /* pinned memory of the host included */
  unsigned objects;                /* streams and events */
  int allocations;                 /* of host memory, since they are watched */
} resources;

static resources count_resources(void) {
  return (resources){emu_live_bytes(), emu_live_objects(), wrapped_live()};
}

static void expect_resources(const resources *before, const char *name, const char *api, int nth) {
  const resources now = count_resources();
  SUITE_CHECK(now.device_bytes == before->device_bytes && now.objects == before->objects &&
                  now.allocations == before->allocations,
              "%s, call %d of %s fails: %lld bytes, %d streams and events, %d allocations leak",
              name, nth, api, (long long)(now.device_bytes - before->device_bytes),
              (int)(now.objects - before->objects), now.allocations - before->allocations);
}

static void fail_call(const cuda_step *what, const char *device, const char *api, int nth) {
  cuda_fixture f;
  const resources before = count_resources();
  wrapped_watch(0);
  if (!cuda_step_begin(&f, what, device)) return;
  const bool is_malloc = !strcmp(api, "cudaMalloc");
  emu_fail_next(api, nth, is_malloc ? cudaErrorMemoryAllocation : cudaErrorUnknown);
  const cubnStatus_t status = what->perform(&f);
  if (is_return(api, nth)) {
    expect_success(status, what->name);
    return_instead(api);
  } else if (is_preparation(what, api, nth)) {
    expect_success(status, api);
    CU_ASSERT_EQUAL(cudaPeekAtLastError(), cudaSuccess);
  } else {
    expect_failure(status, api, what->name);
  }
  expect_returned();
  if (f.handle) expect_works(f.handle, what->name);
  cuda_step_end(&f);
  wrapped_end_watch();
  expect_resources(&before, what->name, api, nth);
}

/* Calls so far of functions that are not in the lists. */
static int unlisted_calls(void) {
  unsigned long long calls = emu_api_calls(NULL);
  for (size_t i = 0; i < COUNT_OF(runtime_calls); ++i) calls -= emu_api_calls(runtime_calls[i]);
  for (size_t i = 0; i < COUNT_OF(releases); ++i) calls -= emu_api_calls(releases[i]);
  return (int)calls;
}

/* Performs each step once unchanged, and then once for each runtime call that it made. */
static void fail_each_call(const char *device) {
  for (size_t s = 0; s < cuda_step_count; ++s) {
    cuda_fixture f;
    int calls[COUNT_OF(runtime_calls)];
    if (!cuda_step_begin(&f, &cuda_steps[s], device)) continue;
    const int unlisted = unlisted_calls();
    for (size_t i = 0; i < COUNT_OF(runtime_calls); ++i)
      calls[i] = -(int)emu_api_calls(runtime_calls[i]);
    expect_success(cuda_steps[s].perform(&f), cuda_steps[s].name);
    for (size_t i = 0; i < COUNT_OF(runtime_calls); ++i)
      calls[i] += (int)emu_api_calls(runtime_calls[i]);
    SUITE_CHECK(unlisted_calls() == unlisted, "%s: %d runtime calls that this test does not know",
                cuda_steps[s].name, unlisted_calls() - unlisted);
    expect_returned();
    const char *const algo = cuda_step_algo(&cuda_steps[s]);
    if (algo)
      SUITE_CHECK(strcmp(f.handle->last_algo->name, algo) == 0, "%s: %s, wanted %s",
                  cuda_steps[s].line, f.handle->last_algo->name, algo);
    cuda_step_end(&f);
    for (size_t i = 0; i < COUNT_OF(runtime_calls); ++i)
      for (int nth = 1; nth <= calls[i]; ++nth)
        fail_call(&cuda_steps[s], device, runtime_calls[i], nth);
  }
}

static void test_failing_calls(void) {
  fail_each_call("cuda:0");
}

/* On a device that the caller has not made current, and that is not current afterwards. */
static void test_failing_calls_elsewhere(void) {
  emu_set_device_count(2);
  fail_each_call("cuda:1");
  emu_set_device_count(1);
}
#endif

void test_cuda_backend_suites(void) {
#ifdef CUBN_TESTS_EMULATED
  static const suite_test tests[] = {
      {"each runtime call fails once", test_failing_calls},
      {"each fails, on another device", test_failing_calls_elsewhere},
      {NULL, NULL},
  };
  suite_add("cuda backend", SUITE_CUDA, tests);
#endif
}
