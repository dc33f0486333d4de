/* Rows of neighbors. Each is copied in moves of constant size, the last of which overlaps the one
 * before: short rows have no branches. */
#include "cpu/fast/copy_rows.h"

#include <string.h>

#include "cpu/common/clones.h"

enum { LINE_BYTES = 64 };

typedef uint8_t move_16 __attribute__((vector_size(16)));
typedef uint8_t move_32 __attribute__((vector_size(32)));
typedef uint8_t move_64 __attribute__((vector_size(64)));

/* Copies so many bytes: a power of two, and a constant wherever this is inlined. */
#define DEFINE_MOVE(name, type)                        \
  CUBN_INLINED void name(char *to, const char *from) { \
    type moved;                                        \
    memcpy(&moved, from, sizeof moved);                \
    memcpy(to, &moved, sizeof moved);                  \
  }
DEFINE_MOVE(move_2_bytes, uint16_t)
DEFINE_MOVE(move_4_bytes, uint32_t)
DEFINE_MOVE(move_8_bytes, uint64_t)
DEFINE_MOVE(move_16_bytes, move_16)
DEFINE_MOVE(move_32_bytes, move_32)
DEFINE_MOVE(move_64_bytes, move_64)

CUBN_INLINED void move_bytes(char *to, const char *from, int64_t size) {
  switch (size) {
    case 2:
      move_2_bytes(to, from);
      return;
    case 4:
      move_4_bytes(to, from);
      return;
    case 8:
      move_8_bytes(to, from);
      return;
    case 16:
      move_16_bytes(to, from);
      return;
    case 32:
      move_32_bytes(to, from);
      return;
    default:
      move_64_bytes(to, from);
  }
}

CUBN_INLINED void prefetch(const cubn_row_copy *copy, const char *to, const char *from) {
  if (copy->stores)
    __builtin_prefetch(to + copy->ahead, 1, 2);
  else
    __builtin_prefetch(from + copy->ahead, 0, 2);
}

/* Rows of at most two moves. */
CUBN_INLINED void copy_short(const cubn_row_copy *copy, int64_t size) {
  const int64_t last = copy->bytes - size;
  const char *from = copy->from;
  char *to = copy->to;
  for (int64_t r = 0; r < copy->rows; ++r, to += copy->to_stride, from += copy->from_stride) {
    prefetch(copy, to, from);
    if (size == LINE_BYTES) prefetch(copy, to + last, from + last);
    move_bytes(to, from, size);
    move_bytes(to + last, from + last, size);
  }
}

/* Longer rows. */
CUBN_INLINED void copy_long(const cubn_row_copy *copy) {
  const int64_t last = copy->bytes - LINE_BYTES;
  const char *from = copy->from;
  char *to = copy->to;
  for (int64_t r = 0; r < copy->rows; ++r, to += copy->to_stride, from += copy->from_stride) {
    for (int64_t i = 0; i < last; i += LINE_BYTES) {
      prefetch(copy, to + i, from + i);
      move_64_bytes(to + i, from + i);
    }
    prefetch(copy, to + last, from + last);
    move_64_bytes(to + last, from + last);
  }
}

CUBN_CLONES void cubn_copy_rows(const cubn_row_copy *copy) {
  if (copy->bytes > 2 * LINE_BYTES)
    copy_long(copy);
  else if (copy->bytes >= 64)
    copy_short(copy, 64);
  else if (copy->bytes >= 32)
    copy_short(copy, 32);
  else if (copy->bytes >= 16)
    copy_short(copy, 16);
  else if (copy->bytes >= 8)
    copy_short(copy, 8);
  else if (copy->bytes >= 4)
    copy_short(copy, 4);
  else
    copy_short(copy, 2);
}
