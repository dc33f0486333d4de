/* Transposition of squares of elements: as many rows as a vector of 16 bytes has elements. */
#ifndef CUBN_CPU_FAST_SQUARE_H
#define CUBN_CPU_FAST_SQUARE_H

#include <stdint.h>
#include <string.h>

#ifdef __has_builtin
#if __has_builtin(__builtin_shufflevector)
#define CUBN_HAS_SHUFFLE 1
#endif
#endif

#ifdef CUBN_HAS_SHUFFLE
/* After as many steps as N has bits, in each of which the halves of all rows are interleaved, rows
 * are columns. */
#define CUBN_DEFINE_SQUARE(TYPE, N, LOW, HIGH)                                              \
  typedef TYPE vector_##TYPE __attribute__((vector_size(16)));                              \
  static inline void square_##TYPE(TYPE *to, int64_t to_stride, const TYPE *from,           \
                                   int64_t from_stride) {                                   \
    vector_##TYPE rows[N], mixed[N];                                                        \
    for (int i = 0; i < (N); ++i) memcpy(&rows[i], from + i * from_stride, sizeof rows[i]); \
    for (int bits = N; bits > 1; bits /= 2) {                                               \
      for (int i = 0; i < (N) / 2; ++i) {                                                   \
        mixed[2 * i] = __builtin_shufflevector(rows[i], rows[i + (N) / 2], LOW);            \
        mixed[2 * i + 1] = __builtin_shufflevector(rows[i], rows[i + (N) / 2], HIGH);       \
      }                                                                                     \
      memcpy(rows, mixed, sizeof rows);                                                     \
    }                                                                                       \
    for (int i = 0; i < (N); ++i) memcpy(to + i * to_stride, &rows[i], sizeof rows[i]);     \
  }
#define CUBN_LIST(...) __VA_ARGS__
#else
#define CUBN_DEFINE_SQUARE(TYPE, N, LOW, HIGH)                                         \
  static inline void square_##TYPE(TYPE *to, int64_t to_stride, const TYPE *from,      \
                                   int64_t from_stride) {                              \
    for (int i = 0; i < (N); ++i)                                                      \
      for (int k = 0; k < (N); ++k) to[k * to_stride + i] = from[i * from_stride + k]; \
  }
#define CUBN_LIST(...) 0
#endif

#endif /* CUBN_CPU_FAST_SQUARE_H */
