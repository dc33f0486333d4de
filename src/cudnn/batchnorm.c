/* The batch-norm functions that libcubn_cudnn.so exports under cuDNN's names. */
#include "core/check.h"
#include "cudnn/call.h"
#include "cudnn/handles.h"

cubnStatus_t cudnnBatchNormalizationForwardTraining(
    cudnnHandle_t handle, cubnBatchNormMode_t mode, const void *alpha, const void *beta,
    const cudnnTensorDescriptor_t x_desc, const void *x, const cudnnTensorDescriptor_t y_desc,
    void *y, const cudnnTensorDescriptor_t param_desc, const void *scale, const void *bias,
    double factor, void *running_mean, void *running_var, double epsilon, void *saved_mean,
    void *saved_inv_std) {
  cudnn_call call =
      cudnn_call_of(CUDNN_FORWARD_TRAINING, handle, mode, CUBN_BATCHNORM_OPS_BN, x_desc, NULL, 1);
  if (!cudnn_take(&call)) {
    __typeof__(&cudnnBatchNormalizationForwardTraining) real =
        CUDNN_REAL(CUDNN_FORWARD_TRAINING, cudnnBatchNormalizationForwardTraining);
    return real ? real(handle, mode, alpha, beta, x_desc, x, y_desc, y, param_desc, scale, bias,
                       factor, running_mean, running_var, epsilon, saved_mean, saved_inv_std)
                : cudnn_lacks(CUDNN_FORWARD_TRAINING);
  }
  CUBN_TRY(cudnn_set_stream(&call));
  return cubnBatchNormalizationForwardTraining(
      call.handle, mode, alpha, beta, call.x, x, cudnn_translate_tensor(CUDNN_SLOT_Y, y_desc), y,
      cudnn_translate_tensor(CUDNN_SLOT_PARAM, param_desc), scale, bias, factor, running_mean,
      running_var, epsilon, saved_mean, saved_inv_std);
}

cubnStatus_t cudnnBatchNormalizationForwardTrainingEx(
    cudnnHandle_t handle, cubnBatchNormMode_t mode, cubnBatchNormOps_t ops, const void *alpha,
    const void *beta, const cudnnTensorDescriptor_t x_desc, const void *x,
    const cudnnTensorDescriptor_t z_desc, const void *z, const cudnnTensorDescriptor_t y_desc,
    void *y, const cudnnTensorDescriptor_t param_desc, const void *scale, const void *bias,
    double factor, void *running_mean, void *running_var, double epsilon, void *saved_mean,
    void *saved_inv_std, cudnnActivationDescriptor_t activation_desc, void *workspace,
    size_t workspace_bytes, void *reserve_space, size_t reserve_space_bytes) {
  cudnn_call call =
      cudnn_call_of(CUDNN_FORWARD_TRAINING_EX, handle, mode, ops, x_desc, activation_desc, 1);
  if (!cudnn_take(&call)) {
    __typeof__(&cudnnBatchNormalizationForwardTrainingEx) real =
        CUDNN_REAL(CUDNN_FORWARD_TRAINING_EX, cudnnBatchNormalizationForwardTrainingEx);
    return real ? real(handle, mode, ops, alpha, beta, x_desc, x, z_desc, z, y_desc, y, param_desc,
                       scale, bias, factor, running_mean, running_var, epsilon, saved_mean,
                       saved_inv_std, activation_desc, workspace, workspace_bytes, reserve_space,
                       reserve_space_bytes)
                : cudnn_lacks(CUDNN_FORWARD_TRAINING_EX);
  }
  CUBN_TRY(cudnn_set_stream(&call));
  return cubnBatchNormalizationForwardTrainingEx(
      call.handle, mode, ops, alpha, beta, call.x, x, cudnn_translate_tensor(CUDNN_SLOT_Z, z_desc),
      z, cudnn_translate_tensor(CUDNN_SLOT_Y, y_desc), y,
      cudnn_translate_tensor(CUDNN_SLOT_PARAM, param_desc), scale, bias, factor, running_mean,
      running_var, epsilon, saved_mean, saved_inv_std, call.activation, workspace, workspace_bytes,
      reserve_space, reserve_space_bytes);
}

cubnStatus_t cudnnBatchNormalizationForwardInference(
    cudnnHandle_t handle, cubnBatchNormMode_t mode, const void *alpha, const void *beta,
    const cudnnTensorDescriptor_t x_desc, const void *x, const cudnnTensorDescriptor_t y_desc,
    void *y, const cudnnTensorDescriptor_t param_desc, const void *scale, const void *bias,
    const void *mean, const void *var, double epsilon) {
  cudnn_call call =
      cudnn_call_of(CUDNN_FORWARD_INFERENCE, handle, mode, CUBN_BATCHNORM_OPS_BN, x_desc, NULL, 1);
  if (!cudnn_take(&call)) {
    __typeof__(&cudnnBatchNormalizationForwardInference) real =
        CUDNN_REAL(CUDNN_FORWARD_INFERENCE, cudnnBatchNormalizationForwardInference);
    return real ? real(handle, mode, alpha, beta, x_desc, x, y_desc, y, param_desc, scale, bias,
                       mean, var, epsilon)
                : cudnn_lacks(CUDNN_FORWARD_INFERENCE);
  }
  CUBN_TRY(cudnn_set_stream(&call));
  return cubnBatchNormalizationForwardInference(
      call.handle, mode, alpha, beta, call.x, x, cudnn_translate_tensor(CUDNN_SLOT_Y, y_desc), y,
      cudnn_translate_tensor(CUDNN_SLOT_PARAM, param_desc), scale, bias, mean, var, epsilon);
}

