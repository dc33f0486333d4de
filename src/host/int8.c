/* Inference of int8: from descriptor and tensors to a problem. */
#include <math.h>

#include "core/check.h"
#include "host/execute.h"
#include "host/extended.h"
#include "host/names.h"

/* Attributes that inference takes, and those that are of other passes. */
static const bool is_taken[CUBN_ATTRIBUTE_COUNT] = {
    [CUBN_BATCHNORM_MODE] = true,        [CUBN_BATCHNORM_STATISTICS] = true,
    [CUBN_BATCHNORM_EPSILON] = true,     [CUBN_BATCHNORM_FACTOR] = true,
    [CUBN_BATCHNORM_RUNNING_VAR] = true, [CUBN_BATCHNORM_SUMS] = true,
    [CUBN_BATCHNORM_COUNT] = true,       [CUBN_BATCHNORM_PARAM_ALPHA] = true,
    [CUBN_BATCHNORM_PARAM_BETA] = true,  [CUBN_BATCHNORM_PARAM_SUMS] = true,
};

static cubnStatus_t check_quantization(const char *function, const char *tensor, double scale,
                                       int zero_point) {
  CUBN_REQUIRE(scale > 0 && isfinite(scale), function,
               "%s_scale is %g, must be positive and finite", tensor, scale);
  CUBN_REQUIRE(zero_point >= -128 && zero_point <= 127, function,
               "%s_zero_point is %d, must be in [-128, 127]", tensor, zero_point);
  return CUBN_STATUS_SUCCESS;
}

static cubnStatus_t check(cubnHandle_t handle, const cubnBatchNormDescriptor_t descriptor,
                          const cubnBatchNormInt8Tensors_t *tensors, const char *function) {
  CUBN_REQUIRE_HANDLE(handle, function);
  CUBN_REQUIRE_OBJECT(descriptor, CUBN_BATCH_NORM, function, "descriptor");
  CUBN_REQUIRE(tensors, function, "tensors is NULL");
  const cubnActivationMode_t mode = descriptor->activation.mode;
  if (descriptor->adds || (mode != CUBN_ACTIVATION_IDENTITY && mode != CUBN_ACTIVATION_RELU &&
                           mode != CUBN_ACTIVATION_CLIPPED_RELU))
    return cubn_fail(CUBN_STATUS_NOT_SUPPORTED, function,
                     "descriptor has %s; int8 takes the identity, ReLU and clipped ReLU",
                     descriptor->adds ? "an addition" : cubn_activation_name(mode));
  const char *const changed = cubn_changed_attribute(descriptor, is_taken);
  if (changed)
    return cubn_fail(CUBN_STATUS_NOT_SUPPORTED, function,
                     "descriptor has another value of %s than after its creation", changed);
  CUBN_REQUIRE((int)descriptor->values[CUBN_BATCHNORM_STATISTICS] != CUBN_STATISTICS_BATCH,
               function,
               "descriptor has CUBN_STATISTICS_BATCH; int8 takes given statistics, mean and var "
               "or inv_std");
  CUBN_TRY(check_quantization(function, "x", tensors->x_scale, tensors->x_zero_point));
  return check_quantization(function, "y", tensors->y_scale, tensors->y_zero_point);
}

cubnStatus_t cubnBatchNormForwardInt8(cubnHandle_t handle,
                                      const cubnBatchNormDescriptor_t descriptor,
                                      const cubnBatchNormInt8Tensors_t *tensors) {
  CUBN_TRY(check(handle, descriptor, tensors, __func__));
  const double *const values = descriptor->values;
  const bool var_is_inv_std =
      (int)values[CUBN_BATCHNORM_STATISTICS] == CUBN_STATISTICS_GIVEN_INV_STD;
  cubn_problem problem = {.pass = CUBN_PASS_INFER,
                          .mode = (cubnBatchNormMode_t)values[CUBN_BATCHNORM_MODE],
                          .var_is_inv_std = var_is_inv_std,
                          .has_output = true,
                          .is_quantized = true,
                          .activation = descriptor->activation,
                          .descriptors = {[CUBN_ARRAY_X] = tensors->x_desc,
                                          [CUBN_ARRAY_OUTPUT] = tensors->y_desc,
                                          [CUBN_ARRAY_PARAM] = tensors->param_desc}};
  cubn_args args = {.alpha = 1,
                    .epsilon = values[CUBN_BATCHNORM_EPSILON],
                    .x = tensors->x,
                    .output = tensors->y,
                    .scale = tensors->scale,
                    .bias = tensors->bias,
                    .mean = tensors->mean,
                    .mean_low = tensors->mean_low,
                    .var = var_is_inv_std ? tensors->inv_std : tensors->var,
                    .quantization = {.x_scale = tensors->x_scale,
                                     .y_scale = tensors->y_scale,
                                     .x_zero = tensors->x_zero_point,
                                     .y_zero = tensors->y_zero_point}};
  return cubn_execute(handle, &problem, &args, (cubn_reserve_space){NULL, 0}, __func__);
}
