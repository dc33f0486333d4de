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

// What a tensor's memory is good for after an access.
enum class Cache {
  KEEP,      // a later pass reads it again
  STREAMING  // nobody does: its lines may leave the caches first
};

template <size_t BYTES>
struct AccessBits;
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

template <int COUNT, class T>
__device__ inline void store_pack(T *to, const Pack<T, COUNT> &pack) {
  using Bits = typename AccessBits<sizeof(T) * COUNT>::Type;
  Bits *address = reinterpret_cast<Bits *>(to);
  CUBN_CHECK_ALIGNED(address);
  Bits bits;
  memcpy(&bits, &pack, sizeof pack);
  __stcs(address, bits);
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

}  // namespace cubn
