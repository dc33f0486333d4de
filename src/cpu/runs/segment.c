/* Steps over segments. */
#include "cpu/runs/segment.h"

#include "cpu/common/arith.h"
#include "cpu/fast/epilogue.h"
#include "cpu/fast/exact.h"
#include "cpu/fast/gaps.h"

/* Values of a tile, where sums and output alternate tile by tile: as many as kernels sum before the
 * sums go to doubles, or a multiple of them. */
enum { TILE_VALUES = 28 * 64, EPILOGUE_TILE = 4 * TILE_VALUES };

/* Adds values first .. first + count - 1 to the lanes of the next block's sums, and computes `out`
 * at the same time unless it is NULL. */
static void sum_values(const cubn_call *call, const cubn_block *next, const cubn_segment *segment,
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
  for (int64_t first = 0; first < segment->count; first += TILE_VALUES) {
    const int64_t end = cubn_min(first + TILE_VALUES, segment->count);
    if (next) sum_values(call, next, segment, first, end - first, lanes, NULL);
    write_aligned(call, segment, coef, first, end);
  }
}

bool cubn_runs_share_alignment(const cubn_call *call, int64_t runs, int64_t stride) {
  if (call->places) return false;
  return !call->nontemporal || runs == 1 || stride * call->element_bytes % CUBN_LINE_BYTES == 0;
}

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
  if (current->channels.needs_double[channel] != 0 || backward != (call->sums == 3)) return false;
  if (current->channels.any_prescaled || next->channels.any_prescaled) return false;
  const cubn_coefficients in_coef = cubn_fast_sum_coefficients(&next->channels, channel);
  const cubn_coefficients out_coef = cubn_fast_coefficients(&current->channels, channel);
  cubn_fused in = {
      .rows = segment->runs, .width = segment->count, .stride = segment->stride, .coef = &in_coef};
  cubn_fused out = in;
  out.coef = &out_coef;
  out.nontemporal = call->nontemporal;
  if (distance) in.prefetch_x = cubn_element_at(call, call->args->x, segment->next + distance);
  if (distance && backward)
    in.prefetch_dy = cubn_element_at(call, call->args->dy, segment->next + distance);
  if (distance && call->problem->adds && !backward)
    out.prefetch_z = cubn_element_at(call, call->args->z, segment->current + distance);
  return cubn_epilogue_sum_and_output(call, &in, segment->next, lanes, &out, segment->current);
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
  cubn_fused shape = {
      .rows = 1, .width = until - begin, .coef = &coef, .nontemporal = call->nontemporal};
  if (next && (backward || !call->problem->adds))
    shape.prefetch_x = cubn_element_at(call, call->args->x, segment->next + distance);
  if (next && call->problem->adds && !backward)
    shape.prefetch_z = cubn_element_at(call, call->args->z, segment->current + distance);
  if (next && backward && !call->fusion.decides)
    shape.prefetch_dy = cubn_element_at(call, call->args->dy, segment->next + distance);
  if (shape.width > 0 && current->channels.needs_double[segment->channel] != 0)
    cubn_exact_output(call, (cubn_patch){offset + begin, 1, 0, shape.width, 1}, &coef);
  else if (shape.width > 0)
    cubn_epilogue_output(call, &shape, offset + begin);
}

/* With an epilogue: forms sums and writes output, in one loop or alternating. Both prefetch what
 * will be summed, so that memory never waits: x (or z) while output is written, dy while sums are
 * formed. */
static void step_epilogue(const cubn_call *call, const cubn_block *current, const cubn_block *next,
                          const cubn_segment *segment, double *lanes) {
  const int64_t tile = segment->runs == 1 ? EPILOGUE_TILE : TILE_VALUES;
  if (segment->runs > 1 && step_joined(call, current, next, segment, lanes)) return;
  for (int64_t first = 0; first < segment->count; first += tile) {
    const int64_t end = cubn_min(first + tile, segment->count);
    for (int64_t r = 0; current && r < segment->runs; ++r)
      write_epilogue(call, current, next, segment, r, first, end);
    if (next) sum_values(call, next, segment, first, end - first, lanes, NULL);
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
    sum_values(call, next, segment, 0, segment->count, lanes, NULL);
    return;
  }
  const cubn_coefficients coef = cubn_fast_coefficients(&current->channels, segment->channel);
  cubn_run_output out = cubn_make_run_output(call, segment->current, segment->count, &coef);
  out.runs = segment->runs;
  out.stride = segment->stride;
  if (current->channels.needs_double[segment->channel] != 0) {
    const cubn_patch values = {segment->current, segment->runs, segment->stride, segment->count, 1};
    cubn_exact_output(call, values, &coef);
    if (next) sum_values(call, next, segment, 0, segment->count, lanes, NULL);
  } else if (call->places && step_in_memory(call, next, segment, &coef, lanes)) {
    return;
  } else if (!cubn_runs_share_alignment(call, segment->runs, segment->stride)) {
    step_alternating(call, next, segment, &coef, lanes);
  } else if (!next) {
    call->kernels->run_output(&out);
  } else if (current->channels.any_prescaled || next->channels.any_prescaled) {
    call->kernels->run_output(&out);
    sum_values(call, next, segment, 0, segment->count, lanes, NULL);
  } else {
    sum_values(call, next, segment, 0, segment->count, lanes, &out);
  }
}

void cubn_segment_step(const cubn_call *call, const cubn_block *current, const cubn_block *next,
                       const cubn_segment *segment, double *lanes) {
  if (call->has_epilogue)
    step_epilogue(call, current, next, segment, lanes);
  else
    step_plain(call, current, next, segment, lanes);
}
