/* Rows of neighbors. Each is copied in moves of constant size, the last of which overlaps the one
 * before: short rows have no branches. */
#include "cpu/fast/copy_rows.h"

#include <string.h>

#include "cpu/common/clones.h"

enum { LINE_BYTES = 64 };

CUBN_INLINED void prefetch(const cubn_row_copy *copy, const char *to, const char *from) {
  if (copy->stores)
    __builtin_prefetch(to + copy->ahead, 1, 2);
  else
    __builtin_prefetch(from + copy->ahead, 0, 2);
}

/* Rows of at most two moves of `size` bytes, a constant wherever this is inlined. */
CUBN_INLINED void copy_short(const cubn_row_copy *copy, int64_t size) {
  const int64_t last = copy->bytes - size;
  const char *from = copy->from;
  char *to = copy->to;
  for (int64_t r = 0; r < copy->rows; ++r, to += copy->to_stride, from += copy->from_stride) {
    prefetch(copy, to, from);
    if (size == LINE_BYTES) prefetch(copy, to + last, from + last);
    memcpy(to, from, (size_t)size);
    memcpy(to + last, from + last, (size_t)size);
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
      memcpy(to + i, from + i, LINE_BYTES);
    }
    prefetch(copy, to + last, from + last);
    memcpy(to + last, from + last, LINE_BYTES);
  }
}

CUBN_CLONES void cubn_copy_rows(const cubn_row_copy *copy) {
  if (copy->bytes > 2 * LINE_BYTES)
    copy_long(copy);
  else if (copy->bytes >= LINE_BYTES)
    copy_short(copy, LINE_BYTES);
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
