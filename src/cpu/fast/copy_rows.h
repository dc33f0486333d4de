/* Copies rows of neighbors between memory and a stage. */
#ifndef CUBN_CPU_FAST_COPY_ROWS_H
#define CUBN_CPU_FAST_COPY_ROWS_H

#include <stdbool.h>
#include <stdint.h>

/* How far ahead memory is prefetched if nothing else is known: the hardware does not see where
 * short rows go on. */
enum { CUBN_COPY_AHEAD_BYTES = 2048 };

/* Rows of `bytes` bytes, whose distances are in bytes. */
typedef struct cubn_row_copy {
  char *to;
  const char *from;
  int64_t to_stride, from_stride, rows, bytes;
  int64_t ahead; /* bytes from what is copied to the memory to prefetch */
  bool stores;   /* from the stage to memory: the lines that are written are prefetched */
} cubn_row_copy;

void cubn_copy_rows(const cubn_row_copy *copy);

#endif /* CUBN_CPU_FAST_COPY_ROWS_H */
