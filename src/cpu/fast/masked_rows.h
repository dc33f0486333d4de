/* Rows of elements with bits, step by step. */
#ifndef CUBN_CPU_FAST_MASKED_ROWS_H
#define CUBN_CPU_FAST_MASKED_ROWS_H

#include "cpu/kernels/masked.h"

/* Columns of coefficients and of sums of a single channel. */
#define CUBN_MASKED_LANES 64

/* What is summed, unless step.summed_x is NULL, and what is written, unless step.output is. The
 * step has the pointers of the first row and column, the stride and the coefficients. */
typedef struct cubn_masked_rows {
  cubn_masked_step step;
  int64_t rows, width, element_bytes;
  const uint64_t *bits; /* bit i % 64 of word i / 64 of a row is that of column i */
  int64_t bits_stride;  /* words from row to row */
  /* Instead, one bit tells of a whole row: bit first_row is that of the first. */
  bool is_by_row;
  int64_t first_row;
  /* All columns are of one channel, with CUBN_MASKED_LANES equal coefficients and as many sums,
   * which are to be added up. Otherwise there are coefficients and sums per column. */
  bool is_run;
  double *sums; /* sum i of column j is sums[i * sum_stride + j] */
  int64_t sum_stride;
  int64_t prefetch_distance; /* from the first row to what is summed next; 0 prefetches nothing */
} cubn_masked_rows;

void cubn_masked_run(const cubn_masked_kernels *kernels, const cubn_masked_rows *args);

#endif /* CUBN_CPU_FAST_MASKED_ROWS_H */
