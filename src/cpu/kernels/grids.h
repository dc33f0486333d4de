/* Kernels on grids: rows are taken in groups, and in a group some neighbouring columns at a time,
 * whose sums and coefficients stay in registers. */
#ifndef CUBN_CPU_KERNELS_GRIDS_H
#define CUBN_CPU_KERNELS_GRIDS_H

#include "cpu/kernels.h"
#include "cpu/kernels/runs.h"
#include "cpu/kernels/simd.h"

enum { GROUP_ROWS = 32 };

/* Columns of a kernel: so many vectors, or, if `part` is not 0, the first lanes of one. */
typedef struct tile {
  int64_t rows, stride;
  int vectors;
  int64_t part;
} tile;

INLINED vec load_of(const element *from, const tile *of) {
  return of->part ? vec_load_part(from, of->part) : vec_load(from);
}

/* Of a difference: what is beyond the tile must not reach the sums of other columns. */
INLINED vec keep_of(vec v, const tile *of) {
  return of->part ? vec_first(v, of->part) : v;
}

INLINED void put_of(element *to, vec v, const tile *of, bool stream) {
  if (of->part)
    vec_store_part(to, v, of->part);
  else
    put(to, v, stream);
}

INLINED void moments_tile(const element *x, tile of, const real *pivots, double *sums,
                          int64_t sum_stride) {
  vec pivot[SIDE], sum[SIDE] = {{0}}, squares[SIDE] = {{0}};
  for (int k = 0; k < of.vectors; ++k) pivot[k] = vec_load_reals(pivots + k * LANES);
  for (int64_t r = 0; r < of.rows; ++r, x += of.stride)
    for (int k = 0; k < of.vectors; ++k) {
      const vec d = keep_of(load_of(x + k * LANES, &of) - pivot[k], &of);
      sum[k] += d;
      squares[k] += d * d;
    }
  for (int k = 0; k < of.vectors; ++k) {
    vec_add_to(sums + k * LANES, sum[k]);
    vec_add_to(sums + sum_stride + k * LANES, squares[k]);
  }
}

static void grid_moments(const void *from, cubn_grid grid, const void *pivots, double *sums,
                         int64_t sum_stride) {
  const real *const pivot = pivots;
  for (int64_t r = 0; r < grid.rows; r += GROUP_ROWS) {
    const element *const x = (const element *)from + r * grid.stride;
    const int64_t rows = least(grid.rows - r, GROUP_ROWS);
    int64_t j = 0;
    for (; j + STEP <= grid.width; j += STEP)
      moments_tile(x + j, (tile){rows, grid.stride, SIDE, 0}, pivot + j, sums + j, sum_stride);
    for (; j + LANES <= grid.width; j += LANES)
      moments_tile(x + j, (tile){rows, grid.stride, 1, 0}, pivot + j, sums + j, sum_stride);
    if (j < grid.width)
      moments_tile(x + j, (tile){rows, grid.stride, 1, grid.width - j}, pivot + j, sums + j,
                   sum_stride);
  }
}

INLINED void gradient_sums_tile(const element *x, const element *dy, tile of,
                                const cubn_grid_coefficients *with, int64_t column, double *sums,
                                int64_t sum_stride) {
  const real *const centers = (const real *)with->center + column;
  const real *const inv_stds = (const real *)with->inv_std + column;
  vec center[SIDE], inv_std[SIDE];
  vec sum_dy[SIDE] = {{0}}, sum_dy_x_hat[SIDE] = {{0}}, sum_x[SIDE] = {{0}};
  for (int k = 0; k < of.vectors; ++k) {
    center[k] = vec_load_reals(centers + k * LANES);
    inv_std[k] = vec_load_reals(inv_stds + k * LANES);
  }
  for (int64_t r = 0; r < of.rows; ++r, x += of.stride, dy += of.stride)
    for (int k = 0; k < of.vectors; ++k) {
      const vec centered = keep_of(load_of(x + k * LANES, &of) - center[k], &of);
      const vec gradient = load_of(dy + k * LANES, &of);
      sum_dy[k] += gradient;
      sum_dy_x_hat[k] += gradient * (centered * inv_std[k]);
      sum_x[k] += centered;
    }
  sums += column;
  for (int k = 0; k < of.vectors; ++k) {
    vec_add_to(sums + k * LANES, sum_dy[k]);
    vec_add_to(sums + sum_stride + k * LANES, sum_dy_x_hat[k]);
    vec_add_to(sums + 2 * sum_stride + k * LANES, sum_x[k]);
  }
}

static void grid_gradient_sums(const void *x_from, const void *dy_from, cubn_grid grid,
                               const cubn_grid_coefficients *with, double *sums,
                               int64_t sum_stride) {
  for (int64_t r = 0; r < grid.rows; r += GROUP_ROWS) {
    const element *const x = (const element *)x_from + r * grid.stride;
    const element *const dy = (const element *)dy_from + r * grid.stride;
    const int64_t rows = least(grid.rows - r, GROUP_ROWS);
    int64_t j = 0;
    for (; j + STEP <= grid.width; j += STEP)
      gradient_sums_tile(x + j, dy + j, (tile){rows, grid.stride, SIDE, 0}, with, j, sums,
                         sum_stride);
    for (; j + LANES <= grid.width; j += LANES)
      gradient_sums_tile(x + j, dy + j, (tile){rows, grid.stride, 1, 0}, with, j, sums, sum_stride);
    if (j < grid.width)
      gradient_sums_tile(x + j, dy + j, (tile){rows, grid.stride, 1, grid.width - j}, with, j, sums,
                         sum_stride);
  }
}

