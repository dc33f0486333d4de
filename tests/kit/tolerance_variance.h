/* How errors of the variance and of inv_std go on: what depends on the conventions of a line. */
#ifndef CUBN_TESTS_TOLERANCE_VARIANCE_H
#define CUBN_TESTS_TOLERANCE_VARIANCE_H

#include "kit/tolerance.h"

/* The largest number of values whose sum is formed in working precision: B in tolerance.c. */
enum { TOLERANCE_SUM_LENGTH = 32 };

/* The part of the variance, or of its root, in what inv_std is the inverse of. */
long double tolerance_variance_part(const line_problem *problem, long double var);

/* The error of oracle_variance_slope: with epsilon outside of the root it is the factor over the
 * part of the root, which is the difference of 1 and epsilon inv_std. */
long double tolerance_variance_slope(const line_problem *problem, const oracle_channel *channel,
                                     const tolerance *t);

/* The error that the low part of a given mean brings, and the oracle's when it adds that. */
long double tolerance_low(const line_problem *problem, const data_set *before,
                          const oracle_channel *channel, int64_t number, long double u);

#endif /* CUBN_TESTS_TOLERANCE_VARIANCE_H */
