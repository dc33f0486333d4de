/* Grids in memory order, row after row. The sums of a stripe of columns stay in the caches. */
#ifndef CUBN_CPU_KERNELS_GRID_WIDE_H
#define CUBN_CPU_KERNELS_GRID_WIDE_H

#include "cpu/kernels/grid_view.h"

enum {
  /* Vectors of a row in a step. Non-temporal stores should complete a cache line before they go to
   * the next row: two vectors of 32 bytes, such as those of a 16-bit type with AVX-512. */
  LINE_VECTORS = STORE_BYTES * 2 == 64 ? 2 : 1,
  /* Columns of groups that are interleaved where rows are short and in order. */
  GROUP_COLUMNS = sizeof(element) == 2 ? 512 : 256,
  INTERLEAVED_GROUPS = 4,
  /* Short rows in order that sums take at a time. In 16-bit types, sums that are loaded and stored
   * for each vector would take longer than memory does. */
  TILE_ROWS = sizeof(element) == 2 ? INTERLEAVED_ROWS : 1,
  /* Rows of a group from a row to the one that is prefetched meanwhile. */
  GROUP_AHEAD = sizeof(element) == 2 ? 8 : 4,
  /* In 16-bit types, how far ahead rows that follow one another are prefetched, at least, if they
   * have so many columns. Others are prefetched INTERLEAVED_ROWS ahead. */
  ORDERED_AHEAD = sizeof(element) == 2 ? 2048 : 0,
  ORDERED_AHEAD_COLUMNS = 256
};

/* Sums of reals: array i begins SUMS_STRIDE reals after the one before. The stride, and the place
 * where they begin, avoid 4 KB aliasing: a load waits for an earlier store whose address has the
 * same low bits, be it in the next array of sums or in the rows that are read. */
enum {
  PAGE_BYTES = 4096,
  SUMS_STRIDE = STRIPE_COLUMNS + 1344 / sizeof(real),
  SUMS_REALS = CUBN_RUN_SUMS_MAX * SUMS_STRIDE + PAGE_BYTES / sizeof(real)
};

/* Half a row away from the rows, if all of these have the same low bits. */
INLINED real *place_sums(real *memory, const grid_view *view) {
  const uintptr_t row = (uintptr_t)view->stride * sizeof(element);
  const uintptr_t period = row > 0 && PAGE_BYTES % row == 0 ? row : PAGE_BYTES;
  const uintptr_t wanted = (uintptr_t)view->summed_x + period / 2 - (uintptr_t)memory;
  return memory + wanted % period / sizeof(vec) * LANES;
}

/* Sum i of a column. */
INLINED real *sum_of(const grid_view *view, int i, int64_t column) {
  return view->sums + i * SUMS_STRIDE + column;
}

INLINED void clear_sums(const grid_view *view, int64_t width) {
  for (int i = 0; i < sum_count(view->task); ++i)
    memset(sum_of(view, i, 0), 0, (size_t)(width + LANES) * sizeof(real));
}

/* The sums of a group go into doubles and begin anew. */
INLINED void flush_group(const grid_view *view, int64_t width) {
  for (int i = 0; i < sum_count(view->task); ++i) {
    real *const sums = sum_of(view, i, 0);
    double *const totals = view->totals + i * view->total_stride;
    for (int64_t column = 0; column < width; ++column) {
      totals[column] += (double)sums[column];
      sums[column] = 0;
    }
  }
}

/* Adds some rows to the sums of up to one vector of columns. */
INLINED void sum_columns(const grid_view *view, int rows, int64_t column, int64_t lanes) {
  const int count = sum_count(view->task);
  const coefficients coef = sum_columns_at(view, column);
  vec sums[CUBN_RUN_SUMS_MAX];
  for (int i = 0; i < count; ++i) sums[i] = vec_load_reals(sum_of(view, i, column));
  for (int r = 0; r < rows; ++r) add_grid_lanes(view, r, column, lanes, &coef, sums);
  for (int i = 0; i < count; ++i) memcpy(sum_of(view, i, column), &sums[i], sizeof sums[i]);
}

