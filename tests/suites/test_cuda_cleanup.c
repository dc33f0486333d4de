/* Runtime calls that free, and fail: the status and the message say so, and everything that they
 * did not keep is gone. Needs the emulator, which fails on request. */
#include "suites/support/suite.h"

void test_cuda_cleanup_suites(void);

#ifdef CUBN_TESTS_EMULATED
#include <cuda_runtime_api.h>

#include "core/handle.h"
#include "emu/control.h"
#include "kit/run_line.h"
#include "suites/support/expect_error.h"

static void expect_failure(cubnStatus_t status, const char *function, const char *api) {
  expect_error(status, CUBN_STATUS_EXECUTION_FAILED, function, api, "cudaErrorUnknown");
  CU_ASSERT_EQUAL(cudaPeekAtLastError(), cudaSuccess);
}

static void *workspace_of(cubnHandle_t handle) {
  void *memory = NULL;
  size_t bytes;
  expect_success(handle->backend->workspace(handle->device, &memory, &bytes), "workspace");
  return memory;
}

static void test_buffer(void) {
  const unsigned long long live_bytes = emu_live_bytes();
  cubnBuffer_t buffer = NULL;
  void *memory = NULL;
  char report[1024];
  expect_success(cubnCreateBuffer(suite_handle(), 100, &buffer), "buffer");
  expect_success(cubnGetBufferPointer(buffer, &memory), "pointer");
  emu_fail_next("cudaFree", 1, cudaErrorUnknown);
  expect_failure(cubnDestroyBuffer(buffer), "cubnDestroyBuffer", "cudaFree");
  CU_ASSERT_EQUAL(cudaFree(memory), cudaSuccess);
  CU_ASSERT_EQUAL(emu_live_bytes(), live_bytes);
  SUITE_CHECK(run_text(suite_handle(), "train nchw f32 n2c3h4w5", report, sizeof report), "%s",
              report);
}

/* A handle with two workspaces, the newer of which is freed first. The test frees the one that
 * stays, and nothing is left. */
static void test_handle(void) {
  const unsigned long long live_bytes = emu_live_bytes();
  for (int nth = 1; nth <= 2; ++nth) {
    cubnHandle_t handle = NULL;
    cudaStream_t stream;
    cudaStreamCreate(&stream);
    expect_success(cubnCreateOnDevice(&handle, "cuda:0"), "handle");
    void *const older = workspace_of(handle);
    expect_success(cubnSetStream(handle, stream), "second workspace");
    void *const newer = workspace_of(handle);
    emu_fail_next("cudaFree", nth, cudaErrorUnknown);
    expect_failure(cubnDestroy(handle), "cubnDestroy", "cudaFree");
    CU_ASSERT_EQUAL(cudaFree(nth == 1 ? newer : older), cudaSuccess);
    cudaStreamDestroy(stream);
    CU_ASSERT_EQUAL(emu_live_bytes(), live_bytes);
  }
}

/* The stream that clears a workspace. What failed before it is what is told. */
static void test_stream(void) {
  const unsigned live_objects = emu_live_objects();
  cubnHandle_t handle = NULL;
  emu_fail_next("cudaStreamDestroy", 1, cudaErrorUnknown);
  expect_failure(cubnCreateOnDevice(&handle, "cuda:0"), "cubnCreateOnDevice", "cudaStreamDestroy");
  emu_fail_next("cudaMemsetAsync", 1, cudaErrorUnknown);
  emu_fail_next("cudaStreamDestroy", 1, cudaErrorUnknown);
  expect_failure(cubnCreateOnDevice(&handle, "cuda:0"), "cubnCreateOnDevice", "cudaMemsetAsync");
  CU_ASSERT_PTR_NULL(handle);
  CU_ASSERT_EQUAL(emu_live_objects(), live_objects);
}
#endif

void test_cuda_cleanup_suites(void) {
#ifdef CUBN_TESTS_EMULATED
  static const suite_test tests[] = {{"buffer", test_buffer},
                                     {"handle", test_handle},
                                     {"stream of a workspace", test_stream},
                                     {NULL, NULL}};
  suite_add("cuda cleanup", SUITE_CUDA, tests);
#endif
}
