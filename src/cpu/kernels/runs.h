/* Kernels on runs. Four vectors at a time. */
#ifndef CUBN_CPU_KERNELS_RUNS_H
#define CUBN_CPU_KERNELS_RUNS_H

#include "cpu/kernels.h"
#include "cpu/kernels/simd.h"

enum {
  SIDE = 4,            /* vectors side by side */
  STEP = SIDE * LANES, /* values of a step */
  SUM_STEPS = 28,      /* steps, 3 vectors and a part, summed before they go into doubles */
  SUM_VALUES = SUM_STEPS * STEP,
  LINE_VALUES = 64 / sizeof(element)
};

/* Adds up SIDE vectors of each of `count` sums. */
INLINED void flush_sums(vec sums[][SIDE], int count, double *to) {
  for (int i = 0; i < count; ++i) {
    vec_add_to(to + i * LANES, (sums[i][0] + sums[i][1]) + (sums[i][2] + sums[i][3]));
    for (int k = 0; k < SIDE; ++k) sums[i][k] = (vec){0};
  }
}

/* Values up to the first at which whole vectors can be streamed. */
INLINED int64_t values_before_alignment(const element *to, int64_t count, bool stream) {
  const int64_t excess = (int64_t)((uintptr_t)to % STORE_BYTES / sizeof(element));
  return stream && excess ? least(LANES - excess, count) : 0;
}

typedef struct coefficients {
  vec center, gain, slope, shift;
} coefficients;

INLINED coefficients coefficients_of(const cubn_coefficients *with) {
  return (coefficients){vec_all((real)with->center), vec_all((real)with->gain),
                        vec_all((real)with->slope), vec_all((real)with->shift)};
}

/* What an instance of a kernel does; constants when it is compiled. */
typedef struct task {
  bool sums, output, backward, stream;
  bool centered; /* otherwise centers are 0 */
} task;

/* How many sums there are. */
INLINED int sums_of(task of) {
  return of.backward && of.centered ? 3 : 2;
}

INLINED vec output_value(vec x, vec dy, const coefficients *with, task of) {
  const vec centered = of.centered ? x - with->center : x;
  const vec of_x = centered * (of.backward ? with->slope : with->gain) + with->shift;
  return of.backward ? dy * with->gain + of_x : of_x;
}

/* `vectors` vectors of the output. */
INLINED void put_vectors(const cubn_run_output *it, int64_t i, int vectors,
                         const coefficients *with, task of) {
  const element *const x = (const element *)it->x + i, *const dy = (const element *)it->dy + i;
  element *const to = (element *)it->output + i;
  vec v[SIDE];
  for (int k = 0; k < vectors; ++k)
    v[k] = output_value(vec_load(x + k * LANES), of.backward ? vec_load(dy + k * LANES) : (vec){0},
                        with, of);
  for (int k = 0; k < vectors; ++k) put(to + k * LANES, v[k], of.stream);
}

/* Fewer values than a vector has. */
INLINED void put_part(const cubn_run_output *it, int64_t i, int64_t count, const coefficients *with,
                      task of) {
  const vec x = vec_load_part((const element *)it->x + i, count);
  const vec dy = of.backward ? vec_load_part((const element *)it->dy + i, count) : (vec){0};
  vec_store_part((element *)it->output + i, output_value(x, dy, with, of), count);
}

INLINED void output_values(const cubn_run_output *it, task of) {
  const coefficients with = coefficients_of(it->with);
  int64_t i = values_before_alignment(it->output, it->count, of.stream);
  if (i) put_part(it, 0, i, &with, of);
  for (; i + STEP <= it->count; i += STEP) put_vectors(it, i, SIDE, &with, of);
  for (; i + LANES <= it->count; i += LANES) put_vectors(it, i, 1, &with, of);
  if (i < it->count) put_part(it, i, it->count - i, &with, of);
}

typedef struct run_input {
  const element *x, *dy;
  int64_t count, ahead;
  vec center;
} run_input;

