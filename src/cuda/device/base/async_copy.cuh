// Asynchronous copies from global to shared memory, by vectors (cp.async, from sm_80 on) and in
// bulk (cp.async.bulk, from sm_90 on). Inline PTX for the device, and its counterpart for the
// emulator under tests/emu.
#pragma once
#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/device/base/vector_access.cuh"

namespace cubn {

// The form that Cache::KEEP and Cache::STREAMING take in asynchronous copies.
using CopyPolicy = uint64_t;
__device__ inline CopyPolicy copy_policy(Cache cache) {
  CopyPolicy policy = 0;
#if defined CUBN_EMULATED || (defined __CUDA_ARCH__ && __CUDA_ARCH__ < 800)
  (void)cache;
#else
  if (cache == Cache::STREAMING)
    asm("createpolicy.fractional.L2::evict_first.b64 %0, 1.0;" : "=l"(policy));
  else
    asm("createpolicy.fractional.L2::evict_normal.b64 %0, 1.0;" : "=l"(policy));
#endif
  return policy;
}

// Starts to copy a vector of 16 bytes. copy_async_wait waits for the calling thread's copies; other
// threads see them after __syncthreads. Devices before sm_80 copy synchronously.
template <class P>
__device__ inline void copy_async(P *shared, const P *global, CopyPolicy policy) {
  static_assert(sizeof(P) == 16, "one access");
  (void)policy;
#if defined CUBN_EMULATED
  emu::copy_async(shared, global);
#elif !defined __CUDA_ARCH__ || __CUDA_ARCH__ < 800
  *reinterpret_cast<uint4 *>(shared) = __ldcs(reinterpret_cast<const uint4 *>(global));
#else
  asm volatile("cp.async.cg.shared.global.L2::cache_hint [%0], [%1], 16, %2;" ::"r"(
                   static_cast<unsigned>(__cvta_generic_to_shared(shared))),
               "l"(global), "l"(policy)
               : "memory");
#endif
}
__device__ inline void copy_async_wait() {
#if defined CUBN_EMULATED
  emu::copy_async_wait();
#elif defined __CUDA_ARCH__ && __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_all;" ::: "memory");
#endif
}

// Bulk copies. One thread moves any multiple of 16 bytes, and a barrier in shared memory (mbarrier)
// completes when all bytes have arrived:
//   1. One thread calls bulk_init with the number of threads that will copy; __syncthreads follows.
//   2. Each of these threads calls bulk_expect_bytes once, with the sum of its bytes, and then
//      bulk_copy for each copy.
//   3. All threads of the block call bulk_wait.
// After step 3 the barrier can be used again from step 2; `parity` is 0 the first time, then 1, 0,
// and so on. Shared memory that threads have read or written themselves needs bulk_fence and
// __syncthreads before a bulk copy overwrites it.
using BulkBarrier = uint64_t;
#if defined CUBN_EMULATED
inline void bulk_init(BulkBarrier *barrier, int threads) {
  emu::bulk_init(barrier, static_cast<unsigned>(threads));
}
inline void bulk_expect_bytes(BulkBarrier *barrier, int bytes) {
  emu::bulk_announce(barrier, static_cast<unsigned>(bytes));
}
inline void bulk_copy(void *shared, const void *global, int bytes, BulkBarrier *barrier,
                      CopyPolicy) {
  emu::bulk_copy(shared, global, static_cast<unsigned>(bytes), barrier);
}
inline void bulk_wait(BulkBarrier *barrier, unsigned parity) {
  emu::bulk_wait(barrier, parity);
}
inline void bulk_fence() {}
#elif !defined __CUDA_ARCH__ || __CUDA_ARCH__ >= 900
__device__ inline unsigned shared_address(const void *shared) {
  return static_cast<unsigned>(__cvta_generic_to_shared(shared));
}
__device__ inline void bulk_init(BulkBarrier *barrier, int threads) {
  asm volatile(
      "mbarrier.init.shared::cta.b64 [%0], %1;\n\tfence.mbarrier_init.release.cluster;" ::"r"(
          shared_address(barrier)),
      "r"(threads)
      : "memory");
}
__device__ inline void bulk_expect_bytes(BulkBarrier *barrier, int bytes) {
  asm volatile(
      "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(barrier)),
      "r"(bytes)
      : "memory");
}
__device__ inline void bulk_copy(void *shared, const void *global, int bytes, BulkBarrier *barrier,
                                 CopyPolicy policy) {
  asm volatile(
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.L2::cache_hint"
      " [%0], [%1], %2, [%3], %4;" ::"r"(shared_address(shared)),
      "l"(global), "r"(bytes), "r"(shared_address(barrier)), "l"(policy)
      : "memory");
}
__device__ inline void bulk_wait(BulkBarrier *barrier, unsigned parity) {
  unsigned done = 0;
  while (done == 0)
    asm volatile(
        "{\n\t.reg .pred p;\n\t"
        "mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;\n\t"
        "selp.u32 %0, 1, 0, p;\n\t}"
        : "=r"(done)
        : "r"(shared_address(barrier)), "r"(parity)
        : "memory");
}
__device__ inline void bulk_fence() {
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}
#else  // Devices before sm_90 never call these.
__device__ inline void bulk_init(BulkBarrier *, int) {}
__device__ inline void bulk_expect_bytes(BulkBarrier *, int) {}
__device__ inline void bulk_copy(void *, const void *, int, BulkBarrier *, CopyPolicy) {}
__device__ inline void bulk_wait(BulkBarrier *, unsigned) {}
__device__ inline void bulk_fence() {}
#endif

}  // namespace cubn
