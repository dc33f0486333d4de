/* The batch-norm functions of the stand-in. They compute nothing: a call that reaches them was not
 * taken over by the drop-in, and gets CUDNN_STATUS_LICENSE_ERROR, which nothing else here returns.
 * Size queries give STANDIN_BYTES. */
#include "cudnn.h"
#include "standin.h"

cudnnStatus_t cudnnBatchNormalizationForwardTraining(
    cudnnHandle_t handle, cudnnBatchNormMode_t mode, const void *alpha, const void *beta,
    const cudnnTensorDescriptor_t x_desc, const void *x, const cudnnTensorDescriptor_t y_desc,
    void *y, const cudnnTensorDescriptor_t param_desc, const void *scale, const void *bias,
    double factor, void *running_mean, void *running_var, double epsilon, void *saved_mean,
    void *saved_inv_std) {
  return CUDNN_STATUS_LICENSE_ERROR;
}

cudnnStatus_t cudnnBatchNormalizationForwardTrainingEx(
    cudnnHandle_t handle, cudnnBatchNormMode_t mode, cudnnBatchNormOps_t ops, const void *alpha,
    const void *beta, const cudnnTensorDescriptor_t x_desc, const void *x,
    const cudnnTensorDescriptor_t z_desc, const void *z, const cudnnTensorDescriptor_t y_desc,
    void *y, const cudnnTensorDescriptor_t param_desc, const void *scale, const void *bias,
    double factor, void *running_mean, void *running_var, double epsilon, void *saved_mean,
    void *saved_inv_std, cudnnActivationDescriptor_t activation_desc, void *workspace,
    size_t workspace_bytes, void *reserve_space, size_t reserve_space_bytes) {
  return CUDNN_STATUS_LICENSE_ERROR;
}

cudnnStatus_t cudnnBatchNormalizationForwardInference(
    cudnnHandle_t handle, cudnnBatchNormMode_t mode, const void *alpha, const void *beta,
    const cudnnTensorDescriptor_t x_desc, const void *x, const cudnnTensorDescriptor_t y_desc,
    void *y, const cudnnTensorDescriptor_t param_desc, const void *scale, const void *bias,
    const void *mean, const void *var, double epsilon) {
  if (!x_desc) return CUDNN_STATUS_BAD_PARAM;
  return CUDNN_STATUS_LICENSE_ERROR;
}

cudnnStatus_t cudnnBatchNormalizationBackward(
    cudnnHandle_t handle, cudnnBatchNormMode_t mode, const void *alpha_data, const void *beta_data,
    const void *alpha_param, const void *beta_param, const cudnnTensorDescriptor_t x_desc,
    const void *x, const cudnnTensorDescriptor_t dy_desc, const void *dy,
    const cudnnTensorDescriptor_t dx_desc, void *dx, const cudnnTensorDescriptor_t param_desc,
    const void *scale, void *dscale, void *dbias, double epsilon, const void *saved_mean,
    const void *saved_inv_std) {
  return CUDNN_STATUS_LICENSE_ERROR;
}

cudnnStatus_t cudnnBatchNormalizationBackwardEx(
    cudnnHandle_t handle, cudnnBatchNormMode_t mode, cudnnBatchNormOps_t ops,
    const void *alpha_data, const void *beta_data, const void *alpha_param, const void *beta_param,
    const cudnnTensorDescriptor_t x_desc, const void *x, const cudnnTensorDescriptor_t y_desc,
    const void *y, const cudnnTensorDescriptor_t dy_desc, const void *dy,
    const cudnnTensorDescriptor_t dz_desc, void *dz, const cudnnTensorDescriptor_t dx_desc,
    void *dx, const cudnnTensorDescriptor_t param_desc, const void *scale, const void *bias,
    void *dscale, void *dbias, double epsilon, const void *saved_mean, const void *saved_inv_std,
    cudnnActivationDescriptor_t activation_desc, void *workspace, size_t workspace_bytes,
    void *reserve_space, size_t reserve_space_bytes) {
  return CUDNN_STATUS_LICENSE_ERROR;
}

