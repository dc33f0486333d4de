/* Planes: rows of neighbors, and transpositions in tiles as wide as a cache line of memory. */
#include "cpu/fast/transpose.h"

#include <string.h>

#include "cpu/fast/square.h"

enum { LINE_BYTES = 64, MOVE_BYTES = 16 };
/* What is read is prefetched so far ahead: the hardware does not see where short rows go on, nor
 * lines far apart. */
enum { AHEAD_BYTES = 2048, AHEAD_LINES = 24 };

/* A row in moves of constant size. The last one may overlap the one before. */
static void copy_row(char *to, const char *from, int64_t bytes) {
  int64_t i = 0;
  for (; i + MOVE_BYTES <= bytes; i += MOVE_BYTES) memcpy(to + i, from + i, MOVE_BYTES);
  if (i < bytes) memcpy(to + bytes - MOVE_BYTES, from + bytes - MOVE_BYTES, MOVE_BYTES);
}

void cubn_copy_rows(char *to, const char *from, int64_t to_stride, int64_t from_stride,
                    int64_t rows, int64_t bytes) {
  for (int64_t r = 0; r < rows; ++r, to += to_stride, from += from_stride) {
    for (int64_t i = 0; i < bytes; i += LINE_BYTES)
      __builtin_prefetch(from + AHEAD_BYTES + i, 0, 2);
    if (bytes < MOVE_BYTES || bytes > 16 * MOVE_BYTES)
      memcpy(to, from, (size_t)bytes);
    else
      copy_row(to, from, bytes);
  }
}

CUBN_DEFINE_SQUARE(uint16_t, 8, CUBN_LIST(0, 8, 1, 9, 2, 10, 3, 11),
                   CUBN_LIST(4, 12, 5, 13, 6, 14, 7, 15))
CUBN_DEFINE_SQUARE(uint32_t, 4, CUBN_LIST(0, 4, 1, 5), CUBN_LIST(2, 6, 3, 7))
CUBN_DEFINE_SQUARE(uint64_t, 2, CUBN_LIST(0, 2), CUBN_LIST(1, 3))

/* The functions of one size of elements. A tile has some rows, whose elements fill a cache line of
 * memory, and a square of columns. */
#define DEFINE_PLANES(TYPE)                                                                       \
  static void gather_##TYPE(TYPE *stage, const TYPE *memory, int64_t stride, int64_t row_stride,  \
                            int64_t stage_stride, int64_t count, int64_t rows) {                  \
    enum { TILE = LINE_BYTES / sizeof(TYPE), SQUARE = MOVE_BYTES / sizeof(TYPE) };                \
    int64_t r = 0;                                                                                \
    for (; row_stride == 1 && r + TILE <= rows; r += TILE) {                                      \
      int64_t i = 0;                                                                              \
      for (; i + SQUARE <= count; i += SQUARE) {                                                  \
        for (int64_t k = 0; k < SQUARE; ++k)                                                      \
          __builtin_prefetch(memory + (i + k + AHEAD_LINES) * stride + r, 0, 2);                  \
        for (int64_t k = r; k < r + TILE; k += SQUARE)                                            \
          square_##TYPE(stage + k * stage_stride + i, stage_stride, memory + i * stride + k,      \
                        stride);                                                                  \
      }                                                                                           \
      for (; i < count; ++i)                                                                      \
        for (int64_t k = r; k < r + TILE; ++k)                                                    \
          stage[k * stage_stride + i] = memory[i * stride + k];                                   \
    }                                                                                             \
    for (; r < rows; ++r)                                                                         \
      for (int64_t i = 0; i < count; ++i)                                                         \
        stage[r * stage_stride + i] = memory[r * row_stride + i * stride];                        \
  }                                                                                               \
  static void scatter_##TYPE(TYPE *memory, const TYPE *stage, int64_t stride, int64_t row_stride, \
                             int64_t stage_stride, int64_t count, int64_t rows) {                 \
    enum { TILE = LINE_BYTES / sizeof(TYPE), SQUARE = MOVE_BYTES / sizeof(TYPE) };                \
    int64_t r = 0;                                                                                \
    for (; row_stride == 1 && r + TILE <= rows; r += TILE) {                                      \
      int64_t i = 0;                                                                              \
      for (; i + SQUARE <= count; i += SQUARE) {                                                  \
        for (int64_t k = 0; k < SQUARE; ++k)                                                      \
          __builtin_prefetch(memory + (i + k + AHEAD_LINES) * stride + r, 1, 2);                  \
        for (int64_t k = r; k < r + TILE; k += SQUARE)                                            \
          square_##TYPE(memory + i * stride + k, stride, stage + k * stage_stride + i,            \
                        stage_stride);                                                            \
      }                                                                                           \
      for (; i < count; ++i)                                                                      \
        for (int64_t k = r; k < r + TILE; ++k)                                                    \
          memory[i * stride + k] = stage[k * stage_stride + i];                                   \
    }                                                                                             \
    for (; r < rows; ++r)                                                                         \
      for (int64_t i = 0; i < count; ++i)                                                         \
        memory[r * row_stride + i * stride] = stage[r * stage_stride + i];                        \
  }

DEFINE_PLANES(uint16_t)
DEFINE_PLANES(uint32_t)
DEFINE_PLANES(uint64_t)

void cubn_gather_plane(char *stage, const char *memory, int64_t stride, int64_t row_stride,
                       int64_t stage_stride, int64_t count, int64_t rows, int64_t bytes) {
  void *const to = stage;
  const void *const from = memory;
  if (bytes == sizeof(uint16_t))
    gather_uint16_t(to, from, stride, row_stride, stage_stride, count, rows);
  else if (bytes == sizeof(uint32_t))
    gather_uint32_t(to, from, stride, row_stride, stage_stride, count, rows);
  else
    gather_uint64_t(to, from, stride, row_stride, stage_stride, count, rows);
}

void cubn_scatter_plane(char *memory, const char *stage, int64_t stride, int64_t row_stride,
                        int64_t stage_stride, int64_t count, int64_t rows, int64_t bytes) {
  void *const to = memory;
  const void *const from = stage;
  if (bytes == sizeof(uint16_t))
    scatter_uint16_t(to, from, stride, row_stride, stage_stride, count, rows);
  else if (bytes == sizeof(uint32_t))
    scatter_uint32_t(to, from, stride, row_stride, stage_stride, count, rows);
  else
    scatter_uint64_t(to, from, stride, row_stride, stage_stride, count, rows);
}
