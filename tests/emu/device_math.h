// Floating-point arithmetic and conversions that the host's <cmath> lacks. All round to nearest
// even; the fast ones of the device are computed exactly here, so tests must allow for their error.
#pragma once

#include <cmath>
#include <cstring>

#include "device_core.h"

// ---- float
inline float rsqrtf(float x) {
  return static_cast<float>(1.0 / std::sqrt(static_cast<double>(x)));
}
inline float __frsqrt_rn(float x) {
  return rsqrtf(x);
}
inline float __fsqrt_rn(float x) {
  return std::sqrt(x);
}
inline float __frcp_rn(float x) {
  return 1.0f / x;
}
inline float __fadd_rn(float x, float y) {
  return x + y;
}
inline float __fsub_rn(float x, float y) {
  return x - y;
}
inline float __fmul_rn(float x, float y) {
  return x * y;
}
inline float __fdiv_rn(float x, float y) {
  return x / y;
}
inline float __fmaf_rn(float x, float y, float z) {
  return std::fma(x, y, z);
}
inline float __fdividef(float x, float y) {
  return x / y;
}
inline float __expf(float x) {
  return std::exp(x);
}
inline float __logf(float x) {
  return std::log(x);
}
inline float __log2f(float x) {
  return std::log2(x);
}
inline float __powf(float x, float y) {
  return std::pow(x, y);
}
inline float __saturatef(float x) {
  return x > 0.0f ? (x < 1.0f ? x : 1.0f) : 0.0f;
}

// ---- double
inline double rsqrt(double x) {
  return 1.0 / std::sqrt(x);
}
inline double __dsqrt_rn(double x) {
  return std::sqrt(x);
}
inline double __drcp_rn(double x) {
  return 1.0 / x;
}
inline double __dadd_rn(double x, double y) {
  return x + y;
}
inline double __dsub_rn(double x, double y) {
  return x - y;
}
inline double __dmul_rn(double x, double y) {
  return x * y;
}
inline double __ddiv_rn(double x, double y) {
  return x / y;
}
inline double __fma_rn(double x, double y, double z) {
  return std::fma(x, y, z);
}

// ---- conversions of values
inline float __double2float_rn(double x) {
  return static_cast<float>(x);
}
inline float __int2float_rn(int x) {
  return static_cast<float>(x);
}
inline float __uint2float_rn(unsigned x) {
  return static_cast<float>(x);
}
inline float __ll2float_rn(long long x) {
  return static_cast<float>(x);
}
inline float __ull2float_rn(unsigned long long x) {
  return static_cast<float>(x);
}
inline double __int2double_rn(int x) {
  return static_cast<double>(x);
}
inline double __uint2double_rn(unsigned x) {
  return static_cast<double>(x);
}
inline double __ll2double_rn(long long x) {
  return static_cast<double>(x);
}
inline double __ull2double_rn(unsigned long long x) {
  return static_cast<double>(x);
}
inline int __float2int_rz(float x) {
  return static_cast<int>(x);
}
inline int __float2int_rn(float x) {
  return static_cast<int>(std::nearbyint(x));
}
inline unsigned __float2uint_rn(float x) {
  return static_cast<unsigned>(std::nearbyint(x));
}
inline int __double2int_rn(double x) {
  return static_cast<int>(std::nearbyint(x));
}
inline long long __double2ll_rn(double x) {
  return static_cast<long long>(std::nearbyint(x));
}

// ---- conversions of bits
namespace emu {

template <class To, class From>
inline To bits_of(From from) {
  static_assert(sizeof(To) == sizeof(From), "bit casts keep the size");
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}

}  // namespace emu

inline int __float_as_int(float x) {
  return emu::bits_of<int>(x);
}
inline unsigned __float_as_uint(float x) {
  return emu::bits_of<unsigned>(x);
}
inline float __int_as_float(int x) {
  return emu::bits_of<float>(x);
}
inline float __uint_as_float(unsigned x) {
  return emu::bits_of<float>(x);
}
inline long long __double_as_longlong(double x) {
  return emu::bits_of<long long>(x);
}
inline double __longlong_as_double(long long x) {
  return emu::bits_of<double>(x);
}

// ---- half and bfloat16 beyond what NVIDIA's headers compute on the host
inline __half __hfma(__half x, __half y, __half z) {
  const double product = static_cast<double>(__half2float(x)) * __half2float(y);
  return __double2half(product + __half2float(z));
}
inline __nv_bfloat16 __hfma(__nv_bfloat16 x, __nv_bfloat16 y, __nv_bfloat16 z) {
  const double product = static_cast<double>(__bfloat162float(x)) * __bfloat162float(y);
  return __double2bfloat16(product + __bfloat162float(z));
}
inline __half2 __hfma2(__half2 x, __half2 y, __half2 z) {
  return __halves2half2(__hfma(x.x, y.x, z.x), __hfma(x.y, y.y, z.y));
}
inline __nv_bfloat162 __hfma2(__nv_bfloat162 x, __nv_bfloat162 y, __nv_bfloat162 z) {
  return __halves2bfloat162(__hfma(x.x, y.x, z.x), __hfma(x.y, y.y, z.y));
}
inline __half hrsqrt(__half x) {
  return __float2half(rsqrtf(__half2float(x)));
}
