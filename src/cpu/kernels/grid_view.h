/* What a kernel without an epilogue sees of a grid, and what it does with one vector there. */
#ifndef CUBN_CPU_KERNELS_GRID_VIEW_H
#define CUBN_CPU_KERNELS_GRID_VIEW_H

#include "cpu/kernels/affine.h"

/* A grid from some row and column on. */
typedef struct grid_view {
  affine_task task;
  const element *summed_x, *summed_dy; /* inputs of the sums */
  const element *x, *dy;               /* inputs of the output */
  element *output;
  int64_t stride;
  int64_t dy_stride;         /* of the sums' dy, if the task is apart */
  int64_t prefetch_distance; /* elements from here to the rows that will be read next */
  int64_t dy_distance;       /* the same in dy, if the task is apart */
  const cubn_grid_coefficients *summed_coef, *coef; /* of the sums, and of the output */
  real *sums;                                       /* of reals, in L1 or L2: see sum_of */
  double *totals;
  int64_t total_stride;
  bool in_order, prefetches;
} grid_view;

/* The same columns, so many elements further on. */
INLINED grid_view move_elements(const grid_view *view, int64_t elements) {
  const affine_task task = view->task;
  grid_view moved = *view;
  if (task.sums) moved.summed_x += elements;
  if (task.sums && task.backward) moved.summed_dy += elements;
  if (task.output) moved.x += elements;
  if (task.output && task.backward) moved.dy += elements;
  if (task.output) moved.output += elements;
  return moved;
}

INLINED grid_view move_rows(const grid_view *view, int64_t rows) {
  grid_view moved = move_elements(view, rows * view->stride);
  if (view->task.sums && view->task.apart)
    moved.summed_dy += rows * (view->dy_stride - view->stride);
  return moved;
}

/* The offset of a value of row r in the dy of the sums. Mostly it is that of x: the loop has no
 * register left. */
INLINED int64_t offset_in_dy(const grid_view *view, int r, int64_t column) {
  return r * (view->task.apart ? view->dy_stride : view->stride) + column;
}

INLINED coefficients columns_at(const grid_view *view, int64_t column) {
  const cubn_grid_coefficients *const reals = view->coef;
  coefficients coef = {.gain = reals_at(reals->gain, column),
                       .shift = reals_at(reals->shift, column)};
  if (view->task.centered) coef.center = reals_at(reals->center, column);
  if (view->task.backward) coef.slope = reals_at(reals->slope, column);
  if (view->task.prescaled) coef.prescale = reals_at(reals->prescale, column);
  return coef;
}

/* The coefficients of the sums. */
INLINED coefficients sum_columns_at(const grid_view *view, int64_t column) {
  const cubn_grid_coefficients *const reals = view->summed_coef;
  coefficients coef = {.center = {0}};
  if (view->task.centered) coef.center = reals_at(reals->center, column);
  if (view->task.prescaled) coef.prescale = reals_at(reals->prescale, column);
  if (view->task.prescaled) coef.dy_prescale = reals_at(reals->dy_prescale, column);
  return coef;
}

/* Adds up to one vector of row r to the sums of its columns. */
INLINED void add_grid_lanes(const grid_view *view, int r, int64_t column, int64_t lanes,
                            const coefficients *coef, vec sums[CUBN_RUN_SUMS_MAX]) {
  const vec x = load_lanes(view->summed_x + r * view->stride + column, lanes);
  const vec dy = view->task.backward
                     ? load_lanes(view->summed_dy + offset_in_dy(view, r, column), lanes)
                     : (vec){0};
  add_values(x, dy, lanes, coef, view->task, sums, 1);
}

INLINED vec output_of_grid(const grid_view *view, int64_t offset, int64_t lanes,
                           const coefficients *coef) {
  const vec x = load_lanes(view->x + offset, lanes);
  const vec dy = view->task.backward ? load_lanes(view->dy + offset, lanes) : (vec){0};
  return output_value(x, dy, coef, view->task);
}

INLINED void store_output(const grid_view *view, int64_t offset, int64_t lanes,
                          const coefficients *coef) {
  store_lanes(view->output + offset, output_of_grid(view, offset, lanes, coef), lanes,
              view->task.nontemporal);
}

/* Two consecutive vectors. Without centers, no coefficient is a NaN of the caller's: channels whose
 * gain or shift is NaN are written elsewhere. */
INLINED void store_output_pair(const grid_view *view, int64_t offset, const coefficients coef[2]) {
  const vec a = output_of_grid(view, offset, LANES, &coef[0]);
  const vec b = output_of_grid(view, offset + LANES, LANES, &coef[1]);
  if (view->task.centered)
    store_pair(view->output + offset, a, b, view->task.nontemporal);
  else
    store_plain_pair(view->output + offset, a, b, view->task.nontemporal);
}

/* Prefetches from rows that are far apart: the hardware prefetchers do not find the next ones. The
 * values go to L2, because L1 is full of this step's. Ordinary stores wait for their lines, too. */
INLINED void prefetch_rows(const grid_view *view, int rows, int64_t column) {
  const affine_task task = view->task;
  const element *const x = task.sums ? view->summed_x : view->x;
  const element *const dy = task.sums ? view->summed_dy : view->dy;
  for (int r = 0; r < rows; ++r) {
    const int64_t offset = view->prefetch_distance + r * view->stride + column;
    __builtin_prefetch(x + offset, 0, 2);
    const int64_t apart = view->dy_distance + r * view->dy_stride + column;
    if (task.backward) __builtin_prefetch(dy + (task.apart ? apart : offset), 0, 2);
    if (task.output && !task.nontemporal && !task.apart)
      __builtin_prefetch(view->output + offset, 1, 2);
  }
}

#endif /* CUBN_CPU_KERNELS_GRID_VIEW_H */
