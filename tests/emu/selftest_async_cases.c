/* Asynchronous copies, cluster barriers in two halves, all-reduce of all blocks: correct, and with
 * a mistake each. */
#include <stdlib.h>

#include "selftest_kernels.h"
#include "selftest_support.h"

#define CORRECT MUST_PASS, MUST_PASS, MUST_PASS

enum { N = 256 };

static int capability(void) {
#ifdef EMU_SELFTEST_ON_GPU
  int major;
  REQUIRE_CUDA(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0));
  return major;
#else
  return 9;
#endif
}

static void check_reversed(const int *device_y) {
  int y[N];
  download(y, device_y, sizeof y);
  for (int i = 0; i < N; ++i) REQUIRE(y[i] == N - i);
}

static const int *numbers(void) {
  int x[N];
  for (int i = 0; i < N; ++i) x[i] = i + 1;
  return upload(x, sizeof x);
}

static void async_reverse(int waits) {
  int *y = upload(NULL, N * sizeof *y);
  REQUIRE_CUDA(launch_async_reverse(numbers(), y, waits, 0));
  check_reversed(y);
}

static void bulk_reverse(int bulk) {
  int *y = upload(NULL, N * sizeof *y);
  if (capability() < 9) return;
  REQUIRE_CUDA(launch_bulk_reverse(numbers(), y, (selftest_bulk)bulk, 0));
  check_reversed(y);
}

static void bulk_again(int waits) {
  int *y = upload(NULL, N * sizeof *y);
  if (capability() < 9) return;
  REQUIRE_CUDA(launch_bulk_again(numbers(), y, waits, 0));
  check_reversed(y);
}

static void cluster_ring(int waits) {
  enum { CLUSTERS = 3, BLOCKS = 4 };
  int y[CLUSTERS * BLOCKS];
  int *device_y = upload(NULL, sizeof y);
  if (capability() < 9) return;
  REQUIRE_CUDA(launch_cluster_ring(device_y, CLUSTERS, BLOCKS, waits, 0));
  download(y, device_y, sizeof y);
  for (int i = 0; i < CLUSTERS * BLOCKS; ++i)
    REQUIRE(y[i] == i / BLOCKS * BLOCKS + (i + BLOCKS - 1) % BLOCKS);
}

static void cluster_stores(int stores) {
  enum { CLUSTERS = 3, BLOCKS = 4, THREADS = 64, PER_CLUSTER = BLOCKS * THREADS };
  int y[CLUSTERS * PER_CLUSTER];
  int *device_y = upload(NULL, sizeof y);
  if (capability() < 9) return;
  REQUIRE_CUDA(launch_cluster_stores(device_y, CLUSTERS, (selftest_stores)stores, 0));
  download(y, device_y, sizeof y);
  for (int i = 0; i < CLUSTERS * PER_CLUSTER; ++i)
    REQUIRE(y[i] == 1000 + 16 * (i / PER_CLUSTER) + 6);
}

/* Launches twice: from a stream, or from a graph that captured it. */
static cudaError_t run_all_reduce(unsigned *counter, int *given, int *y, int blocks,
                                  selftest_all_reduce kind) {
  if (kind != ALL_REDUCE_CAPTURED) return launch_all_reduce(counter, given, y, blocks, kind, 0);
  cudaStream_t stream;
  cudaGraph_t graph;
  cudaGraphExec_t executable;
  REQUIRE_CUDA(cudaStreamCreate(&stream));
  REQUIRE_CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  REQUIRE_CUDA(launch_all_reduce(counter, given, y, blocks, kind, stream));
  REQUIRE_CUDA(cudaStreamEndCapture(stream, &graph));
  REQUIRE_CUDA(cudaGraphInstantiate(&executable, graph, 0));
  REQUIRE_CUDA(cudaGraphDestroy(graph));
  REQUIRE_CUDA(cudaGraphLaunch(executable, stream));
  REQUIRE_CUDA(cudaStreamSynchronize(stream));
  REQUIRE_CUDA(cudaGraphExecDestroy(executable));
  return cudaStreamDestroy(stream);
}

