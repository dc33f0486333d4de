// Mask bits of the elements of a vector, in packed tensors that begin at a vector's alignment.
//
// Eight consecutive elements at a multiple of 8, a granule, are one byte of the mask (cubn_mask),
// except that where rows are no multiples of 8 each row has its own byte for its part of a granule.
// A thread has a granule or, with vectors of V < 8 elements, 8 / V neighbouring threads of a warp
// have one; walks with ALIGN = GRANULE see to that.
#pragma once
#include "cuda/device/base/divisor.cuh"
#include "cuda/device/layout/batch.cuh"

namespace cubn {

struct MaskRows {
  unsigned char *bytes;  // or NULL
  int64_t row, row_bytes;
  Divisor by_row;
  bool is_split;  // rows begin inside granules
};

inline MaskRows make_mask_rows(const cubn_problem &problem, void *reserve) {
  if (problem.reserve != CUBN_RESERVE_MASK) return {};
  return {static_cast<unsigned char *>(reserve), problem.mask.row, problem.mask.row_bytes,
          make_divisor(problem.mask.row), problem.mask.row % GRANULE != 0};
}

// Whether granules are bytes: not if unphased rows begin inside of granules.
inline bool mask_has_granules(const cubn_problem &problem) {
  return problem.reserve != CUBN_RESERVE_MASK || problem.mask.is_phased ||
         problem.mask.row % GRANULE == 0;
}

// A part of a granule that lies in one row.
struct MaskPart {
  int64_t byte;
  unsigned bits;  // of the vector or granule whose first element is at `offset`
};

// The part that begins with the first of the elements `left` (not 0) behind `offset`.
__device__ inline MaskPart mask_part(const MaskRows &mask, int64_t offset, unsigned left) {
  if (!mask.is_split) return {offset >> 3, left};
  const int64_t at = divide(offset + __ffs(static_cast<int>(left)) - 1, mask.by_row);
  const int64_t begin = at * mask.row, end = begin + mask.row - offset;
  const int64_t byte = at * mask.row_bytes + ((offset >> 3) - (begin >> 3));
  return {byte, end < GRANULE ? left & ((1u << end) - 1) : left};
}

__device__ inline unsigned mask_byte(const MaskRows &mask, int64_t byte) {
  return load_pack<Cache::KEEP, 1>(mask.bytes + byte).v[0];
}

// Of all vectors of a batch: bit i belongs to element i, and is 0 if that is not valid.
template <int V, int U>
__device__ inline void read_masks(const MaskRows &mask, const Accesses<U> &accesses,
                                  unsigned (&bits)[U]) {
#pragma unroll
  for (int u = 0; u < U; ++u) {
    const int shift = static_cast<int>(accesses.offset[u] & (GRANULE - 1));
    bits[u] = 0;
    if (!mask.is_split) {
      if (accesses.valid[u] != 0) bits[u] = mask_byte(mask, accesses.offset[u] >> 3) >> shift;
      continue;
    }
    for (unsigned left = accesses.valid[u]; left != 0;) {
      const MaskPart part = mask_part(mask, accesses.offset[u], left);
      bits[u] |= mask_byte(mask, part.byte) >> shift & part.bits;
      left &= ~part.bits;
    }
  }
}

// Of the threads that share a granule, each has V bits of it, in every byte of the word, and gets
// all of them.
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

// All threads of a granule call it, those without valid elements too.
template <int V>
__device__ inline void write_mask(const MaskRows &mask, const Item &item, unsigned bits) {
  int64_t offset = item.offset;
  unsigned valid = item.valid;
  if constexpr (V < GRANULE) {
    const unsigned both = gather_granule<V>((bits & valid) | valid << GRANULE);
    if (offset % GRANULE != 0) return;
    bits = both & ((1u << GRANULE) - 1);
    valid = both >> GRANULE;
  }
  while (valid != 0) {
    const MaskPart part = mask_part(mask, offset, valid);
    mask.bytes[part.byte] = static_cast<unsigned char>(bits & part.bits);
    valid &= ~part.bits;
  }
}

}  // namespace cubn
