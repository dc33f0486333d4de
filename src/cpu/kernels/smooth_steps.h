/* Steps of the fused kernels for smooth activations: first the inputs of all vectors, then their
 * curve, then the rest. */
#ifndef CUBN_CPU_KERNELS_SMOOTH_STEPS_H
#define CUBN_CPU_KERNELS_SMOOTH_STEPS_H

#include "cpu/kernels/fused_math.h"
#include "cpu/kernels/smooth_activations.h"

/* One copy of all curves serves all loops. */
#define OUTLINED static __attribute__((noinline))

/* p becomes activation(p). */
OUTLINED void become_values(vec p[STEP_VECTORS], const fusion *f) {
  switch (f->has.smooth) {
    case CUBN_SMOOTH_ELU:
      for (int k = 0; k < STEP_VECTORS; ++k) p[k] = elu_of(p[k], f->coef);
      return;
    case CUBN_SMOOTH_SIGMOID:
      for (int k = 0; k < STEP_VECTORS; ++k) p[k] = sigmoid_of(p[k]);
      return;
    case CUBN_SMOOTH_TANH:
      for (int k = 0; k < STEP_VECTORS; ++k) p[k] = tanh_of(p[k]);
      return;
    case CUBN_SMOOTH_SWISH:
      for (int k = 0; k < STEP_VECTORS; ++k) p[k] = swish_of(p[k], f->swish_beta);
      return;
    case CUBN_SMOOTH_GELU:
      for (int k = 0; k < STEP_VECTORS; ++k) p[k] = gelu_of(p[k]);
      return;
  }
}

/* p becomes activation'(p). */
OUTLINED void become_slopes(vec p[STEP_VECTORS], const fusion *f) {
  switch (f->has.smooth) {
    case CUBN_SMOOTH_ELU:
      for (int k = 0; k < STEP_VECTORS; ++k) p[k] = elu_slope(p[k], f->coef, f->least);
      return;
    case CUBN_SMOOTH_SIGMOID:
      for (int k = 0; k < STEP_VECTORS; ++k) p[k] = sigmoid_slope(p[k]);
      return;
    case CUBN_SMOOTH_TANH:
      for (int k = 0; k < STEP_VECTORS; ++k) p[k] = tanh_slope(p[k]);
      return;
    case CUBN_SMOOTH_SWISH:
      for (int k = 0; k < STEP_VECTORS; ++k) p[k] = swish_slope(p[k], f->swish_beta);
      return;
    case CUBN_SMOOTH_GELU:
      for (int k = 0; k < STEP_VECTORS; ++k) p[k] = gelu_slope(p[k]);
      return;
  }
}

/* Of a step from column i on, as forward left the inputs, or from inputs that are computed again. */
INLINED void get_slopes(const cubn_fused *it, const place *at, const coefficients *of_run,
                        const fusion *f, int64_t i, int64_t left, task of,
                        vec slopes[STEP_VECTORS]) {
  for (int k = 0; k < STEP_VECTORS; ++k) slopes[k] = (vec){0};
  for (int k = 0; k < STEP_VECTORS && (!left || k * LANES < left); ++k) {
    const int64_t j = i + k * LANES, part = part_of(left, k);
    if (f->has.input) {
      slopes[k] = load_lanes(at->input + j, part);
    } else {
      const coefficients coef = get_coefficients(it, of_run, j, of);
      slopes[k] = preact_again(load_lanes(at->x + j, part), &coef);
    }
  }
  become_slopes(slopes, f);
}

/* As output_step, which see. */
INLINED void smooth_forward(const cubn_fused *it, const place *at, const coefficients *of_run,
                            const fusion *f, int64_t i, int64_t left, task of) {
  vec p[STEP_VECTORS] = {{0}}, v[STEP_VECTORS];
  for (int k = 0; k < STEP_VECTORS && (!left || k * LANES < left); ++k) {
    const int64_t j = i + k * LANES;
    const coefficients coef = get_coefficients(it, of_run, j, of);
    p[k] = preact_at(at, j, part_of(left, k), &coef, f);
  }
  memcpy(v, p, sizeof v);
  become_values(v, f);
  for (int k = 0; k < STEP_VECTORS && (!left || k * LANES < left); ++k) {
    const int64_t j = i + k * LANES, part = part_of(left, k);
    if (f->has.scales) v[k] *= f->alpha;
    if (f->has.blends) v[k] += f->beta * load_lanes(at->output + j, part);
  }
  for (int k = 0; k < STEP_VECTORS && (!left || k * LANES < left); ++k) {
    const int64_t j = i + k * LANES, part = part_of(left, k);
    if (f->has.input)
      store_lanes(at->input + j, p[k], part, of.nontemporal && it->nontemporal_preact);
    if (f->has.output) store_lanes(at->output + j, v[k], part, of.nontemporal);
  }
}

INLINED void smooth_backward(const cubn_fused *it, const place *at, const coefficients *of_run,
                             const fusion *f, int64_t i, int64_t left, task of) {
  vec v[STEP_VECTORS] = {{0}}, dp[STEP_VECTORS] = {{0}}, slopes[STEP_VECTORS];
  get_slopes(it, at, of_run, f, i, left, of, slopes);
  for (int k = 0; k < STEP_VECTORS && (!left || k * LANES < left); ++k) {
    const int64_t j = i + k * LANES, part = part_of(left, k);
    const coefficients coef = get_coefficients(it, of_run, j, of);
    const vec x = at->x ? load_lanes(at->x + j, part) : (vec){0};
    dp[k] = vec_rounded(load_lanes(at->dy + j, part) * slopes[k]);
    v[k] = backward_at(x, f->has.dx_needs_x, dp[k], &coef);
    if (f->has.blends) v[k] += f->beta * load_lanes(at->output + j, part);
  }
  for (int k = 0; k < STEP_VECTORS && (!left || k * LANES < left); ++k) {
    const int64_t j = i + k * LANES, part = part_of(left, k);
    if (f->has.dz) store_lanes(at->dz + j, dp[k], part, of.nontemporal && it->nontemporal_dz);
    if (f->has.output) store_lanes(at->output + j, v[k], part, of.nontemporal);
  }
}

#endif /* CUBN_CPU_KERNELS_SMOOTH_STEPS_H */
