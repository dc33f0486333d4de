// Element types and their compute type: double for double, float for the others. Per-channel
// parameters have the compute type.
#pragma once
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstring>

#include "core/backend.h"

namespace cubn {

template <class T>
struct ComputeType {
  using Type = float;
};
template <>
struct ComputeType<double> {
  using Type = double;
};
template <class T>
using Compute = typename ComputeType<T>::Type;

__device__ inline float to_compute(float value) {
  return value;
}
__device__ inline double to_compute(double value) {
  return value;
}
__device__ inline float to_compute(__half value) {
  return __half2float(value);
}
__device__ inline float to_compute(__nv_bfloat16 value) {
  return __bfloat162float(value);
}

// Rounds to nearest, ties to even.
template <class T>
__device__ inline T from_compute(Compute<T> value) {
  return value;
}
template <>
__device__ inline __half from_compute<__half>(float value) {
  return __float2half(value);
}
template <>
__device__ inline __nv_bfloat16 from_compute<__nv_bfloat16>(float value) {
  return __float2bfloat16(value);
}

// The same of a double, in one step.
template <class T>
__device__ inline T from_double(double value) {
  return static_cast<T>(value);
}
template <>
__device__ inline __half from_double<__half>(double value) {
  return __double2half(value);
}
template <>
__device__ inline __nv_bfloat16 from_double<__nv_bfloat16>(double value) {
  return __double2bfloat16(value);
}

// Rounds two neighbors, by one instruction if the type has 16 bits.
template <class T>
__device__ inline void round_pair(Compute<T> first, Compute<T> second, T *to) {
  to[0] = from_compute<T>(first);
  to[1] = from_compute<T>(second);
}
template <>
__device__ inline void round_pair<__half>(float first, float second, __half *to) {
  const __half2 pair = __floats2half2_rn(first, second);
  memcpy(static_cast<void *>(to), &pair, sizeof pair);
}
template <>
__device__ inline void round_pair<__nv_bfloat16>(float first, float second, __nv_bfloat16 *to) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(first, second);
  memcpy(static_cast<void *>(to), &pair, sizeof pair);
}

// Returns a * b + c, rounded once.
__device__ inline float multiply_add(float a, float b, float c) {
  return fmaf(a, b, c);
}
__device__ inline double multiply_add(double a, double b, double c) {
  return fma(a, b, c);
}

// Elements of T in a vector of 16 bytes, the widest access.
template <class T>
constexpr int VECTOR_WIDTH = 16 / static_cast<int>(sizeof(T));

template <class T>
struct TypeTag {
  using Type = T;
};

// Calls visit(TypeTag<T>{}) for the element type `type`, which the host has checked.
template <class Visit>
cubnStatus_t visit_type(cubnDataType_t type, Visit &&visit) {
  switch (type) {
    case CUBN_DATA_DOUBLE:
      return visit(TypeTag<double>{});
    case CUBN_DATA_HALF:
      return visit(TypeTag<__half>{});
    case CUBN_DATA_BFLOAT16:
      return visit(TypeTag<__nv_bfloat16>{});
    default:
      return visit(TypeTag<float>{});
  }
}

}  // namespace cubn
