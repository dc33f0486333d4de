/* Memory of the device: limits, reuse, errors in freeing, and the bytes that the trace counts. */
#include <stdlib.h>
#include <string.h>

#include "selftest_kernels.h"
#include "selftest_support.h"

static const size_t MIB = 1 << 20;

static void heap_reuse(int unused) {
  void *blocks[4];
  (void)unused;
  for (int round = 0; round < 40; ++round) { /* 1.6 GiB in all */
    for (int i = 0; i < 4; ++i) REQUIRE_CUDA(cudaMalloc(&blocks[i], (size_t)(4 + 4 * i) * MIB));
    for (int i = 0; i < 4; ++i) REQUIRE_CUDA(cudaFree(blocks[i ^ (round & 3)]));
  }
  REQUIRE(emu_live_bytes() == 0);
  void *large; /* The free ranges were merged again. */
  size_t free_bytes;
  size_t total_bytes;
  REQUIRE_CUDA(cudaMemGetInfo(&free_bytes, &total_bytes));
  REQUIRE(free_bytes == total_bytes);
  REQUIRE_CUDA(cudaMalloc(&large, 256 * MIB));
}

static void memory_limit(int unused) {
  void *pointer = &unused;
  REQUIRE(cudaMalloc(&pointer, (size_t)1 << 50) == cudaErrorMemoryAllocation);
  REQUIRE(pointer == NULL);
  REQUIRE(cudaGetLastError() == cudaErrorMemoryAllocation);
  REQUIRE_CUDA(cudaMalloc(&pointer, MIB));
  REQUIRE(emu_live_bytes() == MIB);
  REQUIRE_CUDA(cudaFree(pointer));
}

static void live_bytes(int unused) {
  void *device = upload(NULL, 1000);
  void *host;
  (void)unused;
  REQUIRE_CUDA(cudaMallocHost(&host, 500));
  REQUIRE(emu_live_bytes() == 1500);
  REQUIRE(emu_report_leaks() == 1500);
  REQUIRE_CUDA(cudaFree(device));
  REQUIRE(cudaFree(host) == cudaErrorInvalidValue); /* memory of the other kind */
  REQUIRE_CUDA(cudaFreeHost(host));
  REQUIRE_CUDA(cudaFree(NULL));
  REQUIRE(emu_report_leaks() == 0);
}

static void live_objects(int unused) {
  cudaStream_t stream;
  cudaEvent_t event, other;
  (void)unused;
  REQUIRE(emu_live_objects() == 0);
  REQUIRE_CUDA(cudaStreamCreate(&stream));
  REQUIRE_CUDA(cudaEventCreate(&event));
  REQUIRE_CUDA(cudaEventCreateWithFlags(&other, cudaEventDisableTiming));
  REQUIRE(emu_live_objects() == 3);
  REQUIRE_CUDA(cudaEventDestroy(other));
  REQUIRE_CUDA(cudaStreamDestroy(stream));
  REQUIRE(emu_live_objects() == 1);
  REQUIRE_CUDA(cudaEventDestroy(event));
}

static void double_free(int asynchronous) {
  void *pointer = upload(NULL, 64);
  if (asynchronous) {
    emu_set_lazy_streams(1);
    REQUIRE_CUDA(cudaFreeAsync(pointer, 0));
    REQUIRE_CUDA(cudaFreeAsync(pointer, 0));
  } else {
    REQUIRE_CUDA(cudaFree(pointer));
    REQUIRE_CUDA(cudaFree(pointer));
  }
}

static void foreign_free(int unused) {
  static float host;
  char *pointer = upload(NULL, 64);
  (void)unused;
  REQUIRE(cudaFree(&host) == cudaErrorInvalidValue);
  REQUIRE(cudaFree(pointer + 4) == cudaErrorInvalidValue);
}