cubnStatus_t cudnnBatchNormalizationBackward(
    cudnnHandle_t handle, cubnBatchNormMode_t mode, const void *alpha_data, const void *beta_data,
    const void *alpha_param, const void *beta_param, const cudnnTensorDescriptor_t x_desc,
    const void *x, const cudnnTensorDescriptor_t dy_desc, const void *dy,
    const cudnnTensorDescriptor_t dx_desc, void *dx, const cudnnTensorDescriptor_t param_desc,
    const void *scale, void *dscale, void *dbias, double epsilon, const void *saved_mean,
    const void *saved_inv_std) {
  cudnn_call call =
      cudnn_call_of(CUDNN_BACKWARD, handle, mode, CUBN_BATCHNORM_OPS_BN, x_desc, NULL, 1);
  if (!cudnn_take(&call)) {
    __typeof__(&cudnnBatchNormalizationBackward) real =
        CUDNN_REAL(CUDNN_BACKWARD, cudnnBatchNormalizationBackward);
    return real ? real(handle, mode, alpha_data, beta_data, alpha_param, beta_param, x_desc, x,
                       dy_desc, dy, dx_desc, dx, param_desc, scale, dscale, dbias, epsilon,
                       saved_mean, saved_inv_std)
                : cudnn_lacks(CUDNN_BACKWARD);
  }
  CUBN_TRY(cudnn_set_stream(&call));
  return cubnBatchNormalizationBackward(call.handle, mode, alpha_data, beta_data, alpha_param,
                                        beta_param, call.x, x,
                                        cudnn_translate_tensor(CUDNN_SLOT_DY, dy_desc), dy,
                                        cudnn_translate_tensor(CUDNN_SLOT_DX, dx_desc), dx,
                                        cudnn_translate_tensor(CUDNN_SLOT_PARAM, param_desc), scale,
                                        dscale, dbias, epsilon, saved_mean, saved_inv_std);
}

cubnStatus_t cudnnBatchNormalizationBackwardEx(
    cudnnHandle_t handle, cubnBatchNormMode_t mode, cubnBatchNormOps_t ops, const void *alpha_data,
    const void *beta_data, const void *alpha_param, const void *beta_param,
    const cudnnTensorDescriptor_t x_desc, const void *x, const cudnnTensorDescriptor_t y_desc,
    const void *y, const cudnnTensorDescriptor_t dy_desc, const void *dy,
    const cudnnTensorDescriptor_t dz_desc, void *dz, const cudnnTensorDescriptor_t dx_desc,
    void *dx, const cudnnTensorDescriptor_t param_desc, const void *scale, const void *bias,
    void *dscale, void *dbias, double epsilon, const void *saved_mean, const void *saved_inv_std,
    cudnnActivationDescriptor_t activation_desc, void *workspace, size_t workspace_bytes,
    void *reserve_space, size_t reserve_space_bytes) {
  cudnn_call call = cudnn_call_of(CUDNN_BACKWARD_EX, handle, mode, ops, x_desc, activation_desc, 1);
  if (!cudnn_take(&call)) {
    __typeof__(&cudnnBatchNormalizationBackwardEx) real =
        CUDNN_REAL(CUDNN_BACKWARD_EX, cudnnBatchNormalizationBackwardEx);
    return real ? real(handle, mode, ops, alpha_data, beta_data, alpha_param, beta_param, x_desc, x,
                       y_desc, y, dy_desc, dy, dz_desc, dz, dx_desc, dx, param_desc, scale, bias,
                       dscale, dbias, epsilon, saved_mean, saved_inv_std, activation_desc,
                       workspace, workspace_bytes, reserve_space, reserve_space_bytes)
                : cudnn_lacks(CUDNN_BACKWARD_EX);
  }
  CUBN_TRY(cudnn_set_stream(&call));
  return cubnBatchNormalizationBackwardEx(
      call.handle, mode, ops, alpha_data, beta_data, alpha_param, beta_param, call.x, x,
      cudnn_translate_tensor(CUDNN_SLOT_Y, y_desc), y,
      cudnn_translate_tensor(CUDNN_SLOT_DY, dy_desc), dy,
      cudnn_translate_tensor(CUDNN_SLOT_DZ, dz_desc), dz,
      cudnn_translate_tensor(CUDNN_SLOT_DX, dx_desc), dx,
      cudnn_translate_tensor(CUDNN_SLOT_PARAM, param_desc), scale, bias, dscale, dbias, epsilon,
      saved_mean, saved_inv_std, call.activation, workspace, workspace_bytes, reserve_space,
      reserve_space_bytes);
}

/* What was made for the handle ends with it. */
cubnStatus_t cudnnDestroy(cudnnHandle_t handle) {
  cudnn_forget_handle(handle);
  __typeof__(&cudnnDestroy) real = CUDNN_REAL(CUDNN_DESTROY, cudnnDestroy);
  return real ? real(handle) : cudnn_lacks(CUDNN_DESTROY);
}
