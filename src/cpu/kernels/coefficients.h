/* What the kernels take of a channel, and their constants. */
#ifndef CUBN_CPU_KERNELS_COEFFICIENTS_H
#define CUBN_CPU_KERNELS_COEFFICIENTS_H

#include <stdbool.h>

/* The sums of a run are kept per lane until the algorithm folds them. */
#define CUBN_RUN_LANES_MAX 16
#define CUBN_RUN_SUMS_MAX 3
/* Runs that a kernel works on at the same time. Other calls are on one run. */
#define CUBN_INTERLEAVE 4
/* Bytes of a cache line. Non-temporal stores write whole lines where they can. */
#define CUBN_LINE_BYTES 64
#define CUBN_GRID_PADDING 16
/* Rows of a grid that are summed before the sums go into doubles. */
#define CUBN_GRID_GROUP_ROWS 32
/* Columns of a grid that a kernel sums before it goes on to the next ones. */
#define CUBN_GRID_STRIPE 2048

/* The coefficients of a channel. Kernels do not read inv_std: it is a factor of their slope. */
typedef struct cubn_coefficients {
  double center, prescale, dy_prescale, inv_std, gain, slope, shift;
  /* Gain and shift of the pre-activation p, with which backward computes it again. */
  double preact_gain, preact_shift;
} cubn_coefficients;

/* Whether the kernels have to multiply by the prescales of a run. */
static inline bool cubn_is_prescaled(const cubn_coefficients *coef) {
  return coef->prescale != 1 || coef->dy_prescale != 1;
}

#endif /* CUBN_CPU_KERNELS_COEFFICIENTS_H */
