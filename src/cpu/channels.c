/* Arithmetic on channels: from sums to statistics and coefficients, and everything that reads or
 * writes a per-channel array. */
#include <math.h>
#include <string.h>

#include "cpu/job.h"

/* inv_std; 0 where there is nothing to divide by. */
static double inverse_deviation(double var, double epsilon) {
  const double v = var + epsilon;
  return v == 0 ? 0 : 1 / sqrt(v);
}

/* The channels of a group in a per-channel array. */
static cubn_patch params_of(const cubn_group *group) {
  return (cubn_patch){group->offset[CUBN_ARRAY_PARAM], 1, 0, group->width,
                      group->stride[CUBN_ARRAY_PARAM]};
}

static void load_param(const cubn_job *job, const cubn_group *group, const void *array,
                       double *values) {
  job->param_type->load(array, params_of(group), values);
}

static void store_param(const cubn_job *job, const cubn_group *group, const double *values,
                        void *array) {
  job->param_type->store(values, params_of(group), array);
}

/* array = weight * values + prior_weight * array; the array is not read if its weight is 0. */
static void blend_param(const cubn_job *job, const cubn_group *group, double weight,
                        const double *values, double prior_weight, void *array) {
  double result[CUBN_WIDTH_MAX], prior[CUBN_WIDTH_MAX];
  for (int64_t j = 0; j < group->width; ++j) result[j] = weight * values[j];
  if (prior_weight != 0) {
    load_param(job, group, array, prior);
    for (int64_t j = 0; j < group->width; ++j) result[j] += prior_weight * prior[j];
  }
  store_param(job, group, result, array);
}

void cubn_moments_append(cubn_moments *moments, const cubn_moments *further, int64_t width) {
  if (moments->count == 0) {
    moments->count = further->count;
    memcpy(moments->mean, further->mean, (size_t)width * sizeof *moments->mean);
    memcpy(moments->squares, further->squares, (size_t)width * sizeof *moments->squares);
    return;
  }
  const double a = (double)moments->count, b = (double)further->count;
  const double share = b / (a + b), weight = a * share;
  for (int64_t j = 0; j < width; ++j) {
    const double delta = further->mean[j] - moments->mean[j];
    moments->mean[j] += delta * share;
    moments->squares[j] += further->squares[j] + delta * delta * weight;
  }
  moments->count += further->count;
}

void cubn_gradient_sums_append(cubn_gradient_sums *sums, const cubn_gradient_sums *further,
                               int64_t width) {
  for (int64_t j = 0; j < width; ++j) {
    sums->dy[j] += further->dy[j];
    sums->dy_x_hat[j] += further->dy_x_hat[j];
    sums->x[j] += further->x[j];
  }
}

bool cubn_needs_moments(const cubn_problem *problem) {
  return problem->pass == CUBN_PASS_TRAIN ||
         (problem->pass == CUBN_PASS_BACKWARD && !problem->has_saved);
}

static void spread(const cubn_group *group, cubn_lanes *lanes) {
  double *const arrays[] = {lanes->mean_high, lanes->mean_low, lanes->inv_std,
                            lanes->gain,      lanes->offset,   lanes->slope};
  for (size_t i = 0; i < sizeof arrays / sizeof *arrays; ++i)
    cubn_lanes_spread(arrays[i], group->width, group->lanes);
}

/* Coefficients of y = alpha * (scale * x_hat + bias). */
static void set_forward(const cubn_job *job, const cubn_group *group, cubn_lanes *lanes) {
  double scale[CUBN_WIDTH_MAX], bias[CUBN_WIDTH_MAX];
  load_param(job, group, job->args->scale, scale);
  load_param(job, group, job->args->bias, bias);
  for (int64_t j = 0; j < group->width; ++j) {
    lanes->gain[j] = job->args->alpha * (scale[j] * lanes->inv_std[j]);
    lanes->offset[j] = job->args->alpha * bias[j];
  }
}

