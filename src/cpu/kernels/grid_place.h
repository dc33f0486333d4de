/* Places in a grid, and what is done with one vector there. */
#ifndef CUBN_CPU_KERNELS_GRID_PLACE_H
#define CUBN_CPU_KERNELS_GRID_PLACE_H

#include "cpu/kernels.h"
#include "cpu/kernels/runs.h"
#include "cpu/kernels/simd.h"

/* What an instance of a kernel does; constants when it is compiled. */
typedef struct task {
  bool sums, output, backward, stream;
} task;

/* Inputs and outputs of a kernel, from some column and row on. */
typedef struct grid_place {
  const element *in_x, *in_dy; /* to be summed */
  const element *x, *dy;       /* of the output */
  element *output;
  int64_t stride;
  int64_t ahead; /* from here to the rows that will be summed next */
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

INLINED coefficients columns_at(const cubn_grid_coefficients *with, int64_t j, bool backward) {
  coefficients it = {.center = reals_at(with->center, j),
                     .gain = reals_at(with->gain, j),
                     .shift = reals_at(with->shift, j)};
  if (backward) {
    it.inv_std = reals_at(with->inv_std, j);
    it.slope = reals_at(with->slope, j);
  }
  return it;
}

/* Adds one vector to the sums. Lanes that are not used must not reach the sums of other columns. */
INLINED void add_lanes(const grid_place *at, int64_t offset, int64_t part, vec center, vec inv_std,
                       bool backward, vec sums[CUBN_RUN_SUMS_MAX]) {
  vec centered = load_lanes(at->in_x + offset, part) - center;
  if (part) centered = vec_first(centered, part);
  if (backward) {
    const vec dy = load_lanes(at->in_dy + offset, part);
    sums[0] += dy;
    sums[1] += dy * (centered * inv_std);
    sums[2] += centered;
  } else {
    sums[0] += centered;
    sums[1] += centered * centered;
  }
}

INLINED void put_output(const grid_place *at, int64_t offset, int64_t part,
                        const coefficients *with, task of) {
  const vec x = load_lanes(at->x + offset, part);
  const vec v =
      of.backward ? gradient_of(x, load_lanes(at->dy + offset, part), with) : normalized(x, with);
  put_lanes(at->output + offset, v, part, of.stream);
}

/* Rows that lie far apart: processors do not guess where the next ones begin. They are wanted in the
 * second cache, for the first is full of what is worked on. Forward waits less for rows of a 16-bit
 * type than such instructions take. */
INLINED void fetch_rows(const grid_place *at, int rows, int64_t j, bool backward) {
  if (!backward && sizeof(element) == 2) return;
  for (int r = 0; r < rows; ++r) {
    const int64_t offset = at->ahead + r * at->stride + j;
    __builtin_prefetch(at->in_x + offset, 0, 2);
    if (backward) __builtin_prefetch(at->in_dy + offset, 0, 2);
  }
}

#endif /* CUBN_CPU_KERNELS_GRID_PLACE_H */
