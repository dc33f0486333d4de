/* The errors of batch renormalization. */
#ifndef CUBN_TESTS_TOLERANCE_RENORM_H
#define CUBN_TESTS_TOLERANCE_RENORM_H

#include "kit/tolerance.h"

/* Sets the errors of r and d, and of the scale and bias that are applied, from those of mean and
 * inv_std. */
void tolerance_renormalize(const line_problem *problem, const data_set *before,
                           const oracle_channel *channel, int64_t number, tolerance *t);

/* The error of dscale = r * sum(dp * x_hat) + d * dbias, before blending. */
long double tolerance_dscale(const oracle_channel *channel, const tolerance *t);

#endif /* CUBN_TESTS_TOLERANCE_RENORM_H */
