/* The runtime API: streams, events, graphs, limits, devices, injected failures. */
#include <pthread.h>
#include <stdlib.h>

#include "selftest_kernels.h"
#include "selftest_support.h"

enum { N = 5000, BLOCKS = 64, THREADS = 64 };

typedef struct summation {
  float *x;
  float *partial;
  float *out;
  float values[N];
} summation;

static summation *new_summation(float value) {
  summation *sum = malloc(sizeof *sum);
  for (int i = 0; i < N; ++i) sum->values[i] = value;
  sum->x = upload(sum->values, sizeof sum->values);
  sum->partial = upload(NULL, BLOCKS * 4);
  sum->out = upload(NULL, 4);
  return sum;
}

static cudaError_t start_summation(const summation *sum, cudaStream_t stream) {
  return launch_two_stage_sum(sum->x, sum->partial, sum->out, N, BLOCKS, THREADS, stream);
}

static void graph(int lazy) {
  emu_set_lazy_streams(lazy);
  summation *sum = new_summation(1);
  cudaStream_t stream;
  cudaGraph_t captured;
  cudaGraphExec_t executable;
  enum cudaStreamCaptureStatus status;
  size_t nodes;
  REQUIRE_CUDA(cudaStreamCreate(&stream));
  REQUIRE_CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  REQUIRE_CUDA(start_summation(sum, stream));
  REQUIRE_CUDA(cudaStreamIsCapturing(stream, &status));
  REQUIRE(status == cudaStreamCaptureStatusActive);
  REQUIRE_CUDA(cudaStreamEndCapture(stream, &captured));
  REQUIRE_CUDA(cudaGraphGetNodes(captured, NULL, &nodes));
  REQUIRE(nodes == 2);
  REQUIRE_CUDA(cudaGraphInstantiate(&executable, captured, 0));
  REQUIRE_CUDA(cudaGraphDestroy(captured));
  for (int value = 2; value < 4; ++value) {
    float out = 0;
    for (int i = 0; i < N; ++i) sum->values[i] = (float)value;
    REQUIRE_CUDA(cudaMemcpy(sum->x, sum->values, sizeof sum->values, cudaMemcpyHostToDevice));
    REQUIRE_CUDA(cudaGraphLaunch(executable, stream));
    REQUIRE_CUDA(cudaMemcpyAsync(&out, sum->out, 4, cudaMemcpyDeviceToHost, stream));
    REQUIRE_CUDA(cudaStreamSynchronize(stream));
    REQUIRE(out == (float)(value * N));
  }
  REQUIRE_CUDA(cudaGraphExecDestroy(executable));
  REQUIRE_CUDA(cudaStreamDestroy(stream));
}

static void capture_rules(int unused) {
  cudaStream_t stream;
  cudaGraph_t captured;
  void *pointer;
  enum cudaStreamCaptureMode mode = cudaStreamCaptureModeRelaxed;
  (void)unused;
  REQUIRE_CUDA(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  /* an allocation breaks a capture in global mode */
  REQUIRE_CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  REQUIRE(cudaMalloc(&pointer, 4) == cudaErrorStreamCaptureUnsupported);
  REQUIRE(cudaStreamEndCapture(stream, &captured) == cudaErrorStreamCaptureInvalidated);
  REQUIRE(captured == NULL);
  /* unless the thread asked for relaxed rules */
  REQUIRE_CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  REQUIRE_CUDA(cudaThreadExchangeStreamCaptureMode(&mode));
  REQUIRE(mode == cudaStreamCaptureModeGlobal);
  REQUIRE_CUDA(cudaMalloc(&pointer, 4));
  REQUIRE_CUDA(cudaThreadExchangeStreamCaptureMode(&mode));
  REQUIRE(mode == cudaStreamCaptureModeRelaxed);
  REQUIRE_CUDA(cudaStreamEndCapture(stream, &captured));
  REQUIRE_CUDA(cudaGraphDestroy(captured));
  /* or the capture itself is relaxed */
  REQUIRE_CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed));
  REQUIRE_CUDA(cudaFree(pointer));
  REQUIRE_CUDA(cudaStreamEndCapture(stream, &captured));
  /* a capturing stream cannot be waited for */
  REQUIRE_CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed));
  REQUIRE(cudaStreamSynchronize(stream) == cudaErrorStreamCaptureUnsupported);
  REQUIRE(cudaStreamEndCapture(stream, &captured) == cudaErrorStreamCaptureInvalidated);
  REQUIRE(cudaStreamEndCapture(stream, &captured) == cudaErrorIllegalState);
}

