/* The loops of usual.c, and what they have in common: no branches, as everything that is to become
 * vectors. All return false if some channel is an exception. */
#ifndef CUBN_CPU_FAST_USUAL_LOOPS_H
#define CUBN_CPU_FAST_USUAL_LOOPS_H

#include "cpu/common/clones.h"
#include "cpu/common/preactivation.h"
#include "cpu/fast/channels.h"

/* The parameters of the channels, from the first on. */
static inline const float *cubn_usual_params(const void *array, const cubn_channels *channels) {
  return (const float *)array + channels->first;
}

/* Whether float can hold the coefficient, and it is a number. */
CUBN_INLINED bool cubn_usual_fits(double coefficient) {
  const double size = fabs(coefficient);
  return ((size <= CUBN_COEFFICIENT_MAX) & (size >= 1 / CUBN_COEFFICIENT_MAX)) | (size == 0);
}

/* ---- usual_forward.c */
bool cubn_usual_begin_inference(const cubn_call *call, const cubn_channels *channels,
                                cubn_grid_coefficients *coef);
/* The pivots are known. */
void cubn_usual_begin_training(const cubn_channels *channels, cubn_grid_coefficients *coef);
/* Sets mean, mean_low, var and inv_std of the channels, too. */
bool cubn_usual_finish_training(const cubn_call *call, const cubn_channels *channels,
                                cubn_grid_coefficients *coef);

/* ---- usual_backward.c */
bool cubn_usual_begin_backward(const cubn_call *call, const cubn_channels *channels,
                               cubn_grid_coefficients *coef);
/* Sets the coefficients of the pre-activation. */
bool cubn_usual_begin_preactivation(const cubn_call *call, const cubn_channels *channels,
                                    cubn_grid_coefficients *coef);
/* dscale becomes the channels' scale. */
bool cubn_usual_finish_backward(const cubn_call *call, const cubn_channels *channels,
                                cubn_grid_coefficients *coef);

#endif /* CUBN_CPU_FAST_USUAL_LOOPS_H */
