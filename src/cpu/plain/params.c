/* Per-channel arrays. */
#include "cpu/plain/job.h"

static cubn_patch params_of(const cubn_group *group) {
  return (cubn_patch){group->offset[CUBN_ARRAY_PARAM], 1, 0, group->width,
                      group->stride[CUBN_ARRAY_PARAM]};
}

/* The reserve space has its own order. */
static cubn_patch reserved_means_of(const cubn_group *group) {
  return (cubn_patch){group->first_channel, 1, 0, group->width, 1};
}

void cubn_load_param(const cubn_job *job, const cubn_group *group, const void *array,
                     double *values) {
  job->param_type->load(array, params_of(group), values);
}

void cubn_load_param_or(const cubn_job *job, const cubn_group *group, const void *array,
                        double absent, double *values) {
  if (array) {
    cubn_load_param(job, group, array, values);
    return;
  }
  for (int64_t j = 0; j < group->width; ++j) values[j] = absent;
}

void cubn_store_param(const cubn_job *job, const cubn_group *group, const double *values,
                      void *array) {
  job->param_type->store(values, params_of(group), array);
}

void cubn_blend_param(const cubn_job *job, const cubn_group *group, double weight,
                      const double *values, double prior_weight, const void *prior, void *array) {
  double result[CUBN_WIDTH_MAX], before[CUBN_WIDTH_MAX];
  for (int64_t j = 0; j < group->width; ++j) result[j] = weight * values[j];
  if (prior_weight != 0) {
    cubn_load_param(job, group, prior, before);
    for (int64_t j = 0; j < group->width; ++j) result[j] += prior_weight * before[j];
  }
  cubn_store_param(job, group, result, array);
}

double cubn_round_param(const cubn_job *job, double value) {
  job->param_type->round(&value, 1);
  return value;
}

void cubn_load_reserved_means(const cubn_job *job, const cubn_group *group, double *values) {
  job->param_type->load(job->args->reserve, reserved_means_of(group), values);
}

void cubn_store_reserved_means(const cubn_job *job, const cubn_group *group, const double *values) {
  job->param_type->store(values, reserved_means_of(group), job->args->reserve);
}
