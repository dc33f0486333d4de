/* The oracle: the formulas of cubn.h, in long double, on the values as they are stored. It shares
 * no code with the library. It computes one channel at a time, so that large problems can be
 * checked by samples. */
#ifndef CUBN_TESTS_ORACLE_H
#define CUBN_TESTS_ORACLE_H

#include "kit/data.h"

typedef struct oracle_channel {
  int64_t count;
  long double mean, inv_std; /* mean and inv_std that x is normalized with */
  long double dx_inv_std;    /* backward: inv_std of the batch in dx; mostly the same */
  long double var;           /* biased variance of x; in inference and frozen the given one */
  /* The statistics of the pre-activation: in backward the exact ones of forward. */
  long double preact_mean, preact_inv_std;
  long double scale, bias;           /* with r and d: scale * r, bias + scale * d */
  long double r, d;                  /* of batch renormalization, else 1 and 0 */
  bool is_finite;                    /* training: mean and variance, as parameters */
  long double dscale_sum, dbias_sum; /* the sums that dx depends on, before blending; or given */
  /* The exact content of the arrays after the call; meaningful if the call has them. */
  long double running_mean, running_var, saved_mean, saved_inv_std, dscale, dbias;
  /* For tolerances: the largest |x - mean|, and the sums of |dp| and |dp * x_hat|. */
  long double deviation, dp_sum_abs, dp_x_hat_sum_abs;
} oracle_channel;

/* One element of a channel, as it is stored. Members that the call does not read are 0. */
typedef struct oracle_element {
  long double x, dy, z, prior;
  /* Backward, for an activation that decides: whether y of forward shows that it let the element
   * pass. Nothing else can tell where the pre-activation is nearly 0. */
  bool passes;
} oracle_element;
oracle_element oracle_load(const line_problem *problem, const data_set *before,
                           const line_walk *walk);

/* Computes a channel; `before` has the inputs and the prior content of the outputs. */
oracle_channel oracle_compute(const line_problem *problem, const data_set *before, int64_t channel);

/* The exact pre-activation. */
long double oracle_preact(const oracle_channel *channel, const oracle_element *element);
/* Backward: dy times the derivative, exact; and rounded to the type of the tensors, which is dz. */
long double oracle_exact_dp(const line_problem *problem, const oracle_channel *channel,
                            const oracle_element *element);
long double oracle_dp(const line_problem *problem, const oracle_channel *channel,
                      const oracle_element *element);
/* The exact output. */
long double oracle_output(const line_problem *problem, const oracle_channel *channel,
                          const oracle_element *element);

/* Computes mean, var and deviation of x. */
void oracle_statistics(const line_problem *problem, const data_array *x, oracle_channel *channel,
                       int64_t number);
/* The running statistics before the call, and inv_std from their variance. */
typedef struct oracle_running {
  long double mean, var;
} oracle_running;
oracle_running oracle_running_before(const line_problem *problem, const data_set *before,
                                     int64_t channel);
long double oracle_running_inverse_std(const line_problem *problem, long double var);
/* Sets r and d of a channel whose mean and inv_std are known, and changes scale and bias. */
void oracle_renormalize(const line_problem *problem, const data_set *before,
                        oracle_channel *channel, int64_t number);

/* By what the biased variance is multiplied before it normalizes. */
long double oracle_variance_factor(const line_problem *problem);
/* From the biased variance, or a given one. */
long double oracle_inverse_std(const line_problem *problem, long double var);
/* The factor of x_hat * dscale / m in dx, from the derivative of inv_std. */
long double oracle_variance_slope(const line_problem *problem, long double inv_std);
/* inv_std as parameters keep it: at most the largest finite number of their type. */
long double oracle_kept_inv_std(const line_problem *problem, long double inv_std);

/* ---- Backward, in place of a forward call (oracle_fill.c) ---- */
/* Fills the saved statistics with those of x, or foreign ones near them, rounded to their type. */
void oracle_fill_saved(const line_problem *problem, data_set *set);
/* Fills forward's y. */
void oracle_fill_y(const line_problem *problem, data_set *set);

#endif /* CUBN_TESTS_ORACLE_H */
