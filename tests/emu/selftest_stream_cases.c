/* The runtime API: streams, events, captures and graphs, host threads. */
#include <pthread.h>

#include "selftest_summation.h"
#include "selftest_support.h"

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
  /* An allocation breaks a capture in global mode, */
  REQUIRE_CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  REQUIRE(cudaMalloc(&pointer, 4) == cudaErrorStreamCaptureUnsupported);
  REQUIRE(cudaStreamEndCapture(stream, &captured) == cudaErrorStreamCaptureInvalidated);
  REQUIRE(captured == NULL);
  /* unless the thread asked for relaxed rules, */
  REQUIRE_CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  REQUIRE_CUDA(cudaThreadExchangeStreamCaptureMode(&mode));
  REQUIRE(mode == cudaStreamCaptureModeGlobal);
  REQUIRE_CUDA(cudaMalloc(&pointer, 4));
  REQUIRE_CUDA(cudaThreadExchangeStreamCaptureMode(&mode));
  REQUIRE(mode == cudaStreamCaptureModeRelaxed);
  REQUIRE_CUDA(cudaStreamEndCapture(stream, &captured));
  REQUIRE_CUDA(cudaGraphDestroy(captured));
  /* or the capture itself is relaxed. */
  REQUIRE_CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed));
  REQUIRE_CUDA(cudaFree(pointer));
  REQUIRE_CUDA(cudaStreamEndCapture(stream, &captured));
  /* A capturing stream cannot be waited for. */
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
  REQUIRE(cudaGetLastError() == cudaSuccess); /* Errors belong to their thread. */
}

#define CORRECT MUST_PASS, MUST_PASS, MUST_PASS

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
    {"four host threads, eager", host_threads, 0, CORRECT, 0, 0},
    {"four host threads, lazy", host_threads, 1, CORRECT, 0, 0},
};

int add_stream_cases(void) {
  return selftest_add_cases("runtime API: streams", cases, sizeof cases / sizeof *cases);
}
