/* What is fused, for a call. */
#include "cpu/fast/epilogue.h"

#include <math.h>

#include "cpu/common/preactivation.h"

bool cubn_needs_epilogue(const cubn_problem *problem) {
  return cubn_is_fused(problem) || problem->blends || problem->is_frozen;
}

static bool is_single(const cubn_call *call) {
  return call->kernels->real_bytes == sizeof(float);
}

/* The least number of the kernels' type that is not below. */
static double round_up(const cubn_call *call, double value) {
  if (!is_single(call)) return value;
  const float nearest = (float)value;
  return (double)((double)nearest >= value ? nearest : nextafterf(nearest, INFINITY));
}

static double round_down(const cubn_call *call, double value) {
  return -round_up(call, -value);
}

static cubn_smooth smooth_of(cubnActivationMode_t mode) {
  switch (mode) {
    case CUBN_ACTIVATION_ELU:
      return CUBN_SMOOTH_ELU;
    case CUBN_ACTIVATION_SIGMOID:
      return CUBN_SMOOTH_SIGMOID;
    case CUBN_ACTIVATION_TANH:
      return CUBN_SMOOTH_TANH;
    case CUBN_ACTIVATION_SWISH:
      return CUBN_SMOOTH_SWISH;
    case CUBN_ACTIVATION_GELU:
      return CUBN_SMOOTH_GELU;
    default:
      return CUBN_SMOOTH_NONE;
  }
}

/* Whether a factor of the call is beyond float. */
static bool factor_needs_double(const cubn_call *call) {
  const cubn_activation *activation = &call->problem->activation;
  const bool is_float = cubn_is_single(call->param_type);
  if (activation->mode == CUBN_ACTIVATION_ELU && cubn_needs_double(is_float, activation->coef))
    return true;
  if (activation->mode == CUBN_ACTIVATION_SWISH &&
      cubn_needs_double(is_float, activation->swish_beta))
    return true;
  return cubn_needs_double(is_float, call->args->alpha);
}

void cubn_fused_begin(cubn_call *call) {
  const cubn_problem *problem = call->problem;
  cubn_activator *const activator = &call->activator;
  cubn_fusion *const it = &call->fusion;
  const bool is_clipped = problem->activation.mode == CUBN_ACTIVATION_CLIPPED_RELU;
  *activator = cubn_activator_of(&problem->activation, call->type);
  it->decides = problem->activation.mode != CUBN_ACTIVATION_IDENTITY;
  it->smooth = smooth_of(problem->activation.mode);
  it->swish_beta = problem->activation.swish_beta;
  it->is_leaky = problem->activation.mode == CUBN_ACTIVATION_LEAKY_RELU;
  it->nan_passes = activator->nan_passes;
  it->blends = problem->blends;
  it->least = round_up(call, activator->least);
  it->most = round_down(call, activator->most);
  it->ceiling = is_clipped ? problem->activation.coef : INFINITY;
  it->coef = problem->activation.coef;
  it->alpha = call->args->alpha;
  it->beta = call->args->beta;
  call->factor_needs_double = factor_needs_double(call);
}
