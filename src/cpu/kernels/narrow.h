/* Loads and stores of the 16-bit element types. simd.h includes this. The versions in integer
 * arithmetic round to nearest even, keep subnormals and infinity, and make every NaN quiet. So do
 * the instructions for f16, where a target has them. */
#ifndef CUBN_CPU_KERNELS_NARROW_H
#define CUBN_CPU_KERNELS_NARROW_H

typedef uint32_t bits32 __attribute__((vector_size(VECTOR_BYTES)));
#if VECTOR_BYTES == 16
typedef uint16_t bits16 __attribute__((vector_size(8)));
#endif

#if defined(__AVX512F__)
/* The loads and stores of AVX-512 are below. */
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

/* `yes` in the lanes where the condition holds (all bits are set), else `no`. */
INLINED bits32 choose(mask condition, bits32 yes, bits32 no) {
  return ((bits32)condition & yes) | (~(bits32)condition & no);
}

#if defined(CUBN_ELEMENT_BF16)

INLINED bits32 rounded_to_upper_half(bits32 bits) {
  return bits + (((bits >> 16) & 1u) + 0x7fffu);
}

#if defined(__AVX512F__)

/* One permutation of 16-bit halves moves element l to the upper half of lane l, above zeros. The
 * one in `narrowed` collects the upper halves. */
INLINED vec widened(__m256i packed) {
  const __m512i places =
      _mm512_set_epi32(15 << 16, 14 << 16, 13 << 16, 12 << 16, 11 << 16, 10 << 16, 9 << 16, 8 << 16,
                       7 << 16, 6 << 16, 5 << 16, 4 << 16, 3 << 16, 2 << 16, 1 << 16, 0);
  return (vec)_mm512_maskz_permutexvar_epi16(0xaaaaaaaa, places, _mm512_castsi256_si512(packed));
}

/* Rounds the upper halves. Where bit 16 is set, a tie is carried up to the even number. */
INLINED __m512i rounded(vec v) {
  const __m512i bits = (__m512i)v, quiet = _mm512_set1_epi32(0x400000);
  const __mmask16 is_odd = _mm512_test_epi32_mask(bits, _mm512_set1_epi32(0x10000));
  const __mmask16 is_nan = _mm512_cmp_ps_mask((__m512)v, (__m512)v, _CMP_UNORD_Q);
  const __m512i down = _mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff));
  const __m512i up = _mm512_mask_add_epi32(down, is_odd, bits, _mm512_set1_epi32(0x8000));
  return _mm512_mask_or_epi32(up, is_nan, bits, quiet);
}

INLINED __m256i narrowed(vec v) {
  const __m512i places =
      _mm512_set_epi32(0, 0, 0, 0, 0, 0, 0, 0, 31 << 16 | 29, 27 << 16 | 25, 23 << 16 | 21,
                       19 << 16 | 17, 15 << 16 | 13, 11 << 16 | 9, 7 << 16 | 5, 3 << 16 | 1);
  return _mm512_castsi512_si256(_mm512_permutexvar_epi16(places, rounded(v)));
}

/* The upper halves of both, one after the other. */
INLINED __m512i upper_halves(__m512i a, __m512i b) {
  const __m512i places = _mm512_set_epi32(
      63 << 16 | 61, 59 << 16 | 57, 55 << 16 | 53, 51 << 16 | 49, 47 << 16 | 45, 43 << 16 | 41,
      39 << 16 | 37, 35 << 16 | 33, 31 << 16 | 29, 27 << 16 | 25, 23 << 16 | 21, 19 << 16 | 17,
      15 << 16 | 13, 11 << 16 | 9, 7 << 16 | 5, 3 << 16 | 1);
  return _mm512_permutex2var_epi16(a, places, b);
}

INLINED __m512i packed_pair(vec a, vec b) {
  return upper_halves(rounded(a), rounded(b));
}

/* Rounds without a test for NaN, whose lower half must be 0: nothing is then carried out of it. */
INLINED __m512i rounded_plain(vec v) {
  const __m512i bits = (__m512i)v;
  const __mmask16 is_odd = _mm512_test_epi32_mask(bits, _mm512_set1_epi32(0x10000));
  const __m512i down = _mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff));
  return _mm512_mask_add_epi32(down, is_odd, bits, _mm512_set1_epi32(0x8000));
}

INLINED __m512i packed_plain(vec a, vec b) {
  return upper_halves(rounded_plain(a), rounded_plain(b));
}

#else

INLINED vec vec_load(const element *from) {
  return (vec)(widen(from) << 16);
}

INLINED void vec_store(element *to, vec v) {
  const bits32 bits = (bits32)v;
  store_low_halves(to, choose(v != v, bits | 0x400000u, rounded_to_upper_half(bits)) >> 16);
}

#endif

#elif defined(__AVX512F__)

INLINED vec widened(__m256i packed) {
  return (vec)_mm512_cvtph_ps(packed);
}

INLINED __m256i narrowed(vec v) {
  return _mm512_cvtps_ph((__m512)v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

INLINED __m512i packed_pair(vec a, vec b) {
  return _mm512_inserti64x4(_mm512_castsi256_si512(narrowed(a)), narrowed(b), 1);
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
  /* Read as the bits of a float, all numbers, subnormals too, are too small by 2^(127 - 15). */
  const bits32 finite = (bits32)((vec)(magnitude << 13) * 0x1p112f);
  const bits32 special = (bits32)(magnitude >= 0x7c00u) & 0x7f800000u;
  return (vec)(finite | special | (half & 0x8000u) << 16);
}

INLINED void vec_store(element *to, vec v) {
  const bits32 bits = (bits32)v;
  const bits32 magnitude = bits & 0x7fffffffu;
  const bits32 normal = (magnitude + ((magnitude >> 13 & 1u) + 0xfffu) - (112u << 23)) >> 13;
  /* The sum with 0.5 has multiples of 2^-24, the smallest f16, in its fraction. */
  const bits32 subnormal = (bits32)((vec)magnitude + 0.5f) - 0x3f000000u;
  const bits32 finite = choose((mask)(magnitude < 0x38800000u), subnormal, normal);
  const bits32 special =
      choose((mask)(magnitude > 0x7f800000u), 0x7e00u - (bits32){0}, 0x7c00u - (bits32){0});
  const bits32 half = choose((mask)(magnitude < 0x477ff000u), finite, special);
  store_low_halves(to, half | (bits >> 16 & 0x8000u));
}

#endif

#if defined(__AVX512F__)
INLINED vec vec_load(const element *from) {
  return widened(_mm256_loadu_si256((const __m256i *)(const void *)from));
}

INLINED void vec_store(element *to, vec v) {
  _mm256_storeu_si256((__m256i *)(void *)to, narrowed(v));
}
#endif

#endif /* CUBN_CPU_KERNELS_NARROW_H */
