/* Steps over segments. */
#include "cpu/runs/segment_sums.h"

#include "cpu/common/arith.h"
#include "cpu/fast/epilogue.h"
#include "cpu/fast/exact.h"
#include "cpu/fast/gaps.h"
#include "cpu/fast/parts.h"
#include "cpu/fast/settle.h"

cubn_run_output cubn_make_run_output(const cubn_call *call, int64_t offset, int64_t count,
                                     const cubn_coefficients *coef) {
  const bool backward = call->problem->pass == CUBN_PASS_BACKWARD;
  return (cubn_run_output){.x = cubn_element_at(call, call->args->x, offset),
                           .dy = backward ? cubn_element_at(call, call->args->dy, offset) : NULL,
                           .output = cubn_output_at(call, offset),
                           .runs = 1,
                           .count = count,
                           .coef = coef,
                           .nontemporal = call->nontemporal};
}

void cubn_write_run(const cubn_call *call, int64_t offset, int64_t count,
                    const cubn_coefficients *coef) {
  if (call->places) {
    cubn_gaps_run_output(call, offset, count, coef);
    return;
  }
  const cubn_run_output out = cubn_make_run_output(call, offset, count, coef);
  call->kernels->run_output(&out);
}

/* Writes values first .. end - 1 of every run, if possible from and to the begin of a cache
 * line. */
static void write_aligned(const cubn_call *call, const cubn_segment *segment,
                          const cubn_coefficients *coef, int64_t first, int64_t end) {
  const cubn_window parts = {segment->current + first, segment->runs, segment->stride, end - first};
  if (call->places && cubn_write_parts(call, &parts, coef, segment->prefetch_distance)) return;
  for (int64_t r = 0; r < segment->runs; ++r) {
    const int64_t offset = segment->current + r * segment->stride;
    const int64_t lead = cubn_values_before_alignment(call, offset);
    const int64_t begin = first > 0 ? cubn_min(first + lead, segment->count) : 0;
    const int64_t count = cubn_min(end + lead, segment->count) - begin;
    if (count > 0) cubn_write_run(call, offset + begin, count, coef);
  }
}

/* Alternates between sums and output, where cache lines begin at other values of every run. The
 * tiles of sums begin at the same values all the same, because these decide their bits. */
static void step_alternating(const cubn_call *call, const cubn_block *next,
                             const cubn_segment *segment, const cubn_coefficients *coef,
                             double *lanes) {
  for (int64_t first = 0; first < segment->count; first += CUBN_SEGMENT_TILE) {
    const int64_t end = cubn_min(first + CUBN_SEGMENT_TILE, segment->count);
    if (next) cubn_segment_sums(call, next, segment, first, end - first, lanes, NULL);
    write_aligned(call, segment, coef, first, end);
  }
}

/* Sums and output of tensors that are not packed, in one loop; false if they do not lie in memory
 * as the kernel wants them. */
static bool step_in_memory(const cubn_call *call, const cubn_block *next,
                           const cubn_segment *segment, const cubn_coefficients *coef,
                           double *lanes) {
  const cubn_window written = {segment->current, segment->runs, segment->stride, segment->count};
  const cubn_window summed = {segment->next, segment->runs, segment->stride, segment->count};
  cubn_run_output out = {.coef = coef};
  cubn_coefficients in_coef;
  cubn_run_input in = {.coef = &in_coef, .prefetch_distance = segment->prefetch_distance};
  if (call->panel || !cubn_gaps_map_output(call, &written, &out)) return false;
  if (out.nontemporal && out.runs > 1 && out.stride * call->element_bytes % CUBN_LINE_BYTES != 0)
    return false;
  if (!next) {
    call->kernels->run_output(&out);
    return true;
  }
  /* Their distance from each other is the same in both blocks, or the arrays are mapped again. */
  if ((call->sums == 3) != (out.dy != NULL) || !cubn_gaps_map_input(call, &summed, &in) ||
      in.stride != out.stride)
    return false;
  in_coef = cubn_fast_sum_coefficients(&next->channels, segment->channel);
  const bool can_join = !cubn_is_prescaled(&in_coef) && !cubn_is_prescaled(coef);
  if (!can_join) call->kernels->run_output(&out);
  call->kernels->run_sums(&in, lanes, can_join ? &out : NULL);
  return true;
}

static void step_plain(const cubn_call *call, const cubn_block *current, const cubn_block *next,
                       const cubn_segment *segment, double *lanes) {
  if (!current) {
    cubn_segment_sums(call, next, segment, 0, segment->count, lanes, NULL);
    return;
  }
  const cubn_coefficients coef = cubn_fast_coefficients(&current->channels, segment->channel);
  cubn_run_output out = cubn_make_run_output(call, segment->current, segment->count, &coef);
  out.runs = segment->runs;
  out.stride = segment->stride;
  const bool is_nan = current->channels.is_nan[segment->channel] != 0;
  if (current->channels.needs_double[segment->channel] != 0 || is_nan) {
    if (is_nan)
      cubn_settle_output(call, cubn_segment_values(segment));
    else
      cubn_exact_output(call, cubn_segment_values(segment), &coef);
    if (next) cubn_segment_sums(call, next, segment, 0, segment->count, lanes, NULL);
  } else if (call->places && step_in_memory(call, next, segment, &coef, lanes)) {
    return;
  } else if (!cubn_runs_share_alignment(call, segment->runs, segment->stride)) {
    step_alternating(call, next, segment, &coef, lanes);
  } else if (!next) {
    call->kernels->run_output(&out);
  } else if (current->channels.any_prescaled || next->channels.any_prescaled) {
    call->kernels->run_output(&out);
    cubn_segment_sums(call, next, segment, 0, segment->count, lanes, NULL);
  } else {
    cubn_segment_sums(call, next, segment, 0, segment->count, lanes, &out);
  }
}

void cubn_segment_step(const cubn_call *call, const cubn_block *current, const cubn_block *next,
                       const cubn_segment *segment, double *lanes) {
  if (call->has_epilogue)
    cubn_segment_step_fused(call, current, next, segment, lanes);
  else
    step_plain(call, current, next, segment, lanes);
}
