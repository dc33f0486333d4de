/* Elements with bits: those whose bit is set become neighbors, and the other way round. */
#ifndef CUBN_CPU_KERNELS_SCATTER_H
#define CUBN_CPU_KERNELS_SCATTER_H

#include "cpu/kernels/simd.h"

/* The bits of elements i to i + lanes - 1, of one word. */
INLINED uint64_t bits_at(const uint64_t *bits, int64_t i, int64_t lanes) {
  return bits[i / 64] >> (i % 64) & ~UINT64_C(0) >> (64 - lanes);
}

#if defined(__AVX512BW__)

#if defined(CUBN_ELEMENT_F64)
enum { SCATTERED = 8 }; /* elements of a step */

INLINED __m512i scatter_load(const element *from, uint64_t lanes) {
  return _mm512_maskz_loadu_epi64((__mmask8)lanes, from);
}

INLINED void scatter_store(element *to, __m512i values, uint64_t lanes) {
  _mm512_mask_storeu_epi64(to, (__mmask8)lanes, values);
}

INLINED __m512i scatter_compress(__m512i values, uint64_t bits) {
  return _mm512_maskz_compress_epi64((__mmask8)bits, values);
}

INLINED __m512i scatter_expand(__m512i values, uint64_t bits) {
  return _mm512_maskz_expand_epi64((__mmask8)bits, values);
}
#else
enum { SCATTERED = 16 };

INLINED __m512i scatter_compress(__m512i values, uint64_t bits) {
  return _mm512_maskz_compress_epi32((__mmask16)bits, values);
}

INLINED __m512i scatter_expand(__m512i values, uint64_t bits) {
  return _mm512_maskz_expand_epi32((__mmask16)bits, values);
}

#if defined(CUBN_ELEMENT_F32)
INLINED __m512i scatter_load(const element *from, uint64_t lanes) {
  return _mm512_maskz_loadu_epi32((__mmask16)lanes, from);
}

INLINED void scatter_store(element *to, __m512i values, uint64_t lanes) {
  _mm512_mask_storeu_epi32(to, (__mmask16)lanes, values);
}
#else /* halves, as integers of 32 bits meanwhile */
INLINED __m512i scatter_load(const element *from, uint64_t lanes) {
  return _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16((__mmask16)lanes, from));
}

INLINED void scatter_store(element *to, __m512i values, uint64_t lanes) {
  _mm256_mask_storeu_epi16(to, (__mmask16)lanes, _mm512_cvtepi32_epi16(values));
}
#endif
#endif

enum { ALL = (1 << SCATTERED) - 1 };

static int64_t compress(const void *from, const uint64_t *bits, int64_t count, void *to,
                        const void *ahead) {
  const element *const x = from;
  element *const valid = to;
  int64_t done = 0, i = 0;
  for (; i + SCATTERED <= count; i += SCATTERED) {
    const uint64_t some = bits_at(bits, i, SCATTERED);
    if (ahead) __builtin_prefetch((const element *)ahead + i, 0, 2);
    scatter_store(valid + done, scatter_compress(scatter_load(x + i, ALL), some), ALL);
    done += __builtin_popcountll(some);
  }
  if (i < count) {
    const uint64_t some = bits_at(bits, i, count - i);
    if (ahead) __builtin_prefetch((const element *)ahead + i, 0, 2);
    scatter_store(valid + done, scatter_compress(scatter_load(x + i, some), some), ALL);
    done += __builtin_popcountll(some);
  }
  return done;
}

/* Writes whole vectors of a cache line, if `to` is aligned to its size. */
INLINED void scatter_stream(element *to, __m512i values) {
#if defined(CUBN_ELEMENT_F16) || defined(CUBN_ELEMENT_BF16)
  _mm256_stream_si256((__m256i *)(void *)to, _mm512_cvtepi32_epi16(values));
#else
  _mm512_stream_si512((__m512i *)(void *)to, values);
#endif
}

static int64_t expand(const void *from, const uint64_t *bits, int64_t count, void *to,
                      cubn_expand_mode mode) {
  const element *const valid = from;
  element *const y = to;
  const bool streams =
      mode == CUBN_EXPAND_NONTEMPORAL && (uintptr_t)to % (SCATTERED * sizeof(element)) == 0;
  int64_t done = 0, i = 0;
  for (; i + SCATTERED <= count; i += SCATTERED) {
    const uint64_t some = bits_at(bits, i, SCATTERED);
    const __m512i values = scatter_expand(scatter_load(valid + done, ALL), some);
    if (streams)
      scatter_stream(y + i, values);
    else
      scatter_store(y + i, values, mode == CUBN_EXPAND_KEEP ? some : ALL);
    done += __builtin_popcountll(some);
  }
  if (i < count) {
    const uint64_t some = bits_at(bits, i, count - i), last = ~UINT64_C(0) >> (64 - (count - i));
    scatter_store(y + i, scatter_expand(scatter_load(valid + done, ALL), some),
                  mode == CUBN_EXPAND_KEEP ? some : last);
    done += __builtin_popcountll(some);
  }
  return done;
}

#else

static int64_t compress(const void *from, const uint64_t *bits, int64_t count, void *to,
                        const void *ahead) {
  const element *const x = from;
  element *const valid = to;
  int64_t done = 0;
  for (int64_t i = 0; i < count; ++i) {
    if (ahead && i % (int64_t)(64 / sizeof(element)) == 0)
      __builtin_prefetch((const element *)ahead + i, 0, 2);
    valid[done] = x[i];
    done += (int64_t)bits_at(bits, i, 1);
  }
  return done;
}

static int64_t expand(const void *from, const uint64_t *bits, int64_t count, void *to,
                      cubn_expand_mode mode) {
  const element *valid = from;
  element *const y = to;
  for (int64_t i = 0; i < count; ++i)
    if (bits_at(bits, i, 1))
      y[i] = *valid++;
    else if (mode != CUBN_EXPAND_KEEP)
      y[i] = 0;
  return valid - (const element *)from;
}

#endif

#endif /* CUBN_CPU_KERNELS_SCATTER_H */
