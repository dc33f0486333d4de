/* Kernels without an epilogue on runs: one run, or CUBN_INTERLEAVE of them at the same time,
 * because memory is faster with several access streams. */
#ifndef CUBN_CPU_KERNELS_RUNS_H
#define CUBN_CPU_KERNELS_RUNS_H

#include "cpu/kernels/run_steps.h"

INLINED void output_values(const cubn_run_output *args, affine_task task) {
  const written_runs runs = begin_output(args, task);
  const int depth = step_depth(task);
  int64_t i = store_until_line(&runs);
  for (; i + depth * LANES <= runs.count; i += depth * LANES)
    for (int r = 0; r < run_count(task); ++r) store_vectors(&runs, r * runs.stride + i, depth);
  store_tail(&runs, i);
}

/* Sums of runs, together with the output of other runs of the same shape if the task says so. */
INLINED void sum_values(const cubn_run_input *args, const cubn_run_output *output_args,
                        affine_task task, double *totals) {
  const summed_runs summed = {args->x,
                              args->dy,
                              args->stride,
                              args->dy_stride ? args->dy_stride : args->stride,
                              args->count,
                              args->prefetch_distance,
                              args->dy_stride ? args->dy_distance : args->prefetch_distance,
                              run_coefficients(args->coef),
                              task};
  const written_runs written = begin_output(output_args, task);
  const int depth = step_depth(task), step = depth * LANES;
  int64_t o = task.output ? store_until_line(&written) : 0;
  for (int64_t i = 0; i < summed.count;) {
    const int64_t end = i + least(summed.count - i, values_per_flush(task.interleaved));
    step_sums sums = {{{0}}};
    if (task.output)
      for (; i + step <= end && o + step <= summed.count; i += step, o += step)
        joined_step(&summed, i, &written, o, sums);
    for (; i + step <= end; i += step) sum_step(&summed, i, depth, sums);
    for (; i + LANES <= end; i += LANES) sum_step(&summed, i, 1, sums);
    if (i < end) sum_tail(&summed, i, end - i, sums);
    i = end;
    flush_sums(sums, sum_count(task), totals);
  }
  if (task.output) store_tail(&written, o);
}

/* ---- the kernels: every function makes one more member of the task a constant */

INLINED void output_with_stores(const cubn_run_output *args, affine_task task) {
  if (args->nontemporal) {
    task.nontemporal = true;
    output_values(args, task);
  } else {
    output_values(args, task);
  }
}

INLINED void output_with_runs(const cubn_run_output *args, affine_task task) {
  if (args->runs == 1) {
    output_with_stores(args, task);
  } else {
    task.interleaved = true;
    output_with_stores(args, task);
  }
}

static void run_output(const cubn_run_output *args) {
  const bool backward = args->dy != NULL, centered = args->coef->center != 0;
  if (backward && args->coef->prescale != 1)
    output_with_runs(
        args, (affine_task){.output = true, .backward = true, .centered = true, .prescaled = true});
  else if (backward && centered)
    output_with_runs(args, (affine_task){.output = true, .backward = true, .centered = true});
  else if (backward)
    output_with_runs(args, (affine_task){.output = true, .backward = true});
  else if (centered)
    output_with_runs(args, (affine_task){.output = true, .centered = true});
  else
    output_with_runs(args, (affine_task){.output = true});
}

INLINED void sum_with_output(const cubn_run_input *summed, const cubn_run_output *written,
                             affine_task task, double *totals) {
  if (!written) {
    sum_values(summed, NULL, task, totals);
    return;
  }
  task.output = true;
  if (written->nontemporal) {
    task.nontemporal = true;
    sum_values(summed, written, task, totals);
  } else {
    sum_values(summed, written, task, totals);
  }
}

/* Sums that are prescaled, without output. */
INLINED void sum_prescaled(const cubn_run_input *summed, affine_task task, double *totals) {
  task.centered = task.prescaled = true;
  if (summed->runs == 1) {
    sum_values(summed, NULL, task, totals);
  } else {
    task.interleaved = true;
    sum_values(summed, NULL, task, totals);
  }
}

INLINED void sum_with_runs(const cubn_run_input *summed, const cubn_run_output *written,
                           affine_task task, double *totals) {
  if (summed->runs == 1) {
    sum_with_output(summed, written, task, totals);
  } else {
    task.interleaved = true;
    sum_with_output(summed, written, task, totals);
  }
}

static void run_sums(const cubn_run_input *summed, double *sums, const cubn_run_output *written) {
  const bool backward = summed->dy != NULL;
  const bool centered = summed->coef->center != 0 || (written && written->coef->center != 0);
  if (backward && cubn_is_prescaled(summed->coef))
    sum_prescaled(summed, (affine_task){.sums = true, .backward = true}, sums);
  else if (cubn_is_prescaled(summed->coef))
    sum_prescaled(summed, (affine_task){.sums = true}, sums);
  else if (backward && centered)
    sum_with_runs(summed, written, (affine_task){.sums = true, .backward = true, .centered = true},
                  sums);
  else if (backward)
    sum_with_runs(summed, written, (affine_task){.sums = true, .backward = true}, sums);
  else if (centered)
    sum_with_runs(summed, written, (affine_task){.sums = true, .centered = true}, sums);
  else
    sum_with_runs(summed, written, (affine_task){.sums = true}, sums);
}

#endif /* CUBN_CPU_KERNELS_RUNS_H */
