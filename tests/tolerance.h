/* How far a result may lie from the exact one, derived from the problem (see tolerance.c). */
#ifndef CUBN_TESTS_TOLERANCE_H
#define CUBN_TESTS_TOLERANCE_H

#include "oracle.h"

typedef struct tolerance {
  long double roundoff;     /* of the arithmetic on elements */
  long double mean_error;   /* of the mean */
  long double var_relative; /* of the variance */
  long double inv_std_relative;
  long double dbias_error, dscale_error; /* of the sums */
  bool is_exact; /* a constant channel without blending: y = bias, rounded to the type */
} tolerance;

tolerance tolerance_compute(const line_problem *problem, const oracle_channel *channel);

/* Allowed error of an element of y or dx with the exact value `exact`. */
long double tolerance_output(const line_problem *problem, const oracle_channel *channel,
                             const tolerance *t, long double x, long double dy, long double prior,
                             long double exact);

/* Allowed error of a per-channel output (DATA_RUNNING_MEAN .. DATA_DBIAS) whose exact value is
 * `exact` and prior content `prior`. */
long double tolerance_param(const line_problem *problem, const oracle_channel *channel,
                            const tolerance *t, int array, long double prior, long double exact);

#endif /* CUBN_TESTS_TOLERANCE_H */
