/* Arithmetic on vectors of values, for the fused kernels. */
#ifndef CUBN_CPU_KERNELS_FUSED_MATH_H
#define CUBN_CPU_KERNELS_FUSED_MATH_H

#include <math.h>
#include <string.h>

#include "cpu/kernels/kernels.h"
#include "cpu/kernels/masks.h"
#include "cpu/kernels/simd.h"

enum {
  STEP_VECTORS = CUBN_INTERLEAVE, /* vectors side by side */
  STEP = STEP_VECTORS * LANES,    /* values of a step: whole bytes of bits */
  INTERLEAVED_ROWS = 4            /* rows of a grid that are summed at a time */
};

_Static_assert(STEP % 8 == 0 && STEP <= 64, "the bits of a step are whole bytes of a word");

typedef struct coefficients {
  vec center, gain, slope, shift, preact_gain, preact_shift;
} coefficients;

/* What there is to do. Most calls are of a few kinds, for which it is constant: then nobody asks. */
typedef struct parts {
  bool decides, leaks, clips, scales, blends;
  bool nan;  /* passes */
  bool most; /* p may be too large to pass */
  bool z, bits, input, dz, output, dx_needs_x;
  uint8_t smooth; /* cubn_smooth, a byte, so that there is no padding */
} parts;

/* ANYTHING but smooth activations, and these; ..._NAN lets NaN pass. In backward of ADD_RELU forward
 * has decided about it. */
typedef enum { ANYTHING, RELU, ADD_RELU, RELU_NAN, ADD_RELU_NAN, SMOOTH } kind;

/* What an instance of a loop does; constants when it is compiled. */
typedef struct task {
  bool backward, columns, nontemporal;
  kind which;
} task;

/* cubn_fusion, for vectors. */
typedef struct fusion {
  parts has;
  vec least, most, ceiling, coef, swish_beta, alpha, beta;
} fusion;

/* Places in a row. */
typedef struct place {
  const element *x, *dy, *z;
  element *output, *dz, *input;
  uint8_t *bits;
} place;

INLINED coefficients coefficients_of(const cubn_coefficients *coef) {
  return (coefficients){vec_all((real)coef->center),      vec_all((real)coef->gain),
                        vec_all((real)coef->slope),       vec_all((real)coef->shift),
                        vec_all((real)coef->preact_gain), vec_all((real)coef->preact_shift)};
}

INLINED coefficients coefficients_at(const cubn_grid_coefficients *columns, int64_t j) {
  return (coefficients){reals_at(columns->center, j),      reals_at(columns->gain, j),
                        reals_at(columns->slope, j),       reals_at(columns->shift, j),
                        reals_at(columns->preact_gain, j), reals_at(columns->preact_shift, j)};
}

INLINED coefficients get_coefficients(const cubn_fused *it, const coefficients *of_run, int64_t j,
                                      task of) {
  return of.columns ? coefficients_at(it->columns, j) : *of_run;
}

INLINED parts parts_of(const cubn_fused *it) {
  return (parts){.decides = it->fusion->decides,
                 .leaks = it->fusion->is_leaky,
                 .clips = it->fusion->ceiling < (double)INFINITY,
                 .scales = it->fusion->alpha != 1,
                 .blends = it->fusion->blends,
                 .nan = it->fusion->nan_passes,
                 .most = it->fusion->most < (double)INFINITY,
                 .z = it->z,
                 .bits = it->bits,
                 .input = it->input,
                 .dz = it->dz,
                 .output = it->output,
                 .dx_needs_x = it->dx_needs_x,
                 .smooth = (uint8_t)it->fusion->smooth};
}

INLINED bool is_special(kind which) {
  return which != ANYTHING && which != SMOOTH;
}

INLINED parts parts_of_kind(kind which, bool backward) {
  const bool adds = which == ADD_RELU || which == ADD_RELU_NAN;
  return (parts){.decides = true,
                 .nan = which == RELU_NAN || which == ADD_RELU_NAN,
                 .z = adds && !backward,
                 .bits = adds,
                 .dz = adds && backward,
                 .output = true,
                 .dx_needs_x = true};
}

