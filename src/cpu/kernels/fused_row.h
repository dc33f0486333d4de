/* What a fused kernel does, and what is constant along a row of its values. */
#ifndef CUBN_CPU_KERNELS_FUSED_ROW_H
#define CUBN_CPU_KERNELS_FUSED_ROW_H

#include <math.h>
#include <string.h>

#include "cpu/kernels/formula.h"
#include "cpu/kernels/steps.h"

_Static_assert(STEP % 8 == 0 && STEP <= 64, "the bits of a step are whole bytes of a word");

/* What a call has to do. There is no padding: features are compared byte by byte. */
typedef struct features {
  bool decides, leaks, clips, scales, blends;
  bool nan;  /* NaN passes. */
  bool most; /* p may be too large to pass. */
  bool x, z, bits, preact, dz, output, dx_needs_x;
  bool prescaled; /* In backward. */
  uint8_t smooth; /* a cubn_smooth */
} features;

/* The frequent combinations of features have loops of their own, in which features are constants,
 * so that their branches fold away. The kinds ending in _NAN let NaN pass. Backward of ADD_RELU
 * reads what forward decided; INFER_ADD_RELU decides and does not write it down. SMOOTH is any call
 * with a smooth activation, ANYTHING the rest. */
typedef enum {
  ANYTHING,
  RELU,
  ADD_RELU,
  RELU_NAN,
  ADD_RELU_NAN,
  INFER_ADD_RELU,
  INFER_ADD_RELU_NAN,
  SMOOTH
} fused_kind;

/* What an instance of a loop does. All members are constants when it is compiled, except in the
 * loops that serve many kinds. */
typedef struct fused_task {
  bool backward, nontemporal;
  bool columns;     /* Each column has coefficients of its own, otherwise a run has them. */
  bool interleaved; /* The loop sums STEP_VECTORS runs at the same time, otherwise one. */
  fused_kind kind;
} fused_task;

/* cubn_fusion, for vectors. */
typedef struct fusion {
  features has;
  vec least, most, ceiling, coef, swish_beta, alpha, beta;
} fusion;

/* One row of a cubn_fused. An array that the call does not have is NULL. */
typedef struct fused_row {
  const cubn_fused *args;
  const fusion *fusion;
  const coefficients *coef; /* of a run; see coefficients_at */
  fused_task task;
  int64_t offset; /* elements from row 0 to this one */
  const element *x, *dy, *z;
  element *output, *dz, *preact;
  uint8_t *bits;
} fused_row;

/* ---- kinds */

INLINED features call_features(const cubn_fused *args) {
  const cubn_fusion *const fusion = args->fusion;
  return (features){.decides = fusion->decides,
                    .leaks = fusion->is_leaky,
                    .clips = fusion->ceiling < (double)INFINITY,
                    .scales = fusion->alpha != 1,
                    .blends = fusion->blends,
                    .nan = fusion->nan_passes,
                    .most = fusion->most < (double)INFINITY,
                    .x = args->x,
                    .z = args->z,
                    .bits = args->bits,
                    .preact = args->preact,
                    .dz = args->dz,
                    .output = args->output,
                    .dx_needs_x = args->dx_needs_x,
                    .prescaled = args->dy && (args->coef ? cubn_is_prescaled(args->coef)
                                                         : args->columns->is_prescaled),
                    .smooth = (uint8_t)fusion->smooth};
}

INLINED bool is_special(fused_kind kind) {
  return kind != ANYTHING && kind != SMOOTH;
}

/* The kinds of forward only that have no bits. */
INLINED bool infers(fused_kind kind) {
  return kind == INFER_ADD_RELU || kind == INFER_ADD_RELU_NAN;
}

/* The features of a special kind. */
INLINED features kind_features(fused_kind kind, bool backward) {
  const bool stores_bits = kind == ADD_RELU || kind == ADD_RELU_NAN;
  const bool adds = stores_bits || infers(kind);
  return (features){.decides = true,
                    .nan = kind == RELU_NAN || kind == ADD_RELU_NAN || kind == INFER_ADD_RELU_NAN,
                    .x = true,
                    .z = adds && !backward,
                    .bits = stores_bits,
                    .dz = stores_bits && backward,
                    .output = true,
                    .dx_needs_x = true};
}

INLINED fused_kind kind_of(const cubn_fused *args) {
  const bool backward = args->dy;
  features has = call_features(args);
  if (has.smooth) return SMOOTH;
  if (backward) has.scales = false; /* alpha is a factor of the gain */
  if (backward && has.bits) has.nan = has.most = false;
  for (int kind = RELU; kind < SMOOTH; ++kind) {
    const features wanted = kind_features((fused_kind)kind, backward);
    if (!memcmp(&has, &wanted, sizeof has)) return (fused_kind)kind;
  }
  return ANYTHING;
}

