/* The oracle: what the formulas of cubn.h say, in long double, on the values as they are stored.
 * It shares no code with the library. One channel at a time, so that large problems can be checked
 * by samples. */
#ifndef CUBN_TESTS_ORACLE_H
#define CUBN_TESTS_ORACLE_H

#include "kit/data.h"

typedef struct oracle_channel {
  int64_t count;
  long double mean, inv_std; /* those that x is normalized with */
  long double var;           /* biased, of x; in inference and frozen the given one */
  /* Those of the pre-activation: in backward the exact ones of forward. */
  long double input_mean, input_inv_std;
  long double scale, bias;
  long double dscale_sum, dbias_sum; /* that dx depends on, before blending; or given */
  /* What the arrays hold afterwards, exact; meaningful if the call has them. */
  long double running_mean, running_var, saved_mean, saved_inv_std, dscale, dbias;
  /* For tolerances: largest |x - mean|, sums of |dp| and |dp * x_hat|. */
  long double deviation, dp_sum_abs, dp_x_hat_sum_abs;
} oracle_channel;

/* One element of a channel: what is stored. What the call does not read is 0. */
typedef struct oracle_element {
  long double x, dy, z, prior;
  /* Backward, of an activation that decides: whether forward's y says that it let the element pass,
   * which nobody else can know where the pre-activation is nearly 0. */
  bool passes;
} oracle_element;
oracle_element oracle_load(const line_problem *problem, const data_set *before,
                           const line_walk *walk);

/* ---- Activations (oracle_activation.c) ---- */
long double oracle_activate(const line_problem *problem, long double p);
/* The derivative; `passes` says whether p counts as above 0 and below the ceiling. */
long double oracle_slope(const line_problem *problem, long double p, bool passes);

/* `before` holds the inputs and the prior content of the outputs. */
oracle_channel oracle_compute(const line_problem *problem, const data_set *before, int64_t channel);

/* The pre-activation, exact. */
long double oracle_input(const oracle_channel *channel, const oracle_element *element);
/* Backward: dy times the derivative; and that rounded to the type of the tensors, which is dz. */
long double oracle_exact_dp(const line_problem *problem, const oracle_channel *channel,
                            const oracle_element *element);
long double oracle_dp(const line_problem *problem, const oracle_channel *channel,
                      const oracle_element *element);
/* The output, exact. */
long double oracle_output(const line_problem *problem, const oracle_channel *channel,
                          const oracle_element *element);

/* mean, var and deviation of x. */
void oracle_statistics(const line_problem *problem, const data_array *x, oracle_channel *channel,
                       int64_t number);
long double oracle_inverse_std(long double var, double epsilon);

/* ---- Backward, in place of a forward call (oracle_fill.c) ---- */
/* Fills the saved statistics with those of x, or foreign ones near them, rounded to their type. */
void oracle_fill_saved(const line_problem *problem, data_set *set);
/* Fills forward's y. */
void oracle_fill_y(const line_problem *problem, data_set *set);

#endif /* CUBN_TESTS_ORACLE_H */
