/* Planes: rows of neighbors, and transpositions in tiles as wide as a cache line of memory. */
#include "cpu/fast/transpose.h"

#include <string.h>

#include "cpu/common/arith.h"

enum { LINE_BYTES = 64, MOVE_BYTES = 16 };

/* A row in moves of constant size. The last one may overlap the one before. */
static void copy_row(char *to, const char *from, int64_t bytes) {
  int64_t i = 0;
  for (; i + MOVE_BYTES <= bytes; i += MOVE_BYTES) memcpy(to + i, from + i, MOVE_BYTES);
  if (i < bytes)
    memcpy(to + bytes - MOVE_BYTES, from + bytes - MOVE_BYTES, MOVE_BYTES);
}

void cubn_copy_rows(char *to, const char *from, int64_t to_stride, int64_t from_stride,
                    int64_t rows, int64_t bytes) {
  for (int64_t r = 0; r < rows; ++r, to += to_stride, from += from_stride)
    if (bytes < MOVE_BYTES || bytes > 16 * MOVE_BYTES)
      memcpy(to, from, (size_t)bytes);
    else
      copy_row(to, from, bytes);
}

/* The functions of one size of elements. Tiles have some rows, whose elements are neighbors in
 * memory: one access is to a line of memory, and as many to lines of the stage that stay in L1. */
#define DEFINE_PLANES(TYPE)                                                                        \
  static void gather_##TYPE(TYPE *restrict stage, const TYPE *restrict memory, int64_t stride,     \
                            int64_t row_stride, int64_t stage_stride, int64_t count,               \
                            int64_t rows) {                                                        \
    enum { TILE = LINE_BYTES / sizeof(TYPE) };                                                     \
    int64_t r = 0;                                                                                 \
    for (; row_stride == 1 && r + TILE <= rows; r += TILE)                                         \
      for (int64_t i = 0; i < count; ++i)                                                          \
        for (int64_t k = 0; k < TILE; ++k)                                                         \
          stage[(r + k) * stage_stride + i] = memory[i * stride + r + k];                          \
    for (; r < rows; ++r)                                                                          \
      for (int64_t i = 0; i < count; ++i)                                                          \
        stage[r * stage_stride + i] = memory[r * row_stride + i * stride];                         \
  }                                                                                                \
  static void scatter_##TYPE(TYPE *restrict memory, const TYPE *restrict stage, int64_t stride,    \
                             int64_t row_stride, int64_t stage_stride, int64_t count,              \
                             int64_t rows) {                                                       \
    enum { TILE = LINE_BYTES / sizeof(TYPE) };                                                     \
    int64_t r = 0;                                                                                 \
    for (; row_stride == 1 && r + TILE <= rows; r += TILE)                                         \
      for (int64_t i = 0; i < count; ++i)                                                          \
        for (int64_t k = 0; k < TILE; ++k)                                                         \
          memory[i * stride + r + k] = stage[(r + k) * stage_stride + i];                          \
    for (; r < rows; ++r)                                                                          \
      for (int64_t i = 0; i < count; ++i)                                                          \
        memory[r * row_stride + i * stride] = stage[r * stage_stride + i];                         \
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
