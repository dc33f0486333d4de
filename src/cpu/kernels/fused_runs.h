/* Fused kernels on runs, one or CUBN_INTERLEAVE: sums, alone or with the output of other runs. */
#ifndef CUBN_CPU_KERNELS_FUSED_RUNS_H
#define CUBN_CPU_KERNELS_FUSED_RUNS_H

#include "cpu/kernels/fused_output.h"

/* Adds up to a step of row r. Interleaved rows have their own sums; else each vector of a step
 * has its own. */
INLINED void add_step(const fused_row *row, int r, int64_t column, int64_t count, step_sums sums) {
  decisions decisions;
  prefetch_step(row, column, count, row->args->prefetch_x);
  prefetch_step(row, column, count, row->args->prefetch_dy);
  if (row->task.backward) decide_step(row, column, count, &decisions);
  for (int k = 0; k < vector_count(count); ++k) {
    const span span = span_of(column, count, k);
    vec *const first = &sums[0][row->task.interleaved ? r : k];
    if (row->task.backward)
      add_backward(row, span, &decisions, row->coef, first, STEP_VECTORS);
    else
      add_forward(row, span, row->coef, first, STEP_VECTORS);
  }
}

INLINED void add_tail_of_rows(const cubn_fused *args, int64_t first, int rows, int64_t column,
                              int64_t end, fused_task task, step_sums sums) {
  const coefficients coef = begin_coefficients(args, task);
  const fusion fusion = begin_fusion(args, task);
  const fused_row top = begin_row(args, &fusion, &coef, task);
  for (int r = 0; r < rows; ++r) {
    const fused_row row = row_below(&top, first + r);
    for (int64_t i = column; i < end; i += STEP) add_step(&row, r, i, least(end - i, STEP), sums);
  }
}

/* Adds the columns column .. end - 1, which are few, of one row or of STEP_VECTORS interleaved
 * rows. One copy serves all kinds. */
OUTLINED void add_tail(const cubn_fused *args, int64_t first, bool interleaved, int64_t column,
                       int64_t end, step_sums sums) {
  const fused_task forward = {.interleaved = interleaved, .kind = general_kind(args)};
  const fused_task backward = {
      .backward = true, .interleaved = interleaved, .kind = general_kind(args)};
  const int rows = interleaved ? STEP_VECTORS : 1;
  if (args->dy)
    add_tail_of_rows(args, first, rows, column, end, backward, sums);
  else
    add_tail_of_rows(args, first, rows, column, end, forward, sums);
}

/* The tail of the columns that go into doubles together. It gets a copy of the sums, because those
 * of the loops are in registers, and add_tail is a call. */
INLINED void finish_sums(const cubn_fused *args, int64_t first, int64_t column, int64_t end,
                         fused_task task, step_sums sums, double *totals) {
  step_sums copy;
  memcpy(copy, sums, sizeof copy);
  if (column < end) add_tail(args, first, task.interleaved, column, end, copy);
  flush_sums(copy, task.backward ? 3 : 2, totals);
}

/* The sums of row `first`, or of STEP_VECTORS interleaved rows from it on. */
INLINED void sum_rows(const cubn_fused *args, int64_t first, double *totals, fused_task task) {
  const coefficients coef = begin_coefficients(args, task);
  const fusion fusion = begin_fusion(args, task);
  const fused_row top = begin_row(args, &fusion, &coef, task);
  const fused_row first_row = row_below(&top, first);
  const interleaved_rows all = interleave(&first_row);
  for (int64_t i = 0, end; i < args->width; i = end) {
    step_sums sums = {{{0}}};
    end = i + least(args->width - i, values_per_flush(task.interleaved));
    for (; i + STEP <= end; i += STEP) {
      add_step(&all.rows[0], 0, i, STEP, sums);
      if (!task.interleaved) continue;
      add_step(&all.rows[1], 1, i, STEP, sums);
      add_step(&all.rows[2], 2, i, STEP, sums);
      add_step(&all.rows[3], 3, i, STEP, sums);
    }
    finish_sums(args, first, i, end, task, sums, totals);
  }
}

/* The sums of rows that are not interleaved, one row after the other. */
INLINED void sum_single_rows(const cubn_fused *args, double *totals, fused_kind kind) {
  for (int64_t r = 0; r < args->rows; ++r)
    sum_rows(args, r, totals, (fused_task){.backward = true, .kind = kind});
}

/* ---- sums together with output */

/* The rows that are summed, and those that are written. */
typedef struct joined_rows {
  interleaved_rows summed, written;
} joined_rows;

