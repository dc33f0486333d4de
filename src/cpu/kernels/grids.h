/* Kernels on grids. Rows are taken in groups, whose sums are formed in reals and then go into
 * doubles. A grid of few columns keeps sums and coefficients in registers; a wider one is walked in
 * the order of memory, some rows at a time. The order of additions is the same. */
#ifndef CUBN_CPU_KERNELS_GRIDS_H
#define CUBN_CPU_KERNELS_GRIDS_H

#include "cpu/kernels/grid_wide.h"

/* Few columns: `vectors` whole vectors. */
INLINED void narrow_sums(const grid_place *from, int64_t rows, int vectors,
                         const cubn_grid_coefficients *in, task of, double *to,
                         int64_t sum_stride) {
  const int count = sums_of(of);
  const element *x = from->in_x, *dy = from->in_dy;
  vec center[STEP_VECTORS];
  for (int k = 0; k < vectors; ++k) {
    center[k] = of.centered ? reals_at(in->center, k * LANES) : (vec){0};
  }
  for (int64_t group = 0; group < rows; group += GROUP_ROWS) {
    vec sums[STEP_VECTORS][CUBN_RUN_SUMS_MAX] = {{{0}}};
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
  coefficients coef[STEP_VECTORS];
  for (int k = 0; k < vectors; ++k) coef[k] = columns_at(out, k * LANES, of);
  grid_place at = *from;
  for (int64_t r = 0; r < rows; ++r) {
    for (int k = 0; k < vectors; ++k) write_output(&at, k * LANES, 0, &coef[k], of);
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
    narrow_sums(&at, grid.rows, STEP_VECTORS, in->coef, of, in->sums, in->sum_stride);
  else
    wide_grid(&at, grid.rows, grid.width, in->coef, of.output ? out->coef : NULL, of, in->sums,
              in->sum_stride);
}

INLINED void sum_grid_of(cubn_grid grid, const cubn_grid_input *in, const cubn_grid_output *out,
                         bool backward, bool centered) {
  if (!out)
    sum_grid(grid, in, NULL, (task){true, false, backward, false, centered, false});
  else if (out->nontemporal)
    sum_grid(grid, in, out, (task){true, true, backward, true, centered, false});
  else
    sum_grid(grid, in, out, (task){true, true, backward, false, centered, false});
}

static void grid_sums(cubn_grid grid, const cubn_grid_input *in, const cubn_grid_output *out) {
  const bool backward = in->dy != NULL, centered = in->coef->is_centered;
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
    narrow_output(&at, grid.rows, STEP_VECTORS, out->coef, of);
  else
    wide_grid(&at, grid.rows, grid.width, NULL, out->coef, of, NULL, 0);
}

INLINED void output_grid_of(cubn_grid grid, const cubn_grid_output *out, bool backward,
                            bool centered) {
  if (out->nontemporal)
    output_grid(grid, out, (task){false, true, backward, true, centered, false});
  else
    output_grid(grid, out, (task){false, true, backward, false, centered, false});
}

static void grid_output(cubn_grid grid, const cubn_grid_output *out) {
  const bool backward = out->dy != NULL, centered = out->coef->is_centered;
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
