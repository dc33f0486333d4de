/* Kernels on runs. Four vectors at a time, of one run or of four that lie apart: memory is read and
 * written faster in several places at once. */
#ifndef CUBN_CPU_KERNELS_RUNS_H
#define CUBN_CPU_KERNELS_RUNS_H

#include "cpu/kernels/task.h"

enum {
  /* Vectors of each run, in a step of several: two lines of memory, if that is not too many. */
  DEPTH = 128 / STORE_BYTES < STEP_VECTORS ? 128 / STORE_BYTES : STEP_VECTORS,
  SUM_STEPS = 28, /* vectors of each side, 3 and a part, summed before they go into doubles */
  LINE_VALUES = CUBN_LINE_BYTES / sizeof(element)
};

/* Adds up STEP_VECTORS vectors of each of `count` sums. */
INLINED void flush_sums(vec sums[][STEP_VECTORS], int count, double *to) {
  for (int i = 0; i < count; ++i) {
    vec_add_to(to + i * LANES, (sums[i][0] + sums[i][1]) + (sums[i][2] + sums[i][3]));
    for (int k = 0; k < STEP_VECTORS; ++k) sums[i][k] = (vec){0};
  }
}

INLINED int runs_of(task of) {
  return of.interleaved ? STEP_VECTORS : 1;
}

/* Vectors of each run in a step. */
INLINED int depth_of(task of) {
  return of.interleaved ? DEPTH : STEP_VECTORS;
}

/* `vectors` vectors of the output. */
INLINED void store_vectors(const cubn_run_output *it, int64_t i, int vectors,
                           const coefficients *coef, task of) {
  const element *const x = (const element *)it->x + i, *const dy = (const element *)it->dy + i;
  element *const to = (element *)it->output + i;
  vec v[STEP_VECTORS];
  for (int k = 0; k < vectors; ++k)
    v[k] = output_value(vec_load(x + k * LANES), of.backward ? vec_load(dy + k * LANES) : (vec){0},
                        coef, of);
  for (int k = 0; k + 2 <= vectors; k += 2)
    store_pair(to + k * LANES, v[k], v[k + 1], of.nontemporal);
  if (vectors % 2) put(to + (vectors - 1) * LANES, v[vectors - 1], of.nontemporal);
}

/* Values i .. end - 1 of each run, which are not whole lines of memory. */
INLINED void store_edges(const cubn_run_output *it, int64_t i, int64_t end,
                         const coefficients *coef, task of) {
  of.nontemporal = false;
  for (int64_t first = i; first < end; first += LANES)
    for (int r = 0; r < runs_of(of); ++r) {
      const int64_t at = r * it->stride + first, part = end - first;
      if (part >= LANES) {
        store_vectors(it, at, 1, coef, of);
        continue;
      }
      const vec x = vec_load_part((const element *)it->x + at, part);
      const vec dy = of.backward ? vec_load_part((const element *)it->dy + at, part) : (vec){0};
      vec_store_part((element *)it->output + at, output_value(x, dy, coef, of), part);
    }
}

/* Values up to the first line of memory, if there must be lines. Returns how many. */
INLINED int64_t store_until_line(const cubn_run_output *it, const coefficients *coef, task of) {
  const int64_t excess = (int64_t)((uintptr_t)it->output % CUBN_LINE_BYTES / sizeof(element));
  const int64_t count = of.nontemporal && excess ? least(LINE_VALUES - excess, it->count) : 0;
  store_edges(it, 0, count, coef, of);
  return count;
}

/* Less than a step, from value i on. */
INLINED void store_tail(const cubn_run_output *it, int64_t i, const coefficients *coef, task of) {
  const int64_t end = i + (it->count - i) / LINE_VALUES * LINE_VALUES;
  for (; i < end; i += LANES)
    for (int r = 0; r < runs_of(of); ++r) store_vectors(it, r * it->stride + i, 1, coef, of);
  store_edges(it, i, it->count, coef, of);
}

INLINED void output_values(const cubn_run_output *it, task of) {
  const coefficients coef = coefficients_of(it->coef);
  const int64_t step = depth_of(of) * LANES;
  int64_t i = store_until_line(it, &coef, of);
  for (; i + step <= it->count; i += step)
    for (int r = 0; r < runs_of(of); ++r)
      store_vectors(it, r * it->stride + i, depth_of(of), &coef, of);
  store_tail(it, i, &coef, of);
}

typedef struct run_input {
  const element *x, *dy;
  int64_t stride, count, prefetch_distance;
  vec center;
} run_input;

/* Adds a vector to the sums, number k of those side by side. */
INLINED void add_vector(vec x, vec dy, int k, task of, vec sums[][STEP_VECTORS]) {
  if (of.backward) {
    sums[0][k] += dy;
    sums[1][k] = vec_multiply_add(dy, x, sums[1][k]);
    if (of.centered) sums[2][k] += x;
  } else {
    sums[0][k] += x;
    sums[1][k] = vec_multiply_add(x, x, sums[1][k]);
  }
}

INLINED void add_values(const run_input *in, int64_t i, int k, task of, vec sums[][STEP_VECTORS]) {
  const vec x = vec_load(in->x + i), dy = of.backward ? vec_load(in->dy + i) : (vec){0};
  add_vector(of.centered ? x - in->center : x, dy, k, of, sums);
}

INLINED void add_part(const run_input *in, int64_t i, int64_t part, int k, task of,
                      vec sums[][STEP_VECTORS]) {
  const vec x = vec_load_part(in->x + i, part);
  const vec dy = of.backward ? vec_load_part(in->dy + i, part) : (vec){0};
  add_vector(of.centered ? vec_first(x - in->center, part) : x, dy, k, of, sums);
}

