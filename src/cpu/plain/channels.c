/* Arithmetic on channels: from sums to statistics and coefficients. */
#include <math.h>
#include <string.h>

#include "cpu/common/preactivation.h"
#include "cpu/common/running.h"
#include "cpu/common/statistics.h"
#include "cpu/plain/affine.h"

static bool has_activation(const cubn_job *job) {
  return job->problem->activation.mode != CUBN_ACTIVATION_IDENTITY;
}

static bool computes_preact(const cubn_job *job) {
  if (job->problem->pass == CUBN_PASS_BACKWARD) return cubn_recomputes_preactivation(job->problem);
  return has_activation(job) && job->problem->has_output;
}

static void spread(const cubn_job *job, const cubn_group *group, cubn_lanes *lanes) {
  double *const arrays[] = {lanes->mean_high,   lanes->mean_low,    lanes->inv_std,
                            lanes->gain,        lanes->offset,      lanes->slope,
                            lanes->preact_gain, lanes->preact_shift};
  const bool is_double = job->problem->pass == CUBN_PASS_DOUBLE_BACKWARD;
  const size_t used = is_double ? 3 : computes_preact(job) ? 8 : 6;
  for (size_t i = 0; i < used; ++i) cubn_lanes_spread(arrays[i], group->width, group->lanes);
}

/* Sets the coefficients of y = alpha * (scale * x_hat + bias). With an epilogue, which comes before
 * alpha, it applies alpha itself. */
static void set_forward(const cubn_job *job, const cubn_group *group, const cubn_affine *params,
                        cubn_lanes *lanes) {
  const double alpha = cubn_is_fused(job->problem) ? 1 : job->args->alpha;
  for (int64_t j = 0; j < group->width; ++j) {
    lanes->gain[j] = alpha * (params->scale[j] * lanes->inv_std[j]);
    lanes->offset[j] = alpha * params->bias[j];
  }
}

/* Sets the coefficients of the pre-activation. Backward takes what the center lacks of the mean
 * from the reserve space, unless it is given. */
static void set_preact(const cubn_job *job, const cubn_group *group, const cubn_affine *params,
                       cubn_lanes *lanes) {
  const bool is_single = cubn_is_single(job->param_type);
  double mean_low[CUBN_WIDTH_MAX];
  memcpy(mean_low, lanes->mean_low, (size_t)group->width * sizeof *mean_low);
  if (job->problem->pass == CUBN_PASS_BACKWARD && job->problem->reserve == CUBN_RESERVE_STATISTICS)
    cubn_load_reserved(job, group, CUBN_RESERVED_MEAN_LOW, mean_low);
  for (int64_t j = 0; j < group->width; ++j) {
    const double kept = cubn_kept_inv_std(job->param_type, lanes->inv_std[j]);
    const double gain = cubn_preact_gain(params->scale[j], cubn_round_param(job, kept));
    lanes->preact_gain[j] = gain;
    lanes->preact_shift[j] = cubn_preact_shift(params->bias[j], mean_low[j], gain);
    lanes->preact_needs_double = lanes->preact_needs_double || cubn_needs_double(is_single, gain);
  }
}

/* Sets the coefficients of dx from sums over `count` values. */
static void set_gradient(const cubn_job *job, const cubn_group *group, const cubn_affine *params,
                         const double *dbias, const double *dscale, double count,
                         cubn_lanes *lanes) {
  const cubn_args *args = job->args;
  const bool is_single = cubn_is_single(job->param_type);
  double saved[CUBN_WIDTH_MAX];
  const double *const inv_std = cubn_dx_inv_std(job, group, lanes, saved);
  for (int64_t j = 0; j < group->width; ++j) {
    lanes->gain[j] = args->alpha * (params->scale[j] * inv_std[j]);
    lanes->offset[j] = dbias[j] / count;
    lanes->slope[j] =
        dscale[j] / count * cubn_variance_slope(&args->normalizer, is_single, inv_std[j]);
  }
}