INLINED kind kind_of(const cubn_fused *it) {
  const bool backward = it->dy;
  parts has = parts_of(it);
  if (has.smooth) return SMOOTH;
  if (backward) has.scales = false; /* alpha is part of the gain */
  if (backward && has.bits) has.nan = has.most = false;
  for (int which = RELU; which < SMOOTH; ++which) {
    const parts wanted = parts_of_kind((kind)which, backward);
    if (!memcmp(&has, &wanted, sizeof has)) return (kind)which;
  }
  return ANYTHING;
}

INLINED fusion fusion_of(const cubn_fused *fused, kind which) {
  const cubn_fusion *const it = fused->fusion;
  parts has = parts_of(fused);
  if (is_special(which)) has = parts_of_kind(which, fused->dy);
  if (which != SMOOTH) has.smooth = CUBN_SMOOTH_NONE;
  return (fusion){.has = has,
                  .least = vec_all((real)it->least),
                  .most = vec_all((real)it->most),
                  .ceiling = vec_all((real)it->ceiling),
                  .coef = vec_all((real)it->coef),
                  .swish_beta = vec_all((real)it->swish_beta),
                  .alpha = vec_all((real)it->alpha),
                  .beta = vec_all((real)it->beta)};
}

INLINED place place_of(const cubn_fused *it, int64_t row) {
  const int64_t offset = row * it->stride;
  place at = {
      .x = it->x, .dy = it->dy, .z = it->z, .output = it->output, .dz = it->dz, .input = it->input};
  if (at.x) at.x += offset;
  if (at.dy) at.dy += offset;
  if (at.z) at.z += offset;
  if (at.output) at.output += offset;
  if (at.dz) at.dz += offset;
  if (at.input) at.input += offset;
  if (it->bits) at.bits = it->bits + row * it->bits_stride;
  return at;
}

/* Lanes of vector k if `left` values are left of a step; 0: all are. */
INLINED int64_t part_of(int64_t left, int k) {
  return left && left < (k + 1) * LANES ? left - k * LANES : 0;
}

INLINED flags or_nan(flags it, vec p, const fusion *f) {
  if (f->has.nan) it |= is_nan(p);
  return it;
}

INLINED flags passes(vec p, const fusion *f) {
  const flags is_enough = is_at_least(p, f->least);
  return or_nan(f->has.most ? is_enough & is_at_most(p, f->most) : is_enough, p, f);
}

INLINED vec activated(vec p, const fusion *f) {
  const flags up = or_nan(is_above(p, (vec){0}), p, f);
  const vec low = f->has.leaks ? p * f->coef : (vec){0}, v = vec_choose(up, p, low);
  return f->has.clips ? vec_choose(is_above(v, f->ceiling), f->ceiling, v) : v;
}

INLINED vec dp_of(vec dy, flags passing, const fusion *f) {
  if (!f->has.leaks) return vec_choose(passing, dy, (vec){0});
  return vec_rounded(vec_choose(passing, dy, dy * f->coef));
}

/* The input of the activation in forward, and again in backward. */
INLINED vec preact_at(const place *at, int64_t i, int64_t part, const coefficients *coef,
                      const fusion *f) {
  const vec p = (load_lanes(at->x + i, part) - coef->center) * coef->gain + coef->shift;
  return f->has.z ? p + load_lanes(at->z + i, part) : p;
}

INLINED vec preact_again(vec x, const coefficients *coef) {
  return (x - coef->center) * coef->preact_gain + coef->preact_shift;
}

INLINED vec backward_at(vec x, bool has_x, vec dp, const coefficients *coef) {
  if (!has_x) return dp * coef->gain;
  const vec of_x = vec_multiply_add(x - coef->center, coef->slope, coef->shift);
  return vec_multiply_add(dp, coef->gain, of_x);
}

/* dp of vector k of a step, whose bits are given or not; not of smooth activations. */
INLINED vec dp_at(const place *at, vec x, int64_t i, int64_t part, uint64_t bits, int k,
                  const coefficients *coef, const fusion *f) {
  const vec dy = load_lanes(at->dy + i, part);
  if (!f->has.decides) return dy;
  if (f->has.bits) return dp_of(dy, flags_of_bits(bits >> k * LANES), f);
  return dp_of(dy, passes(preact_again(x, coef), f), f);
}

#endif /* CUBN_CPU_KERNELS_FUSED_MATH_H */
