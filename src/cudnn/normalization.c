/* The functions of the normalization family that libcubn_cudnn.so exports under cuDNN's names. */
#include "core/check.h"
#include "cudnn/call.h"

cubnStatus_t cudnnNormalizationForwardTraining(
    cudnnHandle_t handle, cubnNormMode_t mode, cubnNormOps_t ops, cubnNormAlgo_t algo,
    const void *alpha, const void *beta, const cudnnTensorDescriptor_t x_desc, const void *x,
    const cudnnTensorDescriptor_t scale_bias_desc, const void *scale, const void *bias,
    double factor, const cudnnTensorDescriptor_t mean_var_desc, void *running_mean,
    void *running_var, double epsilon, void *saved_mean, void *saved_inv_std,
    cudnnActivationDescriptor_t activation_desc, const cudnnTensorDescriptor_t z_desc,
    const void *z, const cudnnTensorDescriptor_t y_desc, void *y, void *workspace,
    size_t workspace_bytes, void *reserve_space, size_t reserve_space_bytes, int group_count) {
  cudnn_call call = cudnn_call_of(CUDNN_NORM_FORWARD_TRAINING, handle, (cubnBatchNormMode_t)mode,
                                  (cubnBatchNormOps_t)ops, x_desc, activation_desc, group_count);
  if (!cudnn_take(&call)) {
    __typeof__(&cudnnNormalizationForwardTraining) real =
        CUDNN_REAL(CUDNN_NORM_FORWARD_TRAINING, cudnnNormalizationForwardTraining);
    return real ? real(handle, mode, ops, algo, alpha, beta, x_desc, x, scale_bias_desc, scale,
                       bias, factor, mean_var_desc, running_mean, running_var, epsilon, saved_mean,
                       saved_inv_std, activation_desc, z_desc, z, y_desc, y, workspace,
                       workspace_bytes, reserve_space, reserve_space_bytes, group_count)
                : cudnn_lacks(CUDNN_NORM_FORWARD_TRAINING);
  }
  CUBN_TRY(cudnn_set_stream(&call));
  return cubnNormalizationForwardTraining(
      call.handle, mode, ops, algo, alpha, beta, call.x, x,
      cudnn_translate_tensor(CUDNN_SLOT_PARAM, scale_bias_desc), scale, bias, factor,
      cudnn_translate_tensor(CUDNN_SLOT_MEAN_VAR, mean_var_desc), running_mean, running_var,
      epsilon, saved_mean, saved_inv_std, call.activation,
      cudnn_translate_tensor(CUDNN_SLOT_Z, z_desc), z, cudnn_translate_tensor(CUDNN_SLOT_Y, y_desc),
      y, workspace, workspace_bytes, reserve_space, reserve_space_bytes, group_count);
}

cubnStatus_t cudnnNormalizationForwardInference(
    cudnnHandle_t handle, cubnNormMode_t mode, cubnNormOps_t ops, cubnNormAlgo_t algo,
    const void *alpha, const void *beta, const cudnnTensorDescriptor_t x_desc, const void *x,
    const cudnnTensorDescriptor_t scale_bias_desc, const void *scale, const void *bias,
    const cudnnTensorDescriptor_t mean_var_desc, const void *mean, const void *var,
    const cudnnTensorDescriptor_t z_desc, const void *z,
    cudnnActivationDescriptor_t activation_desc, const cudnnTensorDescriptor_t y_desc, void *y,
    double epsilon, int group_count) {
  cudnn_call call = cudnn_call_of(CUDNN_NORM_FORWARD_INFERENCE, handle, (cubnBatchNormMode_t)mode,
                                  (cubnBatchNormOps_t)ops, x_desc, activation_desc, group_count);
  if (!cudnn_take(&call)) {
    __typeof__(&cudnnNormalizationForwardInference) real =
        CUDNN_REAL(CUDNN_NORM_FORWARD_INFERENCE, cudnnNormalizationForwardInference);
    return real ? real(handle, mode, ops, algo, alpha, beta, x_desc, x, scale_bias_desc, scale,
                       bias, mean_var_desc, mean, var, z_desc, z, activation_desc, y_desc, y,
                       epsilon, group_count)
                : cudnn_lacks(CUDNN_NORM_FORWARD_INFERENCE);
  }
  CUBN_TRY(cudnn_set_stream(&call));
  return cubnNormalizationForwardInference(
      call.handle, mode, ops, algo, alpha, beta, call.x, x,
      cudnn_translate_tensor(CUDNN_SLOT_PARAM, scale_bias_desc), scale, bias,
      cudnn_translate_tensor(CUDNN_SLOT_MEAN_VAR, mean_var_desc), mean, var,
      cudnn_translate_tensor(CUDNN_SLOT_Z, z_desc), z, call.activation,
      cudnn_translate_tensor(CUDNN_SLOT_Y, y_desc), y, epsilon, group_count);
}