/* Sets what follows from the statistics. */
static void use_statistics(const cubn_job *job, const cubn_group *group, const cubn_affine *params,
                           cubn_lanes *lanes) {
  const cubn_problem *problem = job->problem;
  if (computes_preact(job)) set_preact(job, group, params, lanes);
  if (problem->pass == CUBN_PASS_DOUBLE_BACKWARD) return;
  if (problem->pass != CUBN_PASS_BACKWARD) {
    if (problem->has_output && !has_activation(job)) set_forward(job, group, params, lanes);
    return;
  }
  if (!problem->has_output || job->needs.dx_waits) return;
  /* If the statistics are constants, dx does not depend on sums. */
  double dbias[CUBN_WIDTH_MAX], dscale[CUBN_WIDTH_MAX];
  cubn_load_param(job, group, problem->is_frozen ? NULL : job->args->dbias, 0, dbias);
  cubn_load_param(job, group, problem->is_frozen ? NULL : job->args->dscale, 0, dscale);
  set_gradient(job, group, params, dbias, dscale, problem->is_frozen ? 1 : job->args->count, lanes);
}

void cubn_channels_begin(const cubn_job *job, const cubn_group *group, cubn_lanes *lanes) {
  const cubn_args *args = job->args;
  const cubn_problem *problem = job->problem;
  for (int64_t j = 0; j < group->width; ++j)
    lanes->mean_high[j] = lanes->mean_low[j] = lanes->inv_std[j] = lanes->gain[j] =
        lanes->offset[j] = lanes->slope[j] = lanes->preact_gain[j] = lanes->preact_shift[j] = 0;
  lanes->preact_is_single = cubn_is_single(job->param_type);
  lanes->preact_needs_double = false;
  if (job->needs.moments) {
    /* Near the mean is the first value: in a constant channel all differences from it are 0. */
    const int64_t first = cubn_first_valid(job, group);
    if (first >= 0)
      job->type->load(args->x, job->plan.patch(problem, group, CUBN_ARRAY_X, first, 1),
                      lanes->mean_high);
  } else if (problem->pass == CUBN_PASS_INFER || problem->is_frozen) {
    double var[CUBN_WIDTH_MAX];
    cubn_load_param(job, group, args->mean, 0, lanes->mean_high);
    cubn_load_param(job, group, args->var, 0, var);
    for (int64_t j = 0; j < group->width; ++j)
      lanes->inv_std[j] = cubn_given_inv_std(problem, args, var[j]);
  } else if (problem->is_from_y) {
    cubn_take_y(job, group, lanes);
  } else if (problem->has_saved) {
    cubn_load_saved(job, group, args->saved_mean, lanes->mean_high);
    cubn_load_saved(job, group, args->saved_inv_std, lanes->inv_std);
  }
  if (!job->needs.moments) {
    cubn_load_saved(job, group, args->mean_low, lanes->mean_low);
    cubn_affine params;
    cubn_load_affine(job, group, &params);
    use_statistics(job, group, &params, lanes);
  }
  spread(job, group, lanes);
  if (problem->pass == CUBN_PASS_DOUBLE_BACKWARD) cubn_channels_begin_double(job, group, lanes);
}

static void update_running(const cubn_job *job, const cubn_group *group,
                           const cubn_moments *moments, const double *mean) {
  const bool is_biased = job->problem->running_is_biased || moments->count == 1;
  const double freedom = (double)(is_biased ? moments->count : moments->count - 1);
  double var[CUBN_WIDTH_MAX];
  for (int64_t j = 0; j < group->width; ++j) var[j] = moments->squares[j] / freedom;
  cubn_update_group_running(job, group, mean, var);
}

/* Splits the mean, mean_high + mean_low, into the mean as it is saved and what that rounding took
 * from it, also rounded. `mean` is the sum of both, rounded to a double. */
static void split_mean(const cubn_job *job, const cubn_group *group, const double *mean,
                       const cubn_lanes *lanes, double *saved, double *saved_low) {
  for (int64_t j = 0; j < group->width; ++j) {
    const double high = lanes->mean_high[j], low = lanes->mean_low[j];
    /* The roundoff of the sum, exactly (Knuth). */
    const double low_part = mean[j] - high;
    const double roundoff = (high - (mean[j] - low_part)) + (low - low_part);
    saved[j] = cubn_round_param(job, mean[j]);
    saved_low[j] = cubn_round_param(job, (mean[j] - saved[j]) + roundoff);
  }
}

