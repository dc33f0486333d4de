/* Steps of the fused kernels: up to STEP values of a row, from a column on. Loops pass the constant
 * STEP as the count, so that no test of it remains; the rest of a row goes to output_tail. */
#ifndef CUBN_CPU_KERNELS_FUSED_STEPS_H
#define CUBN_CPU_KERNELS_FUSED_STEPS_H

#include "cpu/kernels/fused_math.h"
#include "cpu/kernels/smooth_steps.h"

/* Adds what a blending call takes from the output as it was. */
INLINED vec blended(const fused_row *row, span span, vec value) {
  if (!row->fusion->has.blends) return value;
  return value + row->fusion->beta * load_span(row->output, span);
}

INLINED void store_step(element *to, const vec v[STEP_VECTORS], int64_t count, bool nontemporal) {
  if (count == STEP)
    for (int k = 0; k < STEP_VECTORS; k += 2)
      store_pair(to + k * LANES, v[k], v[k + 1], nontemporal);
  else
    for (int k = 0; k < vector_count(count); ++k) {
      const span span = span_of(0, count, k);
      store_lanes(to + span.offset, v[k], span.lanes, nontemporal);
    }
}

/* ---- forward */

INLINED void preact_step(const fused_row *row, int64_t column, int64_t count, vec p[STEP_VECTORS]) {
  for (int k = 0; k < vector_count(count); ++k) {
    const span span = span_of(column, count, k);
    const coefficients coef = coefficients_at(row, span.offset);
    p[k] = preact_of(row, span, &coef);
  }
}

/* y = activation(p), for an activation that decides or for none. Returns the bits of the step. */
INLINED uint64_t activate_step(const fusion *fusion, int64_t count, const vec p[STEP_VECTORS],
                               vec y[STEP_VECTORS]) {
  uint64_t bits = 0;
  for (int k = 0; k < vector_count(count); ++k) {
    if (fusion->has.bits) bits |= flags_to_bits(passes(p[k], fusion)) << k * LANES;
    y[k] = fusion->has.decides ? activated(p[k], fusion) : p[k];
  }
  return bits;
}

INLINED void forward_step(const fused_row *row, int64_t column, int64_t count) {
  const fusion *const fusion = row->fusion;
  const bool is_smooth = row->task.kind == SMOOTH, nontemporal = row->task.nontemporal;
  vec p[STEP_VECTORS] = {{0}}, y[STEP_VECTORS];
  uint64_t bits = 0;
  preact_step(row, column, count, p);
  if (is_smooth)
    smooth_values(p, fusion, y);
  else
    bits = activate_step(fusion, count, p, y);
  for (int k = 0; k < vector_count(count); ++k) {
    if (fusion->has.scales) y[k] *= fusion->alpha;
    y[k] = blended(row, span_of(column, count, k), y[k]);
  }
  if (is_smooth && fusion->has.preact)
    store_step(row->preact + column, p, count, nontemporal && row->args->nontemporal_preact);
  if (fusion->has.output) store_step(row->output + column, y, count, nontemporal);
  if (!is_smooth && fusion->has.bits) store_bits(row->bits + column / 8, bits, count);
}

/* ---- backward */

/* The slopes of a smooth activation at the stored pre-activations, or at recomputed ones. */
INLINED void slope_step(const fused_row *row, int64_t column, int64_t count,
                        vec slopes[STEP_VECTORS]) {
  vec p[STEP_VECTORS] = {{0}};
  for (int k = 0; k < vector_count(count); ++k) {
    const span span = span_of(column, count, k);
    if (row->fusion->has.preact) {
      p[k] = load_span(row->preact, span);
    } else {
      const coefficients coef = coefficients_at(row, span.offset);
      p[k] = recomputed_preact(load_span(row->x, span), &coef);
    }
  }
  smooth_slopes(p, row->fusion, slopes);
}

INLINED void decide_step(const fused_row *row, int64_t column, int64_t count,
                         decisions *decisions) {
  if (row->task.kind == SMOOTH) slope_step(row, column, count, decisions->slopes);
  decisions->bits = row->fusion->has.bits ? load_bits(row->bits + column / 8, count) : 0;
}