/* A step of `vectors` whole vectors of columns, at most LINE_VECTORS. */
INLINED void step_columns(const grid_view *view, int rows, int64_t column, int vectors) {
  prefetch_rows(view, rows, column);
  for (int k = 0; k < (view->task.sums ? vectors : 0); ++k)
    sum_columns(view, rows, column + k * LANES, LANES);
  if (!view->task.output) return;
  coefficients coef[2];
  for (int k = 0; k < vectors; ++k) coef[k] = columns_at(view, column + k * LANES);
  for (int r = 0; r < rows; ++r)
    if (vectors == 2)
      store_output_pair(view, r * view->stride + column, coef);
    else
      store_output(view, r * view->stride + column, LANES, coef);
}

/* The last columns, fewer than a vector. */
INLINED void step_tail(const grid_view *view, int rows, int64_t column, int64_t lanes) {
  prefetch_rows(view, rows, column);
  if (view->task.sums) sum_columns(view, rows, column, lanes);
  if (!view->task.output) return;
  const coefficients coef = columns_at(view, column);
  for (int r = 0; r < rows; ++r) store_output(view, r * view->stride + column, lanes, &coef);
}

INLINED void step_rows(const grid_view *view, int rows, int64_t width) {
  int64_t column = 0;
  for (; column + LINE_VECTORS * LANES <= width; column += LINE_VECTORS * LANES)
    step_columns(view, rows, column, LINE_VECTORS);
  for (; column + LANES <= width; column += LANES) step_columns(view, rows, column, 1);
  if (column < width) step_tail(view, rows, column, tail_lanes(width - column));
}

/* Group g of the interleaved ones, which has sums of its own, `rows` rows further on. */
INLINED grid_view view_group(const grid_view *stripe, int64_t g, int64_t rows) {
  grid_view view = move_rows(stripe, g * GROUP_ROWS + rows);
  view.sums += g * GROUP_COLUMNS;
  return view;
}

/* Sums short rows in memory order, INTERLEAVED_GROUPS groups at the same time: memory is faster
 * with several access streams. The groups go into doubles in their order. Returns the rows done. */
INLINED int64_t sum_groups(const grid_view *stripe, int64_t rows, int64_t width) {
  enum { ALL_ROWS = INTERLEAVED_GROUPS * GROUP_ROWS };
  int64_t done = 0;
  for (int64_t g = 0; g < INTERLEAVED_GROUPS; ++g) {
    const grid_view group = view_group(stripe, g, 0);
    clear_sums(&group, width);
  }
  for (; done + ALL_ROWS <= rows; done += ALL_ROWS) {
    for (int64_t r = 0; r < GROUP_ROWS; r += TILE_ROWS)
      for (int64_t g = 0; g < INTERLEAVED_GROUPS; ++g) {
        const int64_t beyond = r + GROUP_AHEAD < GROUP_ROWS ? 0 : ALL_ROWS - GROUP_ROWS;
        grid_view view = view_group(stripe, g, done + r);
        view.prefetch_distance = (GROUP_AHEAD + beyond) * stripe->stride;
        view.dy_distance = (GROUP_AHEAD + beyond) * stripe->dy_stride;
        step_rows(&view, TILE_ROWS, width);
      }
    for (int64_t g = 0; g < INTERLEAVED_GROUPS; ++g) {
      const grid_view group = view_group(stripe, g, 0);
      flush_group(&group, width);
    }
  }
  return done;
}

/* Row `row` of a stripe of rows that are apart. After the last ones, the first ones of the next
 * stripe will be read. */
INLINED grid_view view_row(const grid_view *stripe, int64_t row, int64_t rows, int64_t width) {
  grid_view view = move_rows(stripe, row);
  const bool is_last = row + INTERLEAVED_ROWS >= rows;
  view.prefetch_distance =
      is_last ? width - row * stripe->stride : INTERLEAVED_ROWS * stripe->stride;
  view.dy_distance =
      is_last ? width - row * stripe->dy_stride : INTERLEAVED_ROWS * stripe->dy_stride;
  return view;
}

