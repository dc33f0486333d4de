/* Steps of the fused kernels for smooth activations: first the inputs of all vectors, then their
 * curve, then the rest. */
#ifndef CUBN_CPU_KERNELS_SMOOTH_H
#define CUBN_CPU_KERNELS_SMOOTH_H

#include "cpu/kernels/curves.h"
#include "cpu/kernels/fused_math.h"

/* One copy of all curves serves all loops. */
#define OUTLINED static __attribute__((noinline))

/* p becomes activation(p). */
OUTLINED void become_values(vec p[SIDE], const fusion *f) {
  switch (f->has.curve) {
    case CUBN_CURVE_ELU:
      for (int k = 0; k < SIDE; ++k) p[k] = elu_of(p[k], f->coef);
      return;
    case CUBN_CURVE_SIGMOID:
      for (int k = 0; k < SIDE; ++k) p[k] = sigmoid_of(p[k]);
      return;
    case CUBN_CURVE_TANH:
      for (int k = 0; k < SIDE; ++k) p[k] = tanh_of(p[k]);
      return;
    case CUBN_CURVE_SWISH:
      for (int k = 0; k < SIDE; ++k) p[k] = swish_of(p[k], f->swish_beta);
      return;
    case CUBN_CURVE_GELU:
      for (int k = 0; k < SIDE; ++k) p[k] = gelu_of(p[k]);
      return;
  }
}

/* p becomes activation'(p). */
OUTLINED void become_slopes(vec p[SIDE], const fusion *f) {
  switch (f->has.curve) {
    case CUBN_CURVE_ELU:
      for (int k = 0; k < SIDE; ++k) p[k] = elu_slope(p[k], f->coef, f->least);
      return;
    case CUBN_CURVE_SIGMOID:
      for (int k = 0; k < SIDE; ++k) p[k] = sigmoid_slope(p[k]);
      return;
    case CUBN_CURVE_TANH:
      for (int k = 0; k < SIDE; ++k) p[k] = tanh_slope(p[k]);
      return;
    case CUBN_CURVE_SWISH:
      for (int k = 0; k < SIDE; ++k) p[k] = swish_slope(p[k], f->swish_beta);
      return;
    case CUBN_CURVE_GELU:
      for (int k = 0; k < SIDE; ++k) p[k] = gelu_slope(p[k]);
      return;
  }
}

/* Of a step from column i on, as forward left the inputs, or from inputs that are computed again. */
INLINED void get_slopes(const cubn_fused *it, const place *at, const coefficients *of_run,
                        const fusion *f, int64_t i, int64_t left, task of, vec slopes[SIDE]) {
  for (int k = 0; k < SIDE; ++k) slopes[k] = (vec){0};
  for (int k = 0; k < SIDE && (!left || k * LANES < left); ++k) {
    const int64_t j = i + k * LANES, part = part_of(left, k);
    if (f->has.input) {
      slopes[k] = load_lanes(at->input + j, part);
    } else {
      const coefficients with = get_coefficients(it, of_run, j, of);
      slopes[k] = input_again(load_lanes(at->x + j, part), &with);
    }
  }
  become_slopes(slopes, f);
}

/* As output_step, which see. */
INLINED void smooth_forward(const cubn_fused *it, const place *at, const coefficients *of_run,
                            const fusion *f, int64_t i, int64_t left, task of) {
  vec p[SIDE] = {{0}}, v[SIDE];
  for (int k = 0; k < SIDE && (!left || k * LANES < left); ++k) {
    const int64_t j = i + k * LANES;
    const coefficients with = get_coefficients(it, of_run, j, of);
    p[k] = input_at(at, j, part_of(left, k), &with, f);
  }
  memcpy(v, p, sizeof v);
  become_values(v, f);
  for (int k = 0; k < SIDE && (!left || k * LANES < left); ++k) {
    const int64_t j = i + k * LANES, part = part_of(left, k);
    if (f->has.scales) v[k] *= f->alpha;
    if (f->has.blends) v[k] += f->beta * load_lanes(at->output + j, part);
  }
  for (int k = 0; k < SIDE && (!left || k * LANES < left); ++k) {
    const int64_t j = i + k * LANES, part = part_of(left, k);
    if (f->has.input) put_lanes(at->input + j, p[k], part, of.stream && it->stream_input);
    if (f->has.output) put_lanes(at->output + j, v[k], part, of.stream);
  }
}

INLINED void smooth_backward(const cubn_fused *it, const place *at, const coefficients *of_run,
                             const fusion *f, int64_t i, int64_t left, task of) {
  vec v[SIDE] = {{0}}, dp[SIDE] = {{0}}, slopes[SIDE];
  get_slopes(it, at, of_run, f, i, left, of, slopes);
  for (int k = 0; k < SIDE && (!left || k * LANES < left); ++k) {
    const int64_t j = i + k * LANES, part = part_of(left, k);
    const coefficients with = get_coefficients(it, of_run, j, of);
    const vec x = at->x ? load_lanes(at->x + j, part) : (vec){0};
    dp[k] = vec_rounded(load_lanes(at->dy + j, part) * slopes[k]);
    v[k] = backward_at(x, f->has.dx_needs_x, dp[k], &with);
    if (f->has.blends) v[k] += f->beta * load_lanes(at->output + j, part);
  }
  for (int k = 0; k < SIDE && (!left || k * LANES < left); ++k) {
    const int64_t j = i + k * LANES, part = part_of(left, k);
    if (f->has.dz) put_lanes(at->dz + j, dp[k], part, of.stream && it->stream_dz);
    if (f->has.output) put_lanes(at->output + j, v[k], part, of.stream);
  }
}

#endif /* CUBN_CPU_KERNELS_SMOOTH_H */