cubnStatus_t cudnnNormalizationBackward(
    cudnnHandle_t handle, cubnNormMode_t mode, cubnNormOps_t ops, cubnNormAlgo_t algo,
    const void *alpha_data, const void *beta_data, const void *alpha_param, const void *beta_param,
    const cudnnTensorDescriptor_t x_desc, const void *x, const cudnnTensorDescriptor_t y_desc,
    const void *y, const cudnnTensorDescriptor_t dy_desc, const void *dy,
    const cudnnTensorDescriptor_t dz_desc, void *dz, const cudnnTensorDescriptor_t dx_desc,
    void *dx, const cudnnTensorDescriptor_t scale_bias_desc, const void *scale, const void *bias,
    void *dscale, void *dbias, double epsilon, const cudnnTensorDescriptor_t mean_var_desc,
    const void *saved_mean, const void *saved_inv_std, cudnnActivationDescriptor_t activation_desc,
    void *workspace, size_t workspace_bytes, void *reserve_space, size_t reserve_space_bytes,
    int group_count) {
  cudnn_call call = cudnn_call_of(CUDNN_NORM_BACKWARD, handle, (cubnBatchNormMode_t)mode,
                                  (cubnBatchNormOps_t)ops, x_desc, activation_desc, group_count);
  if (!cudnn_take(&call)) {
    __typeof__(&cudnnNormalizationBackward) real =
        CUDNN_REAL(CUDNN_NORM_BACKWARD, cudnnNormalizationBackward);
    return real ? real(handle, mode, ops, algo, alpha_data, beta_data, alpha_param, beta_param,
                       x_desc, x, y_desc, y, dy_desc, dy, dz_desc, dz, dx_desc, dx, scale_bias_desc,
                       scale, bias, dscale, dbias, epsilon, mean_var_desc, saved_mean,
                       saved_inv_std, activation_desc, workspace, workspace_bytes, reserve_space,
                       reserve_space_bytes, group_count)
                : cudnn_lacks(CUDNN_NORM_BACKWARD);
  }
  CUBN_TRY(cudnn_set_stream(&call));
  return cubnNormalizationBackward(
      call.handle, mode, ops, algo, alpha_data, beta_data, alpha_param, beta_param, call.x, x,
      cudnn_translate_tensor(CUDNN_SLOT_Y, y_desc), y,
      cudnn_translate_tensor(CUDNN_SLOT_DY, dy_desc), dy,
      cudnn_translate_tensor(CUDNN_SLOT_DZ, dz_desc), dz,
      cudnn_translate_tensor(CUDNN_SLOT_DX, dx_desc), dx,
      cudnn_translate_tensor(CUDNN_SLOT_PARAM, scale_bias_desc), scale, bias, dscale, dbias,
      epsilon, cudnn_translate_tensor(CUDNN_SLOT_MEAN_VAR, mean_var_desc), saved_mean,
      saved_inv_std, call.activation, workspace, workspace_bytes, reserve_space,
      reserve_space_bytes, group_count);
}
