// Accesses to global memory by vectors of up to 16 bytes, with cache hints.
#pragma once
#include <cuda_runtime.h>

#include <cstring>

#include "cuda/device/base/shared_memory.cuh"

namespace cubn {

// A vector of COUNT consecutive elements that one access moves.
template <class T, int COUNT>
struct alignas(sizeof(T) * COUNT) Pack {
  T v[COUNT];
};

// A hint for the L2 cache: what a tensor's memory is good for after an access. No access uses L1.
//
// A first pass keeps its inputs. The last pass that reads them streams them: x of forward is needed
// again only in backward, when other layers have long replaced it. An output is the input of the
// program's next operation, so it is kept, and takes the cache lines that were streamed. A second
// pass is the exception: it streams its output, which would otherwise replace the part of x that it
// has still to read. A first pass accesses nothing but its inputs, so the cache contains nothing
// but x when it ends, whatever lines were replaced; the beginning of a long tensor need not be
// streamed.
enum class Cache {
  KEEP,      // The data will be read again soon.
  STREAMING  // The data will not be read again soon: its cache lines are evicted first.
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

// Loads never use the read-only path, because outputs may alias the inputs.
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
    __stcg(address, bits);  // Compilers would split an assignment into elements.
}

// Keeps vectors of 16 bytes in registers of 32 bits. Where paths join, compilers would give each
// element of 16 bits a register, and extract it on both paths before anything else is loaded.
template <class T, int COUNT, int U>
__device__ inline void keep_words(Pack<T, COUNT> (&packs)[U]) {
#ifndef CUBN_EMULATED
  if constexpr (sizeof(T) == 2 && COUNT == 8) {
#pragma unroll
    for (int u = 0; u < U; ++u) {
      uint4 words;
      memcpy(&words, &packs[u], sizeof words);
      asm("" : "+r"(words.x), "+r"(words.y), "+r"(words.z), "+r"(words.w));
      memcpy(&packs[u], &words, sizeof words);
    }
  }
#else
  (void)packs;
#endif
}

}  // namespace cubn
