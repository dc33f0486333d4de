/* Masks of lanes, and what is chosen by them. As bits: lane l is bit l. */
#ifndef CUBN_CPU_KERNELS_MASKS_H
#define CUBN_CPU_KERNELS_MASKS_H

#include "cpu/kernels/simd.h"

INLINED uint64_t mask_to_bits(mask m) {
#if defined(__AVX512DQ__)
  if (sizeof(real) == 4) return _mm512_movepi32_mask((__m512i)m);
  return _mm512_movepi64_mask((__m512i)m);
#elif defined(__AVX2__)
  if (sizeof(real) == 4) return (uint32_t)_mm256_movemask_ps((__m256)m);
  return (uint32_t)_mm256_movemask_pd((__m256d)m);
#elif defined(__SSE2__)
  if (sizeof(real) == 4) return (uint32_t)_mm_movemask_ps((__m128)m);
  return (uint32_t)_mm_movemask_pd((__m128d)m);
#else
  uint64_t bits = 0;
  for (int l = 0; l < LANES; ++l) bits |= (uint64_t)(m[l] & 1) << l;
  return bits;
#endif
}

INLINED mask mask_of_bits(uint64_t bits) {
#if defined(__AVX512DQ__)
  if (sizeof(real) == 4) return (mask)_mm512_movm_epi32((__mmask16)bits);
  return (mask)_mm512_movm_epi64((__mmask8)bits);
#else
  mask weights;
  for (int l = 0; l < LANES; ++l) weights[l] = (real_bits)1 << l;
  return (mask)((((mask){0} + (real_bits)bits) & weights) != 0);
#endif
}

/* Bytes in the order of the lanes. */
INLINED void put_bits(uint8_t *to, uint64_t bits, int64_t count) {
  for (int64_t b = 0; 8 * b < count; ++b) to[b] = (uint8_t)(bits >> 8 * b);
}

INLINED uint64_t get_bits(const uint8_t *from, int64_t count) {
  uint64_t bits = 0;
  for (int64_t b = 0; 8 * b < count; ++b) bits |= (uint64_t)from[b] << 8 * b;
  return bits;
}

INLINED vec vec_where(mask condition, vec v) {
  return (vec)((mask)v & condition);
}

INLINED vec vec_choose(mask condition, vec yes, vec no) {
  return (vec)(((mask)yes & condition) | ((mask)no & ~condition));
}

INLINED mask mask_all(bool condition) {
  return (mask){0} - (real_bits)condition;
}

/* As it would be stored. */
INLINED vec vec_rounded(vec v) {
#if defined(CUBN_ELEMENT_F16) || defined(CUBN_ELEMENT_BF16)
  element packed[LANES];
  vec_store(packed, v);
  return vec_load(packed);
#else
  return v;
#endif
}

#endif /* CUBN_CPU_KERNELS_MASKS_H */