static void capture_legacy_stream(int unused) {
  cudaStream_t blocking;
  cudaGraph_t captured;
  summation *sum = new_summation(1);
  (void)unused;
  REQUIRE(cudaStreamBeginCapture(0, cudaStreamCaptureModeRelaxed) ==
          cudaErrorStreamCaptureUnsupported);
  REQUIRE_CUDA(cudaStreamCreate(&blocking));
  REQUIRE_CUDA(cudaStreamBeginCapture(blocking, cudaStreamCaptureModeRelaxed));
  REQUIRE(start_summation(sum, 0) == cudaErrorStreamCaptureImplicit);
  REQUIRE(cudaStreamEndCapture(blocking, &captured) == cudaErrorStreamCaptureInvalidated);
}

static void capture_fork(int joined) {
  cudaStream_t streams[2];
  cudaEvent_t fork;
  cudaEvent_t join;
  cudaGraph_t captured;
  unsigned long long ids[2];
  enum cudaStreamCaptureStatus status;
  summation *sum = new_summation(3);
  for (int i = 0; i < 2; ++i) {
    REQUIRE_CUDA(cudaStreamCreateWithFlags(&streams[i], cudaStreamNonBlocking));
  }
  REQUIRE_CUDA(cudaEventCreateWithFlags(&fork, cudaEventDisableTiming));
  REQUIRE_CUDA(cudaEventCreateWithFlags(&join, cudaEventDisableTiming));
  REQUIRE_CUDA(cudaStreamBeginCapture(streams[0], cudaStreamCaptureModeGlobal));
  REQUIRE_CUDA(cudaEventRecord(fork, streams[0]));
  REQUIRE_CUDA(cudaStreamWaitEvent(streams[1], fork, 0));
  for (int i = 0; i < 2; ++i) {
    REQUIRE_CUDA(cudaStreamGetCaptureInfo(streams[i], &status, &ids[i], NULL, NULL, NULL, NULL));
    REQUIRE(status == cudaStreamCaptureStatusActive);
  }
  REQUIRE(ids[0] == ids[1]);
  REQUIRE_CUDA(start_summation(sum, streams[1]));
  REQUIRE(cudaEventQuery(fork) == cudaErrorCapturedEvent);
  if (joined) {
    REQUIRE_CUDA(cudaEventRecord(join, streams[1]));
    REQUIRE_CUDA(cudaStreamWaitEvent(streams[0], join, 0));
    REQUIRE_CUDA(cudaStreamEndCapture(streams[0], &captured));
  } else {
    REQUIRE(cudaStreamEndCapture(streams[0], &captured) == cudaErrorStreamCaptureUnjoined);
  }
}

static void two_streams(int with_event) {
  float out = 0;
  cudaStream_t first;
  cudaStream_t second;
  cudaEvent_t event;
  summation *sum = new_summation(1);
  REQUIRE_CUDA(cudaStreamCreateWithFlags(&first, cudaStreamNonBlocking));
  REQUIRE_CUDA(cudaStreamCreateWithFlags(&second, cudaStreamNonBlocking));
  REQUIRE_CUDA(cudaEventCreate(&event));
  REQUIRE_CUDA(cudaMemset(sum->x, 0, sizeof sum->values));
  REQUIRE_CUDA(cudaDeviceSynchronize());
  emu_set_lazy_streams(1);
  REQUIRE_CUDA(
      cudaMemcpyAsync(sum->x, sum->values, sizeof sum->values, cudaMemcpyHostToDevice, first));
  if (with_event) {
    REQUIRE_CUDA(cudaEventRecord(event, first));
    REQUIRE_CUDA(cudaStreamWaitEvent(second, event, 0));
  }
  REQUIRE_CUDA(start_summation(sum, second));
  REQUIRE_CUDA(cudaMemcpyAsync(&out, sum->out, 4, cudaMemcpyDeviceToHost, second));
  REQUIRE_CUDA(cudaStreamSynchronize(second));
  REQUIRE(out == (float)N);
}

