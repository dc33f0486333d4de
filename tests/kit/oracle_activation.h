/* Activations and their derivatives, from their formulas, in long double. */
#ifndef CUBN_TESTS_ORACLE_ACTIVATION_H
#define CUBN_TESTS_ORACLE_ACTIVATION_H

#include "kit/problem_line.h"

long double oracle_activate(const line_problem *problem, long double p);
/* The derivative; `passes` tells whether p counts as above 0 and below the ceiling. */
long double oracle_slope(const line_problem *problem, long double p, bool passes);
/* Backward from y: p of leaky ReLU or ELU. A y / coef below that of the next number above -coef
 * counts as that number's. */
long double oracle_inverse(const line_problem *problem, long double y);

#endif /* CUBN_TESTS_ORACLE_ACTIVATION_H */
