/* Coefficients of the columns of a grid. */
#ifndef CUBN_CPU_FAST_COLUMNS_H
#define CUBN_CPU_FAST_COLUMNS_H

#include "cpu/fast/call.h"

/* Arrays of cubn_grid_coefficients. */
#define CUBN_GRID_ARRAYS 8

/* The coefficients of the columns from `column` on. */
static inline cubn_grid_coefficients cubn_skip_columns(const cubn_call *call,
                                                       const cubn_grid_coefficients *all,
                                                       int64_t column) {
  cubn_grid_coefficients coef = *all;
  void **const arrays[CUBN_GRID_ARRAYS] = {&coef.center,      &coef.prescale,    &coef.dy_prescale,
                                           &coef.gain,        &coef.slope,       &coef.shift,
                                           &coef.preact_gain, &coef.preact_shift};
  for (int i = 0; i < CUBN_GRID_ARRAYS; ++i)
    *arrays[i] = (char *)*arrays[i] + column * call->kernels->real_bytes;
  return coef;
}

#endif /* CUBN_CPU_FAST_COLUMNS_H */
