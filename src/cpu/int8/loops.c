#include "cpu/int8/loops.h"

#include <string.h>

#include "cpu/common/clones.h"

/* An element, as the bits of an int8. The sum with 1.5 * 2^23 has no room for a fraction, and the
 * integer in its last bits. */
CUBN_INLINED uint8_t quantize(int8_t x, float gain, float shift, cubn_int8_range range) {
  float v = gain * (float)x + shift;
  v = v > range.least ? v : range.least;
  v = v < range.largest ? v : range.largest;
  const float rounded = v + 0x1.8p23f;
  uint32_t bits;
  memcpy(&bits, &rounded, sizeof bits);
  return (uint8_t)(bits + (uint32_t)range.y_zero);
}

CUBN_CLONES void cubn_int8_row(const int8_t *x, uint8_t *y, int64_t count, const float *gain,
                               const float *shift, cubn_int8_range range) {
  CUBN_INDEPENDENT
  for (int64_t i = 0; i < count; ++i) y[i] = quantize(x[i], gain[i], shift[i], range);
}

CUBN_CLONES void cubn_int8_run(const int8_t *x, int64_t stride, uint8_t *y, int64_t to_stride,
                               int64_t count, cubn_int8_affine affine, cubn_int8_range range) {
  if (stride == 1 && to_stride == 1) {
    CUBN_INDEPENDENT
    for (int64_t i = 0; i < count; ++i) y[i] = quantize(x[i], affine.gain, affine.shift, range);
    return;
  }
  for (int64_t i = 0; i < count; ++i)
    y[i * to_stride] = quantize(x[i * stride], affine.gain, affine.shift, range);
}

CUBN_CLONES void cubn_int8_coefficients(const cubn_quantization *quantization, int64_t count,
                                        const double *scale, const double *bias, const double *mean,
                                        const double *mean_low, const double *inv_std, float *gain,
                                        float *shift) {
  for (int64_t i = 0; i < count; ++i) {
    const cubn_int8_affine affine =
        cubn_int8_affine_of(quantization, scale[i], bias[i], mean[i], mean_low[i], inv_std[i]);
    gain[i] = affine.gain;
    shift[i] = affine.shift;
  }
}
