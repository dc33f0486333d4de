/* Arithmetic on channels in training and inference. */
#include "cpu/fast/call.h"

#include "cpu/common/preactivation.h"
#include "cpu/fast/passes.h"

/* y = alpha * (scale * (x - mean) * inv_std + bias); the part of the mean that the center does not
 * hold goes into the shift. Where something is fused, alpha comes behind it; the input of an
 * activation is that of input.h. */
static void set_forward(const cubn_call *call, cubn_channels *channels, int64_t i, double mean) {
  const double scale = channels->gain[i], bias = channels->shift[i];
  const bool is_single = cubn_is_single(call->param_type);
  const double alpha = call->has_epilogue ? 1 : call->args->alpha;
  double inv_std = channels->inv_std[i], mean_low = mean - cubn_to_real(call, mean);
  if (call->fusion.decides) {
    inv_std = cubn_to_real(call, inv_std);
    mean_low = cubn_to_real(call, mean_low);
  }
  const double gain = alpha * cubn_preact_gain(scale, inv_std);
  channels->center[i] = cubn_to_real(call, mean);
  channels->gain[i] = gain;
  channels->shift[i] = cubn_preact_shift(alpha * bias, mean_low, gain);
  if (cubn_needs_double(is_single, gain)) cubn_fast_mark_double(channels, i);
  cubn_fast_fold(call, channels, i);
}

/* Statistics are given. */
void cubn_fast_begin_inference(const cubn_call *call, cubn_channels *channels) {
  const cubn_args *args = call->args;
  double *const mean = channels->slope; /* free until backward */
  cubn_fast_load(call, channels, args->mean, 0, mean);
  cubn_fast_load(call, channels, args->var, 0, channels->inv_std);
  cubn_fast_load(call, channels, args->scale, 1, channels->gain);
  cubn_fast_load(call, channels, args->bias, 0, channels->shift);
  for (int64_t i = 0; i < channels->count; ++i) {
    if (!call->problem->var_is_inv_std)
      channels->inv_std[i] = cubn_inverse_deviation(channels->inv_std[i], args->epsilon);
    set_forward(call, channels, i, mean[i]);
  }
}

/* Writes the running statistics, the last thing that is done with a channel's parameters: they may
 * share memory with scale and bias. */
static void update_running(const cubn_call *call, const cubn_channels *channels, const double *mean,
                           double *var) {
  const cubn_args *args = call->args;
  const double m = (double)cubn_count(call->problem);
  double factor = args->factor;
  if (args->factor_pointer)
    call->param_type->load(args->factor_pointer, (cubn_patch){0, 1, 0, 1, 1}, &factor);
  if (!call->problem->running_is_biased && m > 1)
    for (int64_t i = 0; i < channels->count; ++i) var[i] *= m / (m - 1);
  cubn_fast_blend(call, channels, factor, mean, 1 - factor, args->previous_running_mean,
                  args->running_mean);
  cubn_fast_blend(call, channels, factor, var, 1 - factor, args->previous_running_var,
                  args->running_var);
}

/* What the center lacks of the mean: backward needs it to compute the input again. */
static void store_mean_low(const cubn_call *call, const cubn_channels *channels,
                           const double *mean) {
  double *const mean_low = channels->slope; /* free until backward */
  for (int64_t i = 0; i < channels->count; ++i) mean_low[i] = mean[i] - cubn_to_real(call, mean[i]);
  cubn_fast_blend(call, channels, 1, mean_low, 0, NULL, call->args->reserve);
}

void cubn_fast_finish_training(const cubn_call *call, cubn_channels *channels) {
  const cubn_args *args = call->args;
  double *const mean = channels->sums[0], *const var = channels->sums[1];
  if (call->writes) {
    cubn_fast_load(call, channels, args->scale, 1, channels->gain);
    cubn_fast_load(call, channels, args->bias, 0, channels->shift);
  }
  for (int64_t i = 0; i < channels->count; ++i) {
    double of_x, squares;
    cubn_fast_moments(call, channels, i, &of_x, &squares);
    mean[i] = of_x;
    var[i] = squares;
    channels->inv_std[i] = cubn_inverse_deviation(squares, args->epsilon);
    if (call->writes) set_forward(call, channels, i, of_x);
  }
  if (call->problem->reserve == CUBN_RESERVE_MEANS) store_mean_low(call, channels, mean);
  if (call->problem->has_saved) {
    cubn_fast_blend(call, channels, 1, mean, 0, NULL, args->saved_mean);
    cubn_fast_blend(call, channels, 1, channels->inv_std, 0, NULL, args->saved_inv_std);
  }
  if (call->problem->has_running) update_running(call, channels, mean, var);
}
