/* Steps over segments. */
#include "cpu/runs/segment.h"

#include "cpu/fast/epilogue.h"
#include "cpu/fast/exact.h"

/* Values between which sums and output alternate: as many as kernels sum before they go to doubles, or
 * a multiple of them. */
enum { TILE_VALUES = 28 * 64, EPILOGUE_TILE = 4 * TILE_VALUES };

static int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

/* Adds to the lanes of the next block's sums. */
static void sum_values(const cubn_call *call, const cubn_block *next, const cubn_segment *at,
                       int64_t first, int64_t count, double *lanes, const cubn_run_output *out) {
  const bool backward = call->sums == 3;
  const cubn_coefficients coef = cubn_fast_sum_coefficients(&next->channels, at->channel);
  if (backward && call->fusion.decides) {
    cubn_fused shape = {.rows = at->runs, .width = count, .stride = at->stride, .coef = &coef};
    if (at->prefetch_distance)
      shape.prefetch_dy = cubn_at(call, call->args->dy, at->next + at->prefetch_distance + first);
    cubn_fused_sums(call, &shape, at->next + first, lanes, 0);
    return;
  }
  const cubn_run_input in = {
      .x = cubn_at(call, call->args->x, at->next + first),
      .dy = backward ? cubn_at(call, call->args->dy, at->next + first) : NULL,
      .runs = at->runs,
      .stride = at->stride,
      .count = count,
      .coef = &coef,
      .prefetch_distance = at->prefetch_distance};
  call->kernels->run_sums(&in, lanes, out);
}

cubn_run_output cubn_call_output(const cubn_call *call, int64_t offset, int64_t count,
                                 const cubn_coefficients *coef) {
  const bool backward = call->problem->pass == CUBN_PASS_BACKWARD;
  return (cubn_run_output){.x = cubn_at(call, call->args->x, offset),
                           .dy = backward ? cubn_at(call, call->args->dy, offset) : NULL,
                           .output = cubn_output_at(call, offset),
                           .runs = 1,
                           .count = count,
                           .coef = coef,
                           .nontemporal = call->nontemporal};
}

/* Values first .. end - 1 of every run, if possible from and to where output can be streamed. */
static void put_aligned(const cubn_call *call, const cubn_segment *at,
                        const cubn_coefficients *coef, int64_t first, int64_t end) {
  for (int64_t r = 0; r < at->runs; ++r) {
    const int64_t offset = at->current + r * at->stride;
    const int64_t lead = cubn_values_before_alignment(call, offset);
    const int64_t from = first > 0 ? smaller(first + lead, at->count) : 0;
    const int64_t until = smaller(end + lead, at->count);
    const cubn_run_output out = cubn_call_output(call, offset + from, until - from, coef);
    if (until > from) call->kernels->run_output(&out);
  }
}

/* Sums and output by turns, where lines of memory begin at other values of every run: the sums' tiles
 * begin at the same values all the same, because these decide their bits. */
static void step_by_turns(const cubn_call *call, const cubn_block *next, const cubn_segment *at,
                          const cubn_coefficients *coef, double *lanes) {
  for (int64_t first = 0; first < at->count; first += TILE_VALUES) {
    const int64_t end = smaller(first + TILE_VALUES, at->count);
    if (next) sum_values(call, next, at, first, end - first, lanes, NULL);
    put_aligned(call, at, coef, first, end);
  }
}

bool cubn_lie_alike(const cubn_call *call, int64_t runs, int64_t stride) {
  return !call->nontemporal || runs == 1 || stride * call->element_bytes % CUBN_LINE_BYTES == 0;
}

cubn_range cubn_epilogue_range(const cubn_call *call, int64_t offset, int64_t begin,
                               int64_t count) {
  const cubn_mask *const mask = &call->problem->mask;
  cubn_range range = {0, count};
  if (call->problem->reserve != CUBN_RESERVE_MASK) return range;
  const int64_t shift = -cubn_mask_bit(mask, offset / mask->row, offset) & 7;
  if (begin > 0) range.first = smaller(shift, count);
  if (begin + count < call->problem->s)
    range.end = smaller(count + shift, call->problem->s - begin);
  return range;
}

/* Values after which output lies well for streaming, or bits for the mask. */
static int64_t values_before_tiles(const cubn_call *call, int64_t offset) {
  const cubn_mask *const mask = &call->problem->mask;
  if (call->nontemporal) return cubn_values_before_alignment(call, offset);
  if (call->problem->reserve != CUBN_RESERVE_MASK) return 0;
  return -cubn_mask_bit(mask, offset / mask->row, offset) & 7;
}

