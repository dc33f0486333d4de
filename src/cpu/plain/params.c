/* The parameters of a group. */
#include "cpu/common/params.h"
#include "cpu/common/running.h"

#include "cpu/plain/job.h"

static cubn_patch get_params(const cubn_group *group) {
  return (cubn_patch){group->offset[CUBN_ARRAY_PARAM], 1, 0, group->width,
                      group->stride[CUBN_ARRAY_PARAM]};
}

/* The reserve space has an order of its own. */
static cubn_patch get_reserved(const cubn_group *group) {
  return (cubn_patch){group->first_channel, 1, 0, group->width, 1};
}

void cubn_load_param(const cubn_job *job, const cubn_group *group, const void *array, double absent,
                     double *values) {
  cubn_params_load(job->param_type, array, get_params(group), absent, values);
}

void cubn_store_param(const cubn_job *job, const cubn_group *group, const double *values,
                      void *array) {
  const cubn_patch channels = get_params(group);
  cubn_params_store(job->param_type, &channels, values, array);
}

void cubn_blend_param(const cubn_job *job, const cubn_group *group, double weight,
                      const double *values, double prior_weight, const void *prior, void *array) {
  const cubn_patch channels = get_params(group);
  cubn_params_blend(job->param_type, &channels, weight, values, prior_weight, prior, array);
}

void cubn_update_group_running(const cubn_job *job, const cubn_group *group, const double *mean,
                               const double *var) {
  const cubn_patch channels = get_params(group);
  cubn_update_running_params(job->problem, job->args, job->param_type, &channels, mean, var);
}

void cubn_mark_group_finite(const cubn_job *job, const cubn_group *group) {
  const cubn_patch channels = get_params(group);
  cubn_mark_finite(job->args, &channels);
}

double cubn_round_param(const cubn_job *job, double value) {
  job->param_type->round(&value, 1);
  return value;
}

void cubn_load_saved(const cubn_job *job, const cubn_group *group, const void *array,
                     double *values) {
  const cubn_patch channels =
      job->problem->saved_is_reserved ? get_reserved(group) : get_params(group);
  cubn_params_load(job->param_type, array, channels, 0, values);
}

static void *get_reserved_array(const cubn_job *job, cubn_reserved which) {
  return cubn_reserved_array(job->problem, job->args->reserve, which);
}

void cubn_load_reserved(const cubn_job *job, const cubn_group *group, cubn_reserved which,
                        double *values) {
  job->param_type->load(get_reserved_array(job, which), get_reserved(group), values);
}

void cubn_store_reserved(const cubn_job *job, const cubn_group *group, cubn_reserved which,
                         const double *values) {
  const cubn_patch channels = get_reserved(group);
  cubn_params_store(job->param_type, &channels, values, get_reserved_array(job, which));
}
