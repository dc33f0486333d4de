/* Which blocks of channels may be usual, and their steps. */
#include "cpu/fast/usual.h"

#include "cpu/fast/passes.h"
#include "cpu/fast/pivots.h"
#include "cpu/fast/usual_loops.h"

bool cubn_usual_accepts(const cubn_call *call) {
  const cubn_problem *problem = call->problem;
  const cubn_args *args = call->args;
  if (!cubn_is_single(call->param_type) || call->places || call->factor_needs_double) return false;
  if (problem->s != 1 || !problem->has_output || problem->is_frozen) return false;
  if (problem->is_from_y || problem->renormalizes || args->normalizer.outside != 0) return false;
  if (!args->scale || args->mean_low || args->saved_mean_low) return false;
  if (problem->pass != CUBN_PASS_BACKWARD) return args->bias && !problem->var_is_inv_std;
  if (cubn_recomputes_preactivation(problem) && !args->bias) return false;
  return call->needs.dx_waits && !call->needs.moments;
}

bool cubn_usual_begin(const cubn_call *call, cubn_channels *channels,
                      cubn_grid_coefficients *coef) {
  channels->any_exceptional = channels->any_prescaled = false;
  channels->rounds = 0;
  coef->is_prescaled = false;
  if (call->problem->pass == CUBN_PASS_INFER)
    return cubn_usual_begin_inference(call, channels, coef);
  if (call->problem->pass == CUBN_PASS_BACKWARD)
    return cubn_usual_begin_backward(call, channels, coef) &&
           (!cubn_recomputes_preactivation(call->problem) ||
            cubn_usual_begin_preactivation(call, channels, coef));
  cubn_fast_load_pivots(call, channels);
  if (channels->any_prescaled) return false;
  cubn_usual_begin_training(channels, coef);
  return true;
}

bool cubn_usual_finish(const cubn_call *call, cubn_channels *channels,
                       cubn_grid_coefficients *coef) {
  const bool backward = call->problem->pass == CUBN_PASS_BACKWARD;
  if (backward && cubn_usual_finish_backward(call, channels, coef)) {
    cubn_fast_keep_gradients(call, channels, channels->scale);
    return true;
  }
  if (!backward && cubn_usual_finish_training(call, channels, coef)) {
    cubn_fast_keep_statistics(call, channels);
    return true;
  }
  cubn_fast_clear(call, channels);
  if (backward) cubn_fast_begin_backward(call, channels);
  return false;
}