cudnnStatus_t cudnnGetBatchNormalizationForwardTrainingExWorkspaceSize(
    cudnnHandle_t handle, cudnnBatchNormMode_t mode, cudnnBatchNormOps_t ops,
    const cudnnTensorDescriptor_t x_desc, const cudnnTensorDescriptor_t z_desc,
    const cudnnTensorDescriptor_t y_desc, const cudnnTensorDescriptor_t param_desc,
    const cudnnActivationDescriptor_t activation_desc, size_t *size) {
  *size = STANDIN_BYTES;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnGetBatchNormalizationBackwardExWorkspaceSize(
    cudnnHandle_t handle, cudnnBatchNormMode_t mode, cudnnBatchNormOps_t ops,
    const cudnnTensorDescriptor_t x_desc, const cudnnTensorDescriptor_t y_desc,
    const cudnnTensorDescriptor_t dy_desc, const cudnnTensorDescriptor_t dz_desc,
    const cudnnTensorDescriptor_t dx_desc, const cudnnTensorDescriptor_t param_desc,
    const cudnnActivationDescriptor_t activation_desc, size_t *size) {
  *size = STANDIN_BYTES;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnGetBatchNormalizationTrainingExReserveSpaceSize(
    cudnnHandle_t handle, cudnnBatchNormMode_t mode, cudnnBatchNormOps_t ops,
    const cudnnActivationDescriptor_t activation_desc, const cudnnTensorDescriptor_t x_desc,
    size_t *size) {
  *size = STANDIN_BYTES;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnNormalizationForwardTraining(
    cudnnHandle_t handle, cudnnNormMode_t mode, cudnnNormOps_t ops, cudnnNormAlgo_t algo,
    const void *alpha, const void *beta, const cudnnTensorDescriptor_t x_desc, const void *x,
    const cudnnTensorDescriptor_t scale_bias_desc, const void *scale, const void *bias,
    double factor, const cudnnTensorDescriptor_t mean_var_desc, void *running_mean,
    void *running_var, double epsilon, void *saved_mean, void *saved_inv_std,
    cudnnActivationDescriptor_t activation_desc, const cudnnTensorDescriptor_t z_desc,
    const void *z, const cudnnTensorDescriptor_t y_desc, void *y, void *workspace,
    size_t workspace_bytes, void *reserve_space, size_t reserve_space_bytes, int group_count) {
  return CUDNN_STATUS_LICENSE_ERROR;
}

cudnnStatus_t cudnnNormalizationForwardInference(
    cudnnHandle_t handle, cudnnNormMode_t mode, cudnnNormOps_t ops, cudnnNormAlgo_t algo,
    const void *alpha, const void *beta, const cudnnTensorDescriptor_t x_desc, const void *x,
    const cudnnTensorDescriptor_t scale_bias_desc, const void *scale, const void *bias,
    const cudnnTensorDescriptor_t mean_var_desc, const void *mean, const void *var,
    const cudnnTensorDescriptor_t z_desc, const void *z,
    cudnnActivationDescriptor_t activation_desc, const cudnnTensorDescriptor_t y_desc, void *y,
    double epsilon, int group_count) {
  return CUDNN_STATUS_LICENSE_ERROR;
}

cudnnStatus_t cudnnNormalizationBackward(
    cudnnHandle_t handle, cudnnNormMode_t mode, cudnnNormOps_t ops, cudnnNormAlgo_t algo,
    const void *alpha_data, const void *beta_data, const void *alpha_param, const void *beta_param,
    const cudnnTensorDescriptor_t x_desc, const void *x, const cudnnTensorDescriptor_t y_desc,
    const void *y, const cudnnTensorDescriptor_t dy_desc, const void *dy,
    const cudnnTensorDescriptor_t dz_desc, void *dz, const cudnnTensorDescriptor_t dx_desc,
    void *dx, const cudnnTensorDescriptor_t scale_bias_desc, const void *scale, const void *bias,
    void *dscale, void *dbias, double epsilon, const cudnnTensorDescriptor_t mean_var_desc,
    const void *saved_mean, const void *saved_inv_std, cudnnActivationDescriptor_t activation_desc,
    void *workspace, size_t workspace_bytes, void *reserve_space, size_t reserve_space_bytes,
    int group_count) {
  return CUDNN_STATUS_LICENSE_ERROR;
}

cudnnStatus_t cudnnGetNormalizationForwardTrainingWorkspaceSize(
    cudnnHandle_t handle, cudnnNormMode_t mode, cudnnNormOps_t ops, cudnnNormAlgo_t algo,
    const cudnnTensorDescriptor_t x_desc, const cudnnTensorDescriptor_t z_desc,
    const cudnnTensorDescriptor_t y_desc, const cudnnTensorDescriptor_t scale_bias_desc,
    const cudnnActivationDescriptor_t activation_desc, const cudnnTensorDescriptor_t mean_var_desc,
    size_t *size, int group_count) {
  *size = STANDIN_BYTES;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnGetNormalizationBackwardWorkspaceSize(
    cudnnHandle_t handle, cudnnNormMode_t mode, cudnnNormOps_t ops, cudnnNormAlgo_t algo,
    const cudnnTensorDescriptor_t x_desc, const cudnnTensorDescriptor_t y_desc,
    const cudnnTensorDescriptor_t dy_desc, const cudnnTensorDescriptor_t dz_desc,
    const cudnnTensorDescriptor_t dx_desc, const cudnnTensorDescriptor_t scale_bias_desc,
    const cudnnActivationDescriptor_t activation_desc, const cudnnTensorDescriptor_t mean_var_desc,
    size_t *size, int group_count) {
  *size = STANDIN_BYTES;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnGetNormalizationTrainingReserveSpaceSize(
    cudnnHandle_t handle, cudnnNormMode_t mode, cudnnNormOps_t ops, cudnnNormAlgo_t algo,
    const cudnnActivationDescriptor_t activation_desc, const cudnnTensorDescriptor_t x_desc,
    size_t *size, int group_count) {
  *size = STANDIN_BYTES;
  return CUDNN_STATUS_SUCCESS;
}
