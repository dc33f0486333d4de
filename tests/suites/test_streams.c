/* Streams and several devices, as a CUDA program around the library uses them. */
#include "suites/support/suite.h"

void test_streams_suites(void);

#ifdef CUBN_TESTS_CUDA
#include "suites/support/cuda_call.h"
#include "suites/support/expect_error.h"
#ifdef CUBN_TESTS_EMULATED
#include "emu/control.h"
#endif

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* A handle that alternates between streams, whose work overlaps in every way that they allow. */
static void alternate(const char *line, const cubn_algo *algo, void *state) {
  const cubnHandle_t handle = suite_handle();
  const cudaStream_t *const streams = state;
  cuda_call calls[2];
  if (!cuda_call_begin(&calls[0], handle, line) || !cuda_call_begin(&calls[1], handle, line))
    return;
  cuda_call_drop_data(&calls[1]);
  cuda_call_make_data(&calls[1], 7);
  expect_success(run_upload(&calls[1].run, &calls[1].before), line);
  for (int i = 0; i < 2; ++i) {
    expect_success(cubnSetStream(handle, streams[i]), "cubnSetStream");
    expect_success(run_call(&calls[i].run), line);
  }
  for (int i = 0; i < 2; ++i) {
    expect_success(cubnSetStream(handle, streams[i]), "cubnSetStream");
    expect_success(cubnSynchronize(handle), "cubnSynchronize");
    cuda_call_check(&calls[i], algo->name, i == 0 ? "on the first stream" : "on the second stream");
    cuda_call_end(&calls[i]);
  }
}

static void test_two_streams(void) {
  cudaStream_t streams[2] = {cuda_create_stream(), cuda_create_stream()};
  cuda_for_each_algo(alternate, streams);
  expect_success(cubnSetStream(suite_handle(), NULL), "cubnSetStream");
  cudaStreamDestroy(streams[0]);
  cudaStreamDestroy(streams[1]);
}

#ifdef CUBN_TESTS_EMULATED
/* Work that runs as late as the program allows shows a missing wait. */
static void test_lazy_streams(void) {
  emu_set_lazy_streams(1);
  test_two_streams();
  emu_set_lazy_streams(0);
}

static int current_device(void) {
  int device = -1;
  cuda_ok(cudaGetDevice(&device), "cudaGetDevice");
  return device;
}

/* Handles work on their own device, whichever is current, and leave the current one as it is. */
static void test_two_devices(void) {
  static const char *const names[] = {"cuda:0", "cuda:1"};
  char report[1024];
  emu_set_device_count(2);
  for (int current = 0; current < 2; ++current)
    for (int own = 0; own < 2; ++own) {
      cubnHandle_t handle = NULL;
      int ordinal = -1;
      cudaSetDevice(own);
      const cudaStream_t stream = cuda_create_stream();
      cudaSetDevice(current);
      expect_success(cubnCreateOnDevice(&handle, names[own]), names[own]);
      expect_success(cubnGetDevice(handle, NULL, &ordinal), "cubnGetDevice");
      CU_ASSERT_EQUAL(ordinal, own);
      expect_success(cubnSetStream(handle, stream), "cubnSetStream");
      for (size_t i = 0; i < CUDA_LINES; ++i)
        SUITE_CHECK(run_text(handle, cuda_lines[i], report, sizeof report), "%s, current is %d: %s",
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

/* An operation asks which device is current, and launches; backward without saved statistics may
 * be two operations. */
static void only_launch(const char *line, const cubn_algo *algo, void *state) {
  (void)state;
  unsigned long long calls[COUNT_OF(not_in_operations)];
  cuda_call c;
  if (!cuda_call_begin(&c, suite_handle(), line)) return;
  for (size_t i = 0; i < COUNT_OF(calls); ++i) calls[i] = emu_api_calls(not_in_operations[i]);
  const unsigned long long launches = emu_api_calls("cudaLaunchKernelExC");
  const unsigned long long questions = emu_api_calls("cudaGetDevice");
  expect_success(run_call(&c.run), line);
  CU_ASSERT(emu_api_calls("cudaLaunchKernelExC") > launches);
  const unsigned long long asked = emu_api_calls("cudaGetDevice") - questions;
  CU_ASSERT(asked == 1 || (asked == 2 && strstr(line, "nosaved")));
  for (size_t i = 0; i < COUNT_OF(calls); ++i)
    SUITE_CHECK(emu_api_calls(not_in_operations[i]) == calls[i], "%s, %s calls %s", line,
                algo->name, not_in_operations[i]);
  cuda_call_end(&c);
}

static void test_operations_only_launch(void) {
  cuda_for_each_algo(only_launch, NULL);
}
#endif
#endif

void test_streams_suites(void) {
#ifdef CUBN_TESTS_CUDA
  static const suite_test tests[] = {
      {"a handle alternates between streams", test_two_streams},
#ifdef CUBN_TESTS_EMULATED
      {"the same on lazy streams", test_lazy_streams},
      {"two devices", test_two_devices},
      {"operations only launch", test_operations_only_launch},
#endif
      {NULL, NULL},
  };
  suite_add("streams and devices", SUITE_CUDA, tests);
#endif
}
