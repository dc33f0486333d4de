/* The table of fused kernels of one target and one element type. One loop serves runs, with
 * coefficients in registers, and grids, with those of the cache. What is fused is asked for once per
 * step of four vectors: such branches cost less than the memory they wait for. */
#include "cpu/kernels/fused_runs.h"

enum { GROUP_ROWS = CUBN_GRID_GROUP_ROWS, STRIPE_COLUMNS = CUBN_GRID_STRIPE };

/* One row after the other: four aside need fewer loads, but memory likes them less. */
INLINED void output_rows(const cubn_fused *it, task of) {
  static const cubn_coefficients none;
  const coefficients of_run = coefficients_of(of.columns ? &none : it->coef);
  const fusion f = fusion_of(it, of.which);
  for (int64_t r = 0; r < it->rows; ++r) {
    const place at = place_of(it, r);
    int64_t i = 0;
    for (; i + STEP <= it->width; i += STEP) step(it, &at, r, &of_run, &f, i, 0, of);
    if (i < it->width) output_tail(it, r, r + 1, i, it->width - i);
  }
}

INLINED void output_of_kind(const cubn_fused *it, bool backward, kind which) {
  if (it->columns && it->nontemporal)
    output_rows(it, (task){backward, true, true, which});
  else if (it->columns)
    output_rows(it, (task){backward, true, false, which});
  else if (it->nontemporal)
    output_rows(it, (task){backward, false, true, which});
  else
    output_rows(it, (task){backward, false, false, which});
}

INLINED void output_of_pass(const cubn_fused *it, bool backward) {
  switch (kind_of(it)) {
    case RELU:
      output_of_kind(it, backward, RELU);
      return;
    case RELU_NAN:
      output_of_kind(it, backward, RELU_NAN);
      return;
    case ADD_RELU:
      output_of_kind(it, backward, ADD_RELU);
      return;
    case ADD_RELU_NAN:
      if (!backward) output_of_kind(it, false, ADD_RELU_NAN);
      return;
    case SMOOTH: /* whose time is not in the stores */
      output_rows(it, (task){backward, it->columns, it->nontemporal, SMOOTH});
      return;
    case ANYTHING:
      if (it->columns)
        output_rows(it, (task){backward, true, it->nontemporal, ANYTHING});
      else
        output_rows(it, (task){backward, false, it->nontemporal, ANYTHING});
  }
}

static void output(const cubn_fused *it) {
  if (it->dy)
    output_of_pass(it, true);
  else
    output_of_pass(it, false);
}

typedef struct real_sums {
  real of[CUBN_RUN_SUMS_MAX][STRIPE_COLUMNS + CUBN_GRID_PADDING];
} real_sums;

INLINED void add_columns(const cubn_fused *it, const place *at, int rows, const fusion *f,
                         int64_t first, int64_t i, int64_t left, real_sums *sums) {
  decisions by[INTERLEAVED_ROWS];
  for (int r = 0; r < rows; ++r) {
    place row = *at;
    if (f->has.bits) row.bits += r * it->bits_stride;
    get_decisions(it, &row, NULL, f, first + i, left, true, &by[r]);
  }
  for (int k = 0; k < STEP_VECTORS && (!left || k * LANES < left); ++k) {
    const int64_t j = i + k * LANES;
    const coefficients coef = coefficients_at(it->columns, first + j);
    vec sum[CUBN_RUN_SUMS_MAX];
    for (int s = 0; s < CUBN_RUN_SUMS_MAX; ++s) sum[s] = vec_load_reals(&sums->of[s][j]);
    for (int r = 0; r < rows; ++r)
      sums_at(at, r * it->stride + first + j, part_of(left, k), &by[r], k, &coef, f, sum);
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
  const bool interleaved = which != SMOOTH && lie_apart;
  real_sums sums;
  for (int64_t first = 0; first < it->width; first += STRIPE_COLUMNS) {
    const int64_t width = it->width - first < STRIPE_COLUMNS ? it->width - first : STRIPE_COLUMNS;
    for (int s = 0; s < CUBN_RUN_SUMS_MAX; ++s)
      memset(sums.of[s], 0, (size_t)(width + LANES) * sizeof(real));
    for (int64_t r = 0; r < it->rows;) {
      const int64_t in_group = least(it->rows, r / GROUP_ROWS * GROUP_ROWS + GROUP_ROWS) - r;
      const int rows = interleaved ? (int)least(in_group, INTERLEAVED_ROWS) : 1;
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
  switch (kind_of(it)) {
    case RELU:
      grid_sums_of_kind(it, to, sum_stride, RELU);
      return;
    case RELU_NAN:
      grid_sums_of_kind(it, to, sum_stride, RELU_NAN);
      return;
    case ADD_RELU:
    case ADD_RELU_NAN: /* no kind of backward */
      grid_sums_of_kind(it, to, sum_stride, ADD_RELU);
      return;
    case SMOOTH:
      grid_sums_of_kind(it, to, sum_stride, SMOOTH);
      return;
    case ANYTHING:
      grid_sums_of_kind(it, to, sum_stride, ANYTHING);
  }
}

extern const cubn_fused_kernels CUBN_FUSED_KERNELS;
const cubn_fused_kernels CUBN_FUSED_KERNELS = {output, run_sums, joins, run_both, grid_sums};
