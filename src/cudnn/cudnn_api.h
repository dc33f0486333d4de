/* cuDNN's functions that the binary drop-in takes over or calls, as they are in libcudnn.so.9. The
 * enumerations have cubn's types, since their values are the same; handles and descriptors are
 * cuDNN's own objects, unknown here. */
#ifndef CUBN_CUDNN_API_H
#define CUBN_CUDNN_API_H

#include "cubn.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cudnnContext *cudnnHandle_t;
typedef struct cudnnTensorStruct *cudnnTensorDescriptor_t;
typedef struct cudnnActivationStruct *cudnnActivationDescriptor_t;

/* ---- asked of the real library */
cubnStatus_t cudnnGetStream(cudnnHandle_t handle, cubnStream_t *stream);
cubnStatus_t cudnnGetTensorNdDescriptor(const cudnnTensorDescriptor_t descriptor,
                                        int requested_rank, cubnDataType_t *type, int *rank,
                                        int dims[], int strides[]);
cubnStatus_t cudnnGetActivationDescriptor(const cudnnActivationDescriptor_t descriptor,
                                          cubnActivationMode_t *mode,
                                          cubnNanPropagation_t *relu_nan, double *coef);
cubnStatus_t cudnnGetActivationDescriptorSwishBeta(const cudnnActivationDescriptor_t descriptor,
                                                   double *swish_beta);

/* ---- taken over */
cubnStatus_t cudnnDestroy(cudnnHandle_t handle);

cubnStatus_t cudnnBatchNormalizationForwardTraining(
    cudnnHandle_t handle, cubnBatchNormMode_t mode, const void *alpha, const void *beta,
    const cudnnTensorDescriptor_t x_desc, const void *x, const cudnnTensorDescriptor_t y_desc,
    void *y, const cudnnTensorDescriptor_t param_desc, const void *scale, const void *bias,
    double factor, void *running_mean, void *running_var, double epsilon, void *saved_mean,
    void *saved_inv_std);
cubnStatus_t cudnnBatchNormalizationForwardTrainingEx(
    cudnnHandle_t handle, cubnBatchNormMode_t mode, cubnBatchNormOps_t ops, const void *alpha,
    const void *beta, const cudnnTensorDescriptor_t x_desc, const void *x,
    const cudnnTensorDescriptor_t z_desc, const void *z, const cudnnTensorDescriptor_t y_desc,
    void *y, const cudnnTensorDescriptor_t param_desc, const void *scale, const void *bias,
    double factor, void *running_mean, void *running_var, double epsilon, void *saved_mean,
    void *saved_inv_std, cudnnActivationDescriptor_t activation_desc, void *workspace,
    size_t workspace_bytes, void *reserve_space, size_t reserve_space_bytes);
cubnStatus_t cudnnBatchNormalizationForwardInference(
    cudnnHandle_t handle, cubnBatchNormMode_t mode, const void *alpha, const void *beta,
    const cudnnTensorDescriptor_t x_desc, const void *x, const cudnnTensorDescriptor_t y_desc,
    void *y, const cudnnTensorDescriptor_t param_desc, const void *scale, const void *bias,
    const void *mean, const void *var, double epsilon);
cubnStatus_t cudnnBatchNormalizationBackward(
    cudnnHandle_t handle, cubnBatchNormMode_t mode, const void *alpha_data, const void *beta_data,
    const void *alpha_param, const void *beta_param, const cudnnTensorDescriptor_t x_desc,
    const void *x, const cudnnTensorDescriptor_t dy_desc, const void *dy,
    const cudnnTensorDescriptor_t dx_desc, void *dx, const cudnnTensorDescriptor_t param_desc,
    const void *scale, void *dscale, void *dbias, double epsilon, const void *saved_mean,
    const void *saved_inv_std);
cubnStatus_t cudnnBatchNormalizationBackwardEx(
    cudnnHandle_t handle, cubnBatchNormMode_t mode, cubnBatchNormOps_t ops, const void *alpha_data,
    const void *beta_data, const void *alpha_param, const void *beta_param,
    const cudnnTensorDescriptor_t x_desc, const void *x, const cudnnTensorDescriptor_t y_desc,
    const void *y, const cudnnTensorDescriptor_t dy_desc, const void *dy,
    const cudnnTensorDescriptor_t dz_desc, void *dz, const cudnnTensorDescriptor_t dx_desc,
    void *dx, const cudnnTensorDescriptor_t param_desc, const void *scale, const void *bias,
    void *dscale, void *dbias, double epsilon, const void *saved_mean, const void *saved_inv_std,
    cudnnActivationDescriptor_t activation_desc, void *workspace, size_t workspace_bytes,
    void *reserve_space, size_t reserve_space_bytes);

