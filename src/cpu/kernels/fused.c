/* The table of fused kernels of one target and one element type. One loop serves runs, with their
 * coefficients in registers, and grids, with those of the columns in the cache. Features that are
 * no constants are tested once per step: the branches cost less than the memory accesses. */
#include "cpu/kernels/fused_runs.h"

/* ---- output */

INLINED void output_with_stores(const cubn_fused *args, fused_task task) {
  if (args->nontemporal) {
    task.nontemporal = true;
    output_rows(args, task);
  } else {
    output_rows(args, task);
  }
}

INLINED void output_kind(const cubn_fused *args, bool backward, fused_kind kind) {
  if (args->columns)
    output_with_stores(args, (fused_task){.backward = backward, .columns = true, .kind = kind});
  else
    output_with_stores(args, (fused_task){.backward = backward, .kind = kind});
}

/* Of calls that are not special, only the most important differences have loops of their own. */
INLINED void output_general(const cubn_fused *args, fused_task task) {
  task.nontemporal = args->nontemporal;
  output_rows(args, task);
}

INLINED void output_pass(const cubn_fused *args, bool backward) {
  switch (kind_of(args)) {
    case RELU:
      output_kind(args, backward, RELU);
      return;
    case RELU_NAN:
      output_kind(args, backward, RELU_NAN);
      return;
    case ADD_RELU:
      output_kind(args, backward, ADD_RELU);
      return;
    case ADD_RELU_NAN: /* not a kind of backward */
      if (!backward) output_kind(args, false, ADD_RELU_NAN);
      return;
    case INFER_ADD_RELU: /* the same */
      if (!backward) output_kind(args, false, INFER_ADD_RELU);
      return;
    case INFER_ADD_RELU_NAN:
      if (!backward) output_kind(args, false, INFER_ADD_RELU_NAN);
      return;
    case SMOOTH:
      output_general(args,
                     (fused_task){.backward = backward, .columns = args->columns, .kind = SMOOTH});
      return;
    case ANYTHING:
      if (args->columns)
        output_general(args, (fused_task){.backward = backward, .columns = true});
      else
        output_general(args, (fused_task){.backward = backward});
  }
}

static void output(const cubn_fused *args) {
  if (args->dy)
    output_pass(args, true);
  else
    output_pass(args, false);
}

/* ---- sums of columns */

enum { SUMS_COLUMNS = STRIPE_COLUMNS + CUBN_GRID_PADDING };

/* The columns first .. end - 1. Sum i of column j is sums[i][j - first], a real. */
typedef struct stripe {
  int64_t first, end;
  real (*sums)[SUMS_COLUMNS];
} stripe;

/* Adds up to a step of `rows` rows. */
INLINED void add_columns(const fused_row *top, int rows, int64_t column, int64_t count,
                         const stripe *stripe) {
  decisions decisions[INTERLEAVED_ROWS];
  for (int r = 0; r < rows; ++r) {
    const fused_row row = row_below(top, r);
    decide_step(&row, column, count, &decisions[r]);
  }
  for (int k = 0; k < vector_count(count); ++k) {
    const span span = span_of(column, count, k);
    const coefficients coef = coefficients_at(top, span.offset);
    const int64_t index = span.offset - stripe->first;
    vec sums[CUBN_RUN_SUMS_MAX];
    for (int i = 0; i < CUBN_RUN_SUMS_MAX; ++i) sums[i] = vec_load_reals(&stripe->sums[i][index]);
    for (int r = 0; r < rows; ++r)
      add_backward(top, span_below(span, r * top->args->stride), &decisions[r], &coef, sums, 1);
    for (int i = 0; i < CUBN_RUN_SUMS_MAX; ++i)
      memcpy(&stripe->sums[i][index], &sums[i], sizeof sums[i]);
  }
}

INLINED void add_rows(const fused_row *top, int rows, const stripe *stripe) {
  int64_t column = stripe->first;
  for (; column + STEP <= stripe->end; column += STEP) add_columns(top, rows, column, STEP, stripe);
  if (column < stripe->end) add_columns(top, rows, column, stripe->end - column, stripe);
}

INLINED void clear_stripe(const stripe *stripe) {
  for (int i = 0; i < CUBN_RUN_SUMS_MAX; ++i)
    memset(stripe->sums[i], 0, (size_t)(stripe->end - stripe->first + LANES) * sizeof(real));
}

/* The sums go into doubles and begin anew. */
INLINED void flush_stripe(const stripe *stripe, double *totals, int64_t total_stride) {
  for (int i = 0; i < CUBN_RUN_SUMS_MAX; ++i)
    for (int64_t j = 0; j < stripe->end - stripe->first; ++j) {
      totals[i * total_stride + stripe->first + j] += (double)stripe->sums[i][j];
      stripe->sums[i][j] = 0;
    }
}

INLINED void sum_stripes(const cubn_fused *args, double *totals, int64_t total_stride,
                         fused_kind kind) {
  const fused_task task = {.backward = true, .columns = true, .kind = kind};
  const coefficients coef = begin_coefficients(args, task);
  const fusion fusion = begin_fusion(args, task);
  const fused_row top = begin_row(args, &fusion, &coef, task);
  const bool are_apart = args->stride > args->width || args->width > ORDERED_COLUMNS;
  const bool interleaved = kind != SMOOTH && are_apart;
  real sums[CUBN_RUN_SUMS_MAX][SUMS_COLUMNS];
  for (int64_t first = 0; first < args->width; first += STRIPE_COLUMNS) {
    /* cppcheck-suppress legacyUninitvar ; clear_stripe is the first to use them */
    const stripe stripe = {first, least(args->width, first + STRIPE_COLUMNS), sums};
    clear_stripe(&stripe);
    for (int64_t r = 0; r < args->rows;) {
      const int64_t group_rows = least(args->rows, r / GROUP_ROWS * GROUP_ROWS + GROUP_ROWS) - r;
      const int rows = interleaved ? (int)least(group_rows, INTERLEAVED_ROWS) : 1;
      const fused_row row = row_below(&top, r);
      add_rows(&row, rows, &stripe);
      r += rows;
      if (r % GROUP_ROWS == 0 || r == args->rows) flush_stripe(&stripe, totals, total_stride);
    }
  }
}

static void grid_sums(const cubn_fused *args, double *sums, int64_t sum_stride) {
  switch (kind_of(args)) {
    case RELU:
      sum_stripes(args, sums, sum_stride, RELU);
      return;
    case RELU_NAN:
      sum_stripes(args, sums, sum_stride, RELU_NAN);
      return;
    case ADD_RELU:
    case ADD_RELU_NAN: /* not a kind of backward */
      sum_stripes(args, sums, sum_stride, ADD_RELU);
      return;
    case SMOOTH:
      sum_stripes(args, sums, sum_stride, SMOOTH);
      return;
    case INFER_ADD_RELU:
    case INFER_ADD_RELU_NAN:
    case ANYTHING:
      sum_stripes(args, sums, sum_stride, ANYTHING);
  }
}

extern const cubn_fused_kernels CUBN_FUSED_KERNELS;
const cubn_fused_kernels CUBN_FUSED_KERNELS = {output, run_sums, can_join, run_joined, grid_sums};