void cubn_channels_begin(const cubn_job *job, const cubn_group *group, cubn_lanes *lanes) {
  const cubn_args *args = job->args;
  for (int64_t j = 0; j < group->width; ++j)
    lanes->mean_low[j] = lanes->gain[j] = lanes->offset[j] = lanes->slope[j] = lanes->inv_std[j] =
        0;
  if (cubn_needs_moments(job->problem)) {
    /* The first value of each channel: in a constant channel all differences from it are 0. */
    job->type->load(args->x, job->plan.patch(job->problem, group, CUBN_ARRAY_X, 0, 1),
                    lanes->mean_high);
  } else if (job->problem->pass == CUBN_PASS_BACKWARD) {
    load_param(job, group, args->saved_mean, lanes->mean_high);
    load_param(job, group, args->saved_inv_std, lanes->inv_std);
  } else {
    double var[CUBN_WIDTH_MAX];
    load_param(job, group, args->mean, lanes->mean_high);
    load_param(job, group, args->var, var);
    for (int64_t j = 0; j < group->width; ++j)
      lanes->inv_std[j] = inverse_deviation(var[j], args->epsilon);
    set_forward(job, group, lanes);
  }
  spread(group, lanes);
}

/* Writes the running statistics, the last thing that is done with a channel's parameters: they may
 * share memory with scale and bias. */
static void update_running(const cubn_job *job, const cubn_group *group,
                           const cubn_moments *moments, const double *mean) {
  const cubn_args *args = job->args;
  const double freedom = moments->count > 1 ? (double)(moments->count - 1) : 1;
  double var[CUBN_WIDTH_MAX];
  for (int64_t j = 0; j < group->width; ++j) var[j] = moments->squares[j] / freedom;
  blend_param(job, group, args->factor, mean, 1 - args->factor, args->running_mean);
  blend_param(job, group, args->factor, var, 1 - args->factor, args->running_var);
}

void cubn_channels_put_moments(const cubn_job *job, const cubn_group *group,
                               const cubn_moments *moments, cubn_lanes *lanes) {
  double mean[CUBN_WIDTH_MAX];
  for (int64_t j = 0; j < group->width; ++j) {
    const double var = moments->squares[j] / (double)moments->count;
    /* Infinity among the values makes the squares NaN, but not always the mean. */
    lanes->mean_low[j] = isnan(var) ? var : moments->mean[j];
    lanes->inv_std[j] = inverse_deviation(var, job->args->epsilon);
    mean[j] = lanes->mean_high[j] + lanes->mean_low[j];
  }
  if (job->problem->pass == CUBN_PASS_TRAIN) {
    set_forward(job, group, lanes);
    if (job->problem->has_saved) {
      store_param(job, group, mean, job->args->saved_mean);
      store_param(job, group, lanes->inv_std, job->args->saved_inv_std);
    }
    if (job->problem->has_running) update_running(job, group, moments, mean);
  }
  spread(group, lanes);
}

/* The mean of x minus the saved mean. If it is no more than the rounding of the saved mean to its
 * type, the saved mean stands for the mean of x, which is then known better. If it is more, the
 * caller gave other statistics, say of a larger batch, and these are used as they are: 0. */
static double saved_mean_error(const cubn_job *job, double saved_mean, double difference) {
  const double roundoff = job->param_type->bytes == sizeof(double) ? 0x1p-52 : 0x1p-23;
  return fabs(difference) <= roundoff * fabs(saved_mean) ? difference : 0;
}

void cubn_channels_put_sums(const cubn_job *job, const cubn_group *group,
                            const cubn_gradient_sums *sums, cubn_lanes *lanes) {
  const cubn_args *args = job->args;
  const double m = (double)cubn_count(job->problem);
  double scale[CUBN_WIDTH_MAX], dscale[CUBN_WIDTH_MAX];
  load_param(job, group, args->scale, scale);
  for (int64_t j = 0; j < group->width; ++j) {
    dscale[j] = sums->dy_x_hat[j];
    if (job->problem->has_saved) {
      const double error = saved_mean_error(job, lanes->mean_high[j], sums->x[j] / m);
      lanes->mean_low[j] = error;
      dscale[j] -= sums->dy[j] * (error * lanes->inv_std[j]);
    }
    lanes->gain[j] = args->alpha * (scale[j] * lanes->inv_std[j]);
    lanes->offset[j] = sums->dy[j] / m;
    lanes->slope[j] = dscale[j] / m;
  }
  blend_param(job, group, args->param_alpha, dscale, args->param_beta, args->dscale);
  blend_param(job, group, args->param_alpha, sums->dy, args->param_beta, args->dbias);
  spread(group, lanes);
}

void cubn_channels_put_empty(const cubn_job *job, const cubn_group *group) {
  const double nothing[CUBN_WIDTH_MAX] = {0};
  const cubn_args *args = job->args;
  blend_param(job, group, args->param_alpha, nothing, args->param_beta, args->dscale);
  blend_param(job, group, args->param_alpha, nothing, args->param_beta, args->dbias);
}
