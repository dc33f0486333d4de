/* Inference of int8 tensors: its arithmetic, which is the same on both backends to the last bit.
 * Per channel, in double, each operation rounded,
 *
 *     gain  = scale * inv_std * (x_scale / y_scale)
 *     shift = bias / y_scale - gain * ((mean / x_scale + x_zero) + mean_low / x_scale)
 *
 * both then rounded to float; per element, in float, each operation rounded,
 *
 *     v = gain * x + shift                      (a product, then a sum)
 *     v = max(v, least), v = min(v, largest)    (NaN becomes `least`)
 *     y = v rounded to an integer, ties to even, + y_zero
 *
 * where least and largest keep y within -128 and 127, and within the bounds of a ReLU. */
#ifndef CUBN_CORE_INT8_H
#define CUBN_CORE_INT8_H

#include <math.h>
#include <stdbool.h>

#include "core/activation.h"
#include "core/quantization.h"
#include "core/statistics.h"

/* The bounds of v, and what is added to the integer. */
typedef struct cubn_int8_range {
  float least, largest;
  int y_zero;
} cubn_int8_range;

typedef struct cubn_int8_affine {
  float gain, shift;
} cubn_int8_affine;

/* The activation is the identity, ReLU or clipped ReLU. */
static inline cubn_int8_range cubn_int8_range_of(const cubn_quantization *q,
                                                 const cubn_activation *activation) {
  const bool is_clipped = activation->mode == CUBN_ACTIVATION_CLIPPED_RELU;
  const bool is_relu = is_clipped || activation->mode == CUBN_ACTIVATION_RELU;
  const double ceiling = is_clipped ? activation->coef : (double)INFINITY;
  const double largest = fmin(127 - q->y_zero, ceiling / q->y_scale);
  const cubn_int8_range range = {is_relu ? 0 : (float)(-128 - q->y_zero), (float)largest,
                                 q->y_zero};
  return range;
}

CUBN_SHARED_CODE cubn_int8_affine cubn_int8_affine_of(const cubn_quantization *q, double scale,
                                                      double bias, double mean, double mean_low,
                                                      double inv_std) {
  const double gain = scale * inv_std * (q->x_scale / q->y_scale);
  const double center = (mean / q->x_scale + q->x_zero) + mean_low / q->x_scale;
  const double shift = bias / q->y_scale - cubn_product(gain, center);
  const cubn_int8_affine affine = {(float)gain, (float)shift};
  return affine;
}

#endif /* CUBN_CORE_INT8_H */