/* The kinds of which a loop need not know more than whether the activation is smooth. */
INLINED fused_kind general_kind(const cubn_fused *args) {
  return args->fusion->smooth != CUBN_SMOOTH_NONE ? SMOOTH : ANYTHING;
}

/* ---- rows */

INLINED fusion begin_fusion(const cubn_fused *args, fused_task task) {
  const cubn_fusion *const reals = args->fusion;
  features has = call_features(args);
  if (is_special(task.kind)) has = kind_features(task.kind, args->dy);
  return (fusion){.has = has,
                  .least = vec_all((real)reals->least),
                  .most = vec_all((real)reals->most),
                  .ceiling = vec_all((real)reals->ceiling),
                  .coef = vec_all((real)reals->coef),
                  .swish_beta = vec_all((real)reals->swish_beta),
                  .alpha = vec_all((real)reals->alpha),
                  .beta = vec_all((real)reals->beta)};
}

/* The coefficients of a run. Columns have none in common: see coefficients_at. */
INLINED coefficients begin_coefficients(const cubn_fused *args, fused_task task) {
  const coefficients none = {.center = {0}};
  if (task.columns) return none;
  return run_coefficients(args->coef);
}

/* Row 0. */
INLINED fused_row begin_row(const cubn_fused *args, const fusion *fusion, const coefficients *coef,
                            fused_task task) {
  return (fused_row){.args = args,
                     .fusion = fusion,
                     .coef = coef,
                     .task = task,
                     .x = args->x,
                     .dy = args->dy,
                     .z = args->z,
                     .output = args->output,
                     .dz = args->dz,
                     .preact = args->preact,
                     .bits = args->bits};
}

/* The row so many rows below, where arrays have strides of their own. */
INLINED fused_row row_below_apart(const fused_row *above, int64_t rows) {
  const cubn_fused_strides *const strides = above->args->strides;
  const features has = above->fusion->has;
  fused_row row = *above;
  row.offset += rows * strides->x;
  if (row.task.backward) row.dy += rows * strides->dy;
  if (has.x) row.x += rows * strides->x;
  if (has.z) row.z += rows * strides->z;
  if (has.output) row.output += rows * strides->output;
  if (has.dz) row.dz += rows * strides->dz;
  if (has.preact) row.preact += rows * strides->preact;
  if (has.bits) row.bits += rows * above->args->bits_stride;
  return row;
}

/* The row so many rows below. */
INLINED fused_row row_below(const fused_row *above, int64_t rows) {
  const int64_t elements = rows * above->args->stride;
  const features has = above->fusion->has;
  if (above->args->strides) return row_below_apart(above, rows);
  fused_row row = *above;
  row.offset += elements;
  if (row.task.backward) row.dy += elements;
  if (has.x) row.x += elements;
  if (has.z) row.z += elements;
  if (has.output) row.output += elements;
  if (has.dz) row.dz += elements;
  if (has.preact) row.preact += elements;
  if (has.bits) row.bits += rows * above->args->bits_stride;
  return row;
}

INLINED coefficients coefficients_at(const fused_row *row, int64_t column) {
  const cubn_grid_coefficients *const columns = row->args->columns;
  if (!row->task.columns) return *row->coef;
  coefficients coef = {.center = reals_at(columns->center, column),
                       .gain = reals_at(columns->gain, column),
                       .slope = reals_at(columns->slope, column),
                       .shift = reals_at(columns->shift, column),
                       .preact_gain = reals_at(columns->preact_gain, column),
                       .preact_shift = reals_at(columns->preact_shift, column)};
  if (row->fusion->has.prescaled) {
    coef.prescale = reals_at(columns->prescale, column);
    coef.dy_prescale = reals_at(columns->dy_prescale, column);
  }
  return coef;
}

/* ---- the vectors of a step */

/* Vector k of a step: `lanes` values, LANES or fewer, from `offset` on, counted from the row's
 * first value. */
typedef struct span {
  int64_t offset, lanes;
  int k;
} span;

/* Vectors of a step of `count` values, the last of which may be a part. */
INLINED int vector_count(int64_t count) {
  return count == STEP ? STEP_VECTORS : (int)((count + LANES - 1) / LANES);
}

INLINED span span_of(int64_t column, int64_t count, int k) {
  return (span){column + k * LANES, least(count - k * LANES, LANES), k};
}

/* The same columns of a row so many elements further on. */
INLINED span span_below(span span, int64_t elements) {
  span.offset += elements;
  return span;
}

INLINED vec load_span(const element *values, span span) {
  return load_lanes(values + span.offset, span.lanes);
}

#endif /* CUBN_CPU_KERNELS_FUSED_ROW_H */
