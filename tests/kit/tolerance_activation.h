/* Errors of activations and their derivatives; see tolerance_activation.c. */
#ifndef CUBN_TESTS_TOLERANCE_ACTIVATION_H
#define CUBN_TESTS_TOLERANCE_ACTIVATION_H

#include "kit/problem_line.h"

/* The share of an error in a product. What is 0 times anything stays 0, also where the error that
 * is possible is infinite: with an epsilon of 1e-300, a mean that is off by one unit is off by
 * 1e140 standard deviations. */
static inline long double tolerance_times(long double error, long double factor) {
  return factor == 0 ? 0 : error * factor;
}

/* The allowed error of activation(p), computed in arithmetic of roundoff u from a p whose error is
 * at most p_error. */
long double activation_error(const line_problem *problem, long double u, long double p,
                             long double p_error);

/* The same for the derivative, where forward has decided. */
long double slope_error(const line_problem *problem, long double u, long double p,
                        long double p_error);
/* Backward from y of leaky ReLU or ELU: the error of the p that is found; 0 for other problems. */
long double inverse_error(const line_problem *problem, long double p);

#endif /* CUBN_TESTS_TOLERANCE_ACTIVATION_H */
