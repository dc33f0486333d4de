/* Arithmetic on channels in backward; see fast.h. */
#include <math.h>

#include "cpu/common/preactivation.h"
#include "cpu/fast/epilogue.h"
#include "cpu/fast/exact.h"
#include "cpu/fast/passes.h"

/* Coefficients of the input of the activation, as in forward. */
static void set_input(const cubn_call *call, cubn_channels *channels) {
  const cubn_args *args = call->args;
  const bool is_single = cubn_is_single(call->param_type);
  const bool has_mean_low = call->problem->reserve == CUBN_RESERVE_MEANS;
  double *const mean_low = channels->gain; /* free until dx */
  cubn_fast_load(call, channels, args->scale, 1, channels->preact_gain);
  cubn_fast_load(call, channels, args->bias, 0, channels->preact_shift);
  cubn_fast_load(call, channels, has_mean_low ? args->reserve : NULL, 0, mean_low);
  for (int64_t i = 0; i < channels->count; ++i) {
    const double inv_std = cubn_to_real(call, channels->inv_std[i]);
    const double gain = cubn_preact_gain(channels->preact_gain[i], inv_std);
    channels->preact_gain[i] = gain;
    channels->preact_shift[i] = cubn_preact_shift(channels->preact_shift[i], mean_low[i], gain);
    if (cubn_needs_double(is_single, gain)) cubn_fast_mark_double(channels, i);
  }
}

/* Coefficients of dx, of channel i; `error` is what the center lacks of the mean. */
static void set_gradient(const cubn_call *call, cubn_channels *channels, int64_t i, double scale,
                         double dscale, double dbias, double error) {
  const cubn_args *args = call->args;
  const bool is_single = cubn_is_single(call->param_type);
  const double inv_std = channels->inv_std[i], gain = args->alpha * (scale * inv_std);
  channels->gain[i] = gain;
  channels->slope[i] = -gain * (dscale / args->count);
  channels->shift[i] = -gain * (dbias / args->count) - channels->slope[i] * (error * inv_std);
  if (cubn_needs_double(is_single, gain) || cubn_needs_double(is_single, inv_std))
    cubn_fast_mark_double(channels, i);
  cubn_fast_fold(call, channels, i);
}

/* dx does not wait for sums: they are given, or statistics are constants and ignore them. */
static void set_known_gradient(const cubn_call *call, cubn_channels *channels) {
  const cubn_args *args = call->args;
  const bool is_frozen = call->problem->is_frozen;
  double *const scale = channels->gain, *const dscale = channels->slope;
  double *const dbias = channels->shift;
  cubn_fast_load(call, channels, args->scale, 1, scale);
  cubn_fast_load(call, channels, is_frozen ? NULL : args->dscale, 0, dscale);
  cubn_fast_load(call, channels, is_frozen ? NULL : args->dbias, 0, dbias);
  for (int64_t i = 0; i < channels->count; ++i)
    set_gradient(call, channels, i, scale[i], dscale[i], dbias[i], 0);
}

/* What follows from the statistics. */
static void use_statistics(const cubn_call *call, cubn_channels *channels) {
  cubn_fast_set_pivots(call, channels);
  if (cubn_recomputes_preactivation(call->problem)) set_input(call, channels);
  if (call->problem->has_output && !call->needs.waiting) set_known_gradient(call, channels);
}

void cubn_fast_begin_backward(const cubn_call *call, cubn_channels *channels) {
  const cubn_args *args = call->args;
  const bool is_frozen = call->problem->is_frozen;
  cubn_fast_load(call, channels, is_frozen ? args->mean : args->saved_mean, 0, channels->center);
  cubn_fast_load(call, channels, is_frozen ? args->var : args->saved_inv_std, 0, channels->inv_std);
  if (is_frozen && !call->problem->var_is_inv_std)
    for (int64_t i = 0; i < channels->count; ++i)
      channels->inv_std[i] = cubn_inverse_deviation(channels->inv_std[i], args->epsilon);
  use_statistics(call, channels);
}

void cubn_fast_finish_moments(const cubn_call *call, cubn_channels *channels) {
  for (int64_t i = 0; i < channels->count; ++i) {
    double mean, var;
    cubn_fast_moments(call, channels, i, &mean, &var);
    channels->center[i] = cubn_to_real(call, mean);
    channels->inv_std[i] = cubn_inverse_deviation(var, call->args->epsilon);
  }
  use_statistics(call, channels);
}

/* See channels.c: the saved mean stands for the mean of x if it differs by its rounding only. */
static double saved_mean_error(const cubn_call *call, double saved_mean, double difference) {
  const double roundoff = call->param_type->bytes == sizeof(double) ? 0x1p-52 : 0x1p-23;
  return fabs(difference) <= roundoff * fabs(saved_mean) ? difference : 0;
}

void cubn_fast_finish_backward(const cubn_call *call, cubn_channels *channels) {
  const cubn_args *args = call->args;
  const double m = (double)cubn_count(call->problem);
  double *const dbias = channels->sums[0], *const dscale = channels->sums[1];
  double *const scale = channels->gain; /* free until dx */
  if (call->needs.waiting) cubn_fast_load(call, channels, args->scale, 1, scale);
  for (int64_t i = 0; i < channels->count; ++i) {
    cubn_fast_unfold_sums(call, channels, i);
    const double difference = call->problem->is_frozen ? 0 : channels->sums[2][i] / m;
    const double error = saved_mean_error(call, channels->center[i], difference);
    dscale[i] -= dbias[i] * (error * channels->inv_std[i]);
    if (call->needs.waiting) set_gradient(call, channels, i, scale[i], dscale[i], dbias[i], error);
  }
  if (args->dscale)
    cubn_fast_blend(call, channels, args->param_alpha, dscale, args->param_beta, args->dscale,
                    args->dscale);
  if (args->dbias)
    cubn_fast_blend(call, channels, args->param_alpha, dbias, args->param_beta, args->dbias,
                    args->dbias);
}
