/* Activation descriptors. */
#include "host/activation.h"

#include <math.h>
#include <stdlib.h>

#include "core/check.h"
#include "host/names.h"

const cubn_activation cubn_identity = {
    .mode = CUBN_ACTIVATION_IDENTITY, .propagates_nan = true, .swish_beta = 1};

static bool is_known(cubnActivationMode_t mode) {
  switch (mode) {
    case CUBN_ACTIVATION_SIGMOID:
    case CUBN_ACTIVATION_RELU:
    case CUBN_ACTIVATION_TANH:
    case CUBN_ACTIVATION_CLIPPED_RELU:
    case CUBN_ACTIVATION_ELU:
    case CUBN_ACTIVATION_IDENTITY:
    case CUBN_ACTIVATION_SWISH:
    case CUBN_ACTIVATION_LEAKY_RELU:
    case CUBN_ACTIVATION_GELU:
      return true;
  }
  return false;
}

cubnStatus_t cubnCreateActivationDescriptor(cubnActivationDescriptor_t *descriptor) {
  CUBN_REQUIRE(descriptor, __func__, "descriptor is NULL");
  cubnActivationDescriptor_t created = malloc(sizeof *created);
  if (!created)
    return cubn_fail(CUBN_STATUS_HOST_ALLOCATION_FAILED, __func__, "no memory for a descriptor");
  *created = (struct cubnActivationStruct){{CUBN_ACTIVATION}, cubn_identity};
  *descriptor = created;
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t cubnDestroyActivationDescriptor(cubnActivationDescriptor_t descriptor) {
  if (!descriptor) return CUBN_STATUS_SUCCESS;
  CUBN_REQUIRE_OBJECT(descriptor, CUBN_ACTIVATION, __func__, "descriptor");
  cubn_object_end(&descriptor->object);
  free(descriptor);
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t cubnSetActivationDescriptor(cubnActivationDescriptor_t descriptor,
                                         cubnActivationMode_t mode, cubnNanPropagation_t relu_nan,
                                         double coef) {
  CUBN_REQUIRE_OBJECT(descriptor, CUBN_ACTIVATION, __func__, "descriptor");
  CUBN_REQUIRE(is_known(mode), __func__, "mode is %d, which is no cubnActivationMode_t", (int)mode);
  CUBN_REQUIRE(relu_nan == CUBN_NOT_PROPAGATE_NAN || relu_nan == CUBN_PROPAGATE_NAN, __func__,
               "relu_nan is %d, which is no cubnNanPropagation_t", (int)relu_nan);
  if (mode == CUBN_ACTIVATION_CLIPPED_RELU)
    CUBN_REQUIRE(coef >= 0 && isfinite(coef), __func__,
                 "coef is %g, must be a finite ceiling of at least 0", coef);
  if (mode == CUBN_ACTIVATION_ELU || mode == CUBN_ACTIVATION_LEAKY_RELU)
    CUBN_REQUIRE(isfinite(coef), __func__, "coef is %g, must be finite", coef);
  descriptor->value.mode = mode;
  descriptor->value.propagates_nan = relu_nan == CUBN_PROPAGATE_NAN;
  descriptor->value.coef = coef;
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t cubnGetActivationDescriptor(const cubnActivationDescriptor_t descriptor,
                                         cubnActivationMode_t *mode, cubnNanPropagation_t *relu_nan,
                                         double *coef) {
  CUBN_REQUIRE_OBJECT(descriptor, CUBN_ACTIVATION, __func__, "descriptor");
  if (mode) *mode = descriptor->value.mode;
  if (relu_nan)
    *relu_nan = descriptor->value.propagates_nan ? CUBN_PROPAGATE_NAN : CUBN_NOT_PROPAGATE_NAN;
  if (coef) *coef = descriptor->value.coef;
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t cubnSetActivationDescriptorSwishBeta(cubnActivationDescriptor_t descriptor,
                                                  double swish_beta) {
  CUBN_REQUIRE_OBJECT(descriptor, CUBN_ACTIVATION, __func__, "descriptor");
  CUBN_REQUIRE(isfinite(swish_beta), __func__, "swish_beta is %g, must be finite", swish_beta);
  descriptor->value.swish_beta = swish_beta;
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t cubnGetActivationDescriptorSwishBeta(const cubnActivationDescriptor_t descriptor,
                                                  double *swish_beta) {
  CUBN_REQUIRE_OBJECT(descriptor, CUBN_ACTIVATION, __func__, "descriptor");
  CUBN_REQUIRE(swish_beta, __func__, "swish_beta is NULL");
  *swish_beta = descriptor->value.swish_beta;
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t cubn_set_ops(cubn_problem *problem, cubnBatchNormOps_t ops,
                          const cubnActivationDescriptor_t activation, const char *function) {
  CUBN_REQUIRE(ops >= CUBN_BATCHNORM_OPS_BN && ops <= CUBN_BATCHNORM_OPS_BN_ADD_ACTIVATION,
               function, "ops is %d, which is no cubnBatchNormOps_t", (int)ops);
  problem->adds = ops == CUBN_BATCHNORM_OPS_BN_ADD_ACTIVATION;
  problem->activation = cubn_identity;
  if (ops == CUBN_BATCHNORM_OPS_BN) return CUBN_STATUS_SUCCESS;
  CUBN_REQUIRE(activation, function, "activation_desc is NULL, but ops is %s", cubn_ops_name(ops));
  CUBN_REQUIRE_OBJECT(activation, CUBN_ACTIVATION, function, "activation_desc");
  problem->activation = activation->value;
  return CUBN_STATUS_SUCCESS;
}
