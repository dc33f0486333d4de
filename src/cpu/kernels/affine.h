/* What the kernels without an epilogue share, on runs and on grids. */
#ifndef CUBN_CPU_KERNELS_AFFINE_H
#define CUBN_CPU_KERNELS_AFFINE_H

#include "cpu/kernels/formula.h"
#include "cpu/kernels/steps.h"

/* What an instance of a kernel does. All members are constants when it is compiled. */
typedef struct affine_task {
  bool sums, output, backward, nontemporal;
  bool centered;    /* Otherwise all centers are 0, and nothing is subtracted. */
  bool prescaled;   /* Otherwise all prescales are 1. What is prescaled counts as centered. */
  bool apart;       /* The arrays of a grid have strides of their own. */
  bool interleaved; /* The kernel works on STEP_VECTORS runs at the same time, otherwise on one. */
} affine_task;

INLINED int sum_count(affine_task task) {
  return task.backward && task.centered ? 3 : 2;
}

INLINED vec centered_value(vec x, const coefficients *coef, affine_task task) {
  if (task.prescaled) return prescaled_difference(x, coef->center, coef->prescale);
  return task.centered ? x - coef->center : x;
}

/* dx, or y = (x - center) * gain + shift. In forward dy is not used. */
INLINED vec output_value(vec x, vec dy, const coefficients *coef, affine_task task) {
  const vec centered = centered_value(x, coef, task);
  if (task.backward) return dx_of(centered, dy, coef);
  return vec_multiply_add(centered, coef->gain, coef->shift);
}

/* Adds the first lanes of x and dy to the sums. The other lanes are 0 and must add nothing. */
INLINED void add_values(vec x, vec dy, int64_t lanes, const coefficients *coef, affine_task task,
                        vec *sums, int stride) {
  vec centered = centered_value(x, coef, task);
  if (task.prescaled && task.backward) dy *= coef->dy_prescale;
  if (task.centered) centered = keep_lanes(centered, lanes);
  if (task.backward)
    add_backward_sums(centered, dy, task.centered, sums, stride);
  else
    add_forward_sums(centered, sums, stride);
}

#endif /* CUBN_CPU_KERNELS_AFFINE_H */
