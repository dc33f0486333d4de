// Functions on integers and their bits, and min and max of all types, which the host lacks.
#pragma once

#include <cmath>

#include "device_core.h"

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
