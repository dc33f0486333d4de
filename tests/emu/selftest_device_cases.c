/* The runtime API: what a device is for a process. Contexts, the driver, loaded kernels, SMs that
 * are not free, and the streams of threads. */
#include <cuda.h>
#include <pthread.h>
#include <string.h>

#include "selftest_kernels.h"
#include "selftest_summation.h"
#include "selftest_support.h"

static void *entry_point(const char *name) {
  enum cudaDriverEntryPointQueryResult result;
  void *function = NULL;
  REQUIRE_CUDA(
      cudaGetDriverEntryPointByVersion(name, &function, 12000, cudaEnableDefault, &result));
  REQUIRE(result == cudaDriverEntryPointSuccess);
  return function;
}

static void contexts(int unused) {
  int device = -1;
  void *memory = NULL;
  CUcontext first = NULL, second = NULL, current = NULL;
  CUresult (*get)(CUcontext *), (*push)(CUcontext), (*pop)(CUcontext *);
  CUresult (*retain)(CUcontext *, CUdevice);
  void *const found[] = {entry_point("cuCtxGetCurrent"), entry_point("cuCtxPushCurrent"),
                         entry_point("cuCtxPopCurrent"), entry_point("cuDevicePrimaryCtxRetain")};
  (void)unused;
  memcpy(&get, &found[0], sizeof get);
  memcpy(&push, &found[1], sizeof push);
  memcpy(&pop, &found[2], sizeof pop);
  memcpy(&retain, &found[3], sizeof retain);
  emu_set_device_count(2);
  /* Neither questions nor a context that is pushed and popped leave a trace. */
  REQUIRE_CUDA(cudaGetDevice(&device));
  REQUIRE(device == 0 && get(&current) == CUDA_SUCCESS && current == NULL);
  REQUIRE(retain(&second, 1) == CUDA_SUCCESS && push(second) == CUDA_SUCCESS);
  REQUIRE_CUDA(cudaGetDevice(&device));
  REQUIRE_CUDA(cudaMalloc(&memory, 4));
  REQUIRE_CUDA(cudaFree(memory));
  REQUIRE(device == 1 && pop(&current) == CUDA_SUCCESS && current == second);
  REQUIRE_CUDA(cudaGetDevice(&device));
  REQUIRE(device == 0 && !emu_has_primary_context(0) && emu_has_primary_context(1));
  /* The choice of a device creates its context. So does an allocation. */
  REQUIRE_CUDA(cudaSetDevice(0));
  REQUIRE(emu_has_primary_context(0) && get(&first) == CUDA_SUCCESS && first && first != second);
  emu_forget_contexts();
  REQUIRE(!emu_has_primary_context(0) && !emu_has_primary_context(1));
  REQUIRE_CUDA(cudaMalloc(&memory, 4));
  REQUIRE(emu_has_primary_context(0) && !emu_has_primary_context(1));
  REQUIRE_CUDA(cudaFree(memory));
}

static void drivers(int unused) {
  int version = -1, count = -1;
  (void)unused;
  REQUIRE_CUDA(cudaDriverGetVersion(&version));
  REQUIRE(version == CUDART_VERSION);
  for (int old = 0; old <= 11080; old += 11080) {
    emu_set_driver_version(old);
    REQUIRE(cudaGetDeviceCount(&count) == cudaErrorInsufficientDriver);
    REQUIRE_CUDA(cudaDriverGetVersion(&version));
    REQUIRE(version == old);
  }
}

static void loads(int unused) {
  summation *sum = new_summation(1);
  struct cudaFuncAttributes attributes;
  int blocks;
  (void)unused;
  REQUIRE(emu_late_loads() == 0);
  REQUIRE_CUDA(start_summation(sum, NULL));
  const unsigned late = emu_late_loads();
  REQUIRE(late > 0);
  REQUIRE_CUDA(start_summation(sum, NULL));
  REQUIRE_CUDA(query_batchnorm_kernel(&attributes, &blocks, 0));
  REQUIRE(emu_late_loads() == late);
  emu_unload_kernels();
  REQUIRE(emu_late_loads() == 0);
  REQUIRE_CUDA(start_summation(sum, NULL));
  REQUIRE(emu_late_loads() == late);
  emu_set_static_shared_bytes(1000);
  REQUIRE_CUDA(query_batchnorm_kernel(&attributes, &blocks, 0));
  REQUIRE(attributes.sharedSizeBytes >= 1000);
}

static void *sum_on_own_stream(void *sum) {
  REQUIRE_CUDA(start_summation(sum, cudaStreamPerThread));
  REQUIRE(cudaStreamQuery(cudaStreamPerThread) == cudaErrorNotReady);
  return NULL;
}

static void streams_of_threads(int unused) {
  summation *sum = new_summation(1);
  pthread_t thread;
  float out = -1;
  (void)unused;
  emu_set_lazy_streams(1);
  REQUIRE(pthread_create(&thread, NULL, sum_on_own_stream, sum) == 0);
  pthread_join(thread, NULL);
  REQUIRE_CUDA(cudaStreamQuery(cudaStreamPerThread));
  REQUIRE(cudaStreamDestroy(cudaStreamPerThread) == cudaErrorInvalidResourceHandle);
  REQUIRE_CUDA(cudaMemcpy(&out, sum->out, 4, cudaMemcpyDeviceToHost)); /* The legacy one waits. */
  REQUIRE(out == N);
}

#define CORRECT MUST_PASS, MUST_PASS, MUST_PASS

static const selftest_case cases[] = {
    {"contexts", contexts, 0, CORRECT, 1, 0},
    {"versions of the driver", drivers, 0, CORRECT, 1, 0},
    {"kernels that a launch loads", loads, 0, CORRECT, 1, 0},
    {"the streams of two threads", streams_of_threads, 0, CORRECT, 1, 0},
};

int add_device_cases(void) {
  return selftest_add_cases("runtime API: devices", cases, sizeof cases / sizeof *cases);
}
