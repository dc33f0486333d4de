/* Kernels on runs. Four vectors at a time; prefetches reach over the end of a run, because the next
 * piece of the same channel is rarely far away. */
#ifndef CUBN_CPU_KERNELS_RUNS_H
#define CUBN_CPU_KERNELS_RUNS_H

#include "cpu/kernels.h"
#include "cpu/kernels/simd.h"

enum {
  SIDE = 4,            /* vectors side by side */
  STEP = SIDE * LANES, /* values of a step */
  SUM_STEPS = 28,      /* steps, 3 vectors and a part, summed before they go into doubles */
  SUM_VALUES = SUM_STEPS * STEP,
  AHEAD_BYTES = 1024 /* of prefetches */
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

INLINED void add_moments(vec d, int k, vec sums[][SIDE]) {
  sums[0][k] += d;
  sums[1][k] += d * d;
}

static void run_moments(const void *from, int64_t count, double pivot_value, double *to) {
  const element *const x = from;
  const vec pivot = vec_all((real)pivot_value);
  vec sums[2][SIDE] = {{{0}}};
  for (int64_t i = 0; i < count;) {
    const int64_t end = i + least(count - i, SUM_VALUES);
    for (; i + STEP <= end; i += STEP) {
      prefetch((const char *)(x + i) + AHEAD_BYTES, SIDE * STORE_BYTES);
      for (int k = 0; k < SIDE; ++k) add_moments(vec_load(x + i + k * LANES) - pivot, k, sums);
    }
    for (; i + LANES <= end; i += LANES) add_moments(vec_load(x + i) - pivot, 0, sums);
    if (i < end) add_moments(vec_first(vec_load_part(x + i, end - i) - pivot, end - i), 0, sums);
    i = end;
    flush_sums(sums, 2, to);
  }
}

INLINED void add_gradient_sums(vec centered, vec dy, vec inv_std, int k, vec sums[][SIDE]) {
  sums[0][k] += dy;
  sums[1][k] += dy * (centered * inv_std);
  sums[2][k] += centered;
}

static void run_gradient_sums(const void *x_from, const void *dy_from, int64_t count,
                              const cubn_coefficients *with, double *to) {
  const element *const x = x_from, *const dy = dy_from;
  const vec center = vec_all((real)with->center), inv_std = vec_all((real)with->inv_std);
  vec sums[3][SIDE] = {{{0}}};
  for (int64_t i = 0; i < count;) {
    const int64_t end = i + least(count - i, SUM_VALUES);
    for (; i + STEP <= end; i += STEP) {
      prefetch((const char *)(x + i) + AHEAD_BYTES, SIDE * STORE_BYTES);
      prefetch((const char *)(dy + i) + AHEAD_BYTES, SIDE * STORE_BYTES);
      for (int k = 0; k < SIDE; ++k)
        add_gradient_sums(vec_load(x + i + k * LANES) - center, vec_load(dy + i + k * LANES),
                          inv_std, k, sums);
    }
    for (; i + LANES <= end; i += LANES)
      add_gradient_sums(vec_load(x + i) - center, vec_load(dy + i), inv_std, 0, sums);
    if (i < end)
      add_gradient_sums(vec_first(vec_load_part(x + i, end - i) - center, end - i),
                        vec_load_part(dy + i, end - i), inv_std, 0, sums);
    i = end;
    flush_sums(sums, 3, to);
  }
}

/* Values up to the first at which whole vectors can be streamed. */
INLINED int64_t values_before_alignment(const element *to, int64_t count, bool stream) {
  const int64_t excess = (int64_t)((uintptr_t)to % STORE_BYTES / sizeof(element));
  return stream && excess ? least(LANES - excess, count) : 0;
}

INLINED void put(element *to, vec v, bool stream) {
  if (stream)
    vec_stream(to, v);
  else
    vec_store(to, v);
}

INLINED void normalize_values(const element *x, element *y, int64_t count,
                              const cubn_coefficients *with, bool stream) {
  const vec center = vec_all((real)with->center);
  const vec gain = vec_all((real)with->gain), shift = vec_all((real)with->shift);
  int64_t i = values_before_alignment(y, count, stream);
  if (i) vec_store_part(y, (vec_load_part(x, i) - center) * gain + shift, i);
  for (; i + STEP <= count; i += STEP) {
    vec v[SIDE];
    for (int k = 0; k < SIDE; ++k) v[k] = (vec_load(x + i + k * LANES) - center) * gain + shift;
    for (int k = 0; k < SIDE; ++k) put(y + i + k * LANES, v[k], stream);
  }
  for (; i + LANES <= count; i += LANES)
    put(y + i, (vec_load(x + i) - center) * gain + shift, stream);
  if (i < count)
    vec_store_part(y + i, (vec_load_part(x + i, count - i) - center) * gain + shift, count - i);
}

static void run_normalize(const void *x, void *y, int64_t count, const cubn_coefficients *with,
                          bool stream) {
  if (stream)
    normalize_values(x, y, count, with, true);
  else
    normalize_values(x, y, count, with, false);
}

typedef struct gradient_coefficients {
  vec center, inv_std, gain, slope, shift;
} gradient_coefficients;

INLINED vec gradient_of(vec x, vec dy, const gradient_coefficients *with) {
  const vec x_hat = (x - with->center) * with->inv_std;
  return dy * with->gain + (x_hat * with->slope + with->shift);
}

INLINED void gradient_values(const element *x, const element *dy, element *dx, int64_t count,
                             const cubn_coefficients *coefficients, bool stream) {
  const gradient_coefficients with = {
      vec_all((real)coefficients->center), vec_all((real)coefficients->inv_std),
      vec_all((real)coefficients->gain), vec_all((real)coefficients->slope),
      vec_all((real)coefficients->shift)};
  int64_t i = values_before_alignment(dx, count, stream);
  if (i) vec_store_part(dx, gradient_of(vec_load_part(x, i), vec_load_part(dy, i), &with), i);
  for (; i + STEP <= count; i += STEP) {
    vec v[SIDE];
    for (int k = 0; k < SIDE; ++k)
      v[k] = gradient_of(vec_load(x + i + k * LANES), vec_load(dy + i + k * LANES), &with);
    for (int k = 0; k < SIDE; ++k) put(dx + i + k * LANES, v[k], stream);
  }
  for (; i + LANES <= count; i += LANES)
    put(dx + i, gradient_of(vec_load(x + i), vec_load(dy + i), &with), stream);
  const int64_t left = count - i;
  if (left > 0)
    vec_store_part(
        dx + i, gradient_of(vec_load_part(x + i, left), vec_load_part(dy + i, left), &with), left);
}

static void run_gradient(const void *x, const void *dy, void *dx, int64_t count,
                         const cubn_coefficients *with, bool stream) {
  if (stream)
    gradient_values(x, dy, dx, count, with, true);
  else
    gradient_values(x, dy, dx, count, with, false);
}

#endif /* CUBN_CPU_KERNELS_RUNS_H */
