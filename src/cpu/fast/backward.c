/* Backward: dscale and dbias, and the coefficients of dx. */
#include "cpu/common/clones.h"
#include "cpu/common/preactivation.h"
#include "cpu/common/statistics.h"
#include "cpu/fast/center.h"
#include "cpu/fast/passes.h"
#include "cpu/fast/renormalize.h"

CUBN_CLONES static void set_preact_coefficients(const cubn_call *call, cubn_channels *channels) {
  const bool is_single = cubn_is_single(call->param_type);
  int64_t any = 0;
  CUBN_INDEPENDENT
  for (int64_t i = 0; i < channels->count; ++i) {
    const double kept = cubn_kept_inv_std(call->param_type, channels->inv_std[i]);
    const double gain = cubn_preact_gain(channels->scale[i], cubn_to_real(call, kept));
    const bool needs_double = cubn_needs_double(is_single, gain);
    channels->preact_gain[i] = gain;
    channels->preact_shift[i] = cubn_preact_shift(channels->bias[i], channels->mean_low[i], gain);
    channels->needs_double[i] = needs_double ? 1 : channels->needs_double[i];
    any |= needs_double;
  }
  if (any != 0) channels->any_exceptional = true;
}

/* Sets the coefficients of the pre-activation, as forward did. */
static void set_preact(const cubn_call *call, cubn_channels *channels) {
  const cubn_args *args = call->args;
  cubn_fast_load_affine(call, channels, true);
  if (call->problem->reserve == CUBN_RESERVE_STATISTICS)
    cubn_fast_load(call, channels, args->reserve, 0, channels->mean_low);
  set_preact_coefficients(call, channels);
}

/* Sets the coefficients of dx. mean_low is what the center lacks of the mean. */
CUBN_CLONES static void set_coefficients(bool is_single, double alpha, double count,
                                         const cubn_normalizer by, const double *deviations,
                                         cubn_channels *channels) {
  CUBN_INDEPENDENT
  for (int64_t i = 0; i < channels->count; ++i) {
    const double dbias = channels->sums[0][i], dscale = channels->sums[1][i];
    const double inv_std = channels->inv_std[i],
                 gain = alpha * (channels->scale[i] * deviations[i]);
    const double slope =
        -gain * (dscale / count * cubn_variance_slope(&by, is_single, deviations[i]));
    const bool needs_double =
        cubn_needs_double(is_single, gain) || cubn_needs_double(is_single, inv_std);
    channels->gain[i] = gain;
    channels->slope[i] = slope;
    channels->shift[i] = -gain * (dbias / count) - slope * (channels->mean_low[i] * inv_std);
    channels->needs_double[i] = needs_double ? 1 : channels->needs_double[i];
  }
}

static void set_gradient(const cubn_call *call, cubn_channels *channels) {
  if (call->problem->is_from_y)
    cubn_fast_load(call, channels, call->args->saved_inv_std, 0, channels->var);
  set_coefficients(cubn_is_single(call->param_type), call->args->alpha, call->args->count,
                   call->args->normalizer,
                   call->problem->is_from_y ? channels->var : channels->inv_std, channels);
  cubn_fast_fold(call, channels);
}

/* Sets the coefficients of a dx that does not wait for sums: they are given, or the statistics are
 * constants and dx does not depend on sums. */
static void set_known_gradient(const cubn_call *call, cubn_channels *channels) {
  const cubn_args *args = call->args;
  const bool is_frozen = call->problem->is_frozen;
  const bool has_low = args->mean_low || cubn_begins_with_moments(call);
  cubn_fast_load_affine(call, channels, false);
  cubn_fast_load(call, channels, is_frozen ? NULL : args->dbias, 0, channels->sums[0]);
  cubn_fast_load(call, channels, is_frozen ? NULL : args->dscale, 0, channels->sums[1]);
  if (!has_low) cubn_fast_load(call, channels, NULL, 0, channels->mean_low);
  set_gradient(call, channels);
}

/* Sets what follows from the statistics. */
static void use_statistics(const cubn_call *call, cubn_channels *channels) {
  cubn_fast_set_pivots(call, channels);
  if (cubn_recomputes_preactivation(call->problem)) set_preact(call, channels);
  if (call->problem->has_output && !call->needs.dx_waits) set_known_gradient(call, channels);
}

void cubn_fast_begin_backward(const cubn_call *call, cubn_channels *channels) {
  const cubn_args *args = call->args;
  if (call->problem->is_from_y) {
    cubn_fast_load(call, channels, args->bias, 0, channels->center);
    cubn_fast_load(call, channels, args->scale, 1, channels->scale);
    for (int64_t i = 0; i < channels->count; ++i)
      channels->inv_std[i] =
          cubn_inverse_scale(cubn_is_single(call->param_type), channels->scale[i]);
  } else if (!call->problem->is_frozen) {
    cubn_fast_load(call, channels, args->saved_mean, 0, channels->center);
    cubn_fast_load(call, channels, args->saved_inv_std, 0, channels->inv_std);
  } else {
    cubn_fast_load(call, channels, args->mean, 0, channels->center);
    cubn_fast_load(call, channels, args->var, 0, channels->var);
    cubn_fast_set_inv_std(call, channels);
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

/* Sets what the centers lack of the means, which is not given. */
CUBN_CLONES static void find_mean_errors(const cubn_call *call, cubn_channels *channels) {
  const double m = (double)cubn_count(call->problem);
  if (call->problem->is_frozen || call->problem->is_from_y) {
    cubn_fast_load(call, channels, NULL, 0, channels->mean_low);
    return;
  }
  CUBN_INDEPENDENT
  for (int64_t i = 0; i < channels->count; ++i)
    channels->mean_low[i] =
        cubn_saved_mean_error(call->param_type, channels->center[i], channels->sums[2][i] / m);
}

CUBN_CLONES static void correct_dscale(cubn_channels *channels) {
  CUBN_INDEPENDENT
  for (int64_t i = 0; i < channels->count; ++i)
    channels->sums[1][i] -= channels->sums[0][i] * (channels->mean_low[i] * channels->inv_std[i]);
}

void cubn_fast_keep_gradients(const cubn_call *call, const cubn_channels *channels,
                              const double *dscale) {
  const cubn_args *args = call->args;
  if (cubn_fast_defer(call, channels, dscale, channels->sums[0])) return;
  if (args->dscale)
    cubn_fast_blend(call, channels, args->param_alpha, dscale, args->param_beta, args->dscale,
                    args->dscale);
  if (args->dbias)
    cubn_fast_blend(call, channels, args->param_alpha, channels->sums[0], args->param_beta,
                    args->dbias, args->dbias);
}

void cubn_fast_finish_backward(const cubn_call *call, cubn_channels *channels) {
  cubn_fast_unfold_sums(call, channels);
  if (!call->args->mean_low) find_mean_errors(call, channels);
  correct_dscale(channels);
  if (call->needs.dx_waits) {
    cubn_fast_load_affine(call, channels, false);
    set_gradient(call, channels);
  }
  cubn_fast_keep_gradients(call, channels, cubn_fast_dscale(call, channels));
}
