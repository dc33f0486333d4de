/* Steps over segments, with an epilogue. */
#include "cpu/common/arith.h"
#include "cpu/fast/epilogue.h"
#include "cpu/fast/exact.h"
#include "cpu/fast/settle.h"
#include "cpu/runs/segment_sums.h"

enum { EPILOGUE_TILE = 4 * CUBN_SEGMENT_TILE };

/* Values until a byte of the mask begins. */
static int64_t values_before_mask_byte(const cubn_call *call, int64_t offset) {
  const cubn_mask *const mask = &call->problem->mask;
  return -cubn_mask_bit(mask, offset / mask->row, offset) & 7;
}

cubn_output_range cubn_get_output_range(const cubn_call *call, int64_t offset, int64_t begin,
                                        int64_t count) {
  cubn_output_range range = {0, count};
  if (call->problem->reserve != CUBN_RESERVE_MASK) return range;
  const int64_t shift = values_before_mask_byte(call, offset);
  if (begin > 0) range.first = cubn_min(shift, count);
  if (begin + count < call->problem->s)
    range.end = cubn_min(count + shift, call->problem->s - begin);
  return range;
}

/* Values until a tile may begin: at a cache line for non-temporal stores, or at a byte of the
 * mask. */
static int64_t values_before_tiles(const cubn_call *call, int64_t offset) {
  if (call->nontemporal) return cubn_values_before_alignment(call, offset);
  if (call->problem->reserve != CUBN_RESERVE_MASK) return 0;
  return values_before_mask_byte(call, offset);
}

/* With an epilogue: forms sums and writes output in one loop. False if there is none for it. */
static bool step_joined(const cubn_call *call, const cubn_block *current, const cubn_block *next,
                        const cubn_segment *segment, double *lanes) {
  const bool backward = call->problem->pass == CUBN_PASS_BACKWARD;
  const int64_t distance = segment->prefetch_distance, channel = segment->channel;
  if (!current || !next || !cubn_runs_share_alignment(call, segment->runs, segment->stride))
    return false;
  const bool is_nan = current->channels.is_nan[channel] != 0;
  if (current->channels.needs_double[channel] != 0 || backward != (call->sums == 3)) return false;
  if (current->channels.any_prescaled || next->channels.any_prescaled) return false;
  const cubn_coefficients in_coef = cubn_fast_sum_coefficients(&next->channels, channel);
  const cubn_coefficients out_coef = cubn_fast_coefficients(&current->channels, channel);
  cubn_fused in = {
      .rows = segment->runs, .width = segment->count, .stride = segment->stride, .coef = &in_coef};
  cubn_fused out = in;
  out.coef = &out_coef;
  out.nontemporal = call->nontemporal && !is_nan;
  if (distance) in.prefetch_x = cubn_element_at(call, call->args->x, segment->next + distance);
  if (distance && backward)
    in.prefetch_dy = cubn_element_at(call, call->args->dy, segment->next + distance);
  if (distance && call->problem->adds && !backward)
    out.prefetch_z = cubn_element_at(call, call->args->z, segment->current + distance);
  if (!cubn_epilogue_sum_and_output(call, &in, segment->next, lanes, &out, segment->current))
    return false;
  if (is_nan) cubn_settle_output(call, cubn_segment_values(segment));
  return true;
}

/* With an epilogue: writes values first .. end - 1 of run `r`, shifted to where cache lines or
 * bytes of the mask begin. */
static void write_epilogue(const cubn_call *call, const cubn_block *current, const cubn_block *next,
                           const cubn_segment *segment, int64_t r, int64_t first, int64_t end) {
  const bool backward = call->problem->pass == CUBN_PASS_BACKWARD;
  const cubn_coefficients coef = cubn_fast_coefficients(&current->channels, segment->channel);
  const int64_t offset = segment->current + r * segment->stride;
  const int64_t distance = r * segment->stride + segment->prefetch_distance + first;
  const cubn_output_range range =
      cubn_get_output_range(call, offset, segment->begin, segment->count);
  const int64_t lead = range.first + values_before_tiles(call, offset + range.first);
  const int64_t begin = first == 0 ? range.first : cubn_min(first + lead, range.end);
  const int64_t until = end == segment->count ? range.end : cubn_min(end + lead, range.end);
  const cubn_patch values = {offset + begin, 1, 0, until - begin, 1};
  const bool is_nan = current->channels.is_nan[segment->channel] != 0;
  cubn_fused shape = {
      .rows = 1, .width = values.count, .coef = &coef, .nontemporal = call->nontemporal && !is_nan};
  if (next && (backward || !call->problem->adds))
    shape.prefetch_x = cubn_element_at(call, call->args->x, segment->next + distance);
  if (next && call->problem->adds && !backward)
    shape.prefetch_z = cubn_element_at(call, call->args->z, segment->current + distance);
  if (next && backward && !call->fusion.decides)
    shape.prefetch_dy = cubn_element_at(call, call->args->dy, segment->next + distance);
  if (values.count <= 0) return;
  if (current->channels.needs_double[segment->channel] != 0) {
    cubn_exact_output(call, values, &coef);
    return;
  }
  cubn_epilogue_output(call, &shape, values.offset);
  if (is_nan) cubn_settle_output(call, values);
}

/* With an epilogue: forms sums and writes output, in one loop or alternating. Both prefetch what
 * will be summed, so that memory never waits: x (or z) while output is written, dy while sums are
 * formed. */
void cubn_segment_step_fused(const cubn_call *call, const cubn_block *current,
                             const cubn_block *next, const cubn_segment *segment, double *lanes) {
  const int64_t tile = segment->runs == 1 ? EPILOGUE_TILE : CUBN_SEGMENT_TILE;
  if (segment->runs > 1 && step_joined(call, current, next, segment, lanes)) return;
  for (int64_t first = 0; first < segment->count; first += tile) {
    const int64_t end = cubn_min(first + tile, segment->count);
    for (int64_t r = 0; current && r < segment->runs; ++r)
      write_epilogue(call, current, next, segment, r, first, end);
    if (next) cubn_segment_sums(call, next, segment, first, end - first, lanes, NULL);
  }
}
