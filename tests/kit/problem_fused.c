/* What a line with fused operations, or of the extended interface, asks for. */
#include <math.h>

#include "kit/problem_line.h"

bool line_is_fused(const line_problem *p) {
  return p->adds || p->activation != CUBN_ACTIVATION_IDENTITY;
}

bool line_is_extended(const line_problem *p) {
  return p->no_scale || p->no_bias || p->no_dx || p->no_dz || p->no_dscale || p->no_dbias ||
         p->only_statistics || p->running_is_biased || p->separate_running || p->device_factor ||
         p->no_reserve || p->with_reserve || p->frozen || p->given_inv_std || p->given_sums ||
         p->mean_low || p->unbiased || p->epsilon_outside || p->guards_running || p->from_y ||
         line_has_padding(p) || line_renormalizes(p) || (p->pass == LINE_INFER && line_is_fused(p));
}

bool line_has_output(const line_problem *p) {
  return p->pass == LINE_BACKWARD ? !p->no_dx : !p->only_statistics;
}

bool line_has_dz(const line_problem *p) {
  return p->pass == LINE_BACKWARD && p->adds && !p->no_dz;
}

bool line_renormalizes(const line_problem *p) {
  return p->r_max != 1 || p->d_max != 0;
}

bool line_has_given_statistics(const line_problem *p) {
  return p->pass == LINE_INFER || p->frozen;
}

bool line_decides(const line_problem *p) {
  switch (p->activation) {
    case CUBN_ACTIVATION_RELU:
    case CUBN_ACTIVATION_CLIPPED_RELU:
    case CUBN_ACTIVATION_LEAKY_RELU:
    case CUBN_ACTIVATION_ELU:
      return true;
    default:
      return false;
  }
}

static line_reserve reserve_of_activation(const line_problem *p) {
  if (p->activation == CUBN_ACTIVATION_IDENTITY || p->from_y) return LINE_RESERVE_NONE;
  const bool knows_means =
      line_has_given_statistics(p) || (p->pass == LINE_BACKWARD && p->mean_low);
  if (!p->adds) return knows_means ? LINE_RESERVE_NONE : LINE_RESERVE_STATISTICS;
  return line_decides(p) && p->activation != CUBN_ACTIVATION_ELU ? LINE_RESERVE_MASK
                                                                 : LINE_RESERVE_INPUT;
}

line_reserve line_reserve_kind(const line_problem *p) {
  const bool is_left_out =
      p->no_reserve || p->only_statistics || (p->pass == LINE_INFER && !p->with_reserve);
  return is_left_out ? LINE_RESERVE_NONE : reserve_of_activation(p);
}

size_t line_reserve_bytes(const line_problem *p) {
  cubnTensorDescriptor_t x = NULL;
  cubnBatchNormDescriptor_t descriptor = NULL;
  size_t bytes = SIZE_MAX;
  if (cubnCreateTensorDescriptor(&x) || line_describe(p, LINE_X, x) ||
      cubnCreateBatchNormDescriptor(&descriptor) || line_describe_batch_norm(p, descriptor) ||
      cubnGetBatchNormReserveSize(descriptor, x, &bytes))
    bytes = SIZE_MAX;
  cubnDestroyTensorDescriptor(x);
  cubnDestroyBatchNormDescriptor(descriptor);
  return bytes;
}

bool line_needs_forward(const line_problem *p) {
  return p->pass == LINE_BACKWARD && p->activation != CUBN_ACTIVATION_IDENTITY && !p->from_y;
}

line_problem line_forward_of(const line_problem *problem) {
  line_problem p = *problem;
  p.pass = problem->frozen ? LINE_INFER : LINE_TRAIN;
  p.with_reserve = problem->frozen && reserve_of_activation(problem) != LINE_RESERVE_NONE;
  p.no_reserve = problem->mean_low && p.pass == LINE_TRAIN && !problem->adds;
  p.alpha = p.param_alpha = 1;
  p.beta = p.param_beta = p.count = 0;
  p.no_running = p.pass == LINE_TRAIN && !line_renormalizes(problem);
  p.in_place = p.in_place_x = p.in_place_z = p.in_place_zx = p.foreign_saved = false;
  p.no_dx = p.no_dz = p.no_dscale = p.no_dbias = p.frozen = p.given_sums = false;
  return p;
}