/* Fused: sums and output in one loop. False if there is none for it. */
static bool step_both(const cubn_call *call, const cubn_block *current, const cubn_block *next,
                      const cubn_segment *at, double *lanes) {
  const bool backward = call->problem->pass == CUBN_PASS_BACKWARD;
  if (!current || !next || !cubn_lie_alike(call, at->runs, at->stride)) return false;
  if (current->channels.needs_double[at->channel] != 0 || backward != (call->sums == 3))
    return false;
  const cubn_coefficients in_coef = cubn_fast_sum_coefficients(&next->channels, at->channel);
  const cubn_coefficients out_coef = cubn_fast_coefficients(&current->channels, at->channel);
  cubn_fused in = {.rows = at->runs, .width = at->count, .stride = at->stride, .coef = &in_coef};
  cubn_fused out = in;
  out.coef = &out_coef;
  out.nontemporal = call->nontemporal;
  if (at->prefetch_distance)
    in.prefetch_x = cubn_at(call, call->args->x, at->next + at->prefetch_distance);
  if (at->prefetch_distance && backward)
    in.prefetch_dy = cubn_at(call, call->args->dy, at->next + at->prefetch_distance);
  if (at->prefetch_distance && call->problem->adds && !backward)
    out.prefetch_z = cubn_at(call, call->args->z, at->current + at->prefetch_distance);
  return cubn_fused_both(call, &in, at->next, lanes, &out, at->current);
}

/* Fused: values first .. end - 1 of one run, shifted to where lines of memory or bytes of the mask
 * begin. */
static void output_epilogue(const cubn_call *call, const cubn_block *current,
                            const cubn_block *next, const cubn_segment *at, int64_t r,
                            int64_t first, int64_t end) {
  const bool backward = call->problem->pass == CUBN_PASS_BACKWARD;
  const cubn_coefficients coef = cubn_fast_coefficients(&current->channels, at->channel);
  const int64_t offset = at->current + r * at->stride,
                prefetch_distance = r * at->stride + at->prefetch_distance + first;
  const cubn_range range = cubn_epilogue_range(call, offset, at->begin, at->count);
  const int64_t lead = range.first + values_before_tiles(call, offset + range.first);
  const int64_t from = first == 0 ? range.first : smaller(first + lead, range.end);
  const int64_t until = end == at->count ? range.end : smaller(end + lead, range.end);
  cubn_fused shape = {
      .rows = 1, .width = until - from, .coef = &coef, .nontemporal = call->nontemporal};
  if (next && (backward || !call->problem->adds))
    shape.prefetch_x = cubn_at(call, call->args->x, at->next + prefetch_distance);
  if (next && call->problem->adds && !backward)
    shape.prefetch_z = cubn_at(call, call->args->z, at->current + prefetch_distance);
  if (next && backward && !call->fusion.decides)
    shape.prefetch_dy = cubn_at(call, call->args->dy, at->next + prefetch_distance);
  if (shape.width > 0 && current->channels.needs_double[at->channel] != 0)
    cubn_fast_output_exact(call, (cubn_patch){offset + from, 1, 0, shape.width, 1}, &coef);
  else if (shape.width > 0)
    cubn_fused_output(call, &shape, offset + from);
}

/* Fused: the same by turns. Both fetch what will be summed, so that memory never waits: x (or z) while
 * output is written, dy while sums are formed. */
static void step_epilogue(const cubn_call *call, const cubn_block *current, const cubn_block *next,
                          const cubn_segment *at, double *lanes) {
  const int64_t tile = at->runs == 1 ? EPILOGUE_TILE : TILE_VALUES;
  if (at->runs > 1 && step_both(call, current, next, at, lanes)) return;
  for (int64_t first = 0; first < at->count; first += tile) {
    const int64_t end = smaller(first + tile, at->count);
    for (int64_t r = 0; current && r < at->runs; ++r)
      output_epilogue(call, current, next, at, r, first, end);
    if (next) sum_values(call, next, at, first, end - first, lanes, NULL);
  }
}

static void step_plain(const cubn_call *call, const cubn_block *current, const cubn_block *next,
                       const cubn_segment *at, double *lanes) {
  if (!current) {
    sum_values(call, next, at, 0, at->count, lanes, NULL);
    return;
  }
  const cubn_coefficients coef = cubn_fast_coefficients(&current->channels, at->channel);
  cubn_run_output out = cubn_call_output(call, at->current, at->count, &coef);
  out.runs = at->runs;
  out.stride = at->stride;
  if (current->channels.needs_double[at->channel] != 0) {
    cubn_fast_output_exact(call, (cubn_patch){at->current, at->runs, at->stride, at->count, 1},
                           &coef);
    if (next) sum_values(call, next, at, 0, at->count, lanes, NULL);
  } else if (!cubn_lie_alike(call, at->runs, at->stride)) {
    step_by_turns(call, next, at, &coef, lanes);
  } else if (!next) {
    call->kernels->run_output(&out);
  } else {
    sum_values(call, next, at, 0, at->count, lanes, &out);
  }
}

void cubn_segment_step(const cubn_call *call, const cubn_block *current, const cubn_block *next,
                       const cubn_segment *at, double *lanes) {
  if (call->has_epilogue)
    step_epilogue(call, current, next, at, lanes);
  else
    step_plain(call, current, next, at, lanes);
}
