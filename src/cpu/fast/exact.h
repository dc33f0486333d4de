/* Channels in double, value by value: those whose values are too large or too small for float
 * arithmetic. Each is computed by itself, so that its neighbors come out the same whether or not
 * they share a block with it. */
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

#endif /* CUBN_CPU_FAST_EXACT_H */
