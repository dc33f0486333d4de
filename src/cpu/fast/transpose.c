/* Transpositions in tiles as wide as a cache line of memory. */
#include "cpu/fast/transpose.h"

#include <stdbool.h>
#include <string.h>

#include "cpu/fast/square.h"

enum { LINE_BYTES = 64 };
/* Memory is prefetched so far ahead: the hardware does not see lines far apart. */
enum { AHEAD_LINES = 24 };

/* A plane between memory and stage, for one size of elements: element i of row r is
 * memory[i * stride + r * row_stride] and stage[r * stage_stride + i], strides in bytes. */
typedef struct plane {
  char *memory, *stage;
  int64_t stride, row_stride, stage_stride;
  bool stores;      /* from the stage to memory; otherwise the other way */
  bool nontemporal; /* stores whole lines without reading them */
} plane;

CUBN_INLINED void move_element(const plane *plane, int64_t r, int64_t i, int64_t bytes) {
  char *const memory = plane->memory + i * plane->stride + r * plane->row_stride;
  char *const stage = plane->stage + r * plane->stage_stride + i * bytes;
  cubn_copy_element(plane->stores ? memory : stage, plane->stores ? stage : memory, bytes);
}

CUBN_INLINED void move_square(const plane *plane, int64_t r, int64_t i, int64_t bytes) {
  char *const memory = plane->memory + i * plane->stride + r * bytes;
  char *const stage = plane->stage + r * plane->stage_stride + i * bytes;
  if (plane->stores)
    cubn_transpose_square(memory, plane->stride, stage, plane->stage_stride, bytes,
                          plane->nontemporal);
  else
    cubn_transpose_square(stage, plane->stage_stride, memory, plane->stride, bytes, false);
}

CUBN_INLINED void prefetch(const plane *plane, int64_t r, int64_t i, int64_t bytes) {
  const char *const ahead = plane->memory + (i + AHEAD_LINES) * plane->stride + r * bytes;
  if (plane->nontemporal) return;
  if (plane->stores)
    __builtin_prefetch(ahead, 1, 2);
  else
    __builtin_prefetch(ahead, 0, 2);
}

/* Where rows are neighbors in memory, in tiles: rows whose elements fill a cache line of memory,
 * and a square of columns. */
CUBN_INLINED void move_plane(plane plane, int64_t count, int64_t rows, int64_t bytes) {
  const int64_t tile = LINE_BYTES / bytes, square = CUBN_SQUARE_BYTES / bytes;
  int64_t r = 0;
  for (; plane.row_stride == bytes && r + tile <= rows; r += tile) {
    int64_t i = 0;
    for (; i + square <= count; i += square) {
      for (int64_t k = 0; k < square; ++k) prefetch(&plane, r, i + k, bytes);
      for (int64_t k = r; k < r + tile; k += square) move_square(&plane, k, i, bytes);
    }
    for (; i < count; ++i)
      for (int64_t k = r; k < r + tile; ++k) move_element(&plane, k, i, bytes);
  }
  for (; r < rows; ++r)
    for (int64_t i = 0; i < count; ++i) move_element(&plane, r, i, bytes);
}

/* Whether tiles are whole cache lines of memory. */
static bool begins_lines(const plane *plane) {
  return (uintptr_t)plane->memory % LINE_BYTES == 0 && plane->stride % LINE_BYTES == 0;
}

CUBN_INLINED void move_plane_of(plane plane, int64_t count, int64_t rows, int64_t bytes) {
  plane.stride *= bytes;
  plane.row_stride *= bytes;
  plane.stage_stride *= bytes;
  plane.nontemporal = plane.nontemporal && begins_lines(&plane);
  if (bytes == 2)
    move_plane(plane, count, rows, 2);
  else if (bytes == 4)
    move_plane(plane, count, rows, 4);
  else
    move_plane(plane, count, rows, 8);
}

void cubn_gather_plane(char *stage, const char *memory, int64_t stride, int64_t row_stride,
                       int64_t stage_stride, int64_t count, int64_t rows, int64_t bytes) {
  move_plane_of(
      (plane){(char *)(uintptr_t)memory, stage, stride, row_stride, stage_stride, false, false},
      count, rows, bytes);
}

void cubn_scatter_plane(char *memory, const char *stage, int64_t stride, int64_t row_stride,
                        int64_t stage_stride, int64_t count, int64_t rows, int64_t bytes,
                        bool nontemporal) {
  move_plane_of((plane){memory, (char *)(uintptr_t)stage, stride, row_stride, stage_stride, true,
                        nontemporal},
                count, rows, bytes);
}
