/* Places in a grid, and what is done with one vector there. */
#ifndef CUBN_CPU_KERNELS_GRID_PLACE_H
#define CUBN_CPU_KERNELS_GRID_PLACE_H

#include "cpu/kernels/task.h"

/* Inputs and outputs of a kernel, from some column and row on. */
typedef struct grid_place {
  const element *in_x, *in_dy; /* to be summed */
  const element *x, *dy;       /* of the output */
  element *output;
  int64_t stride;
  int64_t prefetch_distance; /* from here to the rows that will be read next */
  int64_t kept;              /* where their sums are kept: from this column on */
  bool in_order;
} grid_place;

INLINED grid_place place_at(const grid_place *from, int64_t offset, task of) {
  grid_place it = *from;
  if (of.sums) it.in_x += offset;
  if (of.sums && of.backward) it.in_dy += offset;
  if (of.output) it.x += offset;
  if (of.output && of.backward) it.dy += offset;
  if (of.output) it.output += offset;
  return it;
}

INLINED coefficients columns_at(const cubn_grid_coefficients *coef, int64_t j, task of) {
  coefficients it = {.gain = reals_at(coef->gain, j), .shift = reals_at(coef->shift, j)};
  if (of.centered) it.center = reals_at(coef->center, j);
  if (of.backward) it.slope = reals_at(coef->slope, j);
  return it;
}

/* Adds one vector to the sums. Lanes that are not used must not reach the sums of other columns. */
INLINED void add_lanes(const grid_place *at, int64_t offset, int64_t part, vec center, task of,
                       vec sums[CUBN_RUN_SUMS_MAX]) {
  vec x = load_lanes(at->in_x + offset, part);
  if (of.centered) x = x - center;
  if (of.centered && part) x = vec_first(x, part);
  if (of.backward) {
    const vec dy = load_lanes(at->in_dy + offset, part);
    sums[0] += dy;
    sums[1] = vec_multiply_add(dy, x, sums[1]);
    if (of.centered) sums[2] += x;
  } else {
    sums[0] += x;
    sums[1] = vec_multiply_add(x, x, sums[1]);
  }
}

INLINED vec output_at(const grid_place *at, int64_t offset, int64_t part, const coefficients *coef,
                      task of) {
  const vec x = load_lanes(at->x + offset, part);
  const vec dy = of.backward ? load_lanes(at->dy + offset, part) : (vec){0};
  return output_value(x, dy, coef, of);
}

INLINED void write_output(const grid_place *at, int64_t offset, int64_t part,
                          const coefficients *coef, task of) {
  store_lanes(at->output + offset, output_at(at, offset, part, coef, of), part, of.nontemporal);
}

/* Two vectors. */
INLINED void write_output_pair(const grid_place *at, int64_t offset, const coefficients coef[2],
                               task of) {
  const vec a = output_at(at, offset, 0, &coef[0], of);
  const vec b = output_at(at, offset + LANES, 0, &coef[1], of);
  store_pair(at->output + offset, a, b, of.nontemporal);
}

/* Rows that lie far apart: processors do not guess where the next ones begin. They are wanted in the
 * second cache, for the first is full of what is worked on. */
INLINED void prefetch_rows(const grid_place *at, int rows, int64_t j, task of) {
  const element *const x = of.sums ? at->in_x : at->x, *const dy = of.sums ? at->in_dy : at->dy;
  for (int r = 0; r < rows; ++r) {
    const int64_t offset = at->prefetch_distance + r * at->stride + j;
    __builtin_prefetch(x + offset, 0, 2);
    if (of.backward) __builtin_prefetch(dy + offset, 0, 2);
  }
}

#endif /* CUBN_CPU_KERNELS_GRID_PLACE_H */