/* Row `row` of rows that follow one another. */
INLINED grid_view view_ordered_row(const grid_view *stripe, int64_t row) {
  grid_view view = move_rows(stripe, row);
  const int64_t ahead = stripe->stride < ORDERED_AHEAD_COLUMNS ? 0 : ORDERED_AHEAD;
  view.prefetch_distance = most(INTERLEAVED_ROWS * stripe->stride, ahead);
  view.dy_distance = most(INTERLEAVED_ROWS * stripe->dy_stride, ahead);
  return view;
}

/* Of 16-bit types, the sums of x alone: those of two tensors are faster in the order of memory. */
INLINED bool tiles_rows(affine_task task) {
  return sizeof(element) == 2 && !task.output && !task.backward;
}

/* Whether groups of short rows are interleaved. */
INLINED bool interleaves_groups(affine_task task, int64_t width) {
  return !task.output && width <= GROUP_COLUMNS && (sizeof(element) > 2 || tiles_rows(task));
}

/* Tiles of rows that follow one another, from row `row` on. Returns where they end. */
INLINED int64_t step_tiles(const grid_view *stripe, int64_t row, int64_t end, int64_t width) {
  for (; tiles_rows(stripe->task) && row + TILE_ROWS <= end; row += TILE_ROWS) {
    const grid_view view = view_ordered_row(stripe, row);
    step_rows(&view, TILE_ROWS, width);
  }
  return row;
}

INLINED void wide_stripe(grid_view stripe, int64_t rows, int64_t width) {
  real memory[SUMS_REALS] __attribute__((aligned(64)));
  const affine_task task = stripe.task;
  const bool in_order = stripe.in_order && width <= ORDERED_COLUMNS;
  int64_t done = 0;
  stripe.sums = place_sums(memory, &stripe);
  if (task.sums) clear_sums(&stripe, width);
  if (in_order && interleaves_groups(task, width)) done = sum_groups(&stripe, rows, width);
  for (int64_t group = done; group < rows; group += GROUP_ROWS) {
    const int64_t end = group + least(rows - group, GROUP_ROWS);
    int64_t r = group;
    if (in_order) r = step_tiles(&stripe, r, end, width);
    for (; !in_order && r + INTERLEAVED_ROWS <= end; r += INTERLEAVED_ROWS) {
      const grid_view view = view_row(&stripe, r, rows, width);
      step_rows(&view, INTERLEAVED_ROWS, width);
    }
    for (; r < end; ++r) {
      const grid_view view =
          in_order ? view_ordered_row(&stripe, r) : view_row(&stripe, r, rows, width);
      step_rows(&view, 1, width);
    }
    if (task.sums) flush_group(&stripe, width);
  }
}

INLINED cubn_grid_coefficients coefficients_from(const cubn_grid_coefficients *all,
                                                 int64_t column) {
  if (!all) return (cubn_grid_coefficients){.center = NULL};
  return (cubn_grid_coefficients){.center = (real *)all->center + column,
                                  .gain = (real *)all->gain + column,
                                  .slope = (real *)all->slope + column,
                                  .prescale = (real *)all->prescale + column,
                                  .dy_prescale = (real *)all->dy_prescale + column,
                                  .shift = (real *)all->shift + column};
}

/* The grid, stripe by stripe. */
INLINED void wide_grid(const grid_view *grid, int64_t rows, int64_t width) {
  for (int64_t column = 0; column < width; column += STRIPE_COLUMNS) {
    grid_view stripe = move_elements(grid, column);
    const cubn_grid_coefficients summed_coef = coefficients_from(grid->summed_coef, column);
    const cubn_grid_coefficients coef = coefficients_from(grid->coef, column);
    stripe.summed_coef = &summed_coef;
    stripe.coef = &coef;
    if (grid->task.sums) stripe.totals += column;
    wide_stripe(stripe, rows, least(width - column, STRIPE_COLUMNS));
  }
}

#endif /* CUBN_CPU_KERNELS_GRID_WIDE_H */
