/* The formula of cubn_fusion, for one vector of a row. */
#ifndef CUBN_CPU_KERNELS_FUSED_MATH_H
#define CUBN_CPU_KERNELS_FUSED_MATH_H

#include "cpu/kernels/fused_row.h"
#include "cpu/kernels/masks.h"

/* What backward multiplies dy by: bits, or the slopes of a smooth activation. */
typedef struct decisions {
  uint64_t bits;
  vec slopes[STEP_VECTORS];
} decisions;

/* ---- the pre-activation p: every product and every sum is rounded for itself */

INLINED vec preact_of(const fused_row *row, span span, const coefficients *coef) {
  const vec p = (load_span(row->x, span) - coef->center) * coef->gain + coef->shift;
  return row->fusion->has.z ? p + load_span(row->z, span) : p;
}

/* p in backward, computed again. */
INLINED vec recomputed_preact(vec x, const coefficients *coef) {
  return (x - coef->center) * coef->preact_gain + coef->preact_shift;
}

/* ---- activations that decide; see smooth_activations.h for the others */

INLINED flags or_nan(flags decided, vec p, const fusion *fusion) {
  return fusion->has.nan ? decided | is_nan(p) : decided;
}

INLINED flags passes(vec p, const fusion *fusion) {
  flags decided = is_at_least(p, fusion->least);
  if (fusion->has.most) decided &= is_at_most(p, fusion->most);
  return or_nan(decided, p, fusion);
}

INLINED vec activated(vec p, const fusion *fusion) {
  const flags positive = or_nan(is_above(p, (vec){0}), p, fusion);
  const vec negative_value = fusion->has.leaks ? p * fusion->coef : (vec){0};
  const vec v = vec_choose(positive, p, negative_value);
  return fusion->has.clips ? vec_choose(is_above(v, fusion->ceiling), fusion->ceiling, v) : v;
}

INLINED vec decided_dp(vec dy, flags passing, const fusion *fusion) {
  if (!fusion->has.leaks) return vec_choose(passing, dy, (vec){0});
  return vec_rounded(vec_choose(passing, dy, dy * fusion->coef));
}

/* ---- backward */

/* dp, rounded as an element if it is a product. Lanes beyond the row are 0. */
INLINED vec dp_of(const fused_row *row, span span, vec x, const decisions *decisions,
                  const coefficients *coef) {
  const fusion *const fusion = row->fusion;
  const vec dy = load_span(row->dy, span);
  if (row->task.kind == SMOOTH)
    return keep_lanes(vec_rounded(dy * decisions->slopes[span.k]), span.lanes);
  if (!fusion->has.decides) return dy;
  if (fusion->has.bits)
    return decided_dp(dy, flags_of_bits(decisions->bits >> span.k * LANES), fusion);
  return decided_dp(dy, passes(recomputed_preact(x, coef), fusion), fusion);
}

/* x - center, or prescaled. */
INLINED vec fused_difference(vec x, const coefficients *coef, bool is_prescaled) {
  return is_prescaled ? prescaled_difference(x, coef->center, coef->prescale) : x - coef->center;
}

INLINED vec fused_dx(vec x, vec dp, const coefficients *coef, features has) {
  if (!has.dx_needs_x) return dp * coef->gain;
  return dx_of(fused_difference(x, coef, has.prescaled), dp, coef);
}

/* ---- sums: lanes beyond the row add nothing */

INLINED void add_forward(const fused_row *row, span span, const coefficients *coef, vec *sums,
                         int stride) {
  const vec x = load_span(row->x, span);
  add_forward_sums(keep_lanes(x - coef->center, span.lanes), sums, stride);
}

INLINED void add_backward(const fused_row *row, span span, const decisions *decisions,
                          const coefficients *coef, vec *sums, int stride) {
  const bool is_prescaled = row->fusion->has.prescaled;
  const vec x = load_span(row->x, span);
  const vec centered = fused_difference(x, coef, is_prescaled);
  vec dp = dp_of(row, span, x, decisions, coef);
  if (is_prescaled) dp *= coef->dy_prescale;
  add_backward_sums(keep_lanes(centered, span.lanes), dp, true, sums, stride);
}

#endif /* CUBN_CPU_KERNELS_FUSED_MATH_H */
