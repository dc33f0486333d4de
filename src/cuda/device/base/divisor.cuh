// Division without a divide instruction: by a number that the host knows, or of small numbers.
#pragma once
#include <cuda_runtime.h>

#include <cstdint>

namespace cubn {

// Divides numbers below 2^63 by a constant d by means of a multiplication: floor(i / d) equals
// floor(i * m / 2^(63 + shift)) with m = ceil(2^(63 + shift) / d) and 2^shift >= d (Granlund and
// Montgomery 1994), because m exceeds the exact quotient by less than 2^shift.
struct Divisor {
  uint64_t multiplier;
  int shift;
};

inline Divisor make_divisor(int64_t divisor) {
  const uint64_t d = divisor > 0 ? static_cast<uint64_t>(divisor) : 1;
  int shift = 0;
  while (shift < 63 && (static_cast<uint64_t>(1) << shift) < d) ++shift;
  const unsigned __int128 numerator = static_cast<unsigned __int128>(1) << (63 + shift);
  return {static_cast<uint64_t>((numerator + (d - 1)) / d), shift};
}

__device__ inline int64_t divide(int64_t index, const Divisor &divisor) {
  const unsigned __int128 product =
      static_cast<unsigned __int128>(static_cast<uint64_t>(index) << 1) * divisor.multiplier;
  return static_cast<int64_t>(static_cast<uint64_t>(product >> 64) >> divisor.shift);
}

// Divides numbers below 2^16 by a positive number, in four instructions. (i + 1/2) / d is 1 / (2 d)
// or more from the next integer, and the errors of both operations together are less than 2^-6 / d.
struct SmallDivisor {
  float inverse;

  __device__ explicit SmallDivisor(int divisor) {
#if defined CUBN_EMULATED || !defined __CUDA_ARCH__
    inverse = 1.0f / static_cast<float>(divisor);
#else
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(inverse) : "f"(static_cast<float>(divisor)));
#endif
  }
  __device__ int divide(int i) const {
    return static_cast<int>((static_cast<float>(i) + 0.5f) * inverse);
  }
};

}  // namespace cubn
