// Clusters of blocks, from sm_90 on: the barrier of a cluster, and stores to the shared memory of
// its blocks (st.async). Inline PTX for the device, and its counterpart for the emulator under
// tests/emu.
#pragma once
#include <cuda_runtime.h>

#include "cuda/device/base/async_copy.cuh"

namespace cubn {

// The barrier of a cluster, in two halves: each thread announces by cluster_arrive what it has
// done, and waits for all others by cluster_wait. It orders no accesses, except that all threads
// after cluster_wait see the barriers that were initialized by bulk_init before cluster_arrive.
//
// A block may store to the shared memory of another one, which must have begun and not have ended:
//   1. One thread of the receiving block calls bulk_init for one thread, and bulk_expect_bytes with
//      all bytes that the block will receive on this barrier, from itself as well. All threads of
//      the cluster pass cluster_arrive and cluster_wait.
//   2. Any thread of the cluster calls store_to_rank. `to` and `barrier` are the addresses that
//      they would have in its own block.
//   3. A thread that calls wait_for_stores sees all values that were stored on this barrier. The
//      block must not end before its threads have waited for all that is stored to it.
#if defined CUBN_EMULATED
inline unsigned cluster_rank() {
  return emu::cluster_rank();
}
inline unsigned cluster_number() {
  return blockIdx.x / emu::cluster_blocks();
}
inline void cluster_arrive() {
  emu::cluster_arrive();
}
inline void cluster_wait() {
  emu::cluster_wait();
}
template <int N, class Real>
inline void store_to_rank(Real *to, const Real *values, BulkBarrier *barrier, int rank) {
  for (int k = 0; k < N; ++k)
    emu::store_async(to + k, values[k], barrier, static_cast<unsigned>(rank));
}
inline void wait_for_stores(BulkBarrier *barrier) {
  emu::bulk_wait(barrier, 0);
}
#elif !defined __CUDA_ARCH__ || __CUDA_ARCH__ >= 900
__device__ inline unsigned cluster_rank() {
  unsigned rank;
  asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
  return rank;
}
__device__ inline unsigned cluster_number() {
  unsigned number;
  asm("mov.u32 %0, %%clusterid.x;" : "=r"(number));
  return number;
}
__device__ inline void cluster_arrive() {
  asm volatile("barrier.cluster.arrive.relaxed.aligned;" ::: "memory");
}
__device__ inline void cluster_wait() {
  asm volatile("barrier.cluster.wait.aligned;" ::: "memory");
}
// The address of the same variable in the block of that rank.
__device__ inline unsigned address_in_rank(const void *shared, int rank) {
  unsigned mapped;
  asm("mapa.shared::cluster.u32 %0, %1, %2;"
      : "=r"(mapped)
      : "r"(shared_address(shared)), "r"(rank));
  return mapped;
}
template <int N, class Real>
__device__ inline void store_to_rank(Real *to, const Real *values, BulkBarrier *barrier, int rank) {
  const unsigned address = address_in_rank(to, rank), completes = address_in_rank(barrier, rank);
#pragma unroll
  for (int k = 0; k < N; ++k)
    if constexpr (sizeof(Real) == 8)
      asm volatile(
          "st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.f64 [%0], %1, [%2];" ::"r"(
              address + k * 8),
          "d"(values[k]), "r"(completes)
          : "memory");
    else
      asm volatile(
          "st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.f32 [%0], %1, [%2];" ::"r"(
              address + k * 4),
          "f"(values[k]), "r"(completes)
          : "memory");
}
__device__ inline void wait_for_stores(BulkBarrier *barrier) {
  unsigned done = 0;
  while (done == 0)
    asm volatile(
        "{\n\t.reg .pred p;\n\t"
        "mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 p, [%1], 0;\n\t"
        "selp.u32 %0, 1, 0, p;\n\t}"
        : "=r"(done)
        : "r"(shared_address(barrier))
        : "memory");
}
#else  // Devices before sm_90 never launch clusters.
__device__ inline unsigned cluster_rank() {
  return 0;
}
__device__ inline unsigned cluster_number() {
  return 0;
}
__device__ inline void cluster_arrive() {}
__device__ inline void cluster_wait() {}
template <int N, class Real>
__device__ inline void store_to_rank(Real *, const Real *, BulkBarrier *, int) {}
__device__ inline void wait_for_stores(BulkBarrier *) {}
#endif

}  // namespace cubn
