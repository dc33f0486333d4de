/* What follows the normalization. */
#ifndef CUBN_CORE_ACTIVATION_H
#define CUBN_CORE_ACTIVATION_H

#include <stdbool.h>

#include "cubn.h"

/* y = activation(scale * x_hat + bias [+ z]). With
 * p = scale * x_hat + bias [+ z], the pre-activation:
 *   IDENTITY      p
 *   RELU          p if p > 0, else 0
 *   CLIPPED_RELU  the same, but at most coef
 *   LEAKY_RELU    p if p > 0, else coef * p
 *   ELU           p if p > 0, else coef * (exp(p) - 1)
 *   SIGMOID, TANH
 *   SWISH         p / (1 + exp(-swish_beta * p))
 *   GELU          p * (1 + erf(p / sqrt(2))) / 2
 * A p that is NaN gives NaN, but 0 for the first two if propagates_nan is false. */
typedef struct cubn_activation {
  cubnActivationMode_t mode;
  bool propagates_nan;
  double coef, swish_beta;
} cubn_activation;

#endif /* CUBN_CORE_ACTIVATION_H */
