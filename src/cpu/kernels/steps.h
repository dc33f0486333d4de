/* The sizes of the kernels' loops, and the sums that they form in reals. */
#ifndef CUBN_CPU_KERNELS_STEPS_H
#define CUBN_CPU_KERNELS_STEPS_H

#include "cpu/kernels/kernels.h"
#include "cpu/kernels/simd.h"

enum {
  /* Vectors of a step: of one run, or one of each interleaved run. */
  STEP_VECTORS = CUBN_INTERLEAVE,
  STEP = STEP_VECTORS * LANES, /* values of a step of one run */
  LINE_VALUES = CUBN_LINE_BYTES / sizeof(element),
  /* Vectors that a sum of a run takes before it goes into doubles. A tail of up to three vectors
   * and a part of one stays within the limit of kernels.h. */
  SUM_VECTORS = 28,
  GROUP_ROWS = CUBN_GRID_GROUP_ROWS,
  INTERLEAVED_ROWS = 4, /* rows of a grid that are summed at the same time */
  STRIPE_COLUMNS = CUBN_GRID_STRIPE
};

/* Shorter rows that are consecutive in memory are summed one by one: their sums stay in L1, and
 * memory is fastest in its own order. */
enum { ORDERED_COLUMNS = 512 };

/* The sums of runs: sums[i][k] is sum i of interleaved run k, or of vector k of one run's steps. */
typedef vec step_sums[CUBN_RUN_SUMS_MAX][STEP_VECTORS];

/* Values of each run that are summed before the sums go into doubles. */
INLINED int64_t values_per_flush(bool interleaved) {
  return SUM_VECTORS * (interleaved ? LANES : STEP);
}

/* Adds `count` sums to doubles per lane. */
INLINED void flush_sums(step_sums sums, int count, double *totals) {
  for (int i = 0; i < count; ++i)
    vec_add_to(totals + i * LANES, (sums[i][0] + sums[i][1]) + (sums[i][2] + sums[i][3]));
}

#endif /* CUBN_CPU_KERNELS_STEPS_H */