INLINED void backward_step(const fused_row *row, int64_t column, int64_t count) {
  const features has = row->fusion->has;
  const bool nontemporal = row->task.nontemporal;
  vec dp[STEP_VECTORS], dx[STEP_VECTORS];
  decisions decisions;
  decide_step(row, column, count, &decisions);
  for (int k = 0; k < vector_count(count); ++k) {
    const span span = span_of(column, count, k);
    const coefficients coef = coefficients_at(row, span.offset);
    const vec x = has.x ? load_span(row->x, span) : (vec){0};
    dp[k] = dp_of(row, span, x, &decisions, &coef);
    dx[k] = blended(row, span, fused_dx(x, dp[k], &coef, has));
  }
  if (has.dz) store_step(row->dz + column, dp, count, nontemporal && row->args->nontemporal_dz);
  if (has.output) store_step(row->output + column, dx, count, nontemporal);
}

/* ---- both */

INLINED void prefetch_step(const fused_row *row, int64_t column, int64_t count,
                           const void *values) {
  if (values)
    prefetch((const element *)values + row->offset + column, count * (int64_t)sizeof(element));
}

INLINED void output_step(const fused_row *row, int64_t column, int64_t count) {
  if (row->task.backward)
    backward_step(row, column, count);
  else
    forward_step(row, column, count);
}

/* Prefetches the lines that ordinary stores will need, a page or some rows of a grid further on. */
INLINED void prefetch_output(const fused_row *row, int64_t column, int64_t count) {
  enum { PAGE_VALUES = 4096 / sizeof(element) };
  const cubn_fused *const args = row->args;
  const bool are_apart = row->task.columns && !args->strides && args->stride > args->width;
  const int64_t ahead = are_apart ? INTERLEAVED_ROWS * args->stride : PAGE_VALUES;
  const char *const output = (const char *)(row->output + column + ahead);
  for (int64_t i = 0; i < count * (int64_t)sizeof(element); i += CUBN_LINE_BYTES)
    __builtin_prefetch(output + i, 1, 2);
}

/* Prefetches what will be read next, and where it will be written, as much as a step of `count`
 * values has. */
INLINED void prefetch_next(const fused_row *row, int64_t column, int64_t count) {
  prefetch_step(row, column, count, row->args->prefetch_x);
  prefetch_step(row, column, count, row->args->prefetch_dy);
  if (!row->task.backward) prefetch_step(row, column, count, row->args->prefetch_z);
  if (!row->task.nontemporal && row->fusion->has.output) prefetch_output(row, column, count);
}

INLINED void prefetching_step(const fused_row *row, int64_t column, int64_t count) {
  prefetch_next(row, column, count);
  output_step(row, column, count);
}

INLINED void tail_of_rows(const cubn_fused *args, int64_t first, int64_t end, int64_t column,
                          int64_t count, fused_task task) {
  const coefficients coef = begin_coefficients(args, task);
  const fusion fusion = begin_fusion(args, task);
  const fused_row top = begin_row(args, &fusion, &coef, task);
  for (int64_t r = first; r < end; ++r) {
    const fused_row row = row_below(&top, r);
    prefetching_step(&row, column, count);
  }
}

/* `count` values, at most STEP, of rows first .. end - 1. One copy serves all kinds. */
OUTLINED void output_tail(const cubn_fused *args, int64_t first, int64_t end, int64_t column,
                          int64_t count) {
  const bool is_smooth = general_kind(args) == SMOOTH;
  const fused_task forward = {.columns = args->columns, .nontemporal = args->nontemporal};
  fused_task backward = forward, smooth_forward = forward, smooth_backward = forward;
  backward.backward = smooth_backward.backward = true;
  smooth_forward.kind = smooth_backward.kind = SMOOTH;
  if (args->dy && is_smooth)
    tail_of_rows(args, first, end, column, count, smooth_backward);
  else if (args->dy)
    tail_of_rows(args, first, end, column, count, backward);
  else if (is_smooth)
    tail_of_rows(args, first, end, column, count, smooth_forward);
  else
    tail_of_rows(args, first, end, column, count, forward);
}

#endif /* CUBN_CPU_KERNELS_FUSED_STEPS_H */
