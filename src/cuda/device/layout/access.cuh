// One access of a thread: a vector of V elements, of which some are valid.
#pragma once
#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/device/base/dtype.cuh"

namespace cubn {

// The access to a vector of V elements: the offset of its first element, and the mask of the
// elements that belong to the chunk.
struct Access {
  int64_t offset;
  unsigned valid;
};

// Elements whose bits form one byte of a mask.
constexpr int GRANULE = 8;

// Vectors, or groups of neighboring ones, begin at multiples of so many elements.
template <class Op>
constexpr int VECTOR_ALIGN = Op::FUSED ? GRANULE : VECTOR_WIDTH<typename Op::Element>;

template <int V>
constexpr unsigned ALL_VALID = (1u << V) - 1;

// The bits low to high - 1 of the bits 0 to V - 1.
template <int V>
__device__ inline unsigned valid_bits(int low, int high) {
  if (low <= 0 && high >= V) return ALL_VALID<V>;
  const unsigned from = static_cast<unsigned>(min(max(low, 0), V));
  const unsigned to = static_cast<unsigned>(min(max(high, 0), V));
  return ((1u << to) - 1) & ~((1u << from) - 1);
}

}  // namespace cubn
