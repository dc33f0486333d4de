// The mask bits of a vector's elements, in packed tensors that begin at a vector's alignment.
//
// A granule is eight consecutive elements at a multiple of 8. It is one byte of the mask
// (cubn_mask); but if the length of a row is not a multiple of 8, rows begin inside granules, and
// each row has its own byte for its elements of a granule. A granule belongs to one thread or, if
// vectors have V < 8 elements, to 8 / V neighboring threads of a warp; iterators with ALIGN =
// GRANULE ensure this.
#pragma once
#include <cuda_runtime.h>

#include <cstdint>

#include "core/backend.h"
#include "cuda/device/base/divisor.cuh"
#include "cuda/device/base/team.cuh"
#include "cuda/device/base/vector_access.cuh"
#include "cuda/device/layout/access.cuh"
#include "cuda/device/layout/batch.cuh"

namespace cubn {

struct MaskRows {
  unsigned char *bytes;  // NULL if there is no mask.
  int64_t row, row_bytes;
  Divisor by_row;
  bool is_split;  // Rows begin inside granules.
};

inline MaskRows make_mask_rows(const cubn_problem &problem, void *reserve) {
  if (problem.reserve != CUBN_RESERVE_MASK) return {};
  return {static_cast<unsigned char *>(reserve), problem.mask.row, problem.mask.row_bytes,
          make_divisor(problem.mask.row), problem.mask.row % GRANULE != 0};
}

// Whether each byte of the mask is within one granule. It is not if unphased rows begin inside
// granules.
inline bool mask_has_granules(const cubn_problem &problem) {
  return problem.reserve != CUBN_RESERVE_MASK || problem.mask.is_phased ||
         problem.mask.row % GRANULE == 0;
}

// A byte of the mask, and which elements of a vector or granule have their bits in it.
struct MaskByte {
  int64_t byte;
  unsigned bits;
  bool has_spare;  // The row ends in this byte, and has one more.
};

// The byte of the first of the elements whose bits are set in `left`, which is not 0. Bit 0 is the
// element at `offset`.
__device__ inline MaskByte mask_byte_of(const MaskRows &mask, int64_t offset, unsigned left) {
  if (!mask.is_split) return {offset >> 3, left, false};
  const int64_t row = divide(offset + __ffs(static_cast<int>(left)) - 1, mask.by_row);
  const int64_t begin = row * mask.row, end = begin + mask.row - offset;
  const int64_t byte = row * mask.row_bytes + ((offset >> 3) - (begin >> 3));
  return {byte, end < GRANULE ? left & ((1u << end) - 1) : left,
          end <= GRANULE && byte + 1 < (row + 1) * mask.row_bytes};
}

__device__ inline unsigned load_mask_byte(const MaskRows &mask, int64_t byte) {
  return load_pack<Cache::KEEP, 1>(mask.bytes + byte).v[0];
}

// Loads the mask bits of all vectors of a batch. Bit i belongs to element i; it is 0 if the element
// is not valid.
template <int V, int U, bool SPLITS>
__device__ inline void load_masks(const MaskRows &mask, const Accesses<U, SPLITS> &accesses,
                                  unsigned (&bits)[U]) {
#pragma unroll
  for (int u = 0; u < U; ++u) {
    const int shift = static_cast<int>(accesses.offset[u] & (GRANULE - 1));
    bits[u] = 0;
    if (!mask.is_split) {
      if (accesses.valid[u] != 0) bits[u] = load_mask_byte(mask, accesses.offset[u] >> 3) >> shift;
      continue;
    }
    for (unsigned left = accesses.valid[u]; left != 0;) {
      const MaskByte target = mask_byte_of(mask, accesses.offset[u], left);
      bits[u] |= load_mask_byte(mask, target.byte) >> shift & target.bits;
      left &= ~target.bits;
    }
  }
}

// Each of the threads that share a granule has V bits of it, in every byte of the word, and gets
// all bits of the granule.
template <int V>
__device__ inline unsigned gather_granule(unsigned bits) {
  constexpr unsigned LANES = GRANULE / V;
  const unsigned lane = threadIdx.x % WARP, first = lane & ~(LANES - 1);
  const unsigned members = ((1u << LANES) - 1) << first;
  bits <<= (lane - first) * V;
#pragma unroll
  for (unsigned distance = 1; distance < LANES; distance *= 2)
    bits |= __shfl_xor_sync(members, bits, static_cast<int>(distance));
  return bits;
}

// Stores the mask bits of a vector. All threads of a granule must call it, also those without valid
// elements.
template <int V>
__device__ inline void store_mask(const MaskRows &mask, const Access &access, unsigned bits) {
  int64_t offset = access.offset;
  unsigned valid = access.valid;
  if constexpr (V < GRANULE) {
    const unsigned gathered = gather_granule<V>((bits & valid) | valid << GRANULE);
    if (offset % GRANULE != 0) return;
    bits = gathered & ((1u << GRANULE) - 1);
    valid = gathered >> GRANULE;
  }
  while (valid != 0) {
    const MaskByte target = mask_byte_of(mask, offset, valid);
    mask.bytes[target.byte] = static_cast<unsigned char>(bits & target.bits);
    if (target.has_spare) mask.bytes[target.byte + 1] = 0;
    valid &= ~target.bits;
  }
}

}  // namespace cubn
