/* Backward: dscale and dbias, and the coefficients of dx. */
#include "cpu/common/preactivation.h"
#include "cpu/common/statistics.h"
#include "cpu/fast/center.h"
#include "cpu/fast/passes.h"

/* Sets the coefficients of the pre-activation, as forward did. */
static void set_preact(const cubn_call *call, cubn_channels *channels) {
  const cubn_args *args = call->args;
  const bool is_single = cubn_is_single(call->param_type);
  cubn_fast_load(call, channels, args->scale, 1, channels->scale);
  cubn_fast_load(call, channels, args->bias, 0, channels->bias);
  if (call->problem->reserve == CUBN_RESERVE_STATISTICS)
    cubn_fast_load(call, channels, args->reserve, 0, channels->mean_low);
  for (int64_t i = 0; i < channels->count; ++i) {
    const double kept = cubn_kept_inv_std(call->param_type, channels->inv_std[i]);
    const double inv_std = cubn_to_real(call, kept);
    const double gain = cubn_preact_gain(channels->scale[i], inv_std);
    channels->preact_gain[i] = gain;
    channels->preact_shift[i] = cubn_preact_shift(channels->bias[i], channels->mean_low[i], gain);
    if (cubn_needs_double(is_single, gain)) cubn_fast_mark_double(channels, i);
  }
}

/* What the center lacks of the mean if that is given; else `otherwise`. */
static double mean_error(const cubn_call *call, const cubn_channels *channels, int64_t i,
                         double otherwise) {
  return call->args->mean_low ? channels->mean_low[i] : otherwise;
}

/* Sets the coefficients of dx of channel i. `error` is what the center lacks of the mean. */
static void set_gradient(const cubn_call *call, cubn_channels *channels, int64_t i, double error) {
  const cubn_args *args = call->args;
  const bool is_single = cubn_is_single(call->param_type);
  const double dbias = channels->sums[0][i], dscale = channels->sums[1][i];
  const double inv_std = channels->inv_std[i];
  const double gain = args->alpha * (channels->scale[i] * inv_std);
  channels->gain[i] = gain;
  channels->slope[i] = -gain * (dscale / args->count);
  channels->shift[i] = -gain * (dbias / args->count) - channels->slope[i] * (error * inv_std);
  if (cubn_needs_double(is_single, gain) || cubn_needs_double(is_single, inv_std))
    cubn_fast_mark_double(channels, i);
  cubn_fast_fold(call, channels, i);
  cubn_fast_mark_nan(channels, i);
}

/* Sets the coefficients of a dx that does not wait for sums: they are given, or the statistics are
 * constants and dx does not depend on sums. */
static void set_known_gradient(const cubn_call *call, cubn_channels *channels) {
  const cubn_args *args = call->args;
  const bool is_frozen = call->problem->is_frozen;
  const bool has_low = args->mean_low || cubn_begins_with_moments(call);
  cubn_fast_load(call, channels, args->scale, 1, channels->scale);
  cubn_fast_load(call, channels, is_frozen ? NULL : args->dbias, 0, channels->sums[0]);
  cubn_fast_load(call, channels, is_frozen ? NULL : args->dscale, 0, channels->sums[1]);
  for (int64_t i = 0; i < channels->count; ++i)
    set_gradient(call, channels, i, has_low ? channels->mean_low[i] : 0);
}

/* Sets what follows from the statistics. */
static void use_statistics(const cubn_call *call, cubn_channels *channels) {
  cubn_fast_set_pivots(call, channels);
  if (cubn_recomputes_preactivation(call->problem)) set_preact(call, channels);
  if (call->problem->has_output && !call->needs.dx_waits) set_known_gradient(call, channels);
}

void cubn_fast_begin_backward(const cubn_call *call, cubn_channels *channels) {
  const cubn_args *args = call->args;
  if (!call->problem->is_frozen) {
    cubn_fast_load(call, channels, args->saved_mean, 0, channels->center);
    cubn_fast_load(call, channels, args->saved_inv_std, 0, channels->inv_std);
  } else {
    cubn_fast_load(call, channels, args->mean, 0, channels->center);
    cubn_fast_load(call, channels, args->var, 0, channels->var);
    for (int64_t i = 0; i < channels->count; ++i)
      channels->inv_std[i] = cubn_given_inv_std(call->problem, args, channels->var[i]);
  }
  cubn_fast_load(call, channels, args->mean_low, 0, channels->mean_low);
  use_statistics(call, channels);
}

void cubn_fast_finish_moments(const cubn_call *call, cubn_channels *channels) {
  cubn_fast_set_statistics(call, channels);
  for (int64_t i = 0; i < channels->count; ++i)
    channels->center[i] = cubn_to_real(call, channels->mean[i]);
  use_statistics(call, channels);
}

void cubn_fast_finish_backward(const cubn_call *call, cubn_channels *channels) {
  const cubn_args *args = call->args;
  const double m = (double)cubn_count(call->problem);
  double *const dbias = channels->sums[0], *const dscale = channels->sums[1];
  if (call->needs.dx_waits) cubn_fast_load(call, channels, args->scale, 1, channels->scale);
  for (int64_t i = 0; i < channels->count; ++i) {
    cubn_fast_unfold_sums(call, channels, i);
    const double difference = call->problem->is_frozen ? 0 : channels->sums[2][i] / m;
    const double error =
        mean_error(call, channels, i,
                   cubn_saved_mean_error(call->param_type, channels->center[i], difference));
    dscale[i] -= dbias[i] * (error * channels->inv_std[i]);
    if (call->needs.dx_waits) set_gradient(call, channels, i, error);
  }
  if (args->dscale)
    cubn_fast_blend(call, channels, args->param_alpha, dscale, args->param_beta, args->dscale,
                    args->dscale);
  if (args->dbias)
    cubn_fast_blend(call, channels, args->param_alpha, dbias, args->param_beta, args->dbias,
                    args->dbias);
}
