/* The oracle: what the formulas of cubn.h say, in long double, on the values as they are stored.
 * It shares no code with the library. One channel at a time, so that large problems can be checked
 * by samples. */
#ifndef CUBN_TESTS_ORACLE_H
#define CUBN_TESTS_ORACLE_H

#include "data.h"

typedef struct oracle_channel {
  int64_t count;
  long double mean, inv_std; /* those that x is normalized with */
  long double var;           /* biased, of x; in inference the given one */
  long double scale, bias;
  long double dscale_sum, dbias_sum; /* backward, before blending */
  /* What the arrays hold afterwards, exact; meaningful if the call has them. */
  long double running_mean, running_var, saved_mean, saved_inv_std, dscale, dbias;
  /* For tolerances: largest |x - mean|, sums of |dy| and |dy * x_hat|. */
  long double deviation, dy_sum_abs, dy_x_hat_sum_abs;
} oracle_channel;

/* `before` holds the inputs and the prior content of the outputs. */
oracle_channel oracle_compute(const line_problem *problem, const data_set *before, int64_t channel);

/* The output's exact value at one element of the channel. dy and prior are ignored where the
 * formula does not read them. */
long double oracle_output(const line_problem *problem, const oracle_channel *channel, long double x,
                          long double dy, long double prior);

/* Backward: fills the saved statistics with those of x, or foreign ones near them, rounded to their
 * type. */
void oracle_fill_saved(const line_problem *problem, data_set *set);

#endif /* CUBN_TESTS_ORACLE_H */
