/* What the kernels on runs and grids have in common. */
#ifndef CUBN_CPU_KERNELS_TASK_H
#define CUBN_CPU_KERNELS_TASK_H

#include "cpu/kernels/kernels.h"
#include "cpu/kernels/simd.h"

enum {
  STEP_VECTORS = CUBN_INTERLEAVE, /* vectors side by side */
  STEP = STEP_VECTORS * LANES     /* values of a step of one run */
};

typedef struct coefficients {
  vec center, gain, slope, shift;
} coefficients;

INLINED coefficients coefficients_of(const cubn_coefficients *coef) {
  return (coefficients){vec_all((real)coef->center), vec_all((real)coef->gain),
                        vec_all((real)coef->slope), vec_all((real)coef->shift)};
}

/* What an instance of a kernel does; constants when it is compiled. */
typedef struct task {
  bool sums, output, backward, nontemporal;
  bool centered;    /* otherwise centers are 0 */
  bool interleaved; /* STEP_VECTORS runs at a time */
} task;

/* How many sums there are. */
INLINED int sums_of(task of) {
  return of.backward && of.centered ? 3 : 2;
}

INLINED vec output_value(vec x, vec dy, const coefficients *coef, task of) {
  const vec centered = of.centered ? x - coef->center : x;
  const vec factor = of.backward ? coef->slope : coef->gain;
  const vec of_x = vec_multiply_add(centered, factor, coef->shift);
  return of.backward ? vec_multiply_add(dy, coef->gain, of_x) : of_x;
}

#endif /* CUBN_CPU_KERNELS_TASK_H */
