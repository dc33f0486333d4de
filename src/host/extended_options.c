#include "host/extended_options.h"

#include "core/check.h"
#include "core/error.h"
#include "host/validity.h"

cubnStatus_t cubn_describe_validity(cubn_call *call, const cubnBatchNormDescriptor_t descriptor,
                                    const cubnBatchNormTensors_t *tensors, bool is_exchanged) {
  const bool has_mask = tensors->mask_desc || tensors->mask;
  cubn_problem *problem = &call->problem;
  if (!has_mask && !tensors->lengths) return CUBN_STATUS_SUCCESS;
  CUBN_REQUIRE(!has_mask || !tensors->lengths, call->function,
               "mask and lengths are both given, one of them must be NULL");
  problem->validity =
      (cubn_validity){.kind = has_mask ? CUBN_VALID_MASK : CUBN_VALID_LENGTHS,
                      .lengths_dim = (int)descriptor->values[CUBN_BATCHNORM_LENGTHS_DIM],
                      .keeps = descriptor->values[CUBN_BATCHNORM_PADDING] == CUBN_PADDING_KEEP};
  problem->descriptors[CUBN_ARRAY_VALID] = tensors->mask_desc;
  call->args.validity = has_mask ? tensors->mask : tensors->lengths;
  if (is_exchanged)
    return cubn_fail(CUBN_STATUS_NOT_SUPPORTED, call->function,
                     "%s is given, which calls with a communicator do not take: remove the "
                     "communicator from the descriptor, or %s from the tensors",
                     cubn_validity_name(problem), cubn_validity_name(problem));
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t cubn_describe_renormalization(const cubnBatchNormDescriptor_t descriptor,
                                           const cubnBatchNormTensors_t *tensors,
                                           const char *function, cubn_problem *problem,
                                           cubn_args *args) {
  const double r_max = descriptor->values[CUBN_BATCHNORM_R_MAX];
  const double d_max = descriptor->values[CUBN_BATCHNORM_D_MAX];
  const bool is_asked = r_max != 1 || d_max != 0 || tensors->saved_r || tensors->saved_d;
  const bool is_given = problem->pass == CUBN_PASS_INFER || problem->is_frozen;
  if (!is_asked || is_given) return CUBN_STATUS_SUCCESS;
  if (problem->sums_are_given)
    return cubn_fail(CUBN_STATUS_NOT_SUPPORTED, function,
                     "CUBN_BATCHNORM_SUMS is CUBN_SUMS_GIVEN, which is not supported with batch "
                     "renormalization (CUBN_BATCHNORM_R_MAX, CUBN_BATCHNORM_D_MAX, saved_r)");
  problem->renormalizes = true;
  args->bounds = (cubn_renormalization_bounds){r_max, d_max};
  args->saved_r = tensors->saved_r;
  args->saved_d = tensors->saved_d;
  return CUBN_STATUS_SUCCESS;
}

/* What keeps backward from inverting the activation. NULL: nothing does. */
static const char *without_inverse(const cubn_activation *activation) {
  switch (activation->mode) {
    case CUBN_ACTIVATION_IDENTITY:
      return NULL;
    case CUBN_ACTIVATION_LEAKY_RELU:
    case CUBN_ACTIVATION_ELU:
      return activation->coef > 0 ? NULL : "an activation whose coef is not above 0";
    case CUBN_ACTIVATION_SIGMOID:
    case CUBN_ACTIVATION_TANH:
      return "a sigmoid or tanh activation: near its bounds y has lost x to rounding";
    default:
      return "an activation without an inverse: only leaky ReLU and ELU have one";
  }
}

cubnStatus_t cubn_describe_from_y(const cubnBatchNormDescriptor_t descriptor,
                                  const cubnBatchNormTensors_t *tensors, const char *function,
                                  cubn_problem *problem, cubn_args *args) {
  if ((int)descriptor->values[CUBN_BATCHNORM_BACKWARD_FROM] != CUBN_BACKWARD_FROM_Y)
    return CUBN_STATUS_SUCCESS;
  const char *const other = problem->adds             ? "an addition"
                            : problem->is_frozen      ? "given statistics"
                            : problem->sums_are_given ? "CUBN_SUMS_GIVEN"
                            : problem->renormalizes   ? "batch renormalization"
                                                      : without_inverse(&problem->activation);
  if (other)
    return cubn_fail(CUBN_STATUS_NOT_SUPPORTED, function,
                     "CUBN_BATCHNORM_BACKWARD_FROM is CUBN_BACKWARD_FROM_Y, which is not supported "
                     "with %s",
                     other);
  CUBN_REQUIRE(tensors->saved_mean, function,
               "saved_mean is NULL, but backward from y needs what forward saved");
  problem->is_from_y = true;
  problem->descriptors[CUBN_ARRAY_X] = tensors->y_desc;
  args->x = tensors->y;
  args->mean_low = NULL;
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t cubn_check_virtual_batch(const cubn_call *call, bool is_exchanged) {
  const cubn_problem *const problem = &call->problem;
  if (problem->virtual_batch == 0 || !(is_exchanged || problem->sums_are_given))
    return CUBN_STATUS_SUCCESS;
  return cubn_fail(CUBN_STATUS_NOT_SUPPORTED, call->function,
                   "CUBN_BATCHNORM_VIRTUAL_BATCH is %lld, but the descriptor has %s",
                   (long long)problem->virtual_batch,
                   is_exchanged ? "a communicator" : "CUBN_SUMS_GIVEN");
}