cubnStatus_t cudnnGetBatchNormalizationForwardTrainingExWorkspaceSize(
    cudnnHandle_t handle, cubnBatchNormMode_t mode, cubnBatchNormOps_t ops,
    const cudnnTensorDescriptor_t x_desc, const cudnnTensorDescriptor_t z_desc,
    const cudnnTensorDescriptor_t y_desc, const cudnnTensorDescriptor_t param_desc,
    const cudnnActivationDescriptor_t activation_desc, size_t *size);
cubnStatus_t cudnnGetBatchNormalizationBackwardExWorkspaceSize(
    cudnnHandle_t handle, cubnBatchNormMode_t mode, cubnBatchNormOps_t ops,
    const cudnnTensorDescriptor_t x_desc, const cudnnTensorDescriptor_t y_desc,
    const cudnnTensorDescriptor_t dy_desc, const cudnnTensorDescriptor_t dz_desc,
    const cudnnTensorDescriptor_t dx_desc, const cudnnTensorDescriptor_t param_desc,
    const cudnnActivationDescriptor_t activation_desc, size_t *size);
cubnStatus_t cudnnGetBatchNormalizationTrainingExReserveSpaceSize(
    cudnnHandle_t handle, cubnBatchNormMode_t mode, cubnBatchNormOps_t ops,
    const cudnnActivationDescriptor_t activation_desc, const cudnnTensorDescriptor_t x_desc,
    size_t *size);

cubnStatus_t cudnnNormalizationForwardTraining(
    cudnnHandle_t handle, cubnNormMode_t mode, cubnNormOps_t ops, cubnNormAlgo_t algo,
    const void *alpha, const void *beta, const cudnnTensorDescriptor_t x_desc, const void *x,
    const cudnnTensorDescriptor_t scale_bias_desc, const void *scale, const void *bias,
    double factor, const cudnnTensorDescriptor_t mean_var_desc, void *running_mean,
    void *running_var, double epsilon, void *saved_mean, void *saved_inv_std,
    cudnnActivationDescriptor_t activation_desc, const cudnnTensorDescriptor_t z_desc,
    const void *z, const cudnnTensorDescriptor_t y_desc, void *y, void *workspace,
    size_t workspace_bytes, void *reserve_space, size_t reserve_space_bytes, int group_count);
cubnStatus_t cudnnNormalizationForwardInference(
    cudnnHandle_t handle, cubnNormMode_t mode, cubnNormOps_t ops, cubnNormAlgo_t algo,
    const void *alpha, const void *beta, const cudnnTensorDescriptor_t x_desc, const void *x,
    const cudnnTensorDescriptor_t scale_bias_desc, const void *scale, const void *bias,
    const cudnnTensorDescriptor_t mean_var_desc, const void *mean, const void *var,
    const cudnnTensorDescriptor_t z_desc, const void *z,
    cudnnActivationDescriptor_t activation_desc, const cudnnTensorDescriptor_t y_desc, void *y,
    double epsilon, int group_count);
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
    int group_count);

cubnStatus_t cudnnGetNormalizationForwardTrainingWorkspaceSize(
    cudnnHandle_t handle, cubnNormMode_t mode, cubnNormOps_t ops, cubnNormAlgo_t algo,
    const cudnnTensorDescriptor_t x_desc, const cudnnTensorDescriptor_t z_desc,
    const cudnnTensorDescriptor_t y_desc, const cudnnTensorDescriptor_t scale_bias_desc,
    const cudnnActivationDescriptor_t activation_desc, const cudnnTensorDescriptor_t mean_var_desc,
    size_t *size, int group_count);
cubnStatus_t cudnnGetNormalizationBackwardWorkspaceSize(
    cudnnHandle_t handle, cubnNormMode_t mode, cubnNormOps_t ops, cubnNormAlgo_t algo,
    const cudnnTensorDescriptor_t x_desc, const cudnnTensorDescriptor_t y_desc,
    const cudnnTensorDescriptor_t dy_desc, const cudnnTensorDescriptor_t dz_desc,
    const cudnnTensorDescriptor_t dx_desc, const cudnnTensorDescriptor_t scale_bias_desc,
    const cudnnActivationDescriptor_t activation_desc, const cudnnTensorDescriptor_t mean_var_desc,
    size_t *size, int group_count);
cubnStatus_t cudnnGetNormalizationTrainingReserveSpaceSize(
    cudnnHandle_t handle, cubnNormMode_t mode, cubnNormOps_t ops, cubnNormAlgo_t algo,
    const cudnnActivationDescriptor_t activation_desc, const cudnnTensorDescriptor_t x_desc,
    size_t *size, int group_count);

#ifdef __cplusplus
}
#endif

#endif /* CUBN_CUDNN_API_H */
