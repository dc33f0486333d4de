/* cuDNN's functions for batch normalization. Those without Ex are those with, for
 * CUBN_BATCHNORM_OPS_BN and without a reserve space. */
#include "host/execute.h"

cubnStatus_t cubnBatchNormalizationForwardTrainingEx(
    cubnHandle_t handle, cubnBatchNormMode_t mode, cubnBatchNormOps_t ops, const void *alpha,
    const void *beta, const cubnTensorDescriptor_t x_desc, const void *x,
    const cubnTensorDescriptor_t z_desc, const void *z, const cubnTensorDescriptor_t y_desc,
    void *y, const cubnTensorDescriptor_t param_desc, const void *scale, const void *bias,
    double factor, void *running_mean, void *running_var, double epsilon, void *saved_mean,
    void *saved_inv_std, cubnActivationDescriptor_t activation_desc, void *workspace,
    size_t workspace_bytes, void *reserve_space, size_t reserve_space_bytes) {
  (void)workspace;
  (void)workspace_bytes;
  return cubn_run_classic_call(
      &(cubn_classic_call){.function = __func__,
                           .handle = handle,
                           .pass = CUBN_PASS_TRAIN,
                           .mode = mode,
                           .ops = ops,
                           .activation = activation_desc,
                           .alpha = alpha,
                           .beta = beta,
                           .descriptors = {[CUBN_ARRAY_X] = x_desc,
                                           [CUBN_ARRAY_OUTPUT] = y_desc,
                                           [CUBN_ARRAY_Z] = z_desc,
                                           [CUBN_ARRAY_PARAM] = param_desc},
                           .args = {.epsilon = epsilon,
                                    .factor = factor,
                                    .x = x,
                                    .z = z,
                                    .output = y,
                                    .scale = scale,
                                    .bias = bias,
                                    .running_mean = running_mean,
                                    .running_var = running_var,
                                    .saved_mean = saved_mean,
                                    .saved_inv_std = saved_inv_std},
                           .reserve = {reserve_space, reserve_space_bytes}});
}

cubnStatus_t cubnBatchNormalizationForwardTraining(
    cubnHandle_t handle, cubnBatchNormMode_t mode, const void *alpha, const void *beta,
    const cubnTensorDescriptor_t x_desc, const void *x, const cubnTensorDescriptor_t y_desc,
    void *y, const cubnTensorDescriptor_t param_desc, const void *scale, const void *bias,
    double factor, void *running_mean, void *running_var, double epsilon, void *saved_mean,
    void *saved_inv_std) {
  return cubn_run_classic_call(&(cubn_classic_call){
      .function = __func__,
      .handle = handle,
      .pass = CUBN_PASS_TRAIN,
      .mode = mode,
      .alpha = alpha,
      .beta = beta,
      .descriptors =
          {[CUBN_ARRAY_X] = x_desc, [CUBN_ARRAY_OUTPUT] = y_desc, [CUBN_ARRAY_PARAM] = param_desc},
      .args = {.epsilon = epsilon,
               .factor = factor,
               .x = x,
               .output = y,
               .scale = scale,
               .bias = bias,
               .running_mean = running_mean,
               .running_var = running_var,
               .saved_mean = saved_mean,
               .saved_inv_std = saved_inv_std}});
}

cubnStatus_t cubnBatchNormalizationForwardInference(
    cubnHandle_t handle, cubnBatchNormMode_t mode, const void *alpha, const void *beta,
    const cubnTensorDescriptor_t x_desc, const void *x, const cubnTensorDescriptor_t y_desc,
    void *y, const cubnTensorDescriptor_t param_desc, const void *scale, const void *bias,
    const void *mean, const void *var, double epsilon) {
  return cubn_run_classic_call(&(cubn_classic_call){
      .function = __func__,
      .handle = handle,
      .pass = CUBN_PASS_INFER,
      .mode = mode,
      .alpha = alpha,
      .beta = beta,
      .descriptors =
          {[CUBN_ARRAY_X] = x_desc, [CUBN_ARRAY_OUTPUT] = y_desc, [CUBN_ARRAY_PARAM] = param_desc},
      .args = {.epsilon = epsilon,
               .x = x,
               .output = y,
               .scale = scale,
               .bias = bias,
               .mean = mean,
               .var = var}});
}

