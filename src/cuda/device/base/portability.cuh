// What compilers and devices do differently: shared memory, vector access with cache hints,
// ordering between blocks. The only place of inline PTX, and of its twins for the emulator under
// tests/emu.
#pragma once
#include <cuda_runtime.h>

#include <cstdint>
#include <cstring>

// Shared memory of a block: CUBN_SHARED(double, sums, [3][THREADS]); and, sized by the launch,
// CUBN_DYNAMIC_SHARED(T, elements).
#ifdef CUBN_EMULATED
#define CUBN_SHARED(type, name, dims) EMU_SHARED(type, name, dims)
#define CUBN_DYNAMIC_SHARED(type, name) EMU_DYNAMIC_SHARED(type, name)
#define CUBN_CHECK_ALIGNED(pointer) EMU_ALIGNED(pointer)
#else
#define CUBN_SHARED(type, name, dims) __shared__ type name dims
#define CUBN_DYNAMIC_SHARED(type, name)                                 \
  extern __shared__ __align__(16) unsigned char cubn_dynamic_shared_[]; \
  type *name = reinterpret_cast<type *>(cubn_dynamic_shared_)
#define CUBN_CHECK_ALIGNED(pointer) ((void)0)
#endif

namespace cubn {

// COUNT consecutive elements, moved by one access.
template <class T, int COUNT>
struct alignas(sizeof(T) * COUNT) Pack {
  T v[COUNT];
};

// What a tensor's memory is good for after an access, for the L2 cache (L1 is passed by).
//
// Inputs are kept by a first pass, and streamed by what reads them last: forward's x is wanted again
// in backward only, when other layers have long replaced it. An output is what the next operation of
// the program reads: it is kept, and takes the place of lines that were streamed; but not while a
// second pass has x yet to read, as it would replace that. Nothing else passes through the cache during
// a first pass, so that what is left there is x whatever the cache replaces: there is no need to
// stream the beginning of a long tensor.
enum class Cache {
  KEEP,      // somebody reads it again soon
  STREAMING  // nobody does: its lines leave the cache first
};

template <size_t BYTES>
struct AccessBits;
template <>
struct AccessBits<1> {
  using Type = unsigned char;
};
template <>
struct AccessBits<2> {
  using Type = unsigned short;
};
template <>
struct AccessBits<4> {
  using Type = unsigned;
};
template <>
struct AccessBits<8> {
  using Type = uint2;
};
template <>
struct AccessBits<16> {
  using Type = uint4;
};

// Never the read-only path: outputs may be the inputs.
template <Cache CACHE, int COUNT, class T>
__device__ inline Pack<T, COUNT> load_pack(const T *from) {
  using Bits = typename AccessBits<sizeof(T) * COUNT>::Type;
  const Bits *address = reinterpret_cast<const Bits *>(from);
  CUBN_CHECK_ALIGNED(address);
  const Bits bits = CACHE == Cache::STREAMING ? __ldcs(address) : __ldcg(address);
  Pack<T, COUNT> pack;
  memcpy(&pack, &bits, sizeof pack);
  return pack;
}

template <Cache CACHE, int COUNT, class T>
__device__ inline void store_pack(T *to, const Pack<T, COUNT> &pack) {
  using Bits = typename AccessBits<sizeof(T) * COUNT>::Type;
  Bits *address = reinterpret_cast<Bits *>(to);
  CUBN_CHECK_ALIGNED(address);
  Bits bits;
  memcpy(&bits, &pack, sizeof pack);
  if (CACHE == Cache::STREAMING)
    __stcs(address, bits);
  else
    __stcg(address, bits);  // not an assignment, which compilers split into elements
}

// Adds to a counter in global memory, in order with the accesses of the calling thread before and
// after it on the whole device; returns the old value. With __syncthreads on both sides this orders
// the accesses of the calling block.
#ifdef CUBN_EMULATED
inline unsigned fetch_add_acq_rel(unsigned *counter, unsigned value) {
  __threadfence();
  const unsigned old = atomicAdd(counter, value);
  __threadfence();
  return old;
}
// One thread stores what it and, after __syncthreads, its block have prepared ...
inline void store_release(unsigned *flag, unsigned value) {
  emu::store_release(flag, value);
}
// ... and a thread that sees the value, and its block after __syncthreads, sees that, too.
inline unsigned load_acquire(const unsigned *flag) {
  return emu::load_acquire(flag);
}
#else
__device__ inline unsigned fetch_add_acq_rel(unsigned *counter, unsigned value) {
  unsigned old;
  asm volatile("atom.add.acq_rel.gpu.global.u32 %0, [%1], %2;"
               : "=r"(old)
               : "l"(counter), "r"(value)
               : "memory");
  return old;
}
__device__ inline void store_release(unsigned *flag, unsigned value) {
  asm volatile("st.release.gpu.global.u32 [%0], %1;" ::"l"(flag), "r"(value) : "memory");
}
__device__ inline unsigned load_acquire(const unsigned *flag) {
  unsigned value;
  asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(value) : "l"(flag) : "memory");
  return value;
}
#endif

