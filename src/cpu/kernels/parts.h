/* Vectors of fewer elements than LANES. simd.h includes this. */
#ifndef CUBN_CPU_KERNELS_PARTS_H
#define CUBN_CPU_KERNELS_PARTS_H

#if defined(__AVX512F__)

INLINED __mmask16 lanes_below(int64_t count) {
  return (__mmask16)((1u << count) - 1);
}

/* Lanes from `count` on are 0. */
INLINED vec vec_load_part(const element *from, int64_t count) {
#if defined(CUBN_ELEMENT_F64)
  return (vec)_mm512_maskz_loadu_pd((__mmask8)lanes_below(count), from);
#elif defined(CUBN_ELEMENT_F32)
  return (vec)_mm512_maskz_loadu_ps(lanes_below(count), from);
#else
  return widened(_mm256_maskz_loadu_epi16(lanes_below(count), from));
#endif
}

INLINED void vec_store_part(element *to, vec v, int64_t count) {
#if defined(CUBN_ELEMENT_F64)
  _mm512_mask_storeu_pd(to, (__mmask8)lanes_below(count), (__m512d)v);
#elif defined(CUBN_ELEMENT_F32)
  _mm512_mask_storeu_ps(to, lanes_below(count), (__m512)v);
#else
  _mm256_mask_storeu_epi16(to, lanes_below(count), narrowed(v));
#endif
}

/* The first `count` lanes from `from` on, the others `gap` elements further on than they would
 * be. */
INLINED vec vec_load_split(const element *from, int64_t count, int64_t gap) {
  const __mmask16 first = lanes_below(count);
#if defined(CUBN_ELEMENT_F64)
  return (vec)_mm512_mask_loadu_pd(_mm512_maskz_loadu_pd((__mmask8)first, from), (__mmask8)~first,
                                   from + gap);
#elif defined(CUBN_ELEMENT_F32)
  return (vec)_mm512_mask_loadu_ps(_mm512_maskz_loadu_ps(first, from), (__mmask16)~first,
                                   from + gap);
#else
  return widened(_mm256_mask_loadu_epi16(_mm256_maskz_loadu_epi16(first, from), (__mmask16)~first,
                                         from + gap));
#endif
}

/* v in the first `count` lanes, 0 in the others. */
INLINED vec vec_first(vec v, int64_t count) {
#if defined(CUBN_ELEMENT_F64)
  return (vec)_mm512_maskz_mov_pd((__mmask8)lanes_below(count), (__m512d)v);
#else
  return (vec)_mm512_maskz_mov_ps(lanes_below(count), (__m512)v);
#endif
}

#else

INLINED mask lanes_below(int64_t count) {
  mask lanes = {0};
  for (int l = 0; l < LANES; ++l) lanes[l] = l;
  return lanes < (real_bits)count - (mask){0};
}

/* Lanes from `count` on are 0. */
INLINED vec vec_load_part(const element *from, int64_t count) {
#if defined(__AVX2__) && defined(CUBN_ELEMENT_F64)
  return (vec)_mm256_maskload_pd(from, (__m256i)lanes_below(count));
#elif defined(__AVX2__) && defined(CUBN_ELEMENT_F32)
  return (vec)_mm256_maskload_ps(from, (__m256i)lanes_below(count));
#else
  element part[LANES] = {0};
  for (int64_t l = 0; l < count; ++l) part[l] = from[l];
  return vec_load(part);
#endif
}

INLINED void vec_store_part(element *to, vec v, int64_t count) {
#if defined(__AVX2__) && defined(CUBN_ELEMENT_F64)
  _mm256_maskstore_pd(to, (__m256i)lanes_below(count), (__m256d)v);
#elif defined(__AVX2__) && defined(CUBN_ELEMENT_F32)
  _mm256_maskstore_ps(to, (__m256i)lanes_below(count), (__m256)v);
#else
  element part[LANES];
  vec_store(part, v);
  for (int64_t l = 0; l < count; ++l) to[l] = part[l];
#endif
}

/* See above. */
INLINED vec vec_load_split(const element *from, int64_t count, int64_t gap) {
  element part[LANES];
  for (int64_t l = 0; l < LANES; ++l) part[l] = from[l < count ? l : l + gap];
  return vec_load(part);
}

/* v in the first `count` lanes, 0 in the others. */
INLINED vec vec_first(vec v, int64_t count) {
  return (vec)((mask)v & lanes_below(count));
}

#endif

#endif /* CUBN_CPU_KERNELS_PARTS_H */
