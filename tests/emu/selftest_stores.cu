// Asynchronous stores to the shared memory of a cluster, with switches for mistakes.
#include "selftest_async.cuh"
#include "selftest_device.cuh"
#include "selftest_kernels.h"

using namespace selftest;

namespace {

constexpr int kThreads = 64;
constexpr int kClusterBlocks = 4;
enum { SUMMANDS, TOTAL };

// The barrier for the summands, which rank 0 receives, and that for the total.
template <selftest_stores kStores>
__device__ void init_barriers(uint64_t *barriers, unsigned rank) {
  const unsigned summands = kStores == STORES_TOO_FEW_BYTES    ? 3
                            : kStores == STORES_TOO_MANY_BYTES ? 5
                                                               : kClusterBlocks;
  for (int i : {SUMMANDS, TOTAL}) bulk_init(barriers + i, 1);
  bulk_announce(barriers + SUMMANDS, rank == 0 ? summands * 4 : 0);
  bulk_announce(barriers + TOTAL, 4);
}

// Every block stores its index to rank 0, which adds them and stores the total to all. Each thread
// adds the total to a number that was in its place before.
template <selftest_stores kStores>
__global__ void cluster_stores_kernel(int *y) {
  EMU_SHARED(int, summands, [kClusterBlocks]);
  EMU_SHARED(int, total, );
  EMU_SHARED(uint64_t, barriers, [2]);
  const unsigned rank = cluster_rank(), thread = threadIdx.x;
  if (thread == 0) {
    total = 1000;
    if (kStores != STORES_INITIALIZED_LATE) init_barriers<kStores>(barriers, rank);
  }
  cluster_barrier_arrive();
  if (thread == 0 && kStores == STORES_INITIALIZED_LATE) init_barriers<kStores>(barriers, rank);
  __syncthreads();
  cluster_barrier_wait();
  const int before = total;
  if (kStores != STORES_OVERTAKE_READS) __syncthreads();
  if (thread == 0) store_async(summands + rank, static_cast<int>(blockIdx.x), barriers, 0);
  if (rank == 0 && thread == 0) {
    if (kStores != STORES_NOT_WAITED_FOR) bulk_wait(barriers + SUMMANDS, 0);
    int sum = 0;
    for (int i = 0; i < kClusterBlocks; ++i) sum += summands[i];
    for (unsigned to = 0; to < kClusterBlocks; ++to) store_async(&total, sum, barriers + TOTAL, to);
    if (kStores == STORES_NOT_WAITED_FOR) bulk_wait(barriers + SUMMANDS, 0);  // too late
  }
  if (kStores == STORES_TO_ENDED_BLOCK && rank != 0) return;
  if (kStores != STORES_READ_EARLY || thread < 32) bulk_wait(barriers + TOTAL, 0);
  y[blockIdx.x * kThreads + thread] = before + total;
}

using Kernel = void (*)(int *);

Kernel kernel_of(selftest_stores stores) {
  switch (stores) {
    case STORES_NOT_WAITED_FOR:
      return cluster_stores_kernel<STORES_NOT_WAITED_FOR>;
    case STORES_READ_EARLY:
      return cluster_stores_kernel<STORES_READ_EARLY>;
    case STORES_TOO_FEW_BYTES:
      return cluster_stores_kernel<STORES_TOO_FEW_BYTES>;
    case STORES_TOO_MANY_BYTES:
      return cluster_stores_kernel<STORES_TOO_MANY_BYTES>;
    case STORES_TO_ENDED_BLOCK:
      return cluster_stores_kernel<STORES_TO_ENDED_BLOCK>;
    case STORES_INITIALIZED_LATE:
      return cluster_stores_kernel<STORES_INITIALIZED_LATE>;
    case STORES_OVERTAKE_READS:
      return cluster_stores_kernel<STORES_OVERTAKE_READS>;
    default:
      return cluster_stores_kernel<STORES_CORRECT>;
  }
}

}  // namespace

cudaError_t launch_cluster_stores(int *y, int clusters, selftest_stores stores, cudaStream_t s) {
  cudaLaunchConfig_t config = launch_config(clusters * kClusterBlocks, kThreads, 0, s);
  cudaLaunchAttribute attribute[1];
  attribute[0].id = cudaLaunchAttributeClusterDimension;
  attribute[0].val.clusterDim.x = kClusterBlocks;
  attribute[0].val.clusterDim.y = 1;
  attribute[0].val.clusterDim.z = 1;
  config.attrs = attribute;
  config.numAttrs = 1;
  return cudaLaunchKernelEx(&config, kernel_of(stores), y);
}
