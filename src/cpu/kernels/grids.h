/* Kernels without an epilogue on grids. The sums of a group of rows are formed in reals and then go
 * into doubles. A grid of STEP columns keeps sums and coefficients in registers; a wider one is
 * read in memory order, some rows at a time. The order of additions is the same. */
#ifndef CUBN_CPU_KERNELS_GRIDS_H
#define CUBN_CPU_KERNELS_GRIDS_H

#include "cpu/kernels/grid_wide.h"

/* ---- STEP columns */

/* How far ahead they are prefetched: it is best within a page. Sums of x alone have one stream,
 * which the hardware follows. */
enum { NARROW_AHEAD = 2048 / sizeof(element) };

INLINED void prefetch_row(const grid_view *view) {
  for (int64_t column = 0; view->prefetches && column < STEP; column += LINE_VALUES)
    prefetch_rows(view, 1, column);
}

INLINED void narrow_sums(const grid_view *grid, int64_t rows) {
  const int count = sum_count(grid->task);
  coefficients coef[STEP_VECTORS];
  for (int k = 0; k < STEP_VECTORS; ++k) coef[k] = sum_columns_at(grid, k * LANES);
  grid_view view = *grid;
  for (int64_t group = 0; group < rows; group += GROUP_ROWS) {
    vec sums[STEP_VECTORS][CUBN_RUN_SUMS_MAX] = {{{0}}};
    for (int64_t r = group; r < group + least(rows - group, GROUP_ROWS); ++r) {
      if (grid->task.backward) prefetch_row(&view);
      for (int k = 0; k < STEP_VECTORS; ++k)
        add_grid_lanes(&view, 0, k * LANES, LANES, &coef[k], sums[k]);
      view = move_rows(&view, 1);
    }
    for (int k = 0; k < STEP_VECTORS; ++k)
      for (int i = 0; i < count; ++i)
        vec_add_to(grid->totals + i * grid->total_stride + k * LANES, sums[k][i]);
  }
}

INLINED void narrow_output(const grid_view *grid, int64_t rows) {
  coefficients coef[STEP_VECTORS];
  for (int k = 0; k < STEP_VECTORS; ++k) coef[k] = columns_at(grid, k * LANES);
  grid_view view = *grid;
  for (int64_t r = 0; r < rows; ++r) {
    prefetch_row(&view);
    for (int k = 0; k < STEP_VECTORS; k += 2) store_output_pair(&view, k * LANES, &coef[k]);
    view = move_rows(&view, 1);
  }
}

/* ---- the kernels: every function makes one more member of the task a constant */

INLINED void sum_grid(cubn_grid grid, const cubn_grid_input *summed,
                      const cubn_grid_output *written, affine_task task) {
  grid_view view = {.task = task,
                    .summed_x = summed->x,
                    .summed_dy = summed->dy,
                    .stride = grid.stride,
                    .dy_stride = summed->dy_stride,
                    .prefetch_distance = NARROW_AHEAD,
                    .dy_distance = NARROW_AHEAD,
                    .summed_coef = summed->coef,
                    .totals = summed->sums,
                    .total_stride = summed->sum_stride,
                    .in_order = grid.in_order,
                    .prefetches = grid.prefetches};
  if (task.output) {
    view.x = written->x;
    view.dy = written->dy;
    view.output = written->output;
    view.coef = written->coef;
  }
  if (!task.output && grid.width == STEP)
    narrow_sums(&view, grid.rows);
  else
    wide_grid(&view, grid.rows, grid.width);
}

INLINED void sum_grid_with_output(cubn_grid grid, const cubn_grid_input *summed,
                                  const cubn_grid_output *written, affine_task task) {
  if (!written) {
    sum_grid(grid, summed, NULL, task);
    return;
  }
  task.output = true;
  if (written->nontemporal) {
    task.nontemporal = true;
    sum_grid(grid, summed, written, task);
  } else {
    sum_grid(grid, summed, written, task);
  }
}

/* The sums of backward where dy has a stride of its own. */
OUTLINED void grid_sums_apart(cubn_grid grid, const cubn_grid_input *summed) {
  affine_task task = {.sums = true, .backward = true, .apart = true};
  if (summed->coef->is_prescaled) {
    task.centered = task.prescaled = true;
    sum_grid(grid, summed, NULL, task);
  } else if (summed->coef->is_centered) {
    task.centered = true;
    sum_grid(grid, summed, NULL, task);
  } else {
    sum_grid(grid, summed, NULL, task);
  }
}

