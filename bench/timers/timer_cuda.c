/* Timer of CUDA devices: events on a stream of its own, which can be captured. */
#include <cuda_runtime_api.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "timers/timer.h"
#include "timers/timer_cuda_graph.h"

/* A flush also has to last until the host has enqueued the call that is timed. */
#define FLUSH_BYTES_MIN ((size_t)64 << 20)
/* A warm timer delays the GPU by writing a small array so many times. */
#define DELAY_BYTES ((size_t)1 << 20)
#define DELAY_REPEATS 16

typedef struct cuda_timer {
  bench_timer base;
  bool warm;
  cudaError_t error; /* the first one since the last wait */
  cudaEvent_t begin[BENCH_SLOTS_MAX], end[BENCH_SLOTS_MAX];
  void *flush_memory;
  size_t flush_bytes;
  void *from, *to;
  size_t copy_bytes;
} cuda_timer;

static void note(cuda_timer *timer, cudaError_t error) {
  if (error != cudaSuccess && timer->error == cudaSuccess) timer->error = error;
}

static void flush(bench_timer *base) {
  cuda_timer *timer = (cuda_timer *)base;
  const int repeats = timer->warm ? DELAY_REPEATS : 1;
  for (int i = 0; i < repeats; ++i)
    note(timer, cudaMemsetAsync(timer->flush_memory, i + 1, timer->flush_bytes, base->stream));
}

static void start(bench_timer *base, int slot) {
  cuda_timer *timer = (cuda_timer *)base;
  note(timer, cudaEventRecord(timer->begin[slot], base->stream));
}

static void stop(bench_timer *base, int slot) {
  cuda_timer *timer = (cuda_timer *)base;
  note(timer, cudaEventRecord(timer->end[slot], base->stream));
}

static const char *wait(bench_timer *base) {
  cuda_timer *timer = (cuda_timer *)base;
  note(timer, cudaDeviceSynchronize());
  const cudaError_t error = timer->error;
  timer->error = cudaSuccess;
  return error == cudaSuccess ? NULL : cudaGetErrorString(error);
}

static double seconds(bench_timer *base, int slot) {
  cuda_timer *timer = (cuda_timer *)base;
  float milliseconds = 0;
  note(timer, cudaEventElapsedTime(&milliseconds, timer->begin[slot], timer->end[slot]));
  return 1e-3 * (double)milliseconds;
}

static void copy(bench_timer *base, size_t bytes) {
  cuda_timer *timer = (cuda_timer *)base;
  note(timer,
       cudaMemcpyAsync(timer->to, timer->from, bytes, cudaMemcpyDeviceToDevice, base->stream));
}

static const char *reserve_copy(bench_timer *base, size_t bytes) {
  cuda_timer *timer = (cuda_timer *)base;
  if (bytes <= timer->copy_bytes) return NULL;
  cudaFree(timer->from);
  cudaFree(timer->to);
  timer->from = timer->to = NULL;
  timer->copy_bytes = 0;
  cudaError_t error = cudaMalloc(&timer->from, bytes);
  if (error == cudaSuccess) error = cudaMalloc(&timer->to, bytes);
  if (error == cudaSuccess) error = cudaMemset(timer->from, 1, bytes);
  if (error != cudaSuccess) return "no device memory for the copy to compare with";
  timer->copy_bytes = bytes;
  return NULL;
}

static void close_timer(bench_timer *base) {
  cuda_timer *timer = (cuda_timer *)base;
  for (int i = 0; i < BENCH_SLOTS_MAX; ++i) {
    if (timer->begin[i]) cudaEventDestroy(timer->begin[i]);
    if (timer->end[i]) cudaEventDestroy(timer->end[i]);
  }
  if (base->stream) cudaStreamDestroy(base->stream);
  cudaFree(timer->flush_memory);
  cudaFree(timer->from);
  cudaFree(timer->to);
  free(timer);
}

static cudaError_t describe(cuda_timer *timer, int ordinal) {
  struct cudaDeviceProp properties;
  int runtime = 0, driver = 0;
  cudaError_t error = cudaGetDeviceProperties(&properties, ordinal);
  if (error == cudaSuccess) error = cudaRuntimeGetVersion(&runtime);
  if (error == cudaSuccess) error = cudaDriverGetVersion(&driver);
  if (error != cudaSuccess) return error;
  timer->base.cache_bytes = (size_t)properties.l2CacheSize;
  snprintf(timer->base.device, sizeof timer->base.device, "%.80s, sm_%d%d, %d SMs, L2 %d MiB",
           properties.name, properties.major, properties.minor, properties.multiProcessorCount,
           properties.l2CacheSize >> 20);
  snprintf(timer->base.versions, sizeof timer->base.versions, "CUDA runtime %d.%d, driver %d.%d",
           runtime / 1000, runtime % 1000 / 10, driver / 1000, driver % 1000 / 10);
  return cudaSuccess;
}

static cudaError_t allocate(cuda_timer *timer) {
  const size_t cold_bytes = 2 * timer->base.cache_bytes + ((size_t)1 << 20);
  timer->flush_bytes = cold_bytes > FLUSH_BYTES_MIN ? cold_bytes : FLUSH_BYTES_MIN;
  if (timer->warm) timer->flush_bytes = DELAY_BYTES;
  cudaStream_t stream = NULL;
  cudaError_t error = cudaStreamCreate(&stream);
  timer->base.stream = stream;
  if (error == cudaSuccess) error = cudaMalloc(&timer->flush_memory, timer->flush_bytes);
  for (int i = 0; i < BENCH_SLOTS_MAX && error == cudaSuccess; ++i) {
    error = cudaEventCreate(&timer->begin[i]);
    if (error == cudaSuccess) error = cudaEventCreate(&timer->end[i]);
  }
  return error;
}

bench_timer *bench_timer_open_cuda(int ordinal, bool warm, const char **error) {
  cuda_timer *timer = calloc(1, sizeof *timer);
  *error = "no memory for the timer";
  if (!timer) return NULL;
  timer->base = (bench_timer){.flush = flush,
                              .start = start,
                              .stop = stop,
                              .wait = wait,
                              .seconds = seconds,
                              .reserve_copy = reserve_copy,
                              .copy = copy,
                              .record = timer_cuda_record,
                              .replay = timer_cuda_replay,
                              .forget = timer_cuda_forget,
                              .close = close_timer,
                              .asynchronous = true,
                              .slots = BENCH_SLOTS_MAX};
  timer->warm = warm;
  cudaError_t status = cudaSetDevice(ordinal);
  if (status == cudaSuccess) status = describe(timer, ordinal);
  if (status == cudaSuccess) status = allocate(timer);
  if (status == cudaSuccess) return &timer->base;
  *error = cudaGetErrorString(status);
  close_timer(&timer->base);
  return NULL;
}