/* Writes the saved statistics, and those that backward computes the pre-activation from. */
static void store_saved(const cubn_job *job, const cubn_group *group, const double *mean,
                        const double *mean_low, const double *inv_std) {
  const cubn_args *args = job->args;
  double kept[CUBN_WIDTH_MAX];
  for (int64_t j = 0; j < group->width; ++j)
    kept[j] = cubn_kept_inv_std(job->param_type, inv_std[j]);
  if (job->problem->reserve == CUBN_RESERVE_STATISTICS) {
    cubn_store_reserved(job, group, CUBN_RESERVED_MEAN_LOW, mean_low);
    cubn_store_reserved(job, group, CUBN_RESERVED_MEAN, mean);
    cubn_store_reserved(job, group, CUBN_RESERVED_INV_STD, kept);
  }
  if (!job->problem->has_saved) return;
  cubn_store_param(job, group, mean, args->saved_mean);
  cubn_store_param(job, group, kept, args->saved_inv_std);
  if (args->saved_mean_low) cubn_store_param(job, group, mean_low, args->saved_mean_low);
}

void cubn_channels_finish_moments(const cubn_job *job, const cubn_group *group,
                                  const cubn_moments *moments, cubn_lanes *lanes) {
  const cubn_problem *problem = job->problem;
  double mean[CUBN_WIDTH_MAX], saved[CUBN_WIDTH_MAX], saved_low[CUBN_WIDTH_MAX];
  if (moments->count == 0) { /* the output has padding only */
    if (problem->pass == CUBN_PASS_TRAIN) cubn_channels_finish_empty(job, group);
    return;
  }
  for (int64_t j = 0; j < group->width; ++j) {
    const double var = moments->squares[j] / (double)moments->count;
    /* Infinity among the values makes the squares NaN, but not always the mean. */
    lanes->mean_low[j] = isnan(var) ? var : moments->mean[j];
    lanes->inv_std[j] = cubn_inverse_deviation(&job->args->normalizer, var);
    mean[j] = lanes->mean_high[j] + lanes->mean_low[j];
  }
  const bool centers =
      has_activation(job) && !(problem->pass == CUBN_PASS_BACKWARD && problem->adds);
  if (centers || job->args->saved_mean_low) split_mean(job, group, mean, lanes, saved, saved_low);
  if (centers) { /* on the mean as it is saved */
    memcpy(lanes->mean_high, saved, (size_t)group->width * sizeof *saved);
    memcpy(lanes->mean_low, saved_low, (size_t)group->width * sizeof *saved_low);
  }
  cubn_affine params;
  cubn_load_affine(job, group, &params);
  if (problem->pass == CUBN_PASS_TRAIN && problem->renormalizes)
    cubn_compute_renormalization(job, group, mean, lanes->inv_std, &params);
  use_statistics(job, group, &params, lanes);
  if (problem->pass == CUBN_PASS_TRAIN) {
    store_saved(job, group, mean, saved_low, lanes->inv_std);
    if (cubn_keeps_running(problem, job->args)) update_running(job, group, moments, mean);
  }
  spread(job, group, lanes);
}

/* Writes dscale and dbias, if they are wanted. */
static void store_param_gradients(const cubn_job *job, const cubn_group *group,
                                  const double *dscale, const double *dbias) {
  const cubn_args *args = job->args;
  if (args->dscale)
    cubn_blend_param(job, group, args->param_alpha, dscale, args->param_beta, args->dscale,
                     args->dscale);
  if (args->dbias)
    cubn_blend_param(job, group, args->param_alpha, dbias, args->param_beta, args->dbias,
                     args->dbias);
}

void cubn_channels_finish_sums(const cubn_job *job, const cubn_group *group,
                               const cubn_gradient_sums *sums, cubn_lanes *lanes) {
  const double m = (double)sums->count;
  double dscale[CUBN_WIDTH_MAX];
  if (sums->count == 0) { /* dx has padding only */
    cubn_channels_finish_empty(job, group);
    return;
  }
  for (int64_t j = 0; j < group->width; ++j) {
    dscale[j] = sums->dy_x_hat[j];
    if (!job->problem->has_saved || job->problem->is_from_y || job->args->mean_low) continue;
    const double error =
        cubn_saved_mean_error(job->param_type, lanes->mean_high[j], sums->x[j] / m);
    lanes->mean_low[j] = error;
    dscale[j] -= sums->dy[j] * (error * lanes->inv_std[j]);
  }
  if (job->needs.dx_waits) {
    cubn_affine params;
    cubn_load_affine(job, group, &params);
    set_gradient(job, group, &params, sums->dy, dscale, job->args->count > 0 ? job->args->count : m,
                 lanes);
  }
  if (job->problem->is_from_y) cubn_sign_dscale(job, group, dscale);
  if (job->problem->renormalizes) cubn_renormalize_dscale(job, group, sums->dy, dscale);
  store_param_gradients(job, group, dscale, sums->dy);
  spread(job, group, lanes);
}
