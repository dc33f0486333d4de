/* Smooth activations and their slopes, for a step. One copy of the code serves all loops. */
#ifndef CUBN_CPU_KERNELS_SMOOTH_STEPS_H
#define CUBN_CPU_KERNELS_SMOOTH_STEPS_H

#include "cpu/kernels/fused_row.h"
#include "cpu/kernels/smooth_activations.h"

/* values = activation(p) */
OUTLINED void smooth_values(const vec p[STEP_VECTORS], const fusion *fusion,
                            vec values[STEP_VECTORS]) {
  switch (fusion->has.smooth) {
    case CUBN_SMOOTH_ELU:
      for (int k = 0; k < STEP_VECTORS; ++k) values[k] = elu_of(p[k], fusion->coef);
      return;
    case CUBN_SMOOTH_SIGMOID:
      for (int k = 0; k < STEP_VECTORS; ++k) values[k] = sigmoid_of(p[k]);
      return;
    case CUBN_SMOOTH_TANH:
      for (int k = 0; k < STEP_VECTORS; ++k) values[k] = tanh_of(p[k]);
      return;
    case CUBN_SMOOTH_SWISH:
      for (int k = 0; k < STEP_VECTORS; ++k) values[k] = swish_of(p[k], fusion->swish_beta);
      return;
    case CUBN_SMOOTH_GELU:
      for (int k = 0; k < STEP_VECTORS; ++k) values[k] = gelu_of(p[k]);
      return;
  }
}

/* slopes = activation'(p) */
OUTLINED void smooth_slopes(const vec p[STEP_VECTORS], const fusion *fusion,
                            vec slopes[STEP_VECTORS]) {
  switch (fusion->has.smooth) {
    case CUBN_SMOOTH_ELU:
      for (int k = 0; k < STEP_VECTORS; ++k)
        slopes[k] = elu_slope(p[k], fusion->coef, fusion->least);
      return;
    case CUBN_SMOOTH_SIGMOID:
      for (int k = 0; k < STEP_VECTORS; ++k) slopes[k] = sigmoid_slope(p[k]);
      return;
    case CUBN_SMOOTH_TANH:
      for (int k = 0; k < STEP_VECTORS; ++k) slopes[k] = tanh_slope(p[k]);
      return;
    case CUBN_SMOOTH_SWISH:
      for (int k = 0; k < STEP_VECTORS; ++k) slopes[k] = swish_slope(p[k], fusion->swish_beta);
      return;
    case CUBN_SMOOTH_GELU:
      for (int k = 0; k < STEP_VECTORS; ++k) slopes[k] = gelu_slope(p[k]);
      return;
  }
}

#endif /* CUBN_CPU_KERNELS_SMOOTH_STEPS_H */
