// Asynchronous copies and stores, and barriers of clusters, for the self-test kernels: on the
// emulator, and on a GPU.
#pragma once

#include "selftest_device.cuh"

namespace selftest {

#ifdef CUBN_EMULATED
using emu::bulk_announce;
using emu::bulk_copy;
using emu::bulk_init;
using emu::bulk_wait;
using emu::copy_async;
using emu::copy_async_wait;
using emu::store_async;
inline void cluster_barrier_arrive() {
  emu::cluster_arrive();
}
inline void cluster_barrier_wait() {
  emu::cluster_wait();
}
#else
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
#define SELFTEST_PTX_90(...) asm volatile(__VA_ARGS__)
#else
#define SELFTEST_PTX_90(...) __trap()  // These are never launched on such a device.
#endif
__device__ inline unsigned shared_address(const void *shared) {
  return static_cast<unsigned>(__cvta_generic_to_shared(shared));
}
__device__ inline void copy_async(int4 *to, const int4 *from) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared_address(to)), "l"(from)
               : "memory");
#else
  *to = *from;
#endif
}
__device__ inline void copy_async_wait() {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_all;" ::: "memory");
#endif
}
__device__ inline void bulk_init(uint64_t *barrier, unsigned threads) {
  SELFTEST_PTX_90("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(barrier)),
                  "r"(threads)
                  : "memory");
}
__device__ inline void bulk_announce(uint64_t *barrier, unsigned bytes) {
  SELFTEST_PTX_90(
      "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(barrier)),
      "r"(bytes)
      : "memory");
}
__device__ inline void bulk_copy(void *to, const void *from, unsigned bytes, uint64_t *barrier) {
  SELFTEST_PTX_90(
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::
          "r"(shared_address(to)),
      "l"(from), "r"(bytes), "r"(shared_address(barrier))
      : "memory");
}
__device__ inline void bulk_wait(uint64_t *barrier, unsigned parity) {
  unsigned done = 0;
  while (done == 0)
    SELFTEST_PTX_90(
        "{\n\t.reg .pred p;\n\tmbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;\n\t"
        "selp.u32 %0, 1, 0, p;\n\t}"
        : "=r"(done)
        : "r"(shared_address(barrier)), "r"(parity)
        : "memory");
}
__device__ inline void cluster_barrier_arrive() {
  SELFTEST_PTX_90("barrier.cluster.arrive.relaxed.aligned;" ::: "memory");
}
__device__ inline void cluster_barrier_wait() {
  SELFTEST_PTX_90("barrier.cluster.wait.aligned;" ::: "memory");
}
__device__ inline unsigned address_in_rank(const void *shared, unsigned rank) {
  unsigned mapped = 0;
  SELFTEST_PTX_90("mapa.shared::cluster.u32 %0, %1, %2;"
                  : "=r"(mapped)
                  : "r"(shared_address(shared)), "r"(rank));
  return mapped;
}
__device__ inline void store_async(int *to, int value, uint64_t *barrier, unsigned rank) {
  SELFTEST_PTX_90(
      "st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.s32 [%0], %1, [%2];" ::"r"(
          address_in_rank(to, rank)),
      "r"(value), "r"(address_in_rank(barrier, rank))
      : "memory");
}
#endif

}  // namespace selftest