static void grid_sums(cubn_grid grid, const cubn_grid_input *summed,
                      const cubn_grid_output *written) {
  const bool backward = summed->dy != NULL, centered = summed->coef->is_centered;
  if (backward && summed->dy_stride != 0 && summed->dy_stride != grid.stride) {
    grid_sums_apart(grid, summed);
    return;
  }
  if (backward && summed->coef->is_prescaled)
    sum_grid(grid, summed, NULL,
             (affine_task){.sums = true, .backward = true, .centered = true, .prescaled = true});
  else if (summed->coef->is_prescaled)
    sum_grid(grid, summed, NULL, (affine_task){.sums = true, .centered = true, .prescaled = true});
  else if (backward && centered)
    sum_grid_with_output(grid, summed, written,
                         (affine_task){.sums = true, .backward = true, .centered = true});
  else if (backward)
    sum_grid_with_output(grid, summed, written, (affine_task){.sums = true, .backward = true});
  else if (centered)
    sum_grid_with_output(grid, summed, written, (affine_task){.sums = true, .centered = true});
  else
    sum_grid_with_output(grid, summed, written, (affine_task){.sums = true});
}

INLINED void output_grid(cubn_grid grid, const cubn_grid_output *written, affine_task task) {
  const grid_view view = {.task = task,
                          .x = written->x,
                          .dy = written->dy,
                          .output = written->output,
                          .stride = grid.stride,
                          .prefetch_distance = NARROW_AHEAD,
                          .coef = written->coef,
                          .in_order = grid.in_order,
                          .prefetches = grid.prefetches};
  if (grid.width == STEP)
    narrow_output(&view, grid.rows);
  else
    wide_grid(&view, grid.rows, grid.width);
}

INLINED void output_grid_with_stores(cubn_grid grid, const cubn_grid_output *written,
                                     affine_task task) {
  if (written->nontemporal) {
    task.nontemporal = true;
    output_grid(grid, written, task);
  } else {
    output_grid(grid, written, task);
  }
}

/* The output of arrays that have strides of their own, row by row. */
INLINED void output_apart(cubn_grid grid, const cubn_grid_output *written, affine_task task) {
  enum { PREFETCHED_ROWS = 4 };
  task.output = task.apart = true;
  task.nontemporal = written->nontemporal;
  grid_view view = {.task = task,
                    .x = written->x,
                    .dy = written->dy,
                    .output = written->output,
                    .prefetch_distance = PREFETCHED_ROWS * written->x_stride,
                    .dy_distance = PREFETCHED_ROWS * written->dy_stride,
                    .coef = written->coef};
  for (int64_t r = 0; r < grid.rows; ++r) {
    step_rows(&view, 1, grid.width);
    view.x += written->x_stride;
    if (task.backward) view.dy += written->dy_stride;
    view.output += written->output_stride;
  }
}

/* One copy, which tests whether values are centered. */
OUTLINED void grid_output_apart(cubn_grid grid, const cubn_grid_output *written) {
  const bool centered = written->coef->is_centered, prescaled = written->coef->is_prescaled;
  if (written->dy)
    output_apart(grid, written,
                 (affine_task){.backward = true, .centered = centered, .prescaled = prescaled});
  else
    output_apart(grid, written, (affine_task){.centered = centered});
}

static void grid_output(cubn_grid grid, const cubn_grid_output *written) {
  const bool backward = written->dy != NULL, centered = written->coef->is_centered;
  if (written->is_apart) {
    grid_output_apart(grid, written);
    return;
  }
  if (backward && written->coef->is_prescaled)
    output_grid_with_stores(
        grid, written,
        (affine_task){.output = true, .backward = true, .centered = true, .prescaled = true});
  else if (backward && centered)
    output_grid_with_stores(grid, written,
                            (affine_task){.output = true, .backward = true, .centered = true});
  else if (backward)
    output_grid_with_stores(grid, written, (affine_task){.output = true, .backward = true});
  else if (centered)
    output_grid_with_stores(grid, written, (affine_task){.output = true, .centered = true});
  else
    output_grid_with_stores(grid, written, (affine_task){.output = true});
}

#endif /* CUBN_CPU_KERNELS_GRIDS_H */
