/* Arithmetic on vectors of values, for the fused kernels. */
#ifndef CUBN_CPU_KERNELS_FUSED_H
#define CUBN_CPU_KERNELS_FUSED_H

#include "cpu/kernels.h"
#include "cpu/kernels/masks.h"
#include "cpu/kernels/simd.h"

enum {
  SIDE = 4,            /* vectors side by side */
  STEP = SIDE * LANES, /* values of a step: whole bytes of bits */
  SUM_STEPS = 28       /* steps summed before they go into doubles */
};

_Static_assert(STEP % 8 == 0 && STEP <= 64, "the bits of a step are whole bytes of a word");

typedef struct coefficients {
  vec center, inv_std, gain, slope, shift, input_gain, input_shift;
} coefficients;

/* cubn_fusion, for vectors. */
typedef struct fusion {
  bool decides, leaks, blends;
  flags nan;
  vec least, most, ceiling, coef, alpha, beta;
} fusion;

/* Places in a row. */
typedef struct place {
  const element *x, *dy, *z;
  element *output, *dz;
  uint8_t *bits;
} place;

INLINED coefficients coefficients_of(const cubn_coefficients *with) {
  return (coefficients){vec_all((real)with->center),     vec_all((real)with->inv_std),
                        vec_all((real)with->gain),       vec_all((real)with->slope),
                        vec_all((real)with->shift),      vec_all((real)with->input_gain),
                        vec_all((real)with->input_shift)};
}

INLINED vec reals_at(const void *reals, int64_t column) {
  return vec_load_reals((const real *)reals + column);
}

INLINED coefficients coefficients_at(const cubn_grid_coefficients *columns, int64_t j) {
  return (coefficients){reals_at(columns->center, j),     reals_at(columns->inv_std, j),
                        reals_at(columns->gain, j),       reals_at(columns->slope, j),
                        reals_at(columns->shift, j),      reals_at(columns->input_gain, j),
                        reals_at(columns->input_shift, j)};
}

INLINED fusion fusion_of(const cubn_fusion *it) {
  return (fusion){.decides = it->decides,
                  .leaks = it->is_leaky,
                  .blends = it->blends,
                  .nan = flags_all(it->nan_passes),
                  .least = vec_all((real)it->least),
                  .most = vec_all((real)it->most),
                  .ceiling = vec_all((real)it->ceiling),
                  .coef = vec_all((real)it->coef),
                  .alpha = vec_all((real)it->alpha),
                  .beta = vec_all((real)it->beta)};
}

INLINED place place_of(const cubn_fused *it, int64_t row) {
  const int64_t offset = row * it->stride;
  place at = {.x = it->x, .dy = it->dy, .z = it->z, .output = it->output, .dz = it->dz};
  if (at.x) at.x += offset;
  if (at.dy) at.dy += offset;
  if (at.z) at.z += offset;
  if (at.output) at.output += offset;
  if (at.dz) at.dz += offset;
  if (it->bits) at.bits = it->bits + row * it->bits_stride;
  return at;
}

/* `part` is 0, or the number of lanes that are used. */
INLINED vec load_lanes(const element *from, int64_t part) {
  return part ? vec_load_part(from, part) : vec_load(from);
}

INLINED void put_lanes(element *to, vec v, int64_t part, bool stream) {
  if (part)
    vec_store_part(to, v, part);
  else if (stream)
    vec_stream(to, v);
  else
    vec_store(to, v);
}

/* Lanes of vector k if `left` values are left of a step; 0: all are. */
INLINED int64_t part_of(int64_t left, int k) {
  return left && left < (k + 1) * LANES ? left - k * LANES : 0;
}

INLINED flags passes(vec p, const fusion *f) {
  return is_within(p, f->least, f->most) | (is_nan(p) & f->nan);
}

INLINED vec activated(vec p, const fusion *f) {
  const flags up = is_above(p, (vec){0}) | (is_nan(p) & f->nan);
  const vec low = f->leaks ? p * f->coef : (vec){0}, v = vec_choose(up, p, low);
  return vec_choose(is_above(v, f->ceiling), f->ceiling, v);
}

INLINED vec dp_of(vec dy, flags passing, const fusion *f) {
  if (!f->leaks) return vec_choose(passing, dy, (vec){0});
  return vec_rounded(vec_choose(passing, dy, dy * f->coef));
}

/* dp of vector k of a step, whose bits are given or not. */
INLINED vec dp_at(const place *at, vec x, int64_t i, int64_t part, uint64_t bits, int k,
                  const coefficients *with, const fusion *f) {
  const vec dy = load_lanes(at->dy + i, part);
  if (!f->decides) return dy;
  if (at->bits) return dp_of(dy, flags_of_bits(bits >> k * LANES), f);
  return dp_of(dy, passes((x - with->center) * with->input_gain + with->input_shift, f), f);
}

#endif /* CUBN_CPU_KERNELS_FUSED_H */
