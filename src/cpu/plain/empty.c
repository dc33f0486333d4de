/* Groups of channels without values. */
#include "cpu/common/params.h"
#include "cpu/common/statistics.h"
#include "cpu/plain/job.h"

/* What every function here writes or adds nothing to. */
static const double zeros[CUBN_WIDTH_MAX];

static void blend(const cubn_job *job, const cubn_group *group, double prior_weight,
                  const void *prior, void *array) {
  if (array) cubn_blend_param(job, group, 0, zeros, prior_weight, prior, array);
}

/* The mean and the variance of no values are 0. */
static void store_saved(const cubn_job *job, const cubn_group *group) {
  const cubn_args *args = job->args;
  double inv_std[CUBN_WIDTH_MAX];
  for (int64_t j = 0; j < group->width; ++j)
    inv_std[j] = cubn_kept_inv_std(job->param_type, cubn_inverse_deviation(&args->normalizer, 0));
  cubn_store_param(job, group, zeros, args->saved_mean);
  cubn_store_param(job, group, inv_std, args->saved_inv_std);
  if (args->saved_mean_low) cubn_store_param(job, group, zeros, args->saved_mean_low);
}

static void store_renormalization(const cubn_job *job, const cubn_group *group) {
  double ones[CUBN_WIDTH_MAX];
  for (int64_t j = 0; j < group->width; ++j) ones[j] = 1;
  if (job->args->saved_r) cubn_store_param(job, group, ones, job->args->saved_r);
  if (job->args->saved_d) cubn_store_param(job, group, zeros, job->args->saved_d);
}

/* The running statistics stay; where the previous ones are not read they are 0, so that a sum in
 * which they have no weight is right. */
static void update_running(const cubn_job *job, const cubn_group *group) {
  const cubn_args *args = job->args;
  const double prior = cubn_running_factor(job->param_type, args) == 1 ? 0 : 1;
  blend(job, group, prior, args->previous_running_mean, args->running_mean);
  blend(job, group, prior, args->previous_running_var, args->running_var);
}

void cubn_channels_finish_empty(const cubn_job *job, const cubn_group *group) {
  const cubn_args *args = job->args;
  if (job->problem->pass == CUBN_PASS_BACKWARD) {
    blend(job, group, args->param_beta, args->dscale, args->dscale);
    blend(job, group, args->param_beta, args->dbias, args->dbias);
    return;
  }
  if (job->problem->pass == CUBN_PASS_DOUBLE_BACKWARD) {
    blend(job, group, 0, NULL, args->second.gscale);
    return;
  }
  if (job->problem->has_saved) store_saved(job, group);
  if (job->problem->renormalizes) store_renormalization(job, group);
  cubn_mark_group_finite(job, group);
  if (job->problem->has_running) update_running(job, group);
}
