/* Vectors of one target and one element type. The files of this folder are compiled once for each
 * target and type: the Makefile defines CUBN_ELEMENT_F32, _F64, _F16 or _BF16 and gives the
 * compiler the target's instruction set.
 *
 * element  the type of a value in memory real     the type of the arithmetic: double for f64, else
 * float vec      LANES reals, one register of the target; its operators work lane by lane */
#ifndef CUBN_CPU_KERNELS_SIMD_H
#define CUBN_CPU_KERNELS_SIMD_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

/* Kernels are built of small functions whose arguments become constants when they are inlined. The
 * compiler's own estimate does not foresee that. */
#define INLINED static inline __attribute__((always_inline))
/* One copy of the code serves all loops of a file. */
#define OUTLINED static __attribute__((noinline))

#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#elif defined(__AVX2__)
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif

#if defined(CUBN_ELEMENT_F64)
typedef double element;
typedef double real;
typedef int64_t real_bits;
#elif defined(CUBN_ELEMENT_F32)
typedef float element;
typedef float real;
typedef int32_t real_bits;
#else
typedef uint16_t element;
typedef float real;
typedef int32_t real_bits;
#endif

enum { LANES = VECTOR_BYTES / sizeof(real), STORE_BYTES = LANES * sizeof(element) };

typedef real vec __attribute__((vector_size(VECTOR_BYTES)));
typedef real_bits mask __attribute__((vector_size(VECTOR_BYTES)));

#if defined(CUBN_ELEMENT_F16) || defined(CUBN_ELEMENT_BF16)
#include "cpu/kernels/narrow.h"
#else
INLINED vec vec_load(const element *from) {
  vec v;
  memcpy(&v, from, sizeof v);
  return v;
}

INLINED void vec_store(element *to, vec v) {
  memcpy(to, &v, sizeof v);
}
#endif

INLINED int64_t least(int64_t a, int64_t b) {
  return a < b ? a : b;
}

/* Loops that few programs need are left out for double, and for x86-64 without AVX2. */
#if defined(CUBN_ELEMENT_F64) || (defined(__x86_64__) && !defined(__AVX2__))
#define HAS_RARE_LOOPS false
#else
#define HAS_RARE_LOOPS true
#endif

INLINED int64_t most(int64_t a, int64_t b) {
  return a > b ? a : b;
}

INLINED vec vec_all(real value) {
  return value - (vec){0};
}

/* a * b + c, rounded once where the target has an instruction for it. */
INLINED vec vec_multiply_add(vec a, vec b, vec c) {
#if defined(__AVX512F__) && defined(CUBN_ELEMENT_F64)
  return (vec)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#elif defined(__AVX512F__)
  return (vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__) && defined(CUBN_ELEMENT_F64)
  return (vec)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#elif defined(__FMA__)
  return (vec)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__ARM_NEON) && defined(CUBN_ELEMENT_F64)
  return (vec)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
#elif defined(__ARM_NEON)
  return (vec)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
  return a * b + c;
#endif
}

INLINED vec vec_load_reals(const real *from) {
  vec v;
  memcpy(&v, from, sizeof v);
  return v;
}

INLINED vec reals_at(const void *reals, int64_t column) {
  return vec_load_reals((const real *)reals + column);
}

#include "cpu/kernels/parts.h"

/* sums[l] += v[l] */
INLINED void vec_add_to(double *sums, vec v) {
  real lanes[LANES];
  memcpy(lanes, &v, sizeof v);
  for (int l = 0; l < LANES; ++l) sums[l] += (double)lanes[l];
}

/* A non-temporal store. `to` is aligned to STORE_BYTES. Other processors than x86 get an ordinary
 * store: they detect by themselves that whole cache lines are written. */
