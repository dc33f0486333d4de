/* Kernels on grids. Rows are taken in groups, whose sums are formed in reals and then go into
 * doubles. A grid of few columns keeps sums and coefficients in registers; a wider one is walked in
 * the order of memory, some rows at a time. The order of additions is the same. */
#ifndef CUBN_CPU_KERNELS_GRIDS_H
#define CUBN_CPU_KERNELS_GRIDS_H

#include "cpu/kernels/grid_place.h"

enum {
  GROUP_ROWS = CUBN_GRID_GROUP_ROWS,
  /* Stores past the caches want to be a whole line of memory before the next row's: two vectors of
   * 32 bytes, such as those of a 16-bit type in the widest registers. */
  LINE_VECTORS = STORE_BYTES * 2 == 64 ? 2 : 1,
  SIDE_ROWS = 4, /* rows at a time, where they lie apart or are long */
  /* Columns whose sums of reals are kept: in the first two caches. */
  STRIPE_COLUMNS = CUBN_GRID_STRIPE
};

typedef struct real_sums {
  real of[CUBN_RUN_SUMS_MAX][STRIPE_COLUMNS + CUBN_GRID_PADDING];
} real_sums;

/* One vector of columns, `rows` rows: sums go on from where they are. */
INLINED void sum_columns(const grid_place *at, int rows, int64_t j, int64_t part,
                         const cubn_grid_coefficients *in, task of, real_sums *sums) {
  const vec center = of.centered ? reals_at(in->center, j) : (vec){0};
  vec sum[CUBN_RUN_SUMS_MAX];
  for (int i = 0; i < sums_of(of); ++i) sum[i] = vec_load_reals(&sums->of[i][j]);
  for (int r = 0; r < rows; ++r) add_lanes(at, r * at->stride + j, part, center, of, sum);
  for (int i = 0; i < sums_of(of); ++i) memcpy(&sums->of[i][j], &sum[i], sizeof sum[i]);
}

/* Some vectors of columns, of which the last may be a part. */
INLINED void step_columns(const grid_place *at, int rows, int64_t j, int vectors, int64_t part,
                          const cubn_grid_coefficients *in, const cubn_grid_coefficients *out,
                          task of, real_sums *sums) {
  fetch_rows(at, rows, j, of);
  for (int k = 0; k < (of.sums ? vectors : 0); ++k)
    sum_columns(at, rows, j + k * LANES, part, in, of, sums);
  if (!of.output) return;
  coefficients with[2];
  for (int k = 0; k < vectors; ++k) with[k] = columns_at(out, j + k * LANES, of);
  for (int r = 0; r < rows; ++r)
    if (LINE_VECTORS == 2 && vectors == 2)
      put_output_pair(at, r * at->stride + j, with, of);
    else
      put_output(at, r * at->stride + j, part, with, of);
}

INLINED void step_rows(const grid_place *at, int rows, int64_t width,
                       const cubn_grid_coefficients *in, const cubn_grid_coefficients *out, task of,
                       real_sums *sums) {
  int64_t j = 0;
  for (; j + LINE_VECTORS * LANES <= width; j += LINE_VECTORS * LANES)
    step_columns(at, rows, j, LINE_VECTORS, 0, in, out, of, sums);
  for (; j + LANES <= width; j += LANES) step_columns(at, rows, j, 1, 0, in, out, of, sums);
  if (j < width) step_columns(at, rows, j, 1, width - j, in, out, of, sums);
}

/* Sums of reals of a group go into doubles. */
INLINED void flush_columns(real_sums *sums, int count, int64_t width, double *to,
                           int64_t sum_stride) {
  for (int i = 0; i < count; ++i)
    for (int64_t j = 0; j < width; ++j) {
      to[i * sum_stride + j] += (double)sums->of[i][j];
      sums->of[i][j] = 0;
    }
}

/* After the last rows, the first ones of the columns to the right are read. */
INLINED grid_place place_at_row(const grid_place *from, int64_t row, int64_t rows, int64_t width,
                                task of) {
  grid_place it = place_at(from, row * from->stride, of);
  it.ahead = row + SIDE_ROWS < rows ? SIDE_ROWS * from->stride : width - row * from->stride;
  return it;
}

INLINED void wide_stripe(const grid_place *from, int64_t rows, int64_t width,
                         const cubn_grid_coefficients *in, const cubn_grid_coefficients *out,
                         task of, double *to, int64_t sum_stride) {
  real_sums sums;
  const int count = sums_of(of);
  const bool in_order = from->in_order && width <= CUBN_GRID_ORDERED_COLUMNS;
  for (int i = 0; i < (of.sums ? count : 0); ++i)
    memset(&sums.of[i][0], 0, (size_t)(width + LANES) * sizeof(real));
  for (int64_t group = 0; group < rows; group += GROUP_ROWS) {
    const int64_t end = group + least(rows - group, GROUP_ROWS);
    int64_t r = group;
    for (; !in_order && r + SIDE_ROWS <= end; r += SIDE_ROWS) {
      const grid_place at = place_at_row(from, r, rows, width, of);
      step_rows(&at, SIDE_ROWS, width, in, out, of, &sums);
    }
    for (; r < end; ++r) {
      const grid_place at = place_at_row(from, r, rows, width, of);
      step_rows(&at, 1, width, in, out, of, &sums);
    }
    if (of.sums) flush_columns(&sums, count, width, to, sum_stride);
  }
}