cubnBatchNormOps_t line_ops(const line_problem *p) {
  if (p->adds) return CUBN_BATCHNORM_OPS_BN_ADD_ACTIVATION;
  return line_is_fused(p) ? CUBN_BATCHNORM_OPS_BN_ACTIVATION : CUBN_BATCHNORM_OPS_BN;
}

cubnStatus_t line_describe_activation(const line_problem *p,
                                      cubnActivationDescriptor_t descriptor) {
  const cubnStatus_t status = cubnSetActivationDescriptor(
      descriptor, p->activation, p->drops_nan ? CUBN_NOT_PROPAGATE_NAN : CUBN_PROPAGATE_NAN,
      isnan(p->coef) ? 0.0 : p->coef);
  return status == CUBN_STATUS_SUCCESS
             ? cubnSetActivationDescriptorSwishBeta(descriptor, p->swish_beta)
             : status;
}

static cubnStatus_t set_activation(const line_problem *p, cubnBatchNormDescriptor_t descriptor) {
  cubnActivationDescriptor_t activation = NULL;
  cubnStatus_t status = cubnCreateActivationDescriptor(&activation);
  if (status == CUBN_STATUS_SUCCESS) status = line_describe_activation(p, activation);
  if (status == CUBN_STATUS_SUCCESS)
    status = cubnSetBatchNormActivation(descriptor, line_ops(p), activation);
  cubnDestroyActivationDescriptor(activation);
  return status;
}

/* A factor as a classic call of this type receives it. */
static double factor_of(const line_problem *p, double value) {
  return p->type == CUBN_DATA_DOUBLE ? value : (double)(float)value;
}

cubnStatus_t line_describe_batch_norm(const line_problem *p, cubnBatchNormDescriptor_t descriptor) {
  const double unused_factor = 0.75; /* With devfactor this attribute must not be used. */
  const bool is_given = line_has_given_statistics(p);
  const int statistics = !is_given          ? CUBN_STATISTICS_BATCH
                         : p->given_inv_std ? CUBN_STATISTICS_GIVEN_INV_STD
                                            : CUBN_STATISTICS_GIVEN;
  const struct {
    cubnBatchNormAttribute_t attribute;
    double value;
  } values[] = {
      {CUBN_BATCHNORM_MODE, p->mode},
      {CUBN_BATCHNORM_STATISTICS, statistics},
      {CUBN_BATCHNORM_EPSILON, p->epsilon},
      {CUBN_BATCHNORM_FACTOR, p->device_factor ? unused_factor : p->factor},
      {CUBN_BATCHNORM_RUNNING_VAR,
       p->running_is_biased ? CUBN_RUNNING_VAR_BIASED : CUBN_RUNNING_VAR_UNBIASED},
      {CUBN_BATCHNORM_SUMS, p->given_sums ? CUBN_SUMS_GIVEN : CUBN_SUMS_COMPUTED},
      {CUBN_BATCHNORM_COUNT, p->count},
      {CUBN_BATCHNORM_ALPHA, factor_of(p, p->alpha)},
      {CUBN_BATCHNORM_BETA, factor_of(p, p->beta)},
      {CUBN_BATCHNORM_PARAM_ALPHA, factor_of(p, p->param_alpha)},
      {CUBN_BATCHNORM_PARAM_BETA, factor_of(p, p->param_beta)},
      {CUBN_BATCHNORM_VARIANCE, p->unbiased ? CUBN_VARIANCE_UNBIASED : CUBN_VARIANCE_BIASED},
      {CUBN_BATCHNORM_RUNNING_GUARD, p->guards_running},
      {CUBN_BATCHNORM_BACKWARD_FROM, p->from_y},
      {CUBN_BATCHNORM_R_MAX, p->r_max},
      {CUBN_BATCHNORM_D_MAX, p->d_max},
      {CUBN_BATCHNORM_EPSILON_PLACE,
       p->epsilon_outside ? CUBN_EPSILON_OUTSIDE_ROOT : CUBN_EPSILON_INSIDE_ROOT},
      {CUBN_BATCHNORM_PADDING, p->keeps_padding ? CUBN_PADDING_KEEP : CUBN_PADDING_ZERO},
      {CUBN_BATCHNORM_LENGTHS_DIM, p->lengths_dim != 0 ? p->lengths_dim : 2},
  };
  cubnStatus_t status = set_activation(p, descriptor);
  for (size_t i = 0; i < sizeof values / sizeof *values && status == CUBN_STATUS_SUCCESS; ++i)
    status = cubnSetBatchNormAttribute(descriptor, values[i].attribute, values[i].value);
  return status;
}
