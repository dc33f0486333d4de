/* The epilogue of a call, as the kernels and as the arithmetic in double take it. */
#include "cpu/fast/epilogue.h"

#include <math.h>

#include "cpu/common/preactivation.h"

/* The least number of the kernels' type that is not below the value. */
static double round_up(const cubn_call *call, double value) {
  if (!cubn_is_single(call->param_type)) return value;
  const float nearest = (float)value;
  return (double)((double)nearest >= value ? nearest : nextafterf(nearest, INFINITY));
}

/* The greatest number of the kernels' type that is not above the value. */
static double round_down(const cubn_call *call, double value) {
  return -round_up(call, -value);
}

static cubn_smooth get_smooth(cubnActivationMode_t mode) {
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

/* Whether float cannot represent a factor of the epilogue. */
static bool factor_needs_double(const cubn_call *call) {
  const cubn_activation *activation = &call->problem->activation;
  const bool is_single = cubn_is_single(call->param_type);
  if (activation->mode == CUBN_ACTIVATION_ELU && cubn_needs_double(is_single, activation->coef))
    return true;
  if (activation->mode == CUBN_ACTIVATION_SWISH &&
      cubn_needs_double(is_single, activation->swish_beta))
    return true;
  return cubn_needs_double(is_single, call->args->alpha);
}

void cubn_epilogue_begin(cubn_call *call) {
  const cubn_problem *problem = call->problem;
  cubn_activator *const activator = &call->activator;
  cubn_fusion *const fusion = &call->fusion;
  const bool is_clipped = problem->activation.mode == CUBN_ACTIVATION_CLIPPED_RELU;
  *activator = cubn_activator_of(&problem->activation, call->type);
  fusion->decides = problem->activation.mode != CUBN_ACTIVATION_IDENTITY;
  fusion->smooth = get_smooth(problem->activation.mode);
  fusion->swish_beta = problem->activation.swish_beta;
  fusion->is_leaky = problem->activation.mode == CUBN_ACTIVATION_LEAKY_RELU;
  fusion->nan_passes = activator->nan_passes;
  fusion->blends = problem->blends;
  fusion->least = round_up(call, activator->least);
  fusion->most = round_down(call, activator->most);
  fusion->ceiling = is_clipped ? problem->activation.coef : INFINITY;
  fusion->coef = problem->activation.coef;
  fusion->alpha = call->args->alpha;
  fusion->beta = call->args->beta;
  call->factor_needs_double = factor_needs_double(call);
}
