/* Scale and bias of a group, with those of batch renormalization. */
#include "cpu/plain/affine.h"

#include "cpu/common/preactivation.h"
#include "cpu/common/statistics.h"

static void renormalize(const cubn_job *job, const cubn_group *group, const double *r,
                        const double *d, cubn_affine *params) {
  for (int64_t j = 0; j < group->width; ++j) {
    const double scale = params->scale[j];
    params->scale[j] = cubn_round_param(job, scale * r[j]);
    params->bias[j] = cubn_round_param(job, cubn_renormalized_bias(params->bias[j], scale, d[j]));
  }
}

void cubn_load_affine(const cubn_job *job, const cubn_group *group, cubn_affine *params) {
  const cubn_args *args = job->args;
  const bool backward = job->problem->pass == CUBN_PASS_BACKWARD;
  const bool with_bias = !backward || cubn_recomputes_preactivation(job->problem);
  cubn_load_param(job, group, args->scale, 1, params->scale);
  cubn_load_param(job, group, with_bias ? args->bias : NULL, 0, params->bias);
  if (!backward || !job->problem->renormalizes) return;
  double r[CUBN_WIDTH_MAX], d[CUBN_WIDTH_MAX];
  cubn_load_param(job, group, args->saved_r, 1, r);
  cubn_load_param(job, group, args->saved_d, 0, d);
  renormalize(job, group, r, d, params);
}

void cubn_compute_renormalization(const cubn_job *job, const cubn_group *group, const double *mean,
                                  const double *inv_std, cubn_affine *params) {
  const cubn_args *args = job->args;
  double r[CUBN_WIDTH_MAX], d[CUBN_WIDTH_MAX];
  cubn_load_param(job, group, args->previous_running_var, 0, r);
  cubn_load_param(job, group, args->previous_running_mean, 0, d);
  for (int64_t j = 0; j < group->width; ++j) {
    const cubn_renormalization by =
        cubn_renormalize(&args->normalizer, &args->bounds, mean[j], inv_std[j], d[j], r[j]);
    r[j] = cubn_round_param(job, by.r);
    d[j] = cubn_round_param(job, by.d);
  }
  if (args->saved_r) cubn_store_param(job, group, r, args->saved_r);
  if (args->saved_d) cubn_store_param(job, group, d, args->saved_d);
  renormalize(job, group, r, d, params);
}

void cubn_renormalize_dscale(const cubn_job *job, const cubn_group *group, const double *dbias,
                             double *dscale) {
  double r[CUBN_WIDTH_MAX], d[CUBN_WIDTH_MAX];
  cubn_load_param(job, group, job->args->saved_r, 1, r);
  cubn_load_param(job, group, job->args->saved_d, 0, d);
  for (int64_t j = 0; j < group->width; ++j) dscale[j] = r[j] * dscale[j] + d[j] * dbias[j];
}

void cubn_take_y(const cubn_job *job, const cubn_group *group, cubn_lanes *lanes) {
  double scale[CUBN_WIDTH_MAX];
  cubn_load_param(job, group, job->args->bias, 0, lanes->mean_high);
  cubn_load_param(job, group, job->args->scale, 1, scale);
  for (int64_t j = 0; j < group->width; ++j)
    lanes->inv_std[j] = cubn_inverse_scale(cubn_is_single(job->param_type), scale[j]);
}

const double *cubn_dx_inv_std(const cubn_job *job, const cubn_group *group, const cubn_lanes *lanes,
                              double *saved) {
  if (!job->problem->is_from_y) return lanes->inv_std;
  cubn_load_saved(job, group, job->args->saved_inv_std, saved);
  return saved;
}

void cubn_sign_dscale(const cubn_job *job, const cubn_group *group, double *dscale) {
  double scale[CUBN_WIDTH_MAX];
  cubn_load_param(job, group, job->args->scale, 1, scale);
  for (int64_t j = 0; j < group->width; ++j)
    if (scale[j] < 0) dscale[j] = -dscale[j];
}