/* Values that will be summed soon: they come into the second cache while memory waits for output. The
 * first cache is full of what is worked on. */
INLINED void prefetch_values(const run_input *in, int64_t i, int values, task of) {
  for (int k = 0; k < values; k += LINE_VALUES) {
    __builtin_prefetch(in->x + in->prefetch_distance + i + k, 0, 2);
    if (of.backward) __builtin_prefetch(in->dy + in->prefetch_distance + i + k, 0, 2);
  }
}

/* Up to a step of each run from value i on: some vectors, or fewer values than a vector has. */
INLINED void sum_step(const run_input *in, int64_t i, int vectors, int64_t part, task of,
                      vec sums[][STEP_VECTORS]) {
  for (int r = 0; r < runs_of(of); ++r) {
    const int64_t at = r * in->stride + i;
    if (in->prefetch_distance) prefetch_values(in, at, part ? LANES : vectors * LANES, of);
    if (part) add_part(in, at, part, of.interleaved ? r : 0, of, sums);
    for (int k = 0; k < vectors; ++k)
      add_values(in, at + k * LANES, of.interleaved ? r : k, of, sums);
  }
}

/* A step of sums from value i on, and one of output from value o on: memory is read and written at
 * the same time. */
INLINED void step_of_both(const run_input *in, int64_t i, const cubn_run_output *out, int64_t o,
                          const coefficients *coef, task of, vec sums[][STEP_VECTORS]) {
  const int vectors = depth_of(of);
  for (int r = 0; r < runs_of(of); ++r) {
    const int64_t at = r * in->stride + i;
    if (in->prefetch_distance) prefetch_values(in, at, vectors * LANES, of);
    store_vectors(out, r * out->stride + o, vectors, coef, of);
    for (int k = 0; k < vectors; ++k)
      add_values(in, at + k * LANES, of.interleaved ? r : k, of, sums);
  }
}

/* Sums of runs, and the output of other ones of the same shape. */
INLINED void sum_values(const run_input *in, const cubn_run_output *out, task of, double *to) {
  const coefficients coef = out ? coefficients_of(out->coef) : (coefficients){0};
  const int64_t step = depth_of(of) * LANES, count = in->count;
  const int64_t most = SUM_STEPS * (of.interleaved ? LANES : STEP);
  vec sums[3][STEP_VECTORS] = {{{0}}};
  int64_t o = out ? store_until_line(out, &coef, of) : 0;
  for (int64_t i = 0; i < count;) {
    const int64_t end = i + least(count - i, most);
    if (out)
      for (; i + step <= end && o + step <= count; i += step, o += step)
        step_of_both(in, i, out, o, &coef, of, sums);
    for (; i + step <= end; i += step) sum_step(in, i, depth_of(of), 0, of, sums);
    for (; i + LANES <= end; i += LANES) sum_step(in, i, 1, 0, of, sums);
    if (i < end) sum_step(in, i, 0, end - i, of, sums);
    i = end;
    flush_sums(sums, sums_of(of), to);
  }
  if (out) store_tail(out, o, &coef, of);
}

INLINED void output_run(const cubn_run_output *it, bool backward, bool centered, bool interleaved) {
  if (it->nontemporal)
    output_values(it, (task){false, true, backward, true, centered, interleaved});
  else
    output_values(it, (task){false, true, backward, false, centered, interleaved});
}

INLINED void output_runs(const cubn_run_output *it, bool backward, bool centered) {
  if (it->runs == 1)
    output_run(it, backward, centered, false);
  else
    output_run(it, backward, centered, true);
}

static void run_output(const cubn_run_output *it) {
  const bool backward = it->dy != NULL, centered = it->coef->center != 0;
  if (backward && centered)
    output_runs(it, true, true);
  else if (backward)
    output_runs(it, true, false);
  else if (centered)
    output_runs(it, false, true);
  else
    output_runs(it, false, false);
}

INLINED void sum_run(const cubn_run_input *from, const cubn_run_output *out, bool backward,
                     bool centered, bool interleaved, double *to) {
  const run_input in = {from->x,
                        from->dy,
                        from->stride,
                        from->count,
                        from->prefetch_distance,
                        vec_all((real)from->coef->center)};
  if (!out)
    sum_values(&in, NULL, (task){true, false, backward, false, centered, interleaved}, to);
  else if (out->nontemporal)
    sum_values(&in, out, (task){true, true, backward, true, centered, interleaved}, to);
  else
    sum_values(&in, out, (task){true, true, backward, false, centered, interleaved}, to);
}

INLINED void sum_runs(const cubn_run_input *in, const cubn_run_output *out, bool backward,
                      bool centered, double *to) {
  if (in->runs == 1)
    sum_run(in, out, backward, centered, false, to);
  else
    sum_run(in, out, backward, centered, true, to);
}

static void run_sums(const cubn_run_input *in, double *sums, const cubn_run_output *out) {
  const bool backward = in->dy != NULL;
  const bool centered = in->coef->center != 0 || (out && out->coef->center != 0);
  if (backward && centered)
    sum_runs(in, out, true, true, sums);
  else if (backward)
    sum_runs(in, out, true, false, sums);
  else if (centered)
    sum_runs(in, out, false, true, sums);
  else
    sum_runs(in, out, false, false, sums);
}

#endif /* CUBN_CPU_KERNELS_RUNS_H */