/* Adds a vector to the sums, number k of those side by side. */
INLINED void add_vector(vec x, vec dy, int k, task of, vec sums[][SIDE]) {
  if (of.backward) {
    sums[0][k] += dy;
    sums[1][k] += dy * x;
    if (of.centered) sums[2][k] += x;
  } else {
    sums[0][k] += x;
    sums[1][k] += x * x;
  }
}

INLINED void add_values(const run_input *in, int64_t i, int k, task of, vec sums[][SIDE]) {
  const vec x = vec_load(in->x + i), dy = of.backward ? vec_load(in->dy + i) : (vec){0};
  add_vector(of.centered ? x - in->center : x, dy, k, of, sums);
}

INLINED void add_part(const run_input *in, int64_t i, task of, vec sums[][SIDE]) {
  const int64_t left = in->count - i;
  const vec x = vec_load_part(in->x + i, left);
  const vec dy = of.backward ? vec_load_part(in->dy + i, left) : (vec){0};
  add_vector(of.centered ? vec_first(x - in->center, left) : x, dy, 0, of, sums);
}

/* Values that will be summed soon: they come into the second cache while memory waits for output. The
 * first cache is full of what is worked on. */
INLINED void fetch(const run_input *in, int64_t i, int values, task of) {
  for (int k = 0; k < values; k += LINE_VALUES) {
    __builtin_prefetch(in->x + in->ahead + i + k, 0, 2);
    if (of.backward) __builtin_prefetch(in->dy + in->ahead + i + k, 0, 2);
  }
}

/* Sums of one run, and the output of another one of the same length, step by step: memory is read
 * and written at the same time. */
INLINED void sum_values(const run_input *in, const cubn_run_output *out, task of, double *to) {
  const coefficients with = out ? coefficients_of(out->with) : (coefficients){0};
  vec sums[3][SIDE] = {{{0}}};
  for (int64_t i = 0; i < in->count;) {
    const int64_t end = i + least(in->count - i, SUM_VALUES);
    for (; i + STEP <= end; i += STEP) {
      if (in->ahead) fetch(in, i, STEP, of);
      if (of.output) put_vectors(out, i, SIDE, &with, of);
      for (int k = 0; k < SIDE; ++k) add_values(in, i + k * LANES, k, of, sums);
    }
    if (in->ahead && i < end) fetch(in, i, STEP, of);
    for (; i + LANES <= end; i += LANES) {
      if (of.output) put_vectors(out, i, 1, &with, of);
      add_values(in, i, 0, of, sums);
    }
    if (i < end) {
      if (of.output) put_part(out, i, end - i, &with, of);
      add_part(in, i, of, sums);
    }
    i = end;
    flush_sums(sums, sums_of(of), to);
  }
}

INLINED void output_run(const cubn_run_output *it, bool backward, bool centered) {
  if (it->stream)
    output_values(it, (task){false, true, backward, true, centered});
  else
    output_values(it, (task){false, true, backward, false, centered});
}

static void run_output(const cubn_run_output *it) {
  const bool backward = it->dy != NULL, centered = it->with->center != 0;
  if (backward && centered)
    output_run(it, true, true);
  else if (backward)
    output_run(it, true, false);
  else if (centered)
    output_run(it, false, true);
  else
    output_run(it, false, false);
}

INLINED void sum_run(const cubn_run_input *from, const cubn_run_output *out, bool backward,
                     bool centered, double *to) {
  const run_input in = {from->x, from->dy, from->count, from->ahead,
                        vec_all((real)from->with->center)};
  if (!out)
    sum_values(&in, NULL, (task){true, false, backward, false, centered}, to);
  else if (out->stream)
    sum_values(&in, out, (task){true, true, backward, true, centered}, to);
  else
    sum_values(&in, out, (task){true, true, backward, false, centered}, to);
}

static void run_sums(const cubn_run_input *in, double *sums, const cubn_run_output *out) {
  const bool backward = in->dy != NULL;
  const bool centered = in->with->center != 0 || (out && out->with->center != 0);
  if (backward && centered)
    sum_run(in, out, true, true, sums);
  else if (backward)
    sum_run(in, out, true, false, sums);
  else if (centered)
    sum_run(in, out, false, true, sums);
  else
    sum_run(in, out, false, false, sums);
}

#endif /* CUBN_CPU_KERNELS_RUNS_H */
