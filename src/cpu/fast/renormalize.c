/* Scale and bias of the channels, with those of batch renormalization. */
#include "cpu/fast/renormalize.h"

#include "cpu/common/statistics.h"

/* Free while coefficients are not yet set. */
static double *r_of(const cubn_channels *channels) {
  return channels->slope;
}
static double *d_of(const cubn_channels *channels) {
  return channels->shift;
}

static void apply(const cubn_call *call, cubn_channels *channels) {
  const double *const r = r_of(channels), *const d = d_of(channels);
  for (int64_t i = 0; i < channels->count; ++i) {
    const double scale = channels->scale[i];
    channels->scale[i] = cubn_to_real(call, scale * r[i]);
    channels->bias[i] = cubn_to_real(call, cubn_renormalized_bias(channels->bias[i], scale, d[i]));
  }
}

void cubn_fast_load_affine(const cubn_call *call, cubn_channels *channels, bool with_bias) {
  const cubn_args *args = call->args;
  cubn_fast_load(call, channels, args->scale, 1, channels->scale);
  cubn_fast_load(call, channels, with_bias ? args->bias : NULL, 0, channels->bias);
  if (!call->problem->renormalizes || call->problem->pass != CUBN_PASS_BACKWARD) return;
  cubn_fast_load(call, channels, args->saved_r, 1, r_of(channels));
  cubn_fast_load(call, channels, args->saved_d, 0, d_of(channels));
  apply(call, channels);
}

void cubn_fast_renormalize(const cubn_call *call, cubn_channels *channels) {
  const cubn_args *args = call->args;
  double *const r = r_of(channels), *const d = d_of(channels);
  if (!call->problem->renormalizes) return;
  cubn_fast_load(call, channels, args->previous_running_var, 0, r);
  cubn_fast_load(call, channels, args->previous_running_mean, 0, d);
  for (int64_t i = 0; i < channels->count; ++i) {
    const cubn_renormalization by = cubn_renormalize(
        &args->normalizer, &args->bounds, channels->mean[i], channels->inv_std[i], d[i], r[i]);
    r[i] = cubn_to_real(call, by.r);
    d[i] = cubn_to_real(call, by.d);
  }
  if (args->saved_r) cubn_fast_store(call, channels, r, args->saved_r);
  if (args->saved_d) cubn_fast_store(call, channels, d, args->saved_d);
  if (call->writes) apply(call, channels);
}

const double *cubn_fast_dscale(const cubn_call *call, cubn_channels *channels) {
  const double *const dbias = channels->sums[0], *const sum = channels->sums[1];
  double *const r = channels->var, *const d = channels->mean, *const dscale = channels->scale;
  if (call->problem->is_from_y) { /* up to now x_hat had the sign of y - bias */
    cubn_fast_load(call, channels, call->args->scale, 1, r);
    for (int64_t i = 0; i < channels->count; ++i) dscale[i] = r[i] < 0 ? -sum[i] : sum[i];
    return dscale;
  }
  if (!call->problem->renormalizes) return sum;
  cubn_fast_load(call, channels, call->args->saved_r, 1, r);
  cubn_fast_load(call, channels, call->args->saved_d, 0, d);
  for (int64_t i = 0; i < channels->count; ++i) dscale[i] = r[i] * sum[i] + d[i] * dbias[i];
  return dscale;
}