// How asynchronous copies say Cache::KEEP or Cache::STREAMING.
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

// Copies a pack of 16 bytes from global to shared memory without waiting for it. copy_async_wait
// waits for the calling thread's copies; other threads see them after __syncthreads. Devices before
// sm_80 copy at once.
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

// Bulk copies, from sm_90 on: one thread moves any multiple of 16 bytes from global to shared memory,
// and a barrier in shared memory tells when all are there. One thread initializes the barrier for
// the number of threads that will announce bytes, and __syncthreads follows; each of these announces
// all its bytes at once and then copies; all wait. When all have waited, the barrier serves again:
// `parity` is 0 the first time, then 1, 0, ... Memory that threads have read or written themselves
// takes bulk copies after bulk_reuse and __syncthreads.
using BulkBarrier = uint64_t;
#if defined CUBN_EMULATED
inline void bulk_init(BulkBarrier *barrier, int threads) {
  emu::bulk_init(barrier, static_cast<unsigned>(threads));
}
inline void bulk_announce(BulkBarrier *barrier, int bytes) {
  emu::bulk_announce(barrier, static_cast<unsigned>(bytes));
}
inline void bulk_copy(void *shared, const void *global, int bytes, BulkBarrier *barrier,
                      CopyPolicy) {
  emu::bulk_copy(shared, global, static_cast<unsigned>(bytes), barrier);
}
inline void bulk_wait(BulkBarrier *barrier, unsigned parity) {
  emu::bulk_wait(barrier, parity);
}
inline void bulk_reuse() {}
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
__device__ inline void bulk_announce(BulkBarrier *barrier, int bytes) {
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
__device__ inline void bulk_reuse() {
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}
#else  // never called
__device__ inline void bulk_init(BulkBarrier *, int) {}
__device__ inline void bulk_announce(BulkBarrier *, int) {}
__device__ inline void bulk_copy(void *, const void *, int, BulkBarrier *, CopyPolicy) {}
__device__ inline void bulk_wait(BulkBarrier *, unsigned) {}
__device__ inline void bulk_reuse() {}
#endif

// Two launches that overlap, from sm_90 on (launch_behind in launch.cuh). The second one may begin when
// every block of the first one has begun and let it, or has ended; what the first one wrote is there
// after the wait, and everything that came before.
#if defined CUBN_EMULATED
inline void let_next_launch_begin() {}
inline void wait_for_launch_before() {
  emu::wait_for_launch_before();
}
#elif !defined __CUDA_ARCH__ || __CUDA_ARCH__ >= 900
__device__ inline void let_next_launch_begin() {
  asm volatile("griddepcontrol.launch_dependents;");
}
__device__ inline void wait_for_launch_before() {
  asm volatile("griddepcontrol.wait;" ::: "memory");
}
#else
__device__ inline void let_next_launch_begin() {}
__device__ inline void wait_for_launch_before() {}
#endif

// Clusters of blocks, from sm_90 on. A block may touch the shared memory of another one after all
// have begun, which cluster_reduce_begin announces and cluster_reduce_end waits for, and before
// cluster_sync, after which that one may have ended. cluster_sync also orders accesses.
#if defined CUBN_EMULATED
inline unsigned cluster_rank() {
  return emu::cluster_rank();
}
inline void cluster_reduce_begin() {
  emu::cluster_arrive();
}
inline void cluster_reduce_end() {
  emu::cluster_wait();
}
inline void cluster_sync() {
  emu::barrier(emu::BarrierKind::kCluster, false, emu::Site::here());
}
template <class T>
inline T *shared_of_rank(T *shared, int rank) {
  return static_cast<T *>(emu::map_to_rank(shared, static_cast<unsigned>(rank)));
}
#elif !defined __CUDA_ARCH__ || __CUDA_ARCH__ >= 900
__device__ inline unsigned cluster_rank() {
  unsigned rank;
  asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
  return rank;
}
__device__ inline void cluster_reduce_begin() {
  asm volatile("barrier.cluster.arrive.relaxed.aligned;" ::: "memory");
}
__device__ inline void cluster_reduce_end() {
  asm volatile("barrier.cluster.wait.aligned;" ::: "memory");
}
__device__ inline void cluster_sync() {
  asm volatile("barrier.cluster.arrive.release.aligned;\n\tbarrier.cluster.wait.acquire.aligned;" ::
                   : "memory");
}
// The same variable in the block of that rank.
template <class T>
__device__ inline T *shared_of_rank(T *shared, int rank) {
  T *mapped;
  asm("mapa.u64 %0, %1, %2;" : "=l"(mapped) : "l"(shared), "r"(rank));
  return mapped;
}
#else  // never launched
__device__ inline unsigned cluster_rank() {
  return 0;
}
__device__ inline void cluster_reduce_begin() {}
__device__ inline void cluster_reduce_end() {}
__device__ inline void cluster_sync() {}
template <class T>
__device__ inline T *shared_of_rank(T *shared, int) {
  return shared;
}
#endif

}  // namespace cubn
