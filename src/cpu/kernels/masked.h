/* The kernel of elements with bits, where they are in memory: those whose bit is not set are not
 * used, and 0 is written in their place. The formulas are those of kernels.h. */
#ifndef CUBN_CPU_KERNELS_MASKED_H
#define CUBN_CPU_KERNELS_MASKED_H

#include "cpu/kernels/kernels.h"

/* Rows of a step, at most, and elements from one sum's columns to the next sum's: not in the same
 * sets of L1. */
enum { CUBN_MASKED_ROWS = 4, CUBN_MASKED_SUMS = CUBN_GRID_STRIPE + 5 * CUBN_LINE_BYTES };

/* A step: some neighboring columns of a few rows. The pass is backward if there is a summed_dy or
 * dy. All arrays of elements are `stride` elements from row to row. */
typedef struct cubn_masked_step {
  int64_t rows, stride;
  uint64_t bits[CUBN_MASKED_ROWS];  /* bit j of a row is that of column j */
  const void *summed_x, *summed_dy; /* what is summed; summed_x is NULL if nothing is */
  void *sums;                       /* reals: sum i of column j is sums[i * CUBN_MASKED_SUMS + j] */
  int64_t prefetch_distance;        /* elements, from what is summed; or 0 */
  const void *x, *dy;               /* what the output comes from */
  void *output;                     /* or NULL */
  bool nontemporal;                 /* as in cubn_grid_output */
  int64_t column;                   /* the column of the coefficients */
  cubn_grid_coefficients summed_coef; /* center, prescale, dy_prescale */
  cubn_grid_coefficients coef;        /* center, gain, shift; of backward prescale and slope, too */
} cubn_masked_step;

typedef struct cubn_masked_kernels {
  int64_t columns; /* of a step: a divisor of 64 */
  /* Adds sums, then writes output. NULL for f64. */
  void (*step)(const cubn_masked_step *step);
} cubn_masked_kernels;

#endif /* CUBN_CPU_KERNELS_MASKED_H */
