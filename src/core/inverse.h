/* Backward from y = activation(p): p, and the derivative there. In double on both backends. */
#ifndef CUBN_CORE_INVERSE_H
#define CUBN_CORE_INVERSE_H

#include <math.h>
#include <stdbool.h>

#include "core/activation.h"
#include "core/statistics.h"

/* Leaky ReLU or ELU, with a coef above 0. */
typedef struct cubn_inverse {
  bool is_elu;
  /* ELU: y / coef counts as at least this, which is one roundoff of y's type above -1: a y that was
   * rounded to -coef has lost its p. */
  double least;
  double coef;
} cubn_inverse;

static inline cubn_inverse cubn_inverse_of(const cubn_activation *activation, cubnDataType_t type) {
  const double roundoff = type == CUBN_DATA_DOUBLE  ? 0x1p-53
                          : type == CUBN_DATA_FLOAT ? 0x1p-24
                          : type == CUBN_DATA_HALF  ? 0x1p-11
                                                    : 0x1p-8;
  const cubn_inverse result = {activation->mode == CUBN_ACTIVATION_ELU, roundoff - 1,
                               activation->coef};
  return result;
}

/* y / coef, limited; NaN stays. */
CUBN_SHARED_CODE double cubn_inverse_ratio(const cubn_inverse *by, double y) {
  const double ratio = y / by->coef;
  return by->is_elu && ratio < by->least ? by->least : ratio;
}

CUBN_SHARED_CODE double cubn_inverse_value(const cubn_inverse *by, double y) {
  const double ratio = cubn_inverse_ratio(by, y);
  if (y > 0) return y;
  return by->is_elu ? log1p(ratio) : ratio;
}

/* coef * exp(p) is coef * (1 + ratio). */
CUBN_SHARED_CODE double cubn_inverse_slope(const cubn_inverse *by, double y) {
  if (by->is_elu) return y > 0 ? 1 : by->coef * (1 + cubn_inverse_ratio(by, y));
  return y <= 0 ? by->coef : 1;
}

#endif /* CUBN_CORE_INVERSE_H */
