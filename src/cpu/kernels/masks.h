/* Comparisons of vectors, and what is chosen by them. `flags` are the target's own form of one
 * decision per lane: a mask register where there is one, otherwise a vector whose lanes have all
 * bits set or none. As bits, lane l is bit l. */
#ifndef CUBN_CPU_KERNELS_MASKS_H
#define CUBN_CPU_KERNELS_MASKS_H

#include "cpu/kernels/simd.h"

#if defined(__AVX512DQ__)

typedef __mmask16 flags;

#if defined(CUBN_ELEMENT_F64)
#define CUBN_COMPARE(a, b, predicate) \
  ((flags)_mm512_cmp_pd_mask((__m512d)(a), (__m512d)(b), predicate))
#else
#define CUBN_COMPARE(a, b, predicate) _mm512_cmp_ps_mask((__m512)(a), (__m512)(b), predicate)
#endif

INLINED flags is_above(vec a, vec b) {
  return CUBN_COMPARE(a, b, _CMP_GT_OQ);
}

INLINED flags is_at_least(vec a, vec b) {
  return CUBN_COMPARE(a, b, _CMP_GE_OQ);
}

INLINED flags is_at_most(vec a, vec b) {
  return CUBN_COMPARE(a, b, _CMP_LE_OQ);
}

INLINED flags is_nan(vec v) {
  return CUBN_COMPARE(v, v, _CMP_UNORD_Q);
}

INLINED uint64_t flags_to_bits(flags f) {
  return f;
}

INLINED flags flags_of_bits(uint64_t bits) {
  return (flags)bits;
}

/* `yes` in the lanes where f holds, else `no`. */
INLINED vec vec_choose(flags f, vec yes, vec no) {
#if defined(CUBN_ELEMENT_F64)
  return (vec)_mm512_mask_blend_pd((__mmask8)f, (__m512d)no, (__m512d)yes);
#else
  return (vec)_mm512_mask_blend_ps(f, (__m512)no, (__m512)yes);
#endif
}

#else

typedef mask flags;

INLINED flags is_above(vec a, vec b) {
  return (flags)(a > b);
}

INLINED flags is_at_least(vec a, vec b) {
  return (flags)(a >= b);
}

INLINED flags is_at_most(vec a, vec b) {
  return (flags)(a <= b);
}

INLINED flags is_nan(vec v) {
  return (flags)(v != v);
}

INLINED uint64_t flags_to_bits(flags f) {
#if defined(__AVX2__)
  if (sizeof(real) == 4) return (uint32_t)_mm256_movemask_ps((__m256)f);
  return (uint32_t)_mm256_movemask_pd((__m256d)f);
#elif defined(__SSE2__)
  if (sizeof(real) == 4) return (uint32_t)_mm_movemask_ps((__m128)f);
  return (uint32_t)_mm_movemask_pd((__m128d)f);
#else
  uint64_t bits = 0;
  for (int l = 0; l < LANES; ++l) bits |= (uint64_t)(f[l] & 1) << l;
  return bits;
#endif
}

INLINED flags flags_of_bits(uint64_t bits) {
  flags weights = {0};
  for (int l = 0; l < LANES; ++l) weights[l] = (real_bits)1 << l;
  return (flags)((((flags){0} + (real_bits)bits) & weights) != 0);
}

/* `yes` in the lanes where f holds, else `no`. */
INLINED vec vec_choose(flags f, vec yes, vec no) {
  return (vec)(((mask)yes & f) | ((mask)no & ~f));
}

#endif

INLINED flags is_within(vec v, vec least, vec most) {
  return is_at_least(v, least) & is_at_most(v, most);
}

/* The bits of `count` lanes, 1 .. 64, in bytes: lane l is bit l % 8 of byte l / 8. Further lanes
 * may hold anything; the bits that are left of the last byte are 0. */
INLINED void store_bits(uint8_t *to, uint64_t bits, int64_t count) {
  bits &= ~UINT64_C(0) >> (64 - count);
  for (int64_t b = 0; 8 * b < count; ++b) to[b] = (uint8_t)(bits >> 8 * b);
}

INLINED uint64_t load_bits(const uint8_t *from, int64_t count) {
  uint64_t bits = 0;
  for (int64_t b = 0; 8 * b < count; ++b) bits |= (uint64_t)from[b] << 8 * b;
  return bits;
}

/* v, rounded to elements. */
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
