/* The runtime API: limits, devices, attributes, injected failures. */

#include "selftest_kernels.h"
#include "selftest_summation.h"
#include "selftest_support.h"

static void limits(int unused) {
  float *y = upload(NULL, 4096);
  (void)unused;
  REQUIRE(launch_two_stage_sum(y, y, y, 1, 1, 2048, 0) == cudaErrorInvalidConfiguration);
  REQUIRE(launch_grid_normalize(y, y, y, 10, 100000, 1, 0) == cudaErrorCooperativeLaunchTooLarge);
  REQUIRE(launch_cluster_sum(y, y, 10, 1, 16, 1, 0) == cudaErrorInvalidClusterSize);
  emu_set_device("sm80", 4);
  REQUIRE(launch_cluster_sum(y, y, 10, 1, 2, 1, 0) == cudaErrorNotSupported);
  emu_set_device("sm90", 4);
  REQUIRE(cudaPeekAtLastError() == cudaErrorNotSupported);
  REQUIRE(cudaGetLastError() == cudaErrorNotSupported);
  REQUIRE(cudaGetLastError() == cudaSuccess);
  REQUIRE(launch_grid(1, 65536, 1, 0) == cudaErrorInvalidConfiguration);
  REQUIRE(launch_grid(1, 1, 65536, 0) == cudaErrorInvalidConfiguration);
  REQUIRE(launch_grid(0, 1, 1, 0) == cudaErrorInvalidConfiguration);
  REQUIRE_CUDA(launch_grid(1, 65535, 1, 0));
  REQUIRE_CUDA(launch_grid(70000, 1, 1, 0));
}

static void injected_failures(int unused) {
  void *pointer;
  float *y = upload(NULL, 4096);
  (void)unused;
  emu_fail_next("cudaMalloc", 2, cudaErrorMemoryAllocation);
  REQUIRE_CUDA(cudaMalloc(&pointer, 4));
  REQUIRE(cudaMalloc(&pointer, 4) == cudaErrorMemoryAllocation);
  REQUIRE_CUDA(cudaMalloc(&pointer, 4));
  emu_fail_next("cudaLaunchKernelExC", 1, cudaErrorLaunchFailure);
  REQUIRE(launch_warp_tiles(y, 0) == cudaErrorLaunchFailure);
  REQUIRE(cudaGetLastError() == cudaErrorLaunchFailure);
  REQUIRE_CUDA(launch_warp_tiles(y, 0));
}

static void call_counts(int unused) {
  float *y = upload(NULL, 4096);
  (void)unused;
  const unsigned long long allocations = emu_api_calls("cudaMalloc");
  const unsigned long long launches = emu_api_calls("cudaLaunchKernelExC");
  const unsigned long long synchronizations = emu_api_calls("cudaDeviceSynchronize");
  REQUIRE(allocations == 1 && emu_api_calls("cudaMemcpyAsync") == 0);
  REQUIRE_CUDA(launch_warp_tiles(y, 0));
  REQUIRE(emu_api_calls("cudaMalloc") == allocations);
  REQUIRE(emu_api_calls("cudaLaunchKernelExC") == launches + 1);
  REQUIRE(emu_api_calls("cudaDeviceSynchronize") == synchronizations);
}

static void no_device(int unused) {
  int count = 77;
  void *pointer;
  (void)unused;
  emu_set_device_count(0);
  REQUIRE(cudaGetDeviceCount(&count) == cudaErrorNoDevice && count == 0);
  REQUIRE(cudaMalloc(&pointer, 4) == cudaErrorNoDevice);
  REQUIRE(cudaSetDevice(0) == cudaErrorNoDevice);
  emu_set_device_count(1);
  REQUIRE(cudaGetLastError() == cudaErrorNoDevice);
  REQUIRE_CUDA(cudaGetDeviceCount(&count));
  REQUIRE(count == 1);
}

static void two_devices(int unused) {
  int device = -1;
  float out;
  cudaStream_t stream;
  struct cudaPointerAttributes attributes;
  (void)unused;
  emu_set_device_count(2);
  REQUIRE(cudaSetDevice(2) == cudaErrorInvalidDevice);
  REQUIRE_CUDA(cudaSetDevice(1));
  REQUIRE_CUDA(cudaGetDevice(&device));
  REQUIRE(device == 1);
  summation *sum = new_summation(2);
  REQUIRE_CUDA(cudaPointerGetAttributes(&attributes, sum->x));
  REQUIRE(attributes.device == 1);
  REQUIRE_CUDA(cudaStreamCreate(&stream));
  REQUIRE_CUDA(start_summation(sum, stream));
  REQUIRE_CUDA(cudaStreamSynchronize(stream));
  download(&out, sum->out, 4);
  REQUIRE(out == 2.0f * N);
  REQUIRE_CUDA(cudaSetDevice(0));
  REQUIRE(start_summation(sum, stream) == cudaErrorInvalidResourceHandle);
}

