// Arithmetic, conversion and bit functions that the host's <cmath> lacks. All round to nearest
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

// ---- integers
inline int __popc(unsigned x) {
  return __builtin_popcount(x);
}
inline int __popcll(unsigned long long x) {
  return __builtin_popcountll(x);
}
inline int __clz(int x) {
  return x != 0 ? __builtin_clz(static_cast<unsigned>(x)) : 32;
}
inline int __clzll(long long x) {
  return x != 0 ? __builtin_clzll(static_cast<unsigned long long>(x)) : 64;
}
inline int __ffs(int x) {
  return __builtin_ffs(x);
}
inline int __ffsll(long long x) {
  return __builtin_ffsll(x);
}

inline unsigned __brev(unsigned x) {
  unsigned reversed = 0;
  for (int bit = 0; bit < 32; ++bit) reversed |= ((x >> bit) & 1u) << (31 - bit);
  return reversed;
}

inline unsigned __umulhi(unsigned x, unsigned y) {
  return static_cast<unsigned>((static_cast<unsigned long long>(x) * y) >> 32);
}
inline int __mulhi(int x, int y) {
  return static_cast<int>((static_cast<long long>(x) * y) >> 32);
}
__extension__ typedef unsigned __int128 emu_uint128;
inline unsigned long long __umul64hi(unsigned long long x, unsigned long long y) {
  return static_cast<unsigned long long>((static_cast<emu_uint128>(x) * y) >> 64);
}
inline unsigned __funnelshift_l(unsigned low, unsigned high, unsigned shift) {
  const unsigned long long both = static_cast<unsigned long long>(high) << 32 | low;
  return static_cast<unsigned>((both << (shift & 31)) >> 32);
}
inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned shift) {
  const unsigned long long both = static_cast<unsigned long long>(high) << 32 | low;
  return static_cast<unsigned>(both >> (shift & 31));
}
inline unsigned __byte_perm(unsigned x, unsigned y, unsigned selector) {
  const unsigned long long both = static_cast<unsigned long long>(y) << 32 | x;
  unsigned result = 0;
  for (int byte = 0; byte < 4; ++byte) {
    const unsigned source = (selector >> (4 * byte)) & 7u;
    result |= static_cast<unsigned>((both >> (8 * source)) & 0xffu) << (8 * byte);
  }
  return result;
}

// ---- min and max, with the overloads of the device (mixed signs compare as unsigned)
inline int min(int x, int y) {
  return y < x ? y : x;
}
inline int max(int x, int y) {
  return x < y ? y : x;
}
inline unsigned min(unsigned x, unsigned y) {
  return y < x ? y : x;
}
inline unsigned max(unsigned x, unsigned y) {
  return x < y ? y : x;
}
inline long min(long x, long y) {
  return y < x ? y : x;
}
inline long max(long x, long y) {
  return x < y ? y : x;
}
inline unsigned long min(unsigned long x, unsigned long y) {
  return y < x ? y : x;
}
inline unsigned long max(unsigned long x, unsigned long y) {
  return x < y ? y : x;
}
inline long long min(long long x, long long y) {
  return y < x ? y : x;
}
inline long long max(long long x, long long y) {
  return x < y ? y : x;
}
inline unsigned long long min(unsigned long long x, unsigned long long y) {
  return y < x ? y : x;
}
inline unsigned long long max(unsigned long long x, unsigned long long y) {
  return x < y ? y : x;
}
inline unsigned min(int x, unsigned y) {
  return min(static_cast<unsigned>(x), static_cast<unsigned>(y));
}
inline unsigned max(int x, unsigned y) {
  return max(static_cast<unsigned>(x), static_cast<unsigned>(y));
}
inline unsigned min(unsigned x, int y) {
  return min(static_cast<unsigned>(x), static_cast<unsigned>(y));
}
inline unsigned max(unsigned x, int y) {
  return max(static_cast<unsigned>(x), static_cast<unsigned>(y));
}
inline float min(float x, float y) {
  return std::fmin(x, y);
}
inline float max(float x, float y) {
  return std::fmax(x, y);
}
inline double min(double x, double y) {
  return std::fmin(x, y);
}
inline double max(double x, double y) {
  return std::fmax(x, y);
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
