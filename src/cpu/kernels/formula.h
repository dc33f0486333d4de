/* The formula of kernels.h on vectors: coefficients, dx, and the sums. */
#ifndef CUBN_CPU_KERNELS_FORMULA_H
#define CUBN_CPU_KERNELS_FORMULA_H

#include "cpu/kernels/kernels.h"
#include "cpu/kernels/simd.h"

/* cubn_coefficients, for as many values as a vector has lanes. */
typedef struct coefficients {
  vec center, gain, slope, shift, preact_gain, preact_shift, prescale, dy_prescale;
} coefficients;

/* Those of a run: all lanes are alike. */
INLINED coefficients run_coefficients(const cubn_coefficients *coef) {
  return (coefficients){vec_all((real)coef->center),      vec_all((real)coef->gain),
                        vec_all((real)coef->slope),       vec_all((real)coef->shift),
                        vec_all((real)coef->preact_gain), vec_all((real)coef->preact_shift),
                        vec_all((real)coef->prescale),    vec_all((real)coef->dy_prescale)};
}

/* (x - center) * prescale. The difference itself need not be in the range of reals. */
INLINED vec prescaled_difference(vec x, vec center, vec prescale) {
  return vec_multiply_add(x, prescale, -(center * prescale));
}

/* dx = dy * gain + ((x - center) * slope + shift) */
INLINED vec dx_of(vec centered, vec dy, const coefficients *coef) {
  return vec_multiply_add(dy, coef->gain, vec_multiply_add(centered, coef->slope, coef->shift));
}

/* Adds a vector to the sums of forward: x - center, and its square. Sum i is sums[i * stride]. */
INLINED void add_forward_sums(vec centered, vec *sums, int stride) {
  sums[0] += centered;
  sums[stride] = vec_multiply_add(centered, centered, sums[stride]);
}

/* Adds a vector to the sums of backward: dy, dy * (x - center), and x - center if it is wanted. */
INLINED void add_backward_sums(vec centered, vec dy, bool with_x, vec *sums, int stride) {
  sums[0] += dy;
  sums[stride] = vec_multiply_add(dy, centered, sums[stride]);
  if (with_x) sums[2 * stride] += centered;
}

#endif /* CUBN_CPU_KERNELS_FORMULA_H */
