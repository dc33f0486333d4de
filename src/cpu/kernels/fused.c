/* The table of fused kernels of one target and one element type. One loop serves runs, with
 * coefficients in registers, and grids, with those of the cache. What is fused is asked for once per
 * step of four vectors: such branches cost less than the memory they wait for. */
#include "cpu/kernels/fused.h"

#include "cpu/kernels/smooth.h"

enum { GROUP_ROWS = CUBN_GRID_GROUP_ROWS, STRIPE_COLUMNS = CUBN_GRID_STRIPE };

/* y of vector k, and its bits. */
INLINED vec forward_at(const place *at, int64_t i, int64_t part, const coefficients *with,
                       const fusion *f, int k, uint64_t *bits) {
  vec p = input_at(at, i, part, with, f);
  if (f->has.bits) *bits |= flags_to_bits(passes(p, f)) << k * LANES;
  if (f->has.decides) p = activated(p, f);
  return f->has.scales ? p * f->alpha : p;
}

/* What is written of vector k of a step, at j; bits are those of the step's row. */
INLINED void output_vector(const cubn_fused *it, const place *at, int64_t j, int64_t part, int k,
                           const coefficients *with, const fusion *f, task of, uint64_t *bits) {
  vec v, dp = {0};
  if (of.backward) {
    const vec x = at->x ? load_lanes(at->x + j, part) : (vec){0};
    dp = dp_at(at, x, j, part, *bits, k, with, f);
    v = backward_at(x, f->has.dx_needs_x, dp, with);
  } else {
    v = forward_at(at, j, part, with, f, k, bits);
  }
  if (f->has.blends) v += f->beta * load_lanes(at->output + j, part);
  if (of.backward && f->has.dz) put_lanes(at->dz + j, dp, part, of.stream && it->stream_dz);
  if (f->has.output) put_lanes(at->output + j, v, part, of.stream);
}

/* One step, from column i on; `left` values if it is not 0. */
INLINED void output_step(const cubn_fused *it, const place *at, const coefficients *of_run,
                         const fusion *f, int64_t i, int64_t left, task of) {
  const int64_t count = left ? left : STEP;
  uint64_t bits = of.backward && f->has.bits ? get_bits(at->bits + i / 8, count) : 0;
  for (int k = 0; k < SIDE && (!left || k * LANES < left); ++k) {
    const int64_t j = i + k * LANES;
    const coefficients with = get_coefficients(it, of_run, j, of);
    output_vector(it, at, j, part_of(left, k), k, &with, f, of, &bits);
  }
  if (!of.backward && f->has.bits) put_bits(at->bits + i / 8, bits, count);
}

INLINED void prefetch_step(const void *from, int64_t i) {
  if (from) prefetch((const element *)from + i, STEP * (int64_t)sizeof(element));
}

INLINED void fetch(const cubn_fused *it, int64_t r, int64_t i, task of) {
  prefetch_step(it->ahead_x, r * it->stride + i);
  prefetch_step(it->ahead_dy, r * it->stride + i);
  if (!of.backward) prefetch_step(it->ahead_z, r * it->stride + i);
}

/* A step of row r, which begins at `at`. */
INLINED void step(const cubn_fused *it, const place *at, int64_t r, const coefficients *of_run,
                  const fusion *f, int64_t i, int64_t left, task of) {
  fetch(it, r, i, of);
  if (of.which != SMOOTH)
    output_step(it, at, of_run, f, i, left, of);
  else if (of.backward)
    smooth_backward(it, at, of_run, f, i, left, of);
  else
    smooth_forward(it, at, of_run, f, i, left, of);
}

/* One row after the other: four aside need fewer loads, but memory likes them less. */
INLINED void output_rows(const cubn_fused *it, task of) {
  static const cubn_coefficients none;
  const coefficients of_run = coefficients_of(of.columns ? &none : it->with);
  const fusion f = fusion_of(it, of.which);
  for (int64_t r = 0; r < it->rows; ++r) {
    const place at = place_of(it, r);
    int64_t i = 0;
    for (; i + STEP <= it->width; i += STEP) step(it, &at, r, &of_run, &f, i, 0, of);
    if (i < it->width) step(it, &at, r, &of_run, &f, i, it->width - i, of);
  }
}

