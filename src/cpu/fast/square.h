/* Transposition of squares of elements of 2, 4 or 8 bytes: as many rows as a vector of 16 bytes has
 * elements. The size is a constant wherever this is inlined. */
#ifndef CUBN_CPU_FAST_SQUARE_H
#define CUBN_CPU_FAST_SQUARE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "cpu/common/clones.h"

enum { CUBN_SQUARE_BYTES = 16 };

/* Copies one element. */
CUBN_INLINED void cubn_copy_element(char *to, const char *from, int64_t bytes) {
  memcpy(to, from, (size_t)bytes);
}

#ifdef __has_builtin
#if __has_builtin(__builtin_shufflevector)
#define CUBN_HAS_SHUFFLE 1
#endif
#endif

#ifdef CUBN_HAS_SHUFFLE
typedef uint16_t cubn_vector_16 __attribute__((vector_size(CUBN_SQUARE_BYTES)));
typedef uint32_t cubn_vector_32 __attribute__((vector_size(CUBN_SQUARE_BYTES)));
typedef uint64_t cubn_vector_64 __attribute__((vector_size(CUBN_SQUARE_BYTES)));

/* The elements of the first halves of a and b in turns. */
CUBN_INLINED cubn_vector_64 cubn_interleave_low(cubn_vector_64 a, cubn_vector_64 b, int64_t bytes) {
  if (bytes == 8) return __builtin_shufflevector(a, b, 0, 2);
  if (bytes == 4)
    return (cubn_vector_64)__builtin_shufflevector((cubn_vector_32)a, (cubn_vector_32)b, 0, 4, 1,
                                                   5);
  return (cubn_vector_64)__builtin_shufflevector((cubn_vector_16)a, (cubn_vector_16)b, 0, 8, 1, 9,
                                                 2, 10, 3, 11);
}

/* The same for the second halves. */
CUBN_INLINED cubn_vector_64 cubn_interleave_high(cubn_vector_64 a, cubn_vector_64 b,
                                                 int64_t bytes) {
  if (bytes == 8) return __builtin_shufflevector(a, b, 1, 3);
  if (bytes == 4)
    return (cubn_vector_64)__builtin_shufflevector((cubn_vector_32)a, (cubn_vector_32)b, 2, 6, 3,
                                                   7);
  return (cubn_vector_64)__builtin_shufflevector((cubn_vector_16)a, (cubn_vector_16)b, 4, 12, 5, 13,
                                                 6, 14, 7, 15);
}

/* With a non-temporal store, `to` is a multiple of its size. */
CUBN_INLINED void cubn_store_square_row(char *to, const cubn_vector_64 *row, bool nontemporal) {
#ifdef __SSE2__
  if (nontemporal) {
    __m128i value;
    memcpy(&value, row, sizeof value);
    _mm_stream_si128((__m128i *)(void *)to, value);
    return;
  }
#endif
  (void)nontemporal;
  memcpy(to, row, sizeof *row);
}

/* Strides are in bytes. After as many steps as the number of rows has bits, in each of which the
 * halves of all rows are interleaved, rows are columns. */
CUBN_INLINED void cubn_transpose_square(char *to, int64_t to_stride, const char *from,
                                        int64_t from_stride, int64_t bytes, bool nontemporal) {
  cubn_vector_64 rows[CUBN_SQUARE_BYTES / 2], mixed[CUBN_SQUARE_BYTES / 2];
  const int64_t n = CUBN_SQUARE_BYTES / bytes;
  for (int64_t i = 0; i < n; ++i) memcpy(&rows[i], from + i * from_stride, sizeof rows[i]);
  for (int64_t left = n; left > 1; left /= 2) {
    for (int64_t i = 0; i < n / 2; ++i) {
      mixed[2 * i] = cubn_interleave_low(rows[i], rows[i + n / 2], bytes);
      mixed[2 * i + 1] = cubn_interleave_high(rows[i], rows[i + n / 2], bytes);
    }
    for (int64_t i = 0; i < n; ++i) rows[i] = mixed[i];
  }
  for (int64_t i = 0; i < n; ++i) cubn_store_square_row(to + i * to_stride, &rows[i], nontemporal);
}
#else
CUBN_INLINED void cubn_transpose_square(char *to, int64_t to_stride, const char *from,
                                        int64_t from_stride, int64_t bytes, bool nontemporal) {
  (void)nontemporal;
  for (int64_t i = 0; i < CUBN_SQUARE_BYTES / bytes; ++i)
    for (int64_t k = 0; k < CUBN_SQUARE_BYTES / bytes; ++k)
      cubn_copy_element(to + k * to_stride + i * bytes, from + i * from_stride + k * bytes, bytes);
}
#endif

#endif /* CUBN_CPU_FAST_SQUARE_H */
