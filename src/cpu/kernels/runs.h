/* Kernels on runs. Four vectors at a time. */
#ifndef CUBN_CPU_KERNELS_RUNS_H
#define CUBN_CPU_KERNELS_RUNS_H

#include "cpu/kernels.h"
#include "cpu/kernels/simd.h"

enum {
  SIDE = 4,            /* vectors side by side */
  STEP = SIDE * LANES, /* values of a step */
  SUM_STEPS = 28,      /* steps, 3 vectors and a part, summed before they go into doubles */
  SUM_VALUES = SUM_STEPS * STEP
};

INLINED int64_t least(int64_t a, int64_t b) {
  return a < b ? a : b;
}

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
  vec center, inv_std, gain, slope, shift;
} coefficients;

INLINED coefficients coefficients_of(const cubn_coefficients *with) {
  return (coefficients){vec_all((real)with->center), vec_all((real)with->inv_std),
                        vec_all((real)with->gain), vec_all((real)with->slope),
                        vec_all((real)with->shift)};
}

INLINED vec normalized(vec x, const coefficients *with) {
  return (x - with->center) * with->gain + with->shift;
}

INLINED vec gradient_of(vec x, vec dy, const coefficients *with) {
  const vec x_hat = (x - with->center) * with->inv_std;
  return dy * with->gain + (x_hat * with->slope + with->shift);
}

/* The output of some vectors. `dy` is NULL in forward. */
INLINED void put_vectors(const element *x, const element *dy, element *to, int vectors,
                         const coefficients *with, bool stream) {
  vec v[SIDE];
  for (int k = 0; k < vectors; ++k) {
    const vec x_k = vec_load(x + k * LANES);
    v[k] = dy ? gradient_of(x_k, vec_load(dy + k * LANES), with) : normalized(x_k, with);
  }
  for (int k = 0; k < vectors; ++k) put(to + k * LANES, v[k], stream);
}

INLINED void put_part(const element *x, const element *dy, element *to, int64_t count,
                      const coefficients *with) {
  const vec v = vec_load_part(x, count);
  vec_store_part(to, dy ? gradient_of(v, vec_load_part(dy, count), with) : normalized(v, with),
                 count);
}

INLINED void output_values(const cubn_run_output *it, bool backward, bool stream) {
  const element *const x = it->x, *const dy = backward ? it->dy : NULL;
  element *const to = it->output;
  const coefficients with = coefficients_of(it->with);
  int64_t i = values_before_alignment(to, it->count, stream);
  if (i) put_part(x, dy, to, i, &with);
  for (; i + STEP <= it->count; i += STEP)
    put_vectors(x + i, backward ? dy + i : NULL, to + i, SIDE, &with, stream);
  for (; i + LANES <= it->count; i += LANES)
    put_vectors(x + i, backward ? dy + i : NULL, to + i, 1, &with, stream);
  if (i < it->count) put_part(x + i, backward ? dy + i : NULL, to + i, it->count - i, &with);
}

static void run_output(const cubn_run_output *it) {
  const bool stream = it->stream;
  if (it->dy && stream)
    output_values(it, true, true);
  else if (it->dy)
    output_values(it, true, false);
  else if (stream)
    output_values(it, false, true);
  else
    output_values(it, false, false);
}

typedef struct run_input {
  const element *x, *dy;
  int64_t count;
  vec center, inv_std;
} run_input;

/* Adds the values at i to the sums; `backward` says which. */
INLINED void add_sums(const run_input *in, int64_t i, int k, bool backward, vec sums[][SIDE]) {
  const vec centered = vec_load(in->x + i) - in->center;
  if (backward) {
    const vec dy = vec_load(in->dy + i);
    sums[0][k] += dy;
    sums[1][k] += dy * (centered * in->inv_std);
    sums[2][k] += centered;
  } else {
    sums[0][k] += centered;
    sums[1][k] += centered * centered;
  }
}

INLINED void add_part(const run_input *in, int64_t i, bool backward, vec sums[][SIDE]) {
  const int64_t left = in->count - i;
  const vec centered = vec_first(vec_load_part(in->x + i, left) - in->center, left);
  if (backward) {
    const vec dy = vec_load_part(in->dy + i, left);
    sums[0][0] += dy;
    sums[1][0] += dy * (centered * in->inv_std);
    sums[2][0] += centered;
  } else {
    sums[0][0] += centered;
    sums[1][0] += centered * centered;
  }
}

/* Sums of one run, and if `out` is not NULL the output of another one of the same length, step by
 * step: memory is read and written at the same time. */
INLINED void sum_values(const run_input *in, const cubn_run_output *out, bool backward, bool stream,
                        double *to) {
  const int count = backward ? 3 : 2;
  const element *const x = out ? out->x : NULL, *const dy = out && backward ? out->dy : NULL;
  element *const output = out ? out->output : NULL;
  const coefficients with = out ? coefficients_of(out->with) : (coefficients){0};
  vec sums[3][SIDE] = {{{0}}};
  for (int64_t i = 0; i < in->count;) {
    const int64_t end = i + least(in->count - i, SUM_VALUES);
    for (; i + STEP <= end; i += STEP) {
      if (out) put_vectors(x + i, backward ? dy + i : NULL, output + i, SIDE, &with, stream);
      for (int k = 0; k < SIDE; ++k) add_sums(in, i + k * LANES, k, backward, sums);
    }
    for (; i + LANES <= end; i += LANES) {
      if (out) put_vectors(x + i, backward ? dy + i : NULL, output + i, 1, &with, stream);
      add_sums(in, i, 0, backward, sums);
    }
    if (i < end) {
      if (out) put_part(x + i, backward ? dy + i : NULL, output + i, end - i, &with);
      add_part(in, i, backward, sums);
    }
    i = end;
    flush_sums(sums, count, to);
  }
}

INLINED void sum_run(const run_input *in, const cubn_run_output *out, bool backward, double *to) {
  if (!out)
    sum_values(in, NULL, backward, false, to);
  else if (out->stream)
    sum_values(in, out, backward, true, to);
  else
    sum_values(in, out, backward, false, to);
}

static void run_moments(const void *x, int64_t count, double pivot, double *sums,
                        const cubn_run_output *out) {
  const run_input in = {.x = x, .count = count, .center = vec_all((real)pivot)};
  sum_run(&in, out, false, sums);
}

static void run_gradient_sums(const void *x, const void *dy, int64_t count,
                              const cubn_coefficients *with, double *sums,
                              const cubn_run_output *out) {
  const run_input in = {x, dy, count, vec_all((real)with->center), vec_all((real)with->inv_std)};
  sum_run(&in, out, true, sums);
}

#endif /* CUBN_CPU_KERNELS_RUNS_H */