INLINED void output_of_kind(const cubn_fused *it, bool backward, kind which) {
  if (it->columns && it->stream)
    output_rows(it, (task){backward, true, true, which});
  else if (it->columns)
    output_rows(it, (task){backward, true, false, which});
  else if (it->stream)
    output_rows(it, (task){backward, false, true, which});
  else
    output_rows(it, (task){backward, false, false, which});
}

INLINED void output_of_pass(const cubn_fused *it, bool backward) {
  switch (kind_of(it)) {
    case RELU:
      output_of_kind(it, backward, RELU);
      return;
    case ADD_RELU:
      output_of_kind(it, backward, ADD_RELU);
      return;
    case SMOOTH: /* whose time is not in the stores */
      output_rows(it, (task){backward, it->columns, it->stream, SMOOTH});
      return;
    case ANYTHING:
      if (it->columns)
        output_rows(it, (task){backward, true, it->stream, ANYTHING});
      else
        output_rows(it, (task){backward, false, it->stream, ANYTHING});
  }
}

static void output(const cubn_fused *it) {
  if (it->dy)
    output_of_pass(it, true);
  else
    output_of_pass(it, false);
}

/* What decides on the values of a step: bits, or slopes. */
typedef struct decisions {
  uint64_t bits;
  vec slopes[SIDE];
} decisions;

INLINED void get_decisions(const cubn_fused *it, const place *at, const coefficients *of_run,
                           const fusion *f, int64_t i, int64_t left, bool columns, decisions *to) {
  if (f->has.curve) get_slopes(it, at, of_run, f, i, left, (task){.columns = columns}, to->slopes);
  to->bits = f->has.bits ? get_bits(at->bits + i / 8, left ? left : STEP) : 0;
}

/* dp as it is summed: 0 in lanes that are not used. */
INLINED vec summed_dp(const place *at, vec x, int64_t i, int64_t part, const decisions *by, int k,
                      const coefficients *with, const fusion *f) {
  if (!f->has.curve) return dp_at(at, x, i, part, by->bits, k, with, f);
  const vec dp = vec_rounded(load_lanes(at->dy + i, part) * by->slopes[k]);
  return part ? vec_first(dp, part) : dp;
}

/* Adds vector k of a step to sums. Lanes that are not used add nothing. */
INLINED void sums_at(const place *at, int64_t i, int64_t part, const decisions *by, int k,
                     const coefficients *with, const fusion *f, vec sums[CUBN_RUN_SUMS_MAX]) {
  const vec x = load_lanes(at->x + i, part);
  const vec dp = summed_dp(at, x, i, part, by, k, with, f);
  vec centered = x - with->center;
  if (part) centered = vec_first(centered, part);
  sums[0] += dp;
  sums[1] = vec_multiply_add(dp, centered, sums[1]);
  sums[2] += centered;
}

INLINED void add_step(const cubn_fused *it, const place *at, int64_t i, int64_t left,
                      const coefficients *with, const fusion *f,
                      vec sums[SIDE][CUBN_RUN_SUMS_MAX]) {
  decisions by;
  prefetch_step(it->ahead_dy, i);
  get_decisions(NULL, at, with, f, i, left, false, &by);
  for (int k = 0; k < SIDE && (!left || k * LANES < left); ++k)
    sums_at(at, i + k * LANES, part_of(left, k), &by, k, with, f, sums[k]);
}

INLINED void run_sums_of_kind(const cubn_fused *it, double *to, kind which) {
  const coefficients with = coefficients_of(it->with);
  const fusion f = fusion_of(it, which);
  const place at = place_of(it, 0);
  for (int64_t i = 0; i < it->width;) {
    vec sums[SIDE][CUBN_RUN_SUMS_MAX] = {{{0}}};
    int64_t end = i + SUM_STEPS * STEP;
    if (end > it->width) end = it->width;
    for (; i + STEP <= end; i += STEP) add_step(it, &at, i, 0, &with, &f, sums);
    if (i < end) add_step(it, &at, i, end - i, &with, &f, sums);
    i = end;
    for (int s = 0; s < CUBN_RUN_SUMS_MAX; ++s)
      vec_add_to(to + s * LANES, (sums[0][s] + sums[1][s]) + (sums[2][s] + sums[3][s]));
  }
}