INLINED void normalize_tile(const element *x, element *y, tile of,
                            const cubn_grid_coefficients *with, int64_t column, bool stream) {
  const real *const centers = (const real *)with->center + column;
  const real *const gains = (const real *)with->gain + column;
  const real *const shifts = (const real *)with->shift + column;
  vec center[SIDE], gain[SIDE], shift[SIDE];
  for (int k = 0; k < of.vectors; ++k) {
    center[k] = vec_load_reals(centers + k * LANES);
    gain[k] = vec_load_reals(gains + k * LANES);
    shift[k] = vec_load_reals(shifts + k * LANES);
  }
  for (int64_t r = 0; r < of.rows; ++r, x += of.stride, y += of.stride) {
    vec v[SIDE];
    for (int k = 0; k < of.vectors; ++k)
      v[k] = (load_of(x + k * LANES, &of) - center[k]) * gain[k] + shift[k];
    for (int k = 0; k < of.vectors; ++k) put_of(y + k * LANES, v[k], &of, stream);
  }
}

INLINED void normalize_grid(const element *from, element *to, cubn_grid grid,
                            const cubn_grid_coefficients *with, bool stream) {
  for (int64_t r = 0; r < grid.rows; r += GROUP_ROWS) {
    const element *const x = from + r * grid.stride;
    element *const y = to + r * grid.stride;
    const int64_t rows = least(grid.rows - r, GROUP_ROWS);
    int64_t j = 0;
    for (; j + STEP <= grid.width; j += STEP)
      normalize_tile(x + j, y + j, (tile){rows, grid.stride, SIDE, 0}, with, j, stream);
    for (; j + LANES <= grid.width; j += LANES)
      normalize_tile(x + j, y + j, (tile){rows, grid.stride, 1, 0}, with, j, stream);
    if (j < grid.width)
      normalize_tile(x + j, y + j, (tile){rows, grid.stride, 1, grid.width - j}, with, j, stream);
  }
}

static void grid_normalize(const void *x, void *y, cubn_grid grid,
                           const cubn_grid_coefficients *with, bool stream) {
  if (stream)
    normalize_grid(x, y, grid, with, true);
  else
    normalize_grid(x, y, grid, with, false);
}

INLINED void gradient_tile(const element *x, const element *dy, element *dx, tile of,
                           const cubn_grid_coefficients *with, int64_t column, bool stream) {
  gradient_coefficients of_vector[SIDE];
  for (int k = 0; k < of.vectors; ++k) {
    const int64_t at = column + k * LANES;
    of_vector[k].center = vec_load_reals((const real *)with->center + at);
    of_vector[k].inv_std = vec_load_reals((const real *)with->inv_std + at);
    of_vector[k].gain = vec_load_reals((const real *)with->gain + at);
    of_vector[k].slope = vec_load_reals((const real *)with->slope + at);
    of_vector[k].shift = vec_load_reals((const real *)with->shift + at);
  }
  for (int64_t r = 0; r < of.rows; ++r, x += of.stride, dy += of.stride, dx += of.stride) {
    vec v[SIDE];
    for (int k = 0; k < of.vectors; ++k)
      v[k] = gradient_of(load_of(x + k * LANES, &of), load_of(dy + k * LANES, &of), &of_vector[k]);
    for (int k = 0; k < of.vectors; ++k) put_of(dx + k * LANES, v[k], &of, stream);
  }
}

INLINED void gradient_grid(const element *x_from, const element *dy_from, element *to,
                           cubn_grid grid, const cubn_grid_coefficients *with, bool stream) {
  for (int64_t r = 0; r < grid.rows; r += GROUP_ROWS) {
    const element *const x = x_from + r * grid.stride, *const dy = dy_from + r * grid.stride;
    element *const dx = to + r * grid.stride;
    const int64_t rows = least(grid.rows - r, GROUP_ROWS);
    int64_t j = 0;
    for (; j + STEP <= grid.width; j += STEP)
      gradient_tile(x + j, dy + j, dx + j, (tile){rows, grid.stride, SIDE, 0}, with, j, stream);
    for (; j + LANES <= grid.width; j += LANES)
      gradient_tile(x + j, dy + j, dx + j, (tile){rows, grid.stride, 1, 0}, with, j, stream);
    if (j < grid.width)
      gradient_tile(x + j, dy + j, dx + j, (tile){rows, grid.stride, 1, grid.width - j}, with, j,
                    stream);
  }
}

static void grid_gradient(const void *x, const void *dy, void *dx, cubn_grid grid,
                          const cubn_grid_coefficients *with, bool stream) {
  if (stream)
    gradient_grid(x, dy, dx, grid, with, true);
  else
    gradient_grid(x, dy, dx, grid, with, false);
}

#endif /* CUBN_CPU_KERNELS_GRIDS_H */