/* The memory stays alive until the copy before the free has run. */
static void stream_ordered(int lazy) {
  const int value = 42;
  int back = 0;
  int *pointer;
  cudaStream_t stream;
  emu_set_lazy_streams(lazy);
  REQUIRE_CUDA(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  REQUIRE_CUDA(cudaMallocAsync((void **)&pointer, sizeof value, stream));
  REQUIRE_CUDA(cudaMemcpyAsync(pointer, &value, sizeof value, cudaMemcpyHostToDevice, stream));
  REQUIRE_CUDA(cudaMemcpyAsync(&back, pointer, sizeof value, cudaMemcpyDeviceToHost, stream));
  REQUIRE_CUDA(cudaFreeAsync(pointer, stream));
  REQUIRE_CUDA(cudaStreamSynchronize(stream));
  REQUIRE(back == 42 && emu_live_bytes() == 0);
  REQUIRE_CUDA(cudaStreamDestroy(stream));
}

static void pinned_memory(int unused) {
  float y[64];
  float *pinned;
  float *device_y = upload(NULL, sizeof y);
  (void)unused;
  REQUIRE_CUDA(cudaHostAlloc((void **)&pinned, sizeof y, cudaHostAllocDefault));
  for (int i = 0; i < 64; ++i) pinned[i] = (float)i;
  REQUIRE_CUDA(launch_read(pinned, device_y, 0));
  download(y, device_y, sizeof y);
  REQUIRE(memcmp(y, pinned, sizeof y) == 0);
}

static void pointer_attributes(int unused) {
  struct cudaPointerAttributes attributes;
  char *pointer = upload(NULL, 64);
  REQUIRE_CUDA(cudaPointerGetAttributes(&attributes, pointer + 63));
  REQUIRE(attributes.type == cudaMemoryTypeDevice && attributes.device == 0);
  REQUIRE(attributes.devicePointer == pointer + 63);
  REQUIRE_CUDA(cudaPointerGetAttributes(&attributes, &unused));
  REQUIRE(attributes.type == cudaMemoryTypeUnregistered);
}

static void copies(int unused) {
  char host[64] = {1};
  char *a = upload(host, sizeof host);
  char *b = upload(NULL, sizeof host);
  (void)unused;
  REQUIRE(cudaMemcpy(b, a, 65, cudaMemcpyDeviceToDevice) == cudaErrorInvalidValue);
  REQUIRE(cudaMemcpy(b, a, 64, cudaMemcpyHostToDevice) == cudaErrorInvalidMemcpyDirection);
  REQUIRE_CUDA(cudaMemcpy(b, a, 64, cudaMemcpyDefault));
  REQUIRE_CUDA(cudaMemset(a, 7, 64));
  REQUIRE(cudaMemset(a + 1, 7, 64) == cudaErrorInvalidValue);
  download(host, b, sizeof host);
  REQUIRE(host[0] == 1 && host[1] == 0);
  download(host, a, sizeof host);
  REQUIRE(host[63] == 7);
}

static emu_launch_counts last_launch(void) {
  emu_launch_counts counts;
  REQUIRE(emu_get_launch(emu_launch_count() - 1, &counts));
  return counts;
}

static void launch_log(int unused) {
  float *y = upload(NULL, 4 * 64);
  emu_launch_counts counts;
  (void)unused;
  emu_reset_launches();
  REQUIRE(emu_launch_count() == 0 && !emu_get_launch(0, &counts));
  REQUIRE_CUDA(launch_warp_tiles(y, 0));
  REQUIRE_CUDA(launch_grid(3, 4, 5, 0));
  REQUIRE(emu_launch_count() == 2);
  REQUIRE(emu_get_launch(0, &counts));
  REQUIRE(strstr(counts.kernel, "warp_tiles_kernel") != NULL);
  REQUIRE(counts.block[0] == 64 && counts.threads == 64 && counts.warp_operations > 0);
  counts = last_launch();
  REQUIRE(strstr(counts.kernel, "empty_kernel") != NULL);
  REQUIRE(counts.grid[0] == 3 && counts.grid[1] == 4 && counts.grid[2] == 5);
  REQUIRE(counts.threads == 60);
}

static void traffic_of_copy(int unused) {
  enum { N = 1000 };
  static float values[N];
  float *y = upload(NULL, sizeof values);
  (void)unused;
  REQUIRE_CUDA(launch_copy(upload(values, sizeof values), y, N, 0, 0));
  const emu_launch_counts counts = last_launch();
  REQUIRE(counts.read_bytes == sizeof values && counts.written_bytes == sizeof values);
  REQUIRE(counts.distinct_read_bytes == sizeof values);
  REQUIRE(counts.distinct_written_bytes == sizeof values);
  REQUIRE(counts.read_sectors == N / 8 && counts.written_sectors == N / 8);
  REQUIRE(counts.atomic_bytes == 0 && counts.shared_read_bytes == 0);
}

static void traffic_of_bytes(int unused) {
  enum { N = 200 };
  const unsigned char values[N] = {0};
  unsigned char *y = upload(NULL, N / 8);
  (void)unused;
  REQUIRE_CUDA(launch_bytes(upload(values, N), y, N, 0));
  const emu_launch_counts counts = last_launch();
  REQUIRE(counts.read_bytes == N && counts.distinct_read_bytes == N);
  REQUIRE(counts.written_bytes == N / 8 && counts.distinct_written_bytes == N / 8);
  REQUIRE(counts.read_sectors == 7 && counts.written_sectors == 1);
}

/* Two reads of each element and one write; the narrow types in vectors and alone. */
static void traffic_of_batchnorm(int size) {
  const selftest_type types[] = {SELFTEST_F32, SELFTEST_F16, SELFTEST_BF16};
  for (int i = 0; i < 3; ++i) {
    const unsigned long long bytes = 3ull * 2 * (unsigned)size * (types[i] == SELFTEST_F32 ? 4 : 2);
    char *zeros = calloc(1, (size_t)bytes);
    const float ones[2] = {1, 1};
    float *parameters = upload(ones, sizeof ones);
    float *statistics = upload(NULL, 16);
    void *y = upload(NULL, (size_t)bytes);
    REQUIRE_CUDA(launch_batchnorm(types[i], upload(zeros, (size_t)bytes), y, parameters, parameters,
                                  statistics, statistics + 2, 3, 2, size, 1e-5f, 0));
    const emu_launch_counts counts = last_launch();
    REQUIRE(counts.read_bytes == 2 * bytes + 2 * 256 * 2 * 4);
    REQUIRE(counts.distinct_read_bytes == bytes + 2 * 4);
    REQUIRE(counts.written_bytes == bytes + 16 && counts.distinct_written_bytes == bytes + 16);
    free(zeros);
  }
}

static void traffic_of_atomics(int unused) {
  const unsigned zeros[2] = {0, 0};
  float *partial = upload(NULL, 32);
  const float x[8] = {0};
  (void)unused;
  REQUIRE_CUDA(launch_last_block_sum(upload(x, sizeof x), partial, upload(zeros, 4),
                                     upload(NULL, 4), 8, 8, FENCES_BOTH, 0));
  const emu_launch_counts counts = last_launch();
  REQUIRE(counts.atomic_bytes == 8 * 4);
  REQUIRE(counts.written_bytes == 8 * 4 + 4 && counts.read_bytes == 32 + 32);
}

#define CORRECT MUST_PASS, MUST_PASS, MUST_PASS
#define TRACED NULL, NULL, MUST_PASS

static const selftest_case cases[] = {
    {"freed memory is used again", heap_reuse, 0, CORRECT, 1, 0},
    {"allocation beyond the memory", memory_limit, 0, CORRECT, 1, 0},
    {"live bytes and leaks", live_bytes, 0, CORRECT, 1, 0},
    {"live streams and events", live_objects, 0, CORRECT, 1, 0},
    {"double free", double_free, 0, "[double-free]", "[double-free]", "[double-free]", 1, 0},
    {"double free in stream order", double_free, 1, "[double-free]", "[double-free]",
     "[double-free]", 1, 0},
    {"free of what was not allocated", foreign_free, 0, CORRECT, 1, 0},
    {"allocation in stream order, eager", stream_ordered, 0, CORRECT, 1, 0},
    {"allocation in stream order, lazy", stream_ordered, 1, CORRECT, 0, 0},
    {"kernel reads pinned memory", pinned_memory, 0, CORRECT, 1, 0},
    {"pointer attributes", pointer_attributes, 0, CORRECT, 1, 0},
    {"copies and fills", copies, 0, CORRECT, 1, 0},
    {"log of launches", launch_log, 0, CORRECT, 1, 0},
    {"traffic of a copy", traffic_of_copy, 0, TRACED, 0, 0},
    {"traffic of single bytes", traffic_of_bytes, 0, TRACED, 0, 0},
    {"traffic of batchnorm, vectors", traffic_of_batchnorm, 64, TRACED, 0, 0},
    {"traffic of batchnorm, odd size", traffic_of_batchnorm, 49, TRACED, 0, 0},
    {"traffic of atomics", traffic_of_atomics, 0, TRACED, 0, 0},
};

int add_memory_cases(void) {
  return selftest_add_cases("memory and traffic", cases, sizeof cases / sizeof *cases);
}
