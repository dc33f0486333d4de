// Kernels with asynchronous copies, with clusters whose barrier is in two halves, and with an
// all-reduce of all blocks through a counter; each with switches for mistakes.
#include "selftest_async.cuh"
#include "selftest_device.cuh"
#include "selftest_kernels.h"

using namespace selftest;

namespace {

constexpr int kThreads = 64;

// Reverses 4 * kThreads numbers through shared memory.
template <bool kWaits>
__global__ void async_reverse_kernel(const int *x, int *y) {
  EMU_SHARED(int4, packs, [kThreads]);
  const int thread = static_cast<int>(threadIdx.x);
  copy_async(packs + thread, reinterpret_cast<const int4 *>(x) + thread);
  if (kWaits) copy_async_wait();
  __syncthreads();
  const int4 pack = packs[kThreads - 1 - thread];
  reinterpret_cast<int4 *>(y)[thread] = make_int4(pack.w, pack.z, pack.y, pack.x);
  if (!kWaits) copy_async_wait();  // too late
}

// The same with bulk copies of the even threads.
template <selftest_bulk kBulk>
__global__ void bulk_reverse_kernel(const int *x, int *y) {
  EMU_SHARED(int4, packs, [kThreads]);
  EMU_SHARED(uint64_t, barrier, );
  const int thread = static_cast<int>(threadIdx.x);
  if (thread == 0) bulk_init(&barrier, kThreads / 2);
  __syncthreads();
  if (thread % 2 == 0) {
    bulk_announce(&barrier, kBulk == BULK_TOO_FEW_BYTES ? 16 : 32);
    bulk_copy(packs + thread, reinterpret_cast<const int4 *>(x) + thread, 32, &barrier);
  }
  if (kBulk != BULK_NOT_WAITED_FOR) bulk_wait(&barrier, 0);
  __syncthreads();
  const int4 pack = packs[kThreads - 1 - thread];
  reinterpret_cast<int4 *>(y)[thread] = make_int4(pack.w, pack.z, pack.y, pack.x);
}

// Copies other numbers first, and then the same numbers in a second phase of the barrier.
template <bool kWaits>
__global__ void bulk_again_kernel(const int *x, int *y) {
  EMU_SHARED(int4, packs, [kThreads]);
  EMU_SHARED(uint64_t, barrier, );
  const int thread = static_cast<int>(threadIdx.x);
  if (thread == 0) bulk_init(&barrier, kThreads);
  __syncthreads();
  for (int round = 0; round < 2; ++round) {
    const int from = round == 0 ? kThreads - 1 - thread : thread;
    bulk_announce(&barrier, 16);
    bulk_copy(packs + thread, reinterpret_cast<const int4 *>(x) + from, 16, &barrier);
    bulk_wait(&barrier, kWaits && round == 1 ? 1 : 0);
  }
  __syncthreads();
  const int4 pack = packs[kThreads - 1 - thread];
  reinterpret_cast<int4 *>(y)[thread] = make_int4(pack.w, pack.z, pack.y, pack.x);
  if (!kWaits) bulk_wait(&barrier, 1);  // too late
}

// Every block passes its index to the next one of the cluster.
template <bool kWaits>
__global__ void cluster_ring_kernel(int *y) {
  EMU_SHARED(int, given, );
  cluster_barrier_arrive();
  const unsigned next = (cluster_rank() + 1) % cluster_size();
  if (kWaits) cluster_barrier_wait();
  if (threadIdx.x == 0) *peer(&given, next) = static_cast<int>(blockIdx.x);
  if (!kWaits) cluster_barrier_wait();
  SELFTEST_CLUSTER_SYNC();
  if (threadIdx.x == 0) y[blockIdx.x] = given;
}

// An all-reduce: every block adds a number, waits until all have, and sums them. All blocks must be
// co-resident.
template <bool kWaits>
__global__ void all_reduce_kernel(unsigned *counter, int *given, int *y) {
  if (threadIdx.x != 0) return;
  given[blockIdx.x] = static_cast<int>(blockIdx.x) + 1;
  __threadfence();
  atomicAdd(counter, 1u);
  while (kWaits && load_acquire(counter) < gridDim.x) __nanosleep(20);
  int sum = 0;
  for (unsigned i = 0; i < gridDim.x; ++i) sum += given[i];
  y[blockIdx.x] = sum;
}

}  // namespace

cudaError_t launch_async_reverse(const int *x, int *y, int waits, cudaStream_t s) {
  cudaLaunchConfig_t config = launch_config(1, kThreads, 0, s);
  auto *kernel = waits != 0 ? async_reverse_kernel<true> : async_reverse_kernel<false>;
  return cudaLaunchKernelEx(&config, kernel, x, y);
}

cudaError_t launch_bulk_reverse(const int *x, int *y, selftest_bulk bulk, cudaStream_t s) {
  cudaLaunchConfig_t config = launch_config(1, kThreads, 0, s);
  auto *kernel = bulk == BULK_CORRECT         ? bulk_reverse_kernel<BULK_CORRECT>
                 : bulk == BULK_TOO_FEW_BYTES ? bulk_reverse_kernel<BULK_TOO_FEW_BYTES>
                                              : bulk_reverse_kernel<BULK_NOT_WAITED_FOR>;
  return cudaLaunchKernelEx(&config, kernel, x, y);
}

cudaError_t launch_bulk_again(const int *x, int *y, int waits, cudaStream_t s) {
  cudaLaunchConfig_t config = launch_config(1, kThreads, 0, s);
  auto *kernel = waits != 0 ? bulk_again_kernel<true> : bulk_again_kernel<false>;
  return cudaLaunchKernelEx(&config, kernel, x, y);
}

cudaError_t launch_cluster_ring(int *y, int clusters, int cluster_blocks, int waits,
                                cudaStream_t s) {
  cudaLaunchConfig_t config = launch_config(clusters * cluster_blocks, kThreads, 0, s);
  cudaLaunchAttribute attribute[1];
  attribute[0].id = cudaLaunchAttributeClusterDimension;
  attribute[0].val.clusterDim.x = static_cast<unsigned>(cluster_blocks);
  attribute[0].val.clusterDim.y = 1;
  attribute[0].val.clusterDim.z = 1;
  config.attrs = attribute;
  config.numAttrs = 1;
  auto *kernel = waits != 0 ? cluster_ring_kernel<true> : cluster_ring_kernel<false>;
  return cudaLaunchKernelEx(&config, kernel, y);
}

cudaError_t launch_all_reduce(unsigned *counter, int *given, int *y, int blocks,
                              selftest_all_reduce kind, cudaStream_t s) {
  cudaLaunchConfig_t config = launch_config(blocks, kThreads, 0, s);
  cudaLaunchAttribute attribute[1];
  attribute[0].id = cudaLaunchAttributeCooperative;
  attribute[0].val.cooperative = 1;
  config.attrs = attribute;
  config.numAttrs = kind == ALL_REDUCE_NOT_COOPERATIVE ? 0 : 1;
  auto *kernel =
      kind == ALL_REDUCE_NOT_WAITED_FOR ? all_reduce_kernel<false> : all_reduce_kernel<true>;
  return cudaLaunchKernelEx(&config, kernel, counter, given, y);
}
