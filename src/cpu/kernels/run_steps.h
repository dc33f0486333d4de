/* Steps of the kernels without an epilogue on runs: STEP_VECTORS vectors of one run, or DEPTH
 * vectors of each interleaved run. */
#ifndef CUBN_CPU_KERNELS_RUN_STEPS_H
#define CUBN_CPU_KERNELS_RUN_STEPS_H

#include "cpu/kernels/affine.h"

/* Vectors of each interleaved run in a step: two cache lines, if that is not too many. */
enum { DEPTH = 128 / STORE_BYTES < STEP_VECTORS ? 128 / STORE_BYTES : STEP_VECTORS };

INLINED int run_count(affine_task task) {
  return task.interleaved ? STEP_VECTORS : 1;
}

/* Vectors of each run in a step. */
INLINED int step_depth(affine_task task) {
  return task.interleaved ? DEPTH : STEP_VECTORS;
}

/* ---- output */

/* cubn_run_output, for vectors. `coef` holds the coefficients of all its runs. */
typedef struct written_runs {
  const element *x, *dy;
  element *output;
  int64_t stride, count;
  coefficients coef;
  affine_task task;
} written_runs;

/* The output of up to one vector of a run. */
INLINED vec output_of_run(const written_runs *runs, int64_t offset, int64_t lanes) {
  const vec x = load_lanes(runs->x + offset, lanes);
  const vec dy = runs->task.backward ? load_lanes(runs->dy + offset, lanes) : (vec){0};
  return output_value(x, dy, &runs->coef, runs->task);
}

INLINED void store_vectors(const written_runs *runs, int64_t offset, int vectors) {
  const bool nontemporal = runs->task.nontemporal;
  element *const to = runs->output + offset;
  vec v[STEP_VECTORS];
  for (int k = 0; k < vectors; ++k) v[k] = output_of_run(runs, offset + k * LANES, LANES);
  for (int k = 0; k + 2 <= vectors; k += 2) store_pair(to + k * LANES, v[k], v[k + 1], nontemporal);
  if (vectors % 2) store(to + (vectors - 1) * LANES, v[vectors - 1], nontemporal);
}

/* Up to one vector of a run that is no whole cache line, so that the store is ordinary. */
INLINED void store_edge(const written_runs *runs, int64_t offset, int64_t lanes) {
  store_lanes(runs->output + offset, output_of_run(runs, offset, lanes), lanes, false);
}

/* Values first .. end - 1 of each run. */
INLINED void store_edges(const written_runs *runs, int64_t first, int64_t end) {
  for (int64_t i = first; i < end; i += LANES)
    for (int r = 0; r < run_count(runs->task); ++r)
      if (end - i >= LANES)
        store_edge(runs, r * runs->stride + i, LANES);
      else
        store_edge(runs, r * runs->stride + i, tail_lanes(end - i));
}

/* Before non-temporal stores: the values up to each run's first cache line. Returns how many. */
INLINED int64_t store_until_line(const written_runs *runs) {
  const int64_t excess = (int64_t)((uintptr_t)runs->output % CUBN_LINE_BYTES / sizeof(element));
  if (!runs->task.nontemporal || excess == 0) return 0;
  const int64_t count = least(LINE_VALUES - excess, runs->count);
  store_edges(runs, 0, count);
  return count;
}

/* The values from i on, fewer than a step: whole cache lines first. */
INLINED void store_tail(const written_runs *runs, int64_t i) {
  const int64_t end = i + (runs->count - i) / LINE_VALUES * LINE_VALUES;
  for (; i < end; i += LANES)
    for (int r = 0; r < run_count(runs->task); ++r) store_vectors(runs, r * runs->stride + i, 1);
  store_edges(runs, i, runs->count);
}

