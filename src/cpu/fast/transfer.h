/* Copies elements between an array that is not packed and a stage, a small buffer of a worker. */
#ifndef CUBN_CPU_FAST_TRANSFER_H
#define CUBN_CPU_FAST_TRANSFER_H

#include "cpu/fast/places.h"

/* Rows of places: row r has the places offset + r * stride + i, where i < width. */
typedef struct cubn_window {
  int64_t offset, rows, stride, width;
} cubn_window;

/* What is copied: element i of row r is stage[r * stage_stride + i]. */
typedef struct cubn_transfer {
  const cubn_view *view;
  char *memory;          /* the array */
  char *stage;           /* the stage */
  int64_t stage_stride;  /* elements */
  int64_t element_bytes; /* bytes of an element */
  bool stores;           /* from the stage to memory; otherwise the other way */
  bool nontemporal;      /* with non-temporal stores: scattered places and other orders only */
  bool prefetches;       /* of scattered places only: what will be copied next is prefetched */
  int64_t ahead;         /* bytes from what rows copy to what is prefetched; 0: what follows */
} cubn_transfer;

/* How many rows of the window, from the first on, are in memory at one distance from one another:
 * 1 at least. `*distance` is set if these are more than one. */
int64_t cubn_even_rows(const cubn_view *view, const cubn_window *window, int64_t *distance);

void cubn_transfer_window(const cubn_transfer *transfer, const cubn_window *window);

#endif /* CUBN_CPU_FAST_TRANSFER_H */
