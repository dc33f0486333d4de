/* Training and inference: statistics, and the coefficients of y. */
#include "cpu/common/clones.h"
#include "cpu/common/preactivation.h"
#include "cpu/common/running.h"
#include "cpu/common/statistics.h"
#include "cpu/fast/center.h"
#include "cpu/fast/passes.h"
#include "cpu/fast/renormalize.h"

/* Sets the coefficients of y = alpha * (scale * (x - mean) * inv_std + bias). What the center lacks
 * of the mean is part of the shift. If an activation decides, the coefficients are those of
 * preactivation.h. */
CUBN_INLINED void set_coefficients(const cubn_call *call, double alpha, bool decides,
                                   cubn_channels *channels) {
  const bool is_single = cubn_is_single(call->param_type);
  CUBN_INDEPENDENT
  for (int64_t i = 0; i < channels->count; ++i) {
    double inv_std = channels->inv_std[i], mean_low = channels->mean_low[i];
    const double needed_double = channels->needs_double[i];
    if (decides) {
      inv_std = cubn_to_real(call, cubn_kept_inv_std(call->param_type, inv_std));
      mean_low = cubn_to_real(call, mean_low);
    }
    const double gain = alpha * cubn_preact_gain(channels->scale[i], inv_std);
    channels->center[i] = cubn_to_real(call, channels->mean[i]);
    channels->gain[i] = gain;
    channels->shift[i] = cubn_preact_shift(alpha * channels->bias[i], mean_low, gain);
    channels->needs_double[i] = cubn_needs_double(is_single, gain) ? 1 : needed_double;
  }
}

/* An epilogue applies alpha itself. */
CUBN_CLONES static void set_forward(const cubn_call *call, cubn_channels *channels) {
  const double alpha = call->has_epilogue ? 1 : call->args->alpha;
  if (call->fusion.decides)
    set_coefficients(call, alpha, true, channels);
  else
    set_coefficients(call, alpha, false, channels);
  cubn_fast_fold(call, channels);
}

void cubn_fast_begin_inference(const cubn_call *call, cubn_channels *channels) {
  const cubn_args *args = call->args;
  cubn_fast_load(call, channels, args->mean, 0, channels->mean);
  cubn_fast_load(call, channels, args->mean_low, 0, channels->mean_low);
  cubn_fast_load(call, channels, args->var, 0, channels->var);
  cubn_fast_load_affine(call, channels, true);
  cubn_fast_set_inv_std(call, channels);
  set_forward(call, channels);
}

CUBN_CLONES static void multiply_variances(double factor, cubn_channels *channels) {
  CUBN_INDEPENDENT
  for (int64_t i = 0; i < channels->count; ++i) channels->var[i] *= factor;
}

/* Writes the running statistics. `var` becomes the variance that they take. */
static void update_running(const cubn_call *call, cubn_channels *channels) {
  const cubn_patch patch = {channels->first, 1, 0, channels->count, 1};
  const double m = (double)cubn_count(call->problem);
  if (!call->problem->running_is_biased && m > 1) multiply_variances(m / (m - 1), channels);
  if (cubn_fast_defer(call, channels, channels->mean, channels->var)) return;
  cubn_update_running_params(call->problem, call->args, call->param_type, &patch, channels->mean,
                             channels->var);
}

/* Writes what backward computes the pre-activation from. */
static void store_reserved(const cubn_call *call, const cubn_channels *channels) {
  const double *const values[CUBN_RESERVED_ARRAYS] = {[CUBN_RESERVED_MEAN_LOW] = channels->mean_low,
                                                      [CUBN_RESERVED_MEAN] = channels->mean,
                                                      [CUBN_RESERVED_INV_STD] = channels->inv_std};
  for (int i = 0; i < CUBN_RESERVED_ARRAYS; ++i)
    cubn_fast_store(call, channels, values[i],
                    cubn_reserved_array(call->problem, call->args->reserve, (cubn_reserved)i));
}

/* Limits inv_std as parameters keep it. */
CUBN_CLONES static void keep_inv_std(const cubn_call *call, cubn_channels *channels) {
  CUBN_INDEPENDENT
  for (int64_t i = 0; i < channels->count; ++i)
    channels->inv_std[i] = cubn_kept_inv_std(call->param_type, channels->inv_std[i]);
}

void cubn_fast_keep_statistics(const cubn_call *call, cubn_channels *channels) {
  const cubn_args *args = call->args;
  if (call->problem->reserve == CUBN_RESERVE_STATISTICS) store_reserved(call, channels);
  if (call->problem->has_saved) {
    cubn_fast_store(call, channels, channels->mean, args->saved_mean);
    cubn_fast_store(call, channels, channels->inv_std, args->saved_inv_std);
    if (args->saved_mean_low)
      cubn_fast_store(call, channels, channels->mean_low, args->saved_mean_low);
  }
  if (cubn_keeps_running(call->problem, args)) update_running(call, channels);
}

void cubn_fast_finish_training(const cubn_call *call, cubn_channels *channels) {
  cubn_fast_set_statistics(call, channels);
  if (call->writes) cubn_fast_load_affine(call, channels, true);
  cubn_fast_renormalize(call, channels);
  if (call->writes) set_forward(call, channels);
  keep_inv_std(call, channels);
  cubn_fast_keep_statistics(call, channels);
}
