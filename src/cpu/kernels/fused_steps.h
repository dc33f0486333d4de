/* Steps of the fused kernels: four vectors of a row. */
#ifndef CUBN_CPU_KERNELS_FUSED_STEPS_H
#define CUBN_CPU_KERNELS_FUSED_STEPS_H

#include "cpu/kernels/fused_math.h"
#include "cpu/kernels/smooth_steps.h"

/* y of vector k, and its bits. */
INLINED vec forward_at(const place *at, int64_t i, int64_t part, const coefficients *coef,
                       const fusion *f, int k, uint64_t *bits) {
  vec p = preact_at(at, i, part, coef, f);
  if (f->has.bits) *bits |= flags_to_bits(passes(p, f)) << k * LANES;
  if (f->has.decides) p = activated(p, f);
  return f->has.scales ? p * f->alpha : p;
}

/* What is written of a step. */
typedef struct step_output {
  vec v[STEP_VECTORS], dp[STEP_VECTORS];
} step_output;

/* Of vector k of a step, at j; bits are those of the step's row. */
INLINED void output_vector(const place *at, int64_t j, int64_t part, int k,
                           const coefficients *coef, const fusion *f, task of, uint64_t *bits,
                           step_output *to) {
  vec v;
  if (of.backward) {
    const vec x = at->x ? load_lanes(at->x + j, part) : (vec){0};
    to->dp[k] = dp_at(at, x, j, part, *bits, k, coef, f);
    v = backward_at(x, f->has.dx_needs_x, to->dp[k], coef);
  } else {
    v = forward_at(at, j, part, coef, f, k, bits);
  }
  if (f->has.blends) v += f->beta * load_lanes(at->output + j, part);
  to->v[k] = v;
}

/* Vectors from column i on; `left` values if it is not 0. */
INLINED void store_step(element *to, const vec v[STEP_VECTORS], int64_t i, int64_t left,
                        bool nontemporal) {
  for (int k = 0; !left && k < STEP_VECTORS; k += 2)
    store_pair(to + i + k * LANES, v[k], v[k + 1], nontemporal);
  for (int k = 0; k < STEP_VECTORS && k * LANES < left; ++k)
    store_lanes(to + i + k * LANES, v[k], part_of(left, k), nontemporal);
}

/* One step, from column i on; `left` values if it is not 0. */
INLINED void output_step(const cubn_fused *it, const place *at, const coefficients *of_run,
                         const fusion *f, int64_t i, int64_t left, task of) {
  const int64_t count = left ? left : STEP;
  step_output out = {{{0}}, {{0}}};
  uint64_t bits = of.backward && f->has.bits ? load_bits(at->bits + i / 8, count) : 0;
  for (int k = 0; k < STEP_VECTORS && (!left || k * LANES < left); ++k) {
    const int64_t j = i + k * LANES;
    const coefficients coef = get_coefficients(it, of_run, j, of);
    output_vector(at, j, part_of(left, k), k, &coef, f, of, &bits, &out);
  }
  if (of.backward && f->has.dz)
    store_step(at->dz, out.dp, i, left, of.nontemporal && it->nontemporal_dz);
  if (f->has.output) store_step(at->output, out.v, i, left, of.nontemporal);
  if (!of.backward && f->has.bits) store_bits(at->bits + i / 8, bits, count);
}

INLINED void prefetch_step(const void *from, int64_t i) {
  if (from) prefetch((const element *)from + i, STEP * (int64_t)sizeof(element));
}

INLINED void prefetch_values(const cubn_fused *it, int64_t r, int64_t i, task of) {
  prefetch_step(it->prefetch_x, r * it->stride + i);
  prefetch_step(it->prefetch_dy, r * it->stride + i);
  if (!of.backward) prefetch_step(it->prefetch_z, r * it->stride + i);
}

/* A step of row r, which begins at `at`. */
INLINED void step(const cubn_fused *it, const place *at, int64_t r, const coefficients *of_run,
                  const fusion *f, int64_t i, int64_t left, task of) {
  prefetch_values(it, r, i, of);
  if (of.which != SMOOTH)
    output_step(it, at, of_run, f, i, left, of);
  else if (of.backward)
    smooth_backward(it, at, of_run, f, i, left, of);
  else
    smooth_forward(it, at, of_run, f, i, left, of);
}

INLINED void tail_of_rows(const cubn_fused *it, int64_t first, int64_t end, int64_t i, int64_t left,
                          task of) {
  static const cubn_coefficients none;
  const coefficients of_run = coefficients_of(it->columns ? &none : it->coef);
  const fusion f = fusion_of(it, of.which);
  for (int64_t r = first; r < end; ++r) {
    const place at = place_of(it, r);
    step(it, &at, r, &of_run, &f, i, left, of);
  }
}

/* `left` values of rows first .. end - 1, less than a step or as many, from column i on. One copy
 * serves all kinds. */
OUTLINED void output_tail(const cubn_fused *it, int64_t first, int64_t end, int64_t i,
                          int64_t left) {
  const bool is_smooth = it->fusion->smooth != CUBN_SMOOTH_NONE;
  if (it->dy && is_smooth)
    tail_of_rows(it, first, end, i, left, (task){true, it->columns, it->nontemporal, SMOOTH});
  else if (it->dy)
    tail_of_rows(it, first, end, i, left, (task){true, it->columns, it->nontemporal, ANYTHING});
  else if (is_smooth)
    tail_of_rows(it, first, end, i, left, (task){false, it->columns, it->nontemporal, SMOOTH});
  else
    tail_of_rows(it, first, end, i, left, (task){false, it->columns, it->nontemporal, ANYTHING});
}

/* What decides on the values of a step: bits, or slopes. */
typedef struct decisions {
  uint64_t bits;
  vec slopes[STEP_VECTORS];
} decisions;

INLINED void get_decisions(const cubn_fused *it, const place *at, const coefficients *of_run,
                           const fusion *f, int64_t i, int64_t left, bool columns, decisions *to) {
  if (f->has.smooth) get_slopes(it, at, of_run, f, i, left, (task){.columns = columns}, to->slopes);
  to->bits = f->has.bits ? load_bits(at->bits + i / 8, left ? left : STEP) : 0;
}

/* dp as it is summed: 0 in lanes that are not used. */
INLINED vec summed_dp(const place *at, vec x, int64_t i, int64_t part, const decisions *by, int k,
                      const coefficients *coef, const fusion *f) {
  if (!f->has.smooth) return dp_at(at, x, i, part, by->bits, k, coef, f);
  const vec dp = vec_rounded(load_lanes(at->dy + i, part) * by->slopes[k]);
  return part ? vec_first(dp, part) : dp;
}

/* Adds vector k of a step to sums. Lanes that are not used add nothing. */
INLINED void sums_at(const place *at, int64_t i, int64_t part, const decisions *by, int k,
                     const coefficients *coef, const fusion *f, vec sums[CUBN_RUN_SUMS_MAX]) {
  const vec x = load_lanes(at->x + i, part);
  const vec dp = summed_dp(at, x, i, part, by, k, coef, f);
  vec centered = x - coef->center;
  if (part) centered = vec_first(centered, part);
  sums[0] += dp;
  sums[1] = vec_multiply_add(dp, centered, sums[1]);
  sums[2] += centered;
}

#endif /* CUBN_CPU_KERNELS_FUSED_STEPS_H */
