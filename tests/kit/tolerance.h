/* How far a result may be from the exact one, derived from the problem (see tolerance.c). */
#ifndef CUBN_TESTS_TOLERANCE_H
#define CUBN_TESTS_TOLERANCE_H

#include "kit/oracle.h"

typedef struct tolerance {
  long double roundoff;     /* roundoff of the arithmetic on elements */
  long double mean_error;   /* absolute error of the mean */
  long double var_relative; /* relative error of the variance */
  long double inv_std_relative;
  /* The same for the statistics of the pre-activation: in backward those of forward. */
  long double preact_mean_error, preact_inv_std_relative;
  /* Batch renormalization: of r and d, and of the scale and bias that are applied. */
  long double r_error, d_error, scale_relative, bias_error;
  long double dbias_error, dscale_error; /* absolute errors of the sums */
  bool is_exact; /* a constant channel without blending: y = bias, rounded to the type */
} tolerance;

tolerance tolerance_compute(const line_problem *problem, const data_set *before,
                            const oracle_channel *channel, int64_t number);

/* The allowed error of an element of y or dx with the exact value `exact`; and of dz. */
long double tolerance_output(const line_problem *problem, const oracle_channel *channel,
                             const tolerance *t, const oracle_element *element, long double exact);
long double tolerance_dp(const line_problem *problem, const oracle_channel *channel,
                         const tolerance *t, const oracle_element *element);

/* The allowed error of a per-channel output (DATA_RUNNING_MEAN .. DATA_DBIAS) whose exact value is
 * `exact` and whose prior content is `prior`. */
long double tolerance_param(const line_problem *problem, const oracle_channel *channel,
                            const tolerance *t, int array, long double prior, long double exact);

#endif /* CUBN_TESTS_TOLERANCE_H */