static void events(int unused) {
  cudaEvent_t start;
  cudaEvent_t end;
  float elapsed_ms = -1;
  summation *sum = new_summation(1);
  (void)unused;
  emu_set_lazy_streams(1);
  REQUIRE_CUDA(cudaEventCreate(&start));
  REQUIRE_CUDA(cudaEventCreate(&end));
  REQUIRE_CUDA(cudaEventRecord(start, 0));
  REQUIRE_CUDA(start_summation(sum, 0));
  REQUIRE_CUDA(cudaEventRecord(end, 0));
  REQUIRE_CUDA(cudaEventSynchronize(end));
  REQUIRE_CUDA(cudaEventQuery(start));
  REQUIRE_CUDA(cudaEventElapsedTime(&elapsed_ms, start, end));
  REQUIRE(elapsed_ms > 0);
  REQUIRE_CUDA(cudaEventDestroy(start));
  REQUIRE_CUDA(cudaEventDestroy(end));
}

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

static void *sum_in_thread(void *argument) {
  float out = 0;
  cudaStream_t stream;
  summation *sum = new_summation(*(float *)argument);
  REQUIRE_CUDA(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  for (int repeat = 0; repeat < 10; ++repeat) {
    REQUIRE_CUDA(start_summation(sum, stream));
    REQUIRE_CUDA(cudaMemcpyAsync(&out, sum->out, 4, cudaMemcpyDeviceToHost, stream));
    REQUIRE_CUDA(cudaStreamSynchronize(stream));
    REQUIRE(out == *(float *)argument * N);
  }
  REQUIRE(cudaFree(argument) == cudaErrorInvalidValue);
  REQUIRE(cudaGetLastError() == cudaErrorInvalidValue);
  return NULL;
}

static void host_threads(int lazy) {
  pthread_t threads[4];
  float values[4];
  emu_set_lazy_streams(lazy);
  for (int i = 0; i < 4; ++i) {
    values[i] = (float)(i + 1);
    REQUIRE(pthread_create(&threads[i], NULL, sum_in_thread, &values[i]) == 0);
  }
  for (int i = 0; i < 4; ++i) pthread_join(threads[i], NULL);
  REQUIRE(cudaGetLastError() == cudaSuccess); /* errors belong to their thread */
}

#define CORRECT MUST_PASS, MUST_PASS, MUST_PASS
#define REFUSED "[emulator]", "[emulator]", "[emulator]"

static const selftest_case cases[] = {
    {"graph, eager", graph, 0, CORRECT, 0, 0},
    {"graph, lazy", graph, 1, CORRECT, 0, 0},
    {"rules of capture", capture_rules, 0, CORRECT, 1, 0},
    {"capture and the legacy stream", capture_legacy_stream, 0, CORRECT, 1, 0},
    {"capture over two streams", capture_fork, 1, CORRECT, 1, 0},
    {"capture over two streams, not joined", capture_fork, 0, CORRECT, 1, 0},
    {"two streams and an event, lazy", two_streams, 1, CORRECT, 0, 0},
    {"two streams without the event", two_streams, 0, MUST_BE_WRONG, MUST_BE_WRONG, MUST_BE_WRONG,
     20, 1},
    {"events", events, 0, CORRECT, 0, 0},
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
    {"four host threads, eager", host_threads, 0, CORRECT, 0, 0},
    {"four host threads, lazy", host_threads, 1, CORRECT, 0, 0},
};

int add_runtime_cases(void) {
  return selftest_add_cases("runtime API", cases, sizeof cases / sizeof *cases);
}
