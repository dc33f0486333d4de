/* Kernels without an epilogue on runs in parts, such as the rows of crops: sums, with the bits of
 * runs without gaps, and output, part by part of each run. */
#ifndef CUBN_CPU_KERNELS_RUN_PARTS_H
#define CUBN_CPU_KERNELS_RUN_PARTS_H

#include "cpu/kernels/affine.h"

/* Up to one vector of a part. */
INLINED void part_step(const element *x, const element *dy, element *output, int64_t lanes,
                       const coefficients *coef, affine_task task) {
  const vec of_x = load_lanes(x, lanes);
  const vec of_dy = task.backward ? load_lanes(dy, lanes) : (vec){0};
  store_lanes(output, output_value(of_x, of_dy, coef, task), lanes, false);
}

/* Ordinary stores wait for the lines that they write, too. */
INLINED void prefetch_part(const cubn_part_output *args, const element *x, const element *dy,
                           element *output, affine_task task) {
  __builtin_prefetch(x + args->x_ahead, 0, 2);
  if (task.backward) __builtin_prefetch(dy + args->dy_ahead, 0, 2);
  __builtin_prefetch(output + args->output_ahead, 1, 2);
}

INLINED void output_part(const cubn_part_output *args, int64_t run, int64_t part,
                         const coefficients *coef, affine_task task) {
  const element *const x = (const element *)args->x[run] + part * args->x_stride;
  const element *const dy =
      task.backward ? (const element *)args->dy[run] + part * args->dy_stride : NULL;
  element *const output = (element *)args->output[run] + part * args->output_stride;
  int64_t i = 0;
  for (; i + LANES <= args->count; i += LANES) {
    if (i % LINE_VALUES == 0) prefetch_part(args, x + i, dy + i, output + i, task);
    part_step(x + i, dy + i, output + i, LANES, coef, task);
  }
  if (i == args->count) return;
  prefetch_part(args, x + i, dy + i, output + i, task);
  part_step(x + i, dy + i, output + i, tail_lanes(args->count - i), coef, task);
}

INLINED void output_all_parts(const cubn_part_output *args, affine_task task) {
  const coefficients coef = run_coefficients(args->coef);
  for (int64_t part = 0; part < args->parts; ++part)
    for (int64_t run = 0; run < args->runs; ++run) output_part(args, run, part, &coef, task);
}

/* A center of 0 and a prescale of 1 change no bit. */
static void part_output(const cubn_part_output *args) {
  if (args->dy[0])
    output_all_parts(
        args, (affine_task){.output = true, .backward = true, .centered = true, .prescaled = true});
  else
    output_all_parts(args, (affine_task){.output = true, .centered = true});
}

/* ---- sums */

/* A place in all runs: offsets from their first values, and the values up to the end of the
 * part. */
typedef struct part_place {
  int64_t x, dy, left;
} part_place;

INLINED part_place next_vector(const cubn_part_input *args, part_place at) {
  at.x += LANES;
  at.dy += LANES;
  at.left -= LANES;
  if (at.left > 0) return at;
  at.x += args->x_gap;
  at.dy += args->dy_gap;
  at.left += args->part;
  return at;
}

/* One vector of a run, from one part or from two. */
INLINED void add_part_vector(const cubn_part_input *args, int run, part_place at,
                             const coefficients *coef, affine_task task, vec *sums) {
  const element *const x = (const element *)args->x[run] + at.x;
  const element *const dy = task.backward ? (const element *)args->dy[run] + at.dy : NULL;
  __builtin_prefetch(x + args->x_ahead, 0, 2);
  if (task.backward) __builtin_prefetch(dy + args->dy_ahead, 0, 2);
  vec of_x, of_dy = {0};
  if (at.left >= LANES) {
    of_x = vec_load(x);
    if (task.backward) of_dy = vec_load(dy);
  } else {
    of_x = vec_load_split(x, at.left, args->x_gap);
    if (task.backward) of_dy = vec_load_split(dy, at.left, args->dy_gap);
  }
  add_values(of_x, of_dy, LANES, coef, task, sums, STEP_VECTORS);
}

/* The last values of a run, fewer than a vector. */
INLINED void add_part_tail(const cubn_part_input *args, int run, part_place at, int64_t lanes,
                           const coefficients *coef, affine_task task, vec *sums) {
  const element *const x = (const element *)args->x[run] + at.x;
  const element *const dy = task.backward ? (const element *)args->dy[run] + at.dy : NULL;
  element of_x[LANES] = {0}, of_dy[LANES] = {0};
  for (int64_t l = 0; l < lanes; ++l) of_x[l] = x[l < at.left ? l : l + args->x_gap];
  for (int64_t l = 0; task.backward && l < lanes; ++l)
    of_dy[l] = dy[l < at.left ? l : l + args->dy_gap];
  add_values(vec_load(of_x), vec_load(of_dy), tail_lanes(lanes), coef, task, sums, STEP_VECTORS);
}

/* The order of additions is that of sum_values in runs.h. */
INLINED void sum_all_parts(const cubn_part_input *args, affine_task task, double *totals) {
  const coefficients coef = run_coefficients(args->coef);
  const int runs = task.interleaved ? STEP_VECTORS : 1;
  part_place at = {0, 0, args->left};
  for (int64_t i = 0; i < args->count;) {
    const int64_t end = i + least(args->count - i, values_per_flush(task.interleaved));
    step_sums sums = {{{0}}};
    for (; !task.interleaved && i + STEP <= end; i += STEP)
      for (int k = 0; k < STEP_VECTORS; ++k, at = next_vector(args, at))
        add_part_vector(args, 0, at, &coef, task, &sums[0][k]);
    for (; i + LANES <= end; i += LANES, at = next_vector(args, at))
      for (int r = 0; r < runs; ++r) add_part_vector(args, r, at, &coef, task, &sums[0][r]);
    for (int r = 0; i < end && r < runs; ++r)
      add_part_tail(args, r, at, end - i, &coef, task, &sums[0][r]);
    i = end;
    flush_sums(sums, sum_count(task), totals);
  }
}

INLINED void sum_parts(const cubn_part_input *args, affine_task task, double *totals) {
  if (args->runs == 1) {
    sum_all_parts(args, task, totals);
  } else {
    task.interleaved = true;
    sum_all_parts(args, task, totals);
  }
}

/* A center of 0 changes no bit of forward. */
static void part_sums(const cubn_part_input *args, double *totals) {
  if (!args->dy[0])
    sum_parts(args, (affine_task){.sums = true, .centered = true}, totals);
  else if (args->coef->center != 0)
    sum_parts(args, (affine_task){.sums = true, .backward = true, .centered = true}, totals);
  else
    sum_parts(args, (affine_task){.sums = true, .backward = true}, totals);
}

#endif /* CUBN_CPU_KERNELS_RUN_PARTS_H */
