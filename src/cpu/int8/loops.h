/* The arithmetic of quantized inference on neighboring elements; core/int8.h says what it is. y may
 * be x. */
#ifndef CUBN_CPU_INT8_LOOPS_H
#define CUBN_CPU_INT8_LOOPS_H

#include <stdint.h>

#include "core/int8.h"

/* Each element has coefficients of its own. */
void cubn_int8_row(const int8_t *x, uint8_t *y, int64_t count, const float *gain,
                   const float *shift, cubn_int8_range range);

/* All have the same. The elements are `stride` apart in x, and `to_stride` in y. */
void cubn_int8_run(const int8_t *x, int64_t stride, uint8_t *y, int64_t to_stride, int64_t count,
                   cubn_int8_affine affine, cubn_int8_range range);

/* Coefficients of some channels, from parameters in double. */
void cubn_int8_coefficients(const cubn_quantization *quantization, int64_t count,
                            const double *scale, const double *bias, const double *mean,
                            const double *mean_low, const double *inv_std, float *gain,
                            float *shift);

#endif /* CUBN_CPU_INT8_LOOPS_H */