static void run_sums(const cubn_fused *it, double *to) {
  if (it->fusion->curve)
    run_sums_of_kind(it, to, SMOOTH);
  else
    run_sums_of_kind(it, to, ANYTHING);
}

typedef struct real_sums {
  real of[CUBN_RUN_SUMS_MAX][STRIPE_COLUMNS + CUBN_GRID_PADDING];
} real_sums;

INLINED void add_columns(const cubn_fused *it, const place *at, int rows, const fusion *f,
                         int64_t first, int64_t i, int64_t left, real_sums *sums) {
  decisions by[SIDE_ROWS];
  for (int r = 0; r < rows; ++r) {
    place row = *at;
    if (f->has.bits) row.bits += r * it->bits_stride;
    get_decisions(it, &row, NULL, f, first + i, left, true, &by[r]);
  }
  for (int k = 0; k < SIDE && (!left || k * LANES < left); ++k) {
    const int64_t j = i + k * LANES;
    const coefficients with = coefficients_at(it->columns, first + j);
    vec sum[CUBN_RUN_SUMS_MAX];
    for (int s = 0; s < CUBN_RUN_SUMS_MAX; ++s) sum[s] = vec_load_reals(&sums->of[s][j]);
    for (int r = 0; r < rows; ++r)
      sums_at(at, r * it->stride + first + j, part_of(left, k), &by[r], k, &with, f, sum);
    for (int s = 0; s < CUBN_RUN_SUMS_MAX; ++s) memcpy(&sums->of[s][j], &sum[s], sizeof sum[s]);
  }
}

/* Sums of reals go into doubles. */
INLINED void flush(real_sums *sums, int64_t width, double *to, int64_t sum_stride) {
  for (int s = 0; s < CUBN_RUN_SUMS_MAX; ++s)
    for (int64_t j = 0; j < width; ++j) {
      to[s * sum_stride + j] += (double)sums->of[s][j];
      sums->of[s][j] = 0;
    }
}

INLINED void grid_sums_of_kind(const cubn_fused *it, double *to, int64_t sum_stride, kind which) {
  const fusion f = fusion_of(it, which);
  const bool lie_apart = it->stride > it->width || it->width > CUBN_GRID_ORDERED_COLUMNS;
  const bool aside = which != SMOOTH && lie_apart;
  real_sums sums;
  for (int64_t first = 0; first < it->width; first += STRIPE_COLUMNS) {
    const int64_t width = it->width - first < STRIPE_COLUMNS ? it->width - first : STRIPE_COLUMNS;
    for (int s = 0; s < CUBN_RUN_SUMS_MAX; ++s)
      memset(sums.of[s], 0, (size_t)(width + LANES) * sizeof(real));
    for (int64_t r = 0; r < it->rows;) {
      const int64_t in_group = least(it->rows, r / GROUP_ROWS * GROUP_ROWS + GROUP_ROWS) - r;
      const int rows = aside ? (int)least(in_group, SIDE_ROWS) : 1;
      const place at = place_of(it, r);
      int64_t i = 0;
      for (; i + STEP <= width; i += STEP) add_columns(it, &at, rows, &f, first, i, 0, &sums);
      if (i < width) add_columns(it, &at, rows, &f, first, i, width - i, &sums);
      r += rows;
      if (r % GROUP_ROWS == 0 || r == it->rows) flush(&sums, width, to + first, sum_stride);
    }
  }
}

static void grid_sums(const cubn_fused *it, double *to, int64_t sum_stride) {
  if (it->fusion->curve)
    grid_sums_of_kind(it, to, sum_stride, SMOOTH);
  else
    grid_sums_of_kind(it, to, sum_stride, ANYTHING);
}

extern const cubn_fused_kernels CUBN_FUSED_KERNELS;
const cubn_fused_kernels CUBN_FUSED_KERNELS = {output, run_sums, grid_sums};
