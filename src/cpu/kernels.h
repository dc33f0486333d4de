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

typedef struct cubn_coefficients {
  double center, inv_std, gain, slope, shift;
} cubn_coefficients;

/* The same per column of a grid. */
typedef struct cubn_grid_coefficients {
  void *center, *inv_std, *gain, *slope, *shift;
} cubn_grid_coefficients;

typedef struct cubn_grid {
  int64_t rows, width, stride;
} cubn_grid;

typedef struct cubn_kernels {
  const char *target;
  int64_t store_bytes; /* outputs may be streamed if this divides their addresses */
  int64_t real_bytes;
  int lanes; /* of a run's sums: sum i of lane l is sums[i * lanes + l] */

  void (*run_moments)(const void *x, int64_t count, double pivot, double *sums);
  void (*run_gradient_sums)(const void *x, const void *dy, int64_t count,
                            const cubn_coefficients *with, double *sums);
  void (*run_normalize)(const void *x, void *y, int64_t count, const cubn_coefficients *with,
                        bool stream);
  void (*run_gradient)(const void *x, const void *dy, void *dx, int64_t count,
                       const cubn_coefficients *with, bool stream);

  /* Sum i of column j is sums[i * sum_stride + j]. */
  void (*grid_moments)(const void *x, cubn_grid grid, const void *pivot, double *sums,
                       int64_t sum_stride);
  void (*grid_gradient_sums)(const void *x, const void *dy, cubn_grid grid,
                             const cubn_grid_coefficients *with, double *sums, int64_t sum_stride);
  void (*grid_normalize)(const void *x, void *y, cubn_grid grid, const cubn_grid_coefficients *with,
                         bool stream);
  void (*grid_gradient)(const void *x, const void *dy, void *dx, cubn_grid grid,
                        const cubn_grid_coefficients *with, bool stream);

  /* to[t][c][i] = values[c], i < each, t < times */
  void (*spread)(const double *values, int64_t channels, int64_t each, int64_t times, void *to);
  /* Makes streamed stores visible to other threads. */
  void (*fence)(void);
} cubn_kernels;

#endif /* CUBN_CPU_KERNELS_H */