static int attribute(enum cudaDeviceAttr which) {
  int value;
  REQUIRE_CUDA(cudaDeviceGetAttribute(&value, which, 0));
  return value;
}

static void device_models(int unused) {
  static const struct {
    const char *name;
    int major, minor, optin_kib, clusters;
  } models[] = {{"sm75", 7, 5, 64, 0},  {"sm80", 8, 0, 163, 0}, {"sm86", 8, 6, 99, 0},
                {"sm89", 8, 9, 99, 0},  {"sm90", 9, 0, 227, 1}, {"sm100", 10, 0, 227, 1},
                {"sm120", 12, 0, 99, 1}};
  struct cudaDeviceProp properties;
  (void)unused;
  for (int i = 0; i < 7; ++i) {
    emu_set_device(models[i].name, 20 + i);
    REQUIRE(attribute(cudaDevAttrComputeCapabilityMajor) == models[i].major);
    REQUIRE(attribute(cudaDevAttrComputeCapabilityMinor) == models[i].minor);
    REQUIRE(attribute(cudaDevAttrMultiProcessorCount) == 20 + i);
    REQUIRE(attribute(cudaDevAttrClusterLaunch) == models[i].clusters);
    REQUIRE(attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin) == models[i].optin_kib << 10);
    REQUIRE_CUDA(cudaGetDeviceProperties(&properties, 0));
    REQUIRE(properties.major == models[i].major && properties.multiProcessorCount == 20 + i);
    REQUIRE(properties.l2CacheSize == attribute(cudaDevAttrL2CacheSize));
  }
}

static void unknown_attribute(int unused) {
  int value;
  (void)unused;
  (void)cudaDeviceGetAttribute(&value, cudaDevAttrMaxPitch, 0);
}

static void unknown_device(int unused) {
  (void)unused;
  emu_set_device("sm42", 1);
}

static void function_attributes(int unused) {
  struct cudaFuncAttributes attributes;
  int blocks = -1;
  (void)unused;
  REQUIRE_CUDA(query_batchnorm_kernel(&attributes, &blocks, 100 << 10));
  REQUIRE(attributes.maxDynamicSharedSizeBytes == 100 << 10);
  REQUIRE(attributes.maxThreadsPerBlock == 1024);
  REQUIRE(blocks == 2); /* of 228 KiB */
  REQUIRE(query_batchnorm_kernel(&attributes, &blocks, 228 << 10) == cudaErrorInvalidValue);
  emu_set_device("sm75", 4);
  REQUIRE(query_batchnorm_kernel(&attributes, &blocks, 100 << 10) == cudaErrorInvalidValue);
}

static void null_device(int unused) {
  float out = -1;
  summation *sum = new_summation(1);
  (void)unused;
  const unsigned long long calls = emu_api_calls(NULL);
  REQUIRE_CUDA(cudaMemset(sum->out, 0, 4));
  REQUIRE(emu_api_calls(NULL) == calls + 1);
  emu_set_null_device(1);
  REQUIRE_CUDA(start_summation(sum, NULL));
  emu_set_null_device(0);
  REQUIRE(emu_api_calls(NULL) == calls + 1);
  REQUIRE_CUDA(cudaMemcpy(&out, sum->out, 4, cudaMemcpyDeviceToHost));
  REQUIRE(out == 0);
  REQUIRE_CUDA(start_summation(sum, NULL));
  REQUIRE_CUDA(cudaMemcpy(&out, sum->out, 4, cudaMemcpyDeviceToHost));
  REQUIRE(out == N);
}

#define CORRECT MUST_PASS, MUST_PASS, MUST_PASS
#define REFUSED "[emulator]", "[emulator]", "[emulator]"

static const selftest_case cases[] = {
    {"limits of a launch", limits, 0, CORRECT, 1, 0},
    {"injected failures", injected_failures, 0, CORRECT, 1, 0},
    {"counts of calls", call_counts, 0, CORRECT, 1, 0},
    {"null device", null_device, 0, CORRECT, 1, 0},
    {"no device", no_device, 0, CORRECT, 1, 0},
    {"two devices", two_devices, 0, CORRECT, 1, 0},
    {"device models", device_models, 0, CORRECT, 1, 0},
    {"attribute that is not emulated", unknown_attribute, 0, REFUSED, 1, 0},
    {"device that does not exist", unknown_device, 0, REFUSED, 1, 0},
    {"attributes of a kernel", function_attributes, 0, CORRECT, 1, 0},
};

int add_runtime_cases(void) {
  return selftest_add_cases("runtime API", cases, sizeof cases / sizeof *cases);
}
