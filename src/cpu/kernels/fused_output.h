/* Output of the fused kernels: row after row, or some rows at the same time. */
#ifndef CUBN_CPU_KERNELS_FUSED_OUTPUT_H
#define CUBN_CPU_KERNELS_FUSED_OUTPUT_H

#include "cpu/kernels/fused_steps.h"

/* Consecutive rows. They are initialized one by one, because the compiler keeps an array in
 * registers only if all its indices are constants. */
typedef struct interleaved_rows {
  fused_row rows[STEP_VECTORS];
} interleaved_rows;

INLINED interleaved_rows interleave(const fused_row *top) {
  return (interleaved_rows){
      {row_below(top, 0), row_below(top, 1), row_below(top, 2), row_below(top, 3)}};
}

/* The columns column .. end - 1, which are few, of all rows. */
INLINED void output_tail_of_rows(const cubn_fused *args, int64_t column, int64_t end) {
  for (; column < end; column += STEP)
    output_tail(args, 0, STEP_VECTORS, column, least(end - column, STEP));
}

/* Before non-temporal stores: the columns up to the first cache line, a part of a vector and then
 * whole ones. Returns how many. */
INLINED int64_t output_until_line(const cubn_fused *args) {
  const uintptr_t excess = (uintptr_t)args->output % CUBN_LINE_BYTES;
  const int64_t before = LINE_VALUES - (int64_t)(excess / sizeof(element));
  if (!args->nontemporal || excess == 0) return 0;
  output_tail_of_rows(args, 0, least(before % LANES, args->width));
  output_tail_of_rows(args, before % LANES, least(before, args->width));
  return least(before, args->width);
}

/* A step of up to STEP values of each row. */
INLINED void interleaved_step(const interleaved_rows *all, int64_t column, int64_t count) {
  prefetching_step(&all->rows[0], column, count);
  prefetching_step(&all->rows[1], column, count);
  prefetching_step(&all->rows[2], column, count);
  prefetching_step(&all->rows[3], column, count);
}

/* STEP_VECTORS rows from row `r` on at the same time, from `column` on: memory is faster with
 * several access streams, if each has some cache lines in turn. */
INLINED void output_interleaved(const fused_row *top, int64_t r, int64_t column) {
  const cubn_fused *const args = top->args;
  const fused_row first = row_below(top, r);
  const interleaved_rows all = interleave(&first);
  for (; column + STEP <= args->width; column += STEP) interleaved_step(&all, column, STEP);
  for (; column + LANES <= args->width; column += LANES) interleaved_step(&all, column, LANES);
  if (column < args->width) output_tail(args, r, r + STEP_VECTORS, column, args->width - column);
}

/* One row from `column` on. */
INLINED void output_row(const fused_row *top, int64_t r, int64_t column) {
  const cubn_fused *const args = top->args;
  const fused_row row = row_below(top, r);
  for (; column + STEP <= args->width; column += STEP) prefetching_step(&row, column, STEP);
  if (column < args->width) output_tail(args, r, r + 1, column, args->width - column);
}

/* Whether the loop works on STEP_VECTORS rows at the same time: runs, of what is frequent and
 * writes no bits, as those of single vectors are no whole bytes. The code of all others would
 * be large: docs/DECISIONS.md. */
INLINED bool interleaves(fused_task task) {
  const bool is_frequent = task.kind == RELU || task.kind == RELU_NAN || infers(task.kind);
  return HAS_RARE_LOOPS && is_frequent && !task.backward && !task.columns;
}

/* Runs may begin within a cache line if they are STEP_VECTORS. */
INLINED void output_rows(const cubn_fused *args, fused_task task) {
  const coefficients coef = begin_coefficients(args, task);
  const fusion fusion = begin_fusion(args, task);
  const fused_row top = begin_row(args, &fusion, &coef, task);
  const bool are_runs = !task.columns && args->rows == STEP_VECTORS;
  const int64_t column = are_runs ? output_until_line(args) : 0;
  int64_t r = 0;
  if (interleaves(task))
    for (; r + STEP_VECTORS <= args->rows; r += STEP_VECTORS) output_interleaved(&top, r, column);
  for (; r < args->rows; ++r) output_row(&top, r, column);
}

#endif /* CUBN_CPU_KERNELS_FUSED_OUTPUT_H */
