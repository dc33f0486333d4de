/* The inner loops of the fast algorithms, for one target (instruction set) and one element type.
 *
 * A *run* is neighbouring values of one channel. A *grid* is `rows` rows of `width` values at a
 * distance of `stride`, with statistics and coefficients per column, as reals: double for f64, else
 * float; such arrays are padded to CUBN_GRID_PADDING values.
 *
 *   sums of forward    x - pivot, (x - pivot)^2
 *   y                  (x - center) * gain + shift
 *   sums of backward   dy, dy * x_hat, x - center       where x_hat = (x - center) * inv_std
 *   dx                 dy * gain + (x_hat * slope + shift)
 *
 * No more than 32 additions of reals follow one another: then a sum goes into a double. */
#ifndef CUBN_CPU_KERNELS_H
#define CUBN_CPU_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

/* Sums of a run are kept per lane until they are folded. */
#define CUBN_RUN_LANES_MAX 16
#define CUBN_RUN_SUMS_MAX 3
#define CUBN_GRID_PADDING 16
/* Columns of a grid that kernels sum at a time. */
#define CUBN_GRID_STRIPE 2048

typedef struct cubn_coefficients {
  double center, inv_std, gain, slope, shift;
} cubn_coefficients;

/* The output of a run: dx if there is a dy, else y. */
typedef struct cubn_run_output {
  const void *x, *dy;
  void *output;
  int64_t count;
  const cubn_coefficients *with;
  bool stream;
} cubn_run_output;

/* The same per column of a grid. */
typedef struct cubn_grid_coefficients {
  void *center, *inv_std, *gain, *slope, *shift;
} cubn_grid_coefficients;

typedef struct cubn_grid {
  int64_t rows, width, stride;
  /* Rows lie one behind the other in memory and not in the caches: narrow ones are taken one by one,
   * in the order of memory, in which it is read fastest. Sums are the same. */
  bool in_order;
} cubn_grid;

/* What a grid is summed from; sum i of column j is added to sums[i * sum_stride + j]. The sums are
 * those of backward if there is a dy; in forward the pivots are the centers. */
typedef struct cubn_grid_input {
  const void *x, *dy;
  const cubn_grid_coefficients *with;
  double *sums;
  int64_t sum_stride;
} cubn_grid_input;

/* The output of a grid: dx if there is a dy, else y. Streamed, all rows begin where store_bytes
 * divides the address. */
typedef struct cubn_grid_output {
  const void *x, *dy;
  void *output;
  const cubn_grid_coefficients *with;
  bool stream;
} cubn_grid_output;

typedef struct cubn_kernels {
  const char *target;
  int64_t store_bytes; /* outputs may be streamed if this divides their addresses */
  int64_t real_bytes;
  int lanes; /* of a run's sums: sum i of lane l is sums[i * lanes + l] */

  /* `out`, if not NULL, is an output of the same length that is computed at the same time; if it is
   * streamed, it begins where store_bytes divides the address. */
  void (*run_moments)(const void *x, int64_t count, double pivot, double *sums,
                      const cubn_run_output *out);
  void (*run_gradient_sums)(const void *x, const void *dy, int64_t count,
                            const cubn_coefficients *with, double *sums,
                            const cubn_run_output *out);
  void (*run_output)(const cubn_run_output *out);

  /* `out`, if not NULL, is an output of the same shape that is computed at the same time. */
  void (*grid_sums)(cubn_grid grid, const cubn_grid_input *in, const cubn_grid_output *out);
  void (*grid_output)(cubn_grid grid, const cubn_grid_output *out);

  /* to[t][c][i] = values[c], i < each, t < times */
  void (*spread)(const double *values, int64_t channels, int64_t each, int64_t times, void *to);
  /* Makes streamed stores visible to other threads. */
  void (*fence)(void);
} cubn_kernels;

#endif /* CUBN_CPU_KERNELS_H */