cubnStatus_t cubnBatchNormalizationBackwardEx(
    cubnHandle_t handle, cubnBatchNormMode_t mode, cubnBatchNormOps_t ops, const void *alpha_data,
    const void *beta_data, const void *alpha_param, const void *beta_param,
    const cubnTensorDescriptor_t x_desc, const void *x, const cubnTensorDescriptor_t y_desc,
    const void *y, const cubnTensorDescriptor_t dy_desc, const void *dy,
    const cubnTensorDescriptor_t dz_desc, void *dz, const cubnTensorDescriptor_t dx_desc, void *dx,
    const cubnTensorDescriptor_t param_desc, const void *scale, const void *bias, void *dscale,
    void *dbias, double epsilon, const void *saved_mean, const void *saved_inv_std,
    cubnActivationDescriptor_t activation_desc, void *workspace, size_t workspace_bytes,
    void *reserve_space, size_t reserve_space_bytes) {
  (void)y_desc;
  (void)y;
  (void)workspace;
  (void)workspace_bytes;
  return cubn_run_classic_call(
      &(cubn_classic_call){.function = __func__,
                           .handle = handle,
                           .pass = CUBN_PASS_BACKWARD,
                           .mode = mode,
                           .ops = ops,
                           .activation = activation_desc,
                           .alpha = alpha_data,
                           .beta = beta_data,
                           .param_alpha = alpha_param,
                           .param_beta = beta_param,
                           .descriptors = {[CUBN_ARRAY_X] = x_desc,
                                           [CUBN_ARRAY_OUTPUT] = dx_desc,
                                           [CUBN_ARRAY_DY] = dy_desc,
                                           [CUBN_ARRAY_Z] = dz_desc,
                                           [CUBN_ARRAY_PARAM] = param_desc},
                           .args = {.epsilon = epsilon,
                                    .x = x,
                                    .dy = dy,
                                    .output = dx,
                                    .dz = dz,
                                    .scale = scale,
                                    .bias = bias,
                                    .dscale = dscale,
                                    .dbias = dbias,
                                    .saved_mean = cubn_unconst(saved_mean),
                                    .saved_inv_std = cubn_unconst(saved_inv_std)},
                           .reserve = {reserve_space, reserve_space_bytes}});
}

cubnStatus_t cubnBatchNormalizationBackward(
    cubnHandle_t handle, cubnBatchNormMode_t mode, const void *alpha_data, const void *beta_data,
    const void *alpha_param, const void *beta_param, const cubnTensorDescriptor_t x_desc,
    const void *x, const cubnTensorDescriptor_t dy_desc, const void *dy,
    const cubnTensorDescriptor_t dx_desc, void *dx, const cubnTensorDescriptor_t param_desc,
    const void *scale, void *dscale, void *dbias, double epsilon, const void *saved_mean,
    const void *saved_inv_std) {
  return cubn_run_classic_call(
      &(cubn_classic_call){.function = __func__,
                           .handle = handle,
                           .pass = CUBN_PASS_BACKWARD,
                           .mode = mode,
                           .alpha = alpha_data,
                           .beta = beta_data,
                           .param_alpha = alpha_param,
                           .param_beta = beta_param,
                           .descriptors = {[CUBN_ARRAY_X] = x_desc,
                                           [CUBN_ARRAY_OUTPUT] = dx_desc,
                                           [CUBN_ARRAY_DY] = dy_desc,
                                           [CUBN_ARRAY_PARAM] = param_desc},
                           .args = {.epsilon = epsilon,
                                    .x = x,
                                    .dy = dy,
                                    .output = dx,
                                    .scale = scale,
                                    .dscale = dscale,
                                    .dbias = dbias,
                                    .saved_mean = cubn_unconst(saved_mean),
                                    .saved_inv_std = cubn_unconst(saved_inv_std)}});
}