INLINED void vec_store_nontemporal(element *to, vec v) {
#if defined(__SSE2__)
  element packed[LANES] __attribute__((aligned(STORE_BYTES)));
  vec_store(packed, v);
#if defined(__AVX512F__)
  if (STORE_BYTES == 64) {
    _mm512_stream_si512((__m512i *)(void *)to, *(const __m512i *)(const void *)packed);
    return;
  }
#endif
#if defined(__AVX2__)
  if (STORE_BYTES == 32) {
    _mm256_stream_si256((__m256i *)(void *)to, *(const __m256i *)(const void *)packed);
    return;
  }
#endif
  if (STORE_BYTES == 16) {
    _mm_stream_si128((__m128i *)(void *)to, *(const __m128i *)(const void *)packed);
    return;
  }
  long long bits;
  memcpy(&bits, packed, sizeof bits);
  _mm_stream_si64((long long *)(void *)to, bits);
#else
  vec_store(to, v);
#endif
}

INLINED void store(element *to, vec v, bool nontemporal) {
  if (nontemporal)
    vec_store_nontemporal(to, v);
  else
    vec_store(to, v);
}

#if defined(__AVX512F__) && (defined(CUBN_ELEMENT_F16) || defined(CUBN_ELEMENT_BF16))
/* Two consecutive vectors. */
INLINED void store_packed(element *to, __m512i packed, bool nontemporal) {
  if (!nontemporal) {
    _mm512_storeu_si512(to, packed);
  } else if ((uintptr_t)to % 64 == 0) {
    _mm512_stream_si512((__m512i *)(void *)to, packed);
  } else {
    _mm256_stream_si256((__m256i *)(void *)to, _mm512_castsi512_si256(packed));
    _mm256_stream_si256((__m256i *)(void *)(to + LANES), _mm512_extracti64x4_epi64(packed, 1));
  }
}
#endif

/* Stores two consecutive vectors, with one instruction where they are one cache line. */
INLINED void store_pair(element *to, vec a, vec b, bool nontemporal) {
#if defined(__AVX512F__) && (defined(CUBN_ELEMENT_F16) || defined(CUBN_ELEMENT_BF16))
  store_packed(to, packed_pair(a, b), nontemporal);
#else
  store(to, a, nontemporal);
  store(to + LANES, b, nontemporal);
#endif
}

/* The same for results of arithmetic with numbers as coefficients. A NaN among these comes from an
 * element or from the processor: no bit below an element's is set, so rounding leaves it a NaN. */
INLINED void store_plain_pair(element *to, vec a, vec b, bool nontemporal) {
#if defined(__AVX512F__) && defined(CUBN_ELEMENT_BF16)
  store_packed(to, packed_plain(a, b), nontemporal);
#else
  store_pair(to, a, b, nontemporal);
#endif
}

/* The next three take LANES or fewer lanes. In loops over whole vectors `lanes` is the constant
 * LANES, so that no test remains. The lanes that are not loaded are 0. */
INLINED vec load_lanes(const element *from, int64_t lanes) {
  return lanes < LANES ? vec_load_part(from, lanes) : vec_load(from);
}

INLINED void store_lanes(element *to, vec v, int64_t lanes, bool nontemporal) {
  if (lanes < LANES)
    vec_store_part(to, v, lanes);
  else
    store(to, v, nontemporal);
}

/* Sets the other lanes to 0. */
INLINED vec keep_lanes(vec v, int64_t lanes) {
  return lanes < LANES ? vec_first(v, lanes) : v;
}

/* The lanes of a tail, of which the compiler then knows that they are fewer than LANES. */
INLINED int64_t tail_lanes(int64_t lanes) {
  if (lanes >= LANES) __builtin_unreachable();
  return lanes;
}

/* After this, other threads see the non-temporal stores. */
INLINED void vec_fence(void) {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

/* Prefetches the cache lines of so many bytes into L2. Addresses beyond an array do no harm. */
INLINED void prefetch(const void *from, int64_t bytes) {
  for (int64_t b = 0; b < bytes; b += 64) __builtin_prefetch((const char *)from + b, 0, 2);
}

#endif /* CUBN_CPU_KERNELS_SIMD_H */