/* More blocks than an ordinary launch has resident in the emulator, on any device. */
static void all_reduce(int kind) {
  enum { BLOCKS = 16 };
  static const unsigned zero;
  int y[BLOCKS], cooperative = 0;
  int *device_y = upload(NULL, sizeof y), *given = upload(NULL, sizeof y);
  REQUIRE_CUDA(cudaDeviceGetAttribute(&cooperative, cudaDevAttrCooperativeLaunch, 0));
  if (!cooperative) return;
  REQUIRE_CUDA(run_all_reduce(upload(&zero, sizeof zero), given, device_y, BLOCKS,
                              (selftest_all_reduce)kind));
  download(y, device_y, sizeof y);
  for (int i = 0; i < BLOCKS; ++i) REQUIRE(y[i] == BLOCKS * (BLOCKS + 1) / 2);
}

static const selftest_case cases[] = {
    {"asynchronous copies", async_reverse, 1, CORRECT, 0, 0},
    {"bulk copies", bulk_reverse, BULK_CORRECT, CORRECT, 0, 0},
    {"bulk copies, a second time", bulk_again, 1, CORRECT, 0, 0},
    {"barriers of clusters in two halves", cluster_ring, 1, CORRECT, 0, 0},
    {"stores to blocks of a cluster", cluster_stores, STORES_CORRECT, CORRECT, 0, 0},
    {"all-reduce of all blocks", all_reduce, ALL_REDUCE_CORRECT, CORRECT, 0, 0},
    {"all-reduce of all blocks, in a graph", all_reduce, ALL_REDUCE_CAPTURED, CORRECT, 0, 0},
};

#ifndef EMU_SELFTEST_ON_GPU
#define EVERYWHERE(kind) kind, kind, kind

static const selftest_case broken_cases[] = {
    {"asynchronous copies, not waited for", async_reverse, 0, MUST_BE_WRONG, MUST_BE_WRONG,
     "[uninitialised]", 20, 1},
    {"bulk copies, not waited for", bulk_reverse, BULK_NOT_WAITED_FOR, "EMU-ERROR", "EMU-ERROR",
     "EMU-ERROR", 20, 1},
    {"bulk copies, waited for too late the second time", bulk_again, 0, MUST_BE_WRONG,
     MUST_BE_WRONG, "EMU-ERROR", 20, 1},
    {"bulk copies of more bytes than announced", bulk_reverse, BULK_TOO_FEW_BYTES,
     EVERYWHERE("[async-copy]"), 0, 0},
    {"all-reduce of all blocks, not cooperative", all_reduce, ALL_REDUCE_NOT_COOPERATIVE,
     EVERYWHERE("[livelock]"), 1, 0},
    {"all-reduce of all blocks, without the wait", all_reduce, ALL_REDUCE_NOT_WAITED_FOR,
     MUST_BE_WRONG, MUST_BE_WRONG, "EMU-ERROR", 20, 1},
    {"a block touched before it has begun", cluster_ring, 0, EVERYWHERE("[dsmem]"), 20, 1},
    {"stores to a cluster, not waited for", cluster_stores, STORES_NOT_WAITED_FOR, MUST_BE_WRONG,
     MUST_BE_WRONG, "EMU-ERROR", 20, 1},
    {"stores to a cluster, not waited for by a warp", cluster_stores, STORES_READ_EARLY,
     MUST_BE_WRONG, MUST_BE_WRONG, "[race]", 20, 1},
    {"stores to a cluster, more than announced", cluster_stores, STORES_TOO_FEW_BYTES,
     EVERYWHERE("EMU-ERROR"), 0, 0},
    {"stores to a cluster, fewer than announced", cluster_stores, STORES_TOO_MANY_BYTES,
     EVERYWHERE("[deadlock]"), 0, 0},
    {"stores to a block that ends without waiting", cluster_stores, STORES_TO_ENDED_BLOCK,
     EVERYWHERE("[async-copy]"), 0, 0},
    {"stores on a barrier initialized after arrival", cluster_stores, STORES_INITIALIZED_LATE,
     EVERYWHERE("[async-copy]"), 0, 0},
    {"stores that overtake the reads of a warp", cluster_stores, STORES_OVERTAKE_READS, NULL, NULL,
     "[race]", 0, 0},
};
#endif

int add_async_cases(void) {
  if (!selftest_add_cases("asynchronous kernels", cases, sizeof cases / sizeof *cases)) return 0;
#ifdef EMU_SELFTEST_ON_GPU
  return 1;
#else
  return selftest_add_cases("asynchronous kernels, broken", broken_cases,
                            sizeof broken_cases / sizeof *broken_cases);
#endif
}