/* A step of row r: output from column o on, sums from column i on. */
INLINED void joined_step(const joined_rows *rows, int r, int64_t i, int64_t o, step_sums sums) {
  const fused_row *const written = &rows->written.rows[r];
  prefetch_step(written, o, STEP, written->args->prefetch_z);
  output_step(written, o, STEP);
  add_step(&rows->summed.rows[r], r, i, STEP, sums);
}

/* The sums of forward need x only. */
INLINED fusion sums_of_x(const fusion *all) {
  fusion fusion = *all;
  fusion.has = (features){.x = true};
  return fusion;
}

INLINED void join_rows(const cubn_fused *summed, double *totals, const cubn_fused *written,
                       fused_task task) {
  const coefficients summed_coef = begin_coefficients(summed, task);
  const coefficients written_coef = begin_coefficients(written, task);
  const fusion written_fusion = begin_fusion(written, task);
  const fusion summed_fusion = task.backward ? written_fusion : sums_of_x(&written_fusion);
  const fused_row summed_top = begin_row(summed, &summed_fusion, &summed_coef, task);
  task.nontemporal = written->nontemporal;
  const fused_row written_top = begin_row(written, &written_fusion, &written_coef, task);
  const joined_rows rows = {interleave(&summed_top), interleave(&written_top)};
  const int64_t width = summed->width;
  int64_t o = output_until_line(written);
  for (int64_t i = 0, end; i < width; i = end) {
    step_sums sums = {{{0}}};
    end = i + least(width - i, values_per_flush(true));
    for (; i + STEP <= end && o + STEP <= width; i += STEP, o += STEP) {
      joined_step(&rows, 0, i, o, sums);
      joined_step(&rows, 1, i, o, sums);
      joined_step(&rows, 2, i, o, sums);
      joined_step(&rows, 3, i, o, sums);
    }
    finish_sums(summed, 0, i, end, task, sums, totals);
  }
  output_tail_of_rows(written, o, width);
}

/* ---- the kernels */

/* Two outputs of four rows are too many streams of stores, where memory takes the time. */
static bool can_join(const cubn_fused *written) {
  const bool is_narrow = sizeof(element) == 2;
  const fused_kind kind = kind_of(written);
  return written->rows == STEP_VECTORS && is_special(kind) && !infers(kind) &&
         (is_narrow || !(written->dy && written->dz));
}

INLINED void join_rows_of_kind(const cubn_fused *summed, double *sums, const cubn_fused *written,
                               fused_kind kind) {
  if (summed->dy)
    join_rows(summed, sums, written,
              (fused_task){.backward = true, .interleaved = true, .kind = kind});
  else
    join_rows(summed, sums, written, (fused_task){.interleaved = true, .kind = kind});
}

static void run_joined(const cubn_fused *summed, double *sums, const cubn_fused *written) {
  switch (kind_of(written)) {
    case RELU:
      join_rows_of_kind(summed, sums, written, RELU);
      return;
    case RELU_NAN:
      join_rows_of_kind(summed, sums, written, RELU_NAN);
      return;
    case ADD_RELU:
      join_rows_of_kind(summed, sums, written, ADD_RELU);
      return;
    case ADD_RELU_NAN: /* not a kind of backward */
      if (!summed->dy)
        join_rows(summed, sums, written, (fused_task){.interleaved = true, .kind = ADD_RELU_NAN});
      return;
    case INFER_ADD_RELU: /* `can_join` excludes them. */
    case INFER_ADD_RELU_NAN:
    case SMOOTH:
    case ANYTHING:
      return;
  }
}

/* Interleaved rows have loops for the special kinds only. */
static void run_sums(const cubn_fused *args, double *sums) {
  const fused_kind kind = kind_of(args);
  if (kind == SMOOTH)
    sum_single_rows(args, sums, SMOOTH);
  else if (args->rows < STEP_VECTORS || kind == ANYTHING)
    sum_single_rows(args, sums, ANYTHING);
  else if (kind == RELU)
    sum_rows(args, 0, sums, (fused_task){.backward = true, .interleaved = true, .kind = RELU});
  else if (kind == RELU_NAN)
    sum_rows(args, 0, sums, (fused_task){.backward = true, .interleaved = true, .kind = RELU_NAN});
  else
    sum_rows(args, 0, sums, (fused_task){.backward = true, .interleaved = true, .kind = ADD_RELU});
}

#endif /* CUBN_CPU_KERNELS_FUSED_RUNS_H */