INLINED cubn_grid_coefficients coefficients_from(const cubn_grid_coefficients *all, int64_t j) {
  if (!all) return (cubn_grid_coefficients){0};
  return (cubn_grid_coefficients){.center = (real *)all->center + j,
                                  .gain = (real *)all->gain + j,
                                  .slope = (real *)all->slope + j,
                                  .shift = (real *)all->shift + j};
}

INLINED void wide_grid(const grid_place *from, int64_t rows, int64_t width,
                       const cubn_grid_coefficients *in, const cubn_grid_coefficients *out, task of,
                       double *to, int64_t sum_stride) {
  for (int64_t j = 0; j < width; j += STRIPE_COLUMNS) {
    const grid_place at = place_at(from, j, of);
    const cubn_grid_coefficients in_at = coefficients_from(in, j);
    const cubn_grid_coefficients out_at = coefficients_from(out, j);
    wide_stripe(&at, rows, least(width - j, STRIPE_COLUMNS), &in_at, &out_at, of, to, sum_stride);
    if (to) to += STRIPE_COLUMNS;
  }
}

/* Few columns: `vectors` whole vectors. */
INLINED void narrow_sums(const grid_place *from, int64_t rows, int vectors,
                         const cubn_grid_coefficients *in, task of, double *to,
                         int64_t sum_stride) {
  const int count = sums_of(of);
  const element *x = from->in_x, *dy = from->in_dy;
  vec center[SIDE];
  for (int k = 0; k < vectors; ++k) {
    center[k] = of.centered ? reals_at(in->center, k * LANES) : (vec){0};
  }
  for (int64_t group = 0; group < rows; group += GROUP_ROWS) {
    vec sums[SIDE][CUBN_RUN_SUMS_MAX] = {{{0}}};
    for (int64_t r = group; r < group + least(rows - group, GROUP_ROWS); ++r) {
      const grid_place at = {.in_x = x, .in_dy = dy};
      for (int k = 0; k < vectors; ++k) add_lanes(&at, k * LANES, 0, center[k], of, sums[k]);
      x += from->stride;
      if (of.backward) dy += from->stride;
    }
    for (int k = 0; k < vectors; ++k)
      for (int i = 0; i < count; ++i) vec_add_to(to + i * sum_stride + k * LANES, sums[k][i]);
  }
}

INLINED void narrow_output(const grid_place *from, int64_t rows, int vectors,
                           const cubn_grid_coefficients *out, task of) {
  coefficients with[SIDE];
  for (int k = 0; k < vectors; ++k) with[k] = columns_at(out, k * LANES, of);
  grid_place at = *from;
  for (int64_t r = 0; r < rows; ++r) {
    for (int k = 0; k < vectors; ++k) put_output(&at, k * LANES, 0, &with[k], of);
    at = place_at(&at, from->stride, of);
  }
}

INLINED grid_place place_of(const cubn_grid_input *in, const cubn_grid_output *out,
                            cubn_grid grid) {
  grid_place it = {.stride = grid.stride, .in_order = grid.in_order};
  if (in) it.in_x = in->x, it.in_dy = in->dy;
  if (out) it.x = out->x, it.dy = out->dy, it.output = out->output;
  return it;
}

INLINED void sum_grid(cubn_grid grid, const cubn_grid_input *in, const cubn_grid_output *out,
                      task of) {
  const grid_place at = place_of(in, out, grid);
  if (!of.output && grid.width == STEP)
    narrow_sums(&at, grid.rows, SIDE, in->with, of, in->sums, in->sum_stride);
  else
    wide_grid(&at, grid.rows, grid.width, in->with, of.output ? out->with : NULL, of, in->sums,
              in->sum_stride);
}

INLINED void sum_grid_of(cubn_grid grid, const cubn_grid_input *in, const cubn_grid_output *out,
                         bool backward, bool centered) {
  if (!out)
    sum_grid(grid, in, NULL, (task){true, false, backward, false, centered, false});
  else if (out->stream)
    sum_grid(grid, in, out, (task){true, true, backward, true, centered, false});
  else
    sum_grid(grid, in, out, (task){true, true, backward, false, centered, false});
}

static void grid_sums(cubn_grid grid, const cubn_grid_input *in, const cubn_grid_output *out) {
  const bool backward = in->dy != NULL, centered = in->with->is_centered;
  if (backward && centered)
    sum_grid_of(grid, in, out, true, true);
  else if (backward)
    sum_grid_of(grid, in, out, true, false);
  else if (centered)
    sum_grid_of(grid, in, out, false, true);
  else
    sum_grid_of(grid, in, out, false, false);
}

INLINED void output_grid(cubn_grid grid, const cubn_grid_output *out, task of) {
  const grid_place at = place_of(NULL, out, grid);
  if (grid.width == STEP)
    narrow_output(&at, grid.rows, SIDE, out->with, of);
  else
    wide_grid(&at, grid.rows, grid.width, NULL, out->with, of, NULL, 0);
}

INLINED void output_grid_of(cubn_grid grid, const cubn_grid_output *out, bool backward,
                            bool centered) {
  if (out->stream)
    output_grid(grid, out, (task){false, true, backward, true, centered, false});
  else
    output_grid(grid, out, (task){false, true, backward, false, centered, false});
}

static void grid_output(cubn_grid grid, const cubn_grid_output *out) {
  const bool backward = out->dy != NULL, centered = out->with->is_centered;
  if (backward && centered)
    output_grid_of(grid, out, true, true);
  else if (backward)
    output_grid_of(grid, out, true, false);
  else if (centered)
    output_grid_of(grid, out, false, true);
  else
    output_grid_of(grid, out, false, false);
}

#endif /* CUBN_CPU_KERNELS_GRIDS_H */
