/* The formulas of backward and of double backward for one channel, in long double. */
#ifndef CUBN_TESTS_DOUBLE_EXACT_H
#define CUBN_TESTS_DOUBLE_EXACT_H

#include <stdbool.h>
#include <stdint.h>

/* The values of a channel. mean and inv_std are those in use; double_statistics computes those of
 * x. */
typedef struct double_channel {
  int64_t count;
  const long double *x, *dy, *ddx;
  long double scale, ddscale, ddbias, mean, inv_std;
  bool is_given; /* mean and inv_std are constants */
} double_channel;

/* The results for a channel, and magnitudes that bound what rounding adds to each: those of the
 * terms, with absolute values under the sums. gx and ddy have `count` values of the caller. */
typedef struct double_results {
  long double *gx, *ddy, *gx_terms, *ddy_terms;
  long double gscale, gscale_terms;
} double_results;

void double_statistics(double_channel *channel, long double epsilon);

void double_exact(const double_channel *channel, double_results *results);

/* The number L = sum(ddx * dx) + ddscale * dscale + ddbias * dbias, by the formulas of backward. */
long double double_objective(const double_channel *channel);

#endif /* CUBN_TESTS_DOUBLE_EXACT_H */
