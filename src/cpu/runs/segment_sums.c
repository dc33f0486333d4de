/* Sums of segments. */
#include "cpu/runs/segment_sums.h"

#include "cpu/fast/epilogue.h"
#include "cpu/fast/gaps.h"

void cubn_segment_sums(const cubn_call *call, const cubn_block *next, const cubn_segment *segment,
                       int64_t first, int64_t count, double *lanes, const cubn_run_output *out) {
  const bool backward = call->sums == 3;
  const int64_t offset = segment->next + first;
  const cubn_coefficients coef = cubn_fast_sum_coefficients(&next->channels, segment->channel);
  if (backward && call->fusion.decides) {
    cubn_fused shape = {
        .rows = segment->runs, .width = count, .stride = segment->stride, .coef = &coef};
    if (segment->prefetch_distance)
      shape.prefetch_dy =
          cubn_element_at(call, call->args->dy, offset + segment->prefetch_distance);
    cubn_epilogue_sums(call, &shape, offset, lanes, 0);
    return;
  }
  if (call->places) {
    const cubn_window runs = {offset, segment->runs, segment->stride, count};
    cubn_gaps_run_sums(call, &runs, &coef, segment->prefetch_distance, lanes);
    return;
  }
  const cubn_run_input in = {.x = cubn_element_at(call, call->args->x, offset),
                             .dy = backward ? cubn_element_at(call, call->args->dy, offset) : NULL,
                             .runs = segment->runs,
                             .stride = segment->stride,
                             .count = count,
                             .coef = &coef,
                             .prefetch_distance = segment->prefetch_distance};
  call->kernels->run_sums(&in, lanes, out);
}

bool cubn_runs_share_alignment(const cubn_call *call, int64_t runs, int64_t stride) {
  if (call->places) return false;
  return !call->nontemporal || runs == 1 || stride * call->element_bytes % CUBN_LINE_BYTES == 0;
}
