/* Size queries. What is taken over gets the larger size of the two libraries: it fits either. */
#include "cudnn/call.h"

static cubnStatus_t larger(cubnStatus_t status, size_t bytes, cubnStatus_t real_status,
                           size_t real_bytes, size_t *size) {
  const bool is_known = status == CUBN_STATUS_SUCCESS,
             is_real_known = real_status == CUBN_STATUS_SUCCESS;
  if (!size || (!is_known && !is_real_known)) return status;
  *size = is_known && (!is_real_known || bytes > real_bytes) ? bytes : real_bytes;
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t cudnnGetBatchNormalizationForwardTrainingExWorkspaceSize(
    cudnnHandle_t handle, cubnBatchNormMode_t mode, cubnBatchNormOps_t ops,
    const cudnnTensorDescriptor_t x_desc, const cudnnTensorDescriptor_t z_desc,
    const cudnnTensorDescriptor_t y_desc, const cudnnTensorDescriptor_t param_desc,
    const cudnnActivationDescriptor_t activation_desc, size_t *size) {
  cudnn_call call =
      cudnn_call_of(CUDNN_FORWARD_WORKSPACE, handle, mode, ops, x_desc, activation_desc, 1);
  const bool is_taken = cudnn_take(&call);
  __typeof__(&cudnnGetBatchNormalizationForwardTrainingExWorkspaceSize) real =
      CUDNN_REAL(CUDNN_FORWARD_WORKSPACE, cudnnGetBatchNormalizationForwardTrainingExWorkspaceSize);
  if (!is_taken)
    return real ? real(handle, mode, ops, x_desc, z_desc, y_desc, param_desc, activation_desc, size)
                : cudnn_lacks(CUDNN_FORWARD_WORKSPACE);
  size_t real_bytes = 0, bytes = 0;
  const cubnStatus_t status = cubnGetBatchNormalizationForwardTrainingExWorkspaceSize(
      call.handle, mode, ops, call.x, cudnn_translate_tensor(CUDNN_SLOT_Z, z_desc),
      cudnn_translate_tensor(CUDNN_SLOT_Y, y_desc),
      cudnn_translate_tensor(CUDNN_SLOT_PARAM, param_desc), call.activation, size ? &bytes : NULL);
  const cubnStatus_t real_status = real ? real(handle, mode, ops, x_desc, z_desc, y_desc,
                                               param_desc, activation_desc, &real_bytes)
                                        : CUBN_STATUS_NOT_SUPPORTED;
  return larger(status, bytes, real_status, real_bytes, size);
}

cubnStatus_t cudnnGetBatchNormalizationBackwardExWorkspaceSize(
    cudnnHandle_t handle, cubnBatchNormMode_t mode, cubnBatchNormOps_t ops,
    const cudnnTensorDescriptor_t x_desc, const cudnnTensorDescriptor_t y_desc,
    const cudnnTensorDescriptor_t dy_desc, const cudnnTensorDescriptor_t dz_desc,
    const cudnnTensorDescriptor_t dx_desc, const cudnnTensorDescriptor_t param_desc,
    const cudnnActivationDescriptor_t activation_desc, size_t *size) {
  cudnn_call call =
      cudnn_call_of(CUDNN_BACKWARD_WORKSPACE, handle, mode, ops, x_desc, activation_desc, 1);
  const bool is_taken = cudnn_take(&call);
  __typeof__(&cudnnGetBatchNormalizationBackwardExWorkspaceSize) real =
      CUDNN_REAL(CUDNN_BACKWARD_WORKSPACE, cudnnGetBatchNormalizationBackwardExWorkspaceSize);
  if (!is_taken)
    return real ? real(handle, mode, ops, x_desc, y_desc, dy_desc, dz_desc, dx_desc, param_desc,
                       activation_desc, size)
                : cudnn_lacks(CUDNN_BACKWARD_WORKSPACE);
  size_t real_bytes = 0, bytes = 0;
  const cubnStatus_t status = cubnGetBatchNormalizationBackwardExWorkspaceSize(
      call.handle, mode, ops, call.x, cudnn_translate_tensor(CUDNN_SLOT_Y, y_desc),
      cudnn_translate_tensor(CUDNN_SLOT_DY, dy_desc),
      cudnn_translate_tensor(CUDNN_SLOT_DZ, dz_desc),
      cudnn_translate_tensor(CUDNN_SLOT_DX, dx_desc),
      cudnn_translate_tensor(CUDNN_SLOT_PARAM, param_desc), call.activation, size ? &bytes : NULL);
  const cubnStatus_t real_status = real ? real(handle, mode, ops, x_desc, y_desc, dy_desc, dz_desc,
                                               dx_desc, param_desc, activation_desc, &real_bytes)
                                        : CUBN_STATUS_NOT_SUPPORTED;
  return larger(status, bytes, real_status, real_bytes, size);
}

cubnStatus_t cudnnGetBatchNormalizationTrainingExReserveSpaceSize(
    cudnnHandle_t handle, cubnBatchNormMode_t mode, cubnBatchNormOps_t ops,
    const cudnnActivationDescriptor_t activation_desc, const cudnnTensorDescriptor_t x_desc,
    size_t *size) {
  cudnn_call call =
      cudnn_call_of(CUDNN_RESERVE_SPACE, handle, mode, ops, x_desc, activation_desc, 1);
  const bool is_taken = cudnn_take(&call);
  __typeof__(&cudnnGetBatchNormalizationTrainingExReserveSpaceSize) real =
      CUDNN_REAL(CUDNN_RESERVE_SPACE, cudnnGetBatchNormalizationTrainingExReserveSpaceSize);
  if (!is_taken)
    return real ? real(handle, mode, ops, activation_desc, x_desc, size)
                : cudnn_lacks(CUDNN_RESERVE_SPACE);
  size_t real_bytes = 0, bytes = 0;
  const cubnStatus_t status = cubnGetBatchNormalizationTrainingExReserveSpaceSize(
      call.handle, mode, ops, call.activation, call.x, size ? &bytes : NULL);
  const cubnStatus_t real_status =
      real ? real(handle, mode, ops, activation_desc, x_desc, &real_bytes)
           : CUBN_STATUS_NOT_SUPPORTED;
  return larger(status, bytes, real_status, real_bytes, size);
}

cubnStatus_t cudnnGetNormalizationForwardTrainingWorkspaceSize(
    cudnnHandle_t handle, cubnNormMode_t mode, cubnNormOps_t ops, cubnNormAlgo_t algo,
    const cudnnTensorDescriptor_t x_desc, const cudnnTensorDescriptor_t z_desc,
    const cudnnTensorDescriptor_t y_desc, const cudnnTensorDescriptor_t scale_bias_desc,
    const cudnnActivationDescriptor_t activation_desc, const cudnnTensorDescriptor_t mean_var_desc,
    size_t *size, int group_count) {
  cudnn_call call = cudnn_call_of(CUDNN_NORM_FORWARD_WORKSPACE, handle, (cubnBatchNormMode_t)mode,
                                  (cubnBatchNormOps_t)ops, x_desc, activation_desc, group_count);
  const bool is_taken = cudnn_take(&call);
  __typeof__(&cudnnGetNormalizationForwardTrainingWorkspaceSize) real =
      CUDNN_REAL(CUDNN_NORM_FORWARD_WORKSPACE, cudnnGetNormalizationForwardTrainingWorkspaceSize);
  if (!is_taken)
    return real ? real(handle, mode, ops, algo, x_desc, z_desc, y_desc, scale_bias_desc,
                       activation_desc, mean_var_desc, size, group_count)
                : cudnn_lacks(CUDNN_NORM_FORWARD_WORKSPACE);
  size_t real_bytes = 0, bytes = 0;
  const cubnStatus_t status = cubnGetNormalizationForwardTrainingWorkspaceSize(
      call.handle, mode, ops, algo, call.x, cudnn_translate_tensor(CUDNN_SLOT_Z, z_desc),
      cudnn_translate_tensor(CUDNN_SLOT_Y, y_desc),
      cudnn_translate_tensor(CUDNN_SLOT_PARAM, scale_bias_desc), call.activation,
      cudnn_translate_tensor(CUDNN_SLOT_MEAN_VAR, mean_var_desc), size ? &bytes : NULL,
      group_count);
  const cubnStatus_t real_status =
      real ? real(handle, mode, ops, algo, x_desc, z_desc, y_desc, scale_bias_desc, activation_desc,
                  mean_var_desc, &real_bytes, group_count)
           : CUBN_STATUS_NOT_SUPPORTED;
  return larger(status, bytes, real_status, real_bytes, size);
}

cubnStatus_t cudnnGetNormalizationBackwardWorkspaceSize(
    cudnnHandle_t handle, cubnNormMode_t mode, cubnNormOps_t ops, cubnNormAlgo_t algo,
    const cudnnTensorDescriptor_t x_desc, const cudnnTensorDescriptor_t y_desc,
    const cudnnTensorDescriptor_t dy_desc, const cudnnTensorDescriptor_t dz_desc,
    const cudnnTensorDescriptor_t dx_desc, const cudnnTensorDescriptor_t scale_bias_desc,
    const cudnnActivationDescriptor_t activation_desc, const cudnnTensorDescriptor_t mean_var_desc,
    size_t *size, int group_count) {
  cudnn_call call = cudnn_call_of(CUDNN_NORM_BACKWARD_WORKSPACE, handle, (cubnBatchNormMode_t)mode,
                                  (cubnBatchNormOps_t)ops, x_desc, activation_desc, group_count);
  const bool is_taken = cudnn_take(&call);
  __typeof__(&cudnnGetNormalizationBackwardWorkspaceSize) real =
      CUDNN_REAL(CUDNN_NORM_BACKWARD_WORKSPACE, cudnnGetNormalizationBackwardWorkspaceSize);
  if (!is_taken)
    return real ? real(handle, mode, ops, algo, x_desc, y_desc, dy_desc, dz_desc, dx_desc,
                       scale_bias_desc, activation_desc, mean_var_desc, size, group_count)
                : cudnn_lacks(CUDNN_NORM_BACKWARD_WORKSPACE);
  size_t real_bytes = 0, bytes = 0;
  const cubnStatus_t status = cubnGetNormalizationBackwardWorkspaceSize(
      call.handle, mode, ops, algo, call.x, cudnn_translate_tensor(CUDNN_SLOT_Y, y_desc),
      cudnn_translate_tensor(CUDNN_SLOT_DY, dy_desc),
      cudnn_translate_tensor(CUDNN_SLOT_DZ, dz_desc),
      cudnn_translate_tensor(CUDNN_SLOT_DX, dx_desc),
      cudnn_translate_tensor(CUDNN_SLOT_PARAM, scale_bias_desc), call.activation,
      cudnn_translate_tensor(CUDNN_SLOT_MEAN_VAR, mean_var_desc), size ? &bytes : NULL,
      group_count);
  const cubnStatus_t real_status =
      real ? real(handle, mode, ops, algo, x_desc, y_desc, dy_desc, dz_desc, dx_desc,
                  scale_bias_desc, activation_desc, mean_var_desc, &real_bytes, group_count)
           : CUBN_STATUS_NOT_SUPPORTED;
  return larger(status, bytes, real_status, real_bytes, size);
}

cubnStatus_t cudnnGetNormalizationTrainingReserveSpaceSize(
    cudnnHandle_t handle, cubnNormMode_t mode, cubnNormOps_t ops, cubnNormAlgo_t algo,
    const cudnnActivationDescriptor_t activation_desc, const cudnnTensorDescriptor_t x_desc,
    size_t *size, int group_count) {
  cudnn_call call = cudnn_call_of(CUDNN_NORM_RESERVE_SPACE, handle, (cubnBatchNormMode_t)mode,
                                  (cubnBatchNormOps_t)ops, x_desc, activation_desc, group_count);
  const bool is_taken = cudnn_take(&call);
  __typeof__(&cudnnGetNormalizationTrainingReserveSpaceSize) real =
      CUDNN_REAL(CUDNN_NORM_RESERVE_SPACE, cudnnGetNormalizationTrainingReserveSpaceSize);
  if (!is_taken)
    return real ? real(handle, mode, ops, algo, activation_desc, x_desc, size, group_count)
                : cudnn_lacks(CUDNN_NORM_RESERVE_SPACE);
  size_t real_bytes = 0, bytes = 0;
  const cubnStatus_t status = cubnGetNormalizationTrainingReserveSpaceSize(
      call.handle, mode, ops, algo, call.activation, call.x, size ? &bytes : NULL, group_count);
  if (status != CUBN_STATUS_SUCCESS) return status;
  if (real && real(handle, mode, ops, algo, activation_desc, x_desc, &real_bytes, group_count) !=
                  CUBN_STATUS_SUCCESS)
    real_bytes = 0;
  *size = bytes > real_bytes ? bytes : real_bytes;
  return CUBN_STATUS_SUCCESS;
}
