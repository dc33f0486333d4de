/* Double backward: from descriptor and tensors to a problem. */
#include "core/check.h"
#include "host/activation.h"
#include "host/execute.h"
#include "host/extended.h"
#include "host/names.h"

/* Attributes that double backward takes, and those that say nothing about it. */
static const bool is_taken[CUBN_ATTRIBUTE_COUNT] = {
    [CUBN_BATCHNORM_MODE] = true,        [CUBN_BATCHNORM_STATISTICS] = true,
    [CUBN_BATCHNORM_EPSILON] = true,     [CUBN_BATCHNORM_FACTOR] = true,
    [CUBN_BATCHNORM_RUNNING_VAR] = true, [CUBN_BATCHNORM_PARAM_SUMS] = true,
};

static cubnStatus_t check(cubnHandle_t handle, const cubnBatchNormDescriptor_t descriptor,
                          const cubnBatchNormDoubleBackwardTensors_t *tensors,
                          const char *function) {
  CUBN_REQUIRE_HANDLE(handle, function);
  CUBN_REQUIRE_OBJECT(descriptor, CUBN_BATCH_NORM, function, "descriptor");
  CUBN_REQUIRE(tensors, function, "tensors is NULL");
  if (descriptor->adds || descriptor->activation.mode != CUBN_ACTIVATION_IDENTITY)
    return cubn_fail(
        CUBN_STATUS_NOT_SUPPORTED, function,
        "descriptor has %s: differentiate that apart, with a descriptor of "
        "CUBN_BATCHNORM_OPS_BN",
        descriptor->adds ? "an addition" : cubn_activation_name(descriptor->activation.mode));
  const char *const changed = cubn_changed_attribute(descriptor, is_taken);
  if (changed)
    return cubn_fail(CUBN_STATUS_NOT_SUPPORTED, function,
                     "descriptor has another value of %s than after its creation", changed);
  const bool is_given = (int)descriptor->values[CUBN_BATCHNORM_STATISTICS] != CUBN_STATISTICS_BATCH;
  if (descriptor->exchange && !is_given)
    return cubn_fail(CUBN_STATUS_NOT_SUPPORTED, function,
                     "descriptor has a communicator: statistics of all ranks are not supported");
  CUBN_REQUIRE(
      tensors->gx_desc || tensors->gx || tensors->ddy_desc || tensors->ddy || tensors->gscale,
      function, "gx, ddy and gscale are NULL: nothing to compute");
  CUBN_REQUIRE(is_given || tensors->saved_mean || !tensors->saved_mean_low, function,
               "saved_mean is NULL but saved_mean_low, which is what saved_mean lacks, is not");
  return CUBN_STATUS_SUCCESS;
}

static cubn_args args_of(const cubnBatchNormDescriptor_t descriptor,
                         const cubnBatchNormDoubleBackwardTensors_t *tensors,
                         const cubn_problem *problem) {
  cubn_args args = {.alpha = 1,
                    .param_alpha = 1,
                    .epsilon = descriptor->values[CUBN_BATCHNORM_EPSILON],
                    .x = tensors->x,
                    .dy = tensors->dy,
                    .output = tensors->gx,
                    .scale = tensors->scale,
                    .second = {.ddx = tensors->ddx,
                               .ddscale = tensors->ddscale,
                               .ddbias = tensors->ddbias,
                               .ddy = tensors->ddy,
                               .gscale = tensors->gscale}};
  if (problem->is_frozen) {
    args.mean = tensors->mean;
    args.mean_low = tensors->mean_low;
    args.var = problem->var_is_inv_std ? tensors->inv_std : tensors->var;
  } else {
    args.saved_mean = cubn_unconst(tensors->saved_mean);
    args.saved_inv_std = cubn_unconst(tensors->saved_inv_std);
    args.mean_low = tensors->saved_mean_low;
  }
  return args;
}

cubnStatus_t cubnBatchNormDoubleBackward(cubnHandle_t handle,
                                         const cubnBatchNormDescriptor_t descriptor,
                                         const cubnBatchNormDoubleBackwardTensors_t *tensors) {
  CUBN_TRY(check(handle, descriptor, tensors, __func__));
  const int statistics = (int)descriptor->values[CUBN_BATCHNORM_STATISTICS];
  cubn_problem problem = {
      .pass = CUBN_PASS_DOUBLE_BACKWARD,
      .mode = (cubnBatchNormMode_t)descriptor->values[CUBN_BATCHNORM_MODE],
      .is_frozen = statistics != CUBN_STATISTICS_BATCH,
      .var_is_inv_std = statistics == CUBN_STATISTICS_GIVEN_INV_STD,
      .has_output = tensors->gx_desc || tensors->gx,
      .has_ddx = tensors->ddx_desc || tensors->ddx,
      .has_ddy = tensors->ddy_desc || tensors->ddy,
      .activation = cubn_identity,
  };
  cubn_args args = args_of(descriptor, tensors, &problem);
  problem.has_saved = args.saved_mean;
  problem.descriptors[CUBN_ARRAY_X] = tensors->x_desc;
  problem.descriptors[CUBN_ARRAY_OUTPUT] = tensors->gx_desc;
  problem.descriptors[CUBN_ARRAY_DY] = tensors->dy_desc;
  problem.descriptors[CUBN_ARRAY_Z] = tensors->ddx_desc;
  problem.descriptors[CUBN_ARRAY_DDY] = tensors->ddy_desc;
  problem.descriptors[CUBN_ARRAY_PARAM] = tensors->param_desc;
  return cubn_execute(handle, &problem, &args, (cubn_reserve_space){NULL, 0}, __func__);
}
