/* The quantization of int8 tensors. */
#ifndef CUBN_CORE_QUANTIZATION_H
#define CUBN_CORE_QUANTIZATION_H

/* A real value is (q - zero) * scale. */
typedef struct cubn_quantization {
  double x_scale, y_scale;
  int x_zero, y_zero;
} cubn_quantization;

#endif /* CUBN_CORE_QUANTIZATION_H */
