/* Channels in double, value by value: those whose values are too large or too small for float
 * arithmetic, and those with an epilogue whose coefficients are NaN. Each is computed by itself, so
 * that its neighbors come out the same whether they share a block with it or not. */
#ifndef CUBN_CPU_FAST_EXACT_H
#define CUBN_CPU_FAST_EXACT_H

#include "cpu/fast/call.h"

/* The moments of the patch of x: its first value, the distance of the mean from that, and the
 * biased variance. */
void cubn_exact_moments(const cubn_call *call, cubn_patch values, double *first, double *distance,
                        double *var);

/* Sums of dy (after the derivative of the activation), dy * x_hat and x - center. */
void cubn_exact_sums(const cubn_call *call, cubn_patch values, const cubn_coefficients *coef,
                     double sums[3]);

/* Computes and writes the output, epilogue included. */
void cubn_exact_output(const cubn_call *call, cubn_patch values, const cubn_coefficients *coef);

/* Whether the coefficients make all outputs NaN, whatever the values are, and nothing follows. */
bool cubn_exact_is_nan(const cubn_call *call, const cubn_coefficients *coef);

/* Fills the patch of the output with NaN. */
void cubn_exact_fill_nan(const cubn_call *call, cubn_patch values);

#endif /* CUBN_CPU_FAST_EXACT_H */