/* NULL: nothing will be written. */
INLINED written_runs begin_output(const cubn_run_output *args, affine_task task) {
  if (!args) return (written_runs){.task = task};
  return (written_runs){.x = args->x,
                        .dy = args->dy,
                        .output = args->output,
                        .stride = args->stride,
                        .count = args->count,
                        .coef = run_coefficients(args->coef),
                        .task = task};
}

/* ---- sums */

/* cubn_run_input, for vectors. */
typedef struct summed_runs {
  const element *x, *dy;
  int64_t stride, dy_stride, count, prefetch_distance, dy_distance;
  coefficients coef;
  affine_task task;
} summed_runs;

/* Offsets of a value in x and dy. */
typedef struct run_place {
  int64_t x, dy;
} run_place;

/* Value i of run r. With output, both arrays have one stride: the loop has no register left. */
INLINED run_place place_in_run(const summed_runs *runs, int r, int64_t i) {
  const int64_t x = r * runs->stride + i;
  return (run_place){x, runs->task.output ? x : r * runs->dy_stride + i};
}

/* Adds up to one vector of a run to its sums. */
INLINED void add_run_lanes(const summed_runs *runs, run_place at, int64_t lanes, int k,
                           step_sums sums) {
  const vec x = load_lanes(runs->x + at.x, lanes);
  const vec dy = runs->task.backward ? load_lanes(runs->dy + at.dy, lanes) : (vec){0};
  add_values(x, dy, lanes, &runs->coef, runs->task, &sums[0][k], STEP_VECTORS);
}

/* Prefetches values that will be summed soon into L2, while memory waits for output. L1 is full of
 * the values of this step. */
INLINED void prefetch_values(const summed_runs *runs, run_place at, int count) {
  const int64_t dy_distance = runs->task.output ? runs->prefetch_distance : runs->dy_distance;
  if (!runs->prefetch_distance) return;
  for (int i = 0; i < count; i += LINE_VALUES) {
    __builtin_prefetch(runs->x + runs->prefetch_distance + at.x + i, 0, 2);
    if (runs->task.backward) __builtin_prefetch(runs->dy + dy_distance + at.dy + i, 0, 2);
  }
}

/* Adds vectors of run r. Interleaved runs have their own sums; else each vector of a step has. */
INLINED void add_vectors(const summed_runs *runs, int r, run_place at, int vectors,
                         step_sums sums) {
  for (int k = 0; k < vectors; ++k)
    add_run_lanes(runs, (run_place){at.x + k * LANES, at.dy + k * LANES}, LANES,
                  runs->task.interleaved ? r : k, sums);
}

/* Adds vectors of each run from value i on. */
INLINED void sum_step(const summed_runs *runs, int64_t i, int vectors, step_sums sums) {
  for (int r = 0; r < run_count(runs->task); ++r) {
    const run_place at = place_in_run(runs, r, i);
    prefetch_values(runs, at, vectors * LANES);
    add_vectors(runs, r, at, vectors, sums);
  }
}

/* Adds the last values of each run, fewer than a vector. */
INLINED void sum_tail(const summed_runs *runs, int64_t i, int64_t lanes, step_sums sums) {
  for (int r = 0; r < run_count(runs->task); ++r) {
    const run_place at = place_in_run(runs, r, i);
    prefetch_values(runs, at, LANES);
    add_run_lanes(runs, at, tail_lanes(lanes), r, sums);
  }
}

/* A step of sums from value i on, and a step of output from value o on: memory is read and written
 * at the same time. */
INLINED void joined_step(const summed_runs *summed, int64_t i, const written_runs *written,
                         int64_t o, step_sums sums) {
  const int depth = step_depth(summed->task);
  for (int r = 0; r < run_count(summed->task); ++r) {
    const run_place at = place_in_run(summed, r, i);
    prefetch_values(summed, at, depth * LANES);
    store_vectors(written, r * written->stride + o, depth);
    add_vectors(summed, r, at, depth, sums);
  }
}

#endif /* CUBN_CPU_KERNELS_RUN_STEPS_H */
