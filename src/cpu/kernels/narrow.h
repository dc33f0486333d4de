/* Loads and stores of the 16-bit element types; see simd.h, which includes this. The integer
 * forms round to nearest even, keep subnormals and infinity, and make every NaN a quiet one; the
 * instructions for f16, where a target has them, do the same. */
#ifndef CUBN_CPU_KERNELS_NARROW_H
#define CUBN_CPU_KERNELS_NARROW_H

typedef uint32_t bits32 __attribute__((vector_size(VECTOR_BYTES)));
#if VECTOR_BYTES == 16
typedef uint16_t bits16 __attribute__((vector_size(8)));
#endif

#if defined(__AVX512F__)
INLINED bits32 widen(const element *from) {
  return (bits32)_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(const void *)from));
}

INLINED void store_low_halves(element *to, bits32 bits) {
  _mm256_storeu_si256((__m256i *)(void *)to, _mm512_cvtepi32_epi16((__m512i)bits));
}
#elif defined(__AVX2__)
INLINED bits32 widen(const element *from) {
  return (bits32)_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)from));
}

INLINED void store_low_halves(element *to, bits32 bits) {
  const __m256i v = (__m256i)(bits & 0xffffu);
  const __m128i packed =
      _mm_packus_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  _mm_storeu_si128((__m128i *)(void *)to, packed);
}
#else
INLINED bits32 widen(const element *from) {
  bits16 packed;
  memcpy(&packed, from, sizeof packed);
  return __builtin_convertvector(packed, bits32);
}

INLINED void store_low_halves(element *to, bits32 bits) {
  const bits16 packed = __builtin_convertvector(bits, bits16);
  memcpy(to, &packed, sizeof packed);
}
#endif

/* yes where the condition holds (all bits set), else no. */
INLINED bits32 choose(mask condition, bits32 yes, bits32 no) {
  return ((bits32)condition & yes) | (~(bits32)condition & no);
}

#if defined(CUBN_ELEMENT_BF16)

/* yes where v is NaN, else no. */
INLINED bits32 choose_nan(vec v, bits32 yes, bits32 no) {
#if defined(__AVX512F__)
  const __mmask16 is_nan = _mm512_cmp_ps_mask((__m512)v, (__m512)v, _CMP_UNORD_Q);
  return (bits32)_mm512_mask_mov_epi32((__m512i)no, is_nan, (__m512i)yes);
#else
  return choose(v != v, yes, no);
#endif
}

INLINED vec vec_load(const element *from) {
  return (vec)(widen(from) << 16);
}

INLINED void vec_store(element *to, vec v) {
  const bits32 bits = (bits32)v;
  const bits32 rounded = bits + (((bits >> 16) & 1u) + 0x7fffu);
  store_low_halves(to, choose_nan(v, bits | 0x400000u, rounded) >> 16);
}

#elif defined(__AVX512F__)

INLINED vec vec_load(const element *from) {
  return (vec)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)from));
}

INLINED void vec_store(element *to, vec v) {
  const __m256i packed = _mm512_cvtps_ph((__m512)v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  _mm256_storeu_si256((__m256i *)(void *)to, packed);
}

#elif defined(__F16C__)

INLINED vec vec_load(const element *from) {
  return (vec)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)from));
}

INLINED void vec_store(element *to, vec v) {
  const __m128i packed = _mm256_cvtps_ph((__m256)v, _MM_FROUND_TO_NEAREST_INT);
  _mm_storeu_si128((__m128i *)(void *)to, packed);
}

#elif defined(__ARM_NEON)

INLINED vec vec_load(const element *from) {
  return (vec)vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(from)));
}

INLINED void vec_store(element *to, vec v) {
  vst1_u16(to, vreinterpret_u16_f16(vcvt_f16_f32((float32x4_t)v)));
}

#else

INLINED vec vec_load(const element *from) {
  const bits32 half = widen(from);
  const bits32 magnitude = half & 0x7fffu;
  /* As the bits of a float these are too small by 2^(127 - 15), subnormals too. */
  const bits32 finite = (bits32)((vec)(magnitude << 13) * 0x1p112f);
  const bits32 special = (bits32)(magnitude >= 0x7c00u) & 0x7f800000u;
  return (vec)(finite | special | (half & 0x8000u) << 16);
}

INLINED void vec_store(element *to, vec v) {
  const bits32 bits = (bits32)v;
  const bits32 magnitude = bits & 0x7fffffffu;
  const bits32 normal = (magnitude + ((magnitude >> 13 & 1u) + 0xfffu) - (112u << 23)) >> 13;
  /* Adding a half leaves multiples of 2^-24, the least unit of f16, in the fraction. */
  const bits32 subnormal = (bits32)((vec)magnitude + 0.5f) - 0x3f000000u;
  const bits32 finite = choose((mask)(magnitude < 0x38800000u), subnormal, normal);
  const bits32 special =
      choose((mask)(magnitude > 0x7f800000u), 0x7e00u - (bits32){0}, 0x7c00u - (bits32){0});
  const bits32 half = choose((mask)(magnitude < 0x477ff000u), finite, special);
  store_low_halves(to, half | (bits >> 16 & 0x8000u));
}

#endif

#endif /* CUBN_CPU_KERNELS_NARROW_H */
