/* The functions of cuDNN that cubn has, as cuDNN declares them; part of cubn_cudnn.h, which has
 * them call cubn's. Who includes this file declares the types first (cubn_cudnn_names.h), and may
 * define CUBN_CUDNN_IS(name): what follows a declaration whose function in cubn is `name`. */
#ifndef CUBN_CUDNN_FUNCTIONS_H
#define CUBN_CUDNN_FUNCTIONS_H

#ifndef CUBN_CUDNN_IS
#define CUBN_CUDNN_IS(name)
#endif

#ifdef __cplusplus
extern "C" {
#endif

cudnnStatus_t cudnnCreate(cudnnHandle_t *handle) CUBN_CUDNN_IS(cubnCreate);
cudnnStatus_t cudnnDestroy(cudnnHandle_t handle) CUBN_CUDNN_IS(cubnDestroy);
cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream)
    CUBN_CUDNN_IS(cubnSetStream);
cudnnStatus_t cudnnGetStream(cudnnHandle_t handle, cudaStream_t *stream)
    CUBN_CUDNN_IS(cubnGetStream);

/* ---- Descriptors */
cudnnStatus_t cudnnCreateTensorDescriptor(cudnnTensorDescriptor_t *descriptor)
    CUBN_CUDNN_IS(cubnCreateTensorDescriptor);
cudnnStatus_t cudnnDestroyTensorDescriptor(cudnnTensorDescriptor_t descriptor)
    CUBN_CUDNN_IS(cubnDestroyTensorDescriptor);
cudnnStatus_t cudnnSetTensor4dDescriptor(cudnnTensorDescriptor_t descriptor,
                                         cudnnTensorFormat_t format, cudnnDataType_t type, int n,
                                         int c, int h, int w)
    CUBN_CUDNN_IS(cubnSetTensor4dDescriptor);
cudnnStatus_t cudnnSetTensor4dDescriptorEx(cudnnTensorDescriptor_t descriptor, cudnnDataType_t type,
                                           int n, int c, int h, int w, int n_stride, int c_stride,
                                           int h_stride, int w_stride)
    CUBN_CUDNN_IS(cubnSetTensor4dDescriptorEx);
cudnnStatus_t cudnnSetTensorNdDescriptor(cudnnTensorDescriptor_t descriptor, cudnnDataType_t type,
                                         int rank, const int dims[], const int strides[])
    CUBN_CUDNN_IS(cubnSetTensorNdDescriptor);
cudnnStatus_t cudnnSetTensorNdDescriptorEx(cudnnTensorDescriptor_t descriptor,
                                           cudnnTensorFormat_t format, cudnnDataType_t type,
                                           int rank, const int dims[])
    CUBN_CUDNN_IS(cubnSetTensorNdDescriptorEx);
cudnnStatus_t cudnnGetTensor4dDescriptor(const cudnnTensorDescriptor_t descriptor,
                                         cudnnDataType_t *type, int *n, int *c, int *h, int *w,
                                         int *n_stride, int *c_stride, int *h_stride, int *w_stride)
    CUBN_CUDNN_IS(cubnGetTensor4dDescriptor);
cudnnStatus_t cudnnGetTensorNdDescriptor(const cudnnTensorDescriptor_t descriptor,
                                         int requested_rank, cudnnDataType_t *type, int *rank,
                                         int dims[], int strides[])
    CUBN_CUDNN_IS(cubnGetTensorNdDescriptor);
cudnnStatus_t cudnnGetTensorSizeInBytes(const cudnnTensorDescriptor_t descriptor, size_t *bytes)
    CUBN_CUDNN_IS(cubnGetTensorSizeInBytes);

cudnnStatus_t cudnnCreateActivationDescriptor(cudnnActivationDescriptor_t *descriptor)
    CUBN_CUDNN_IS(cubnCreateActivationDescriptor);
cudnnStatus_t cudnnDestroyActivationDescriptor(cudnnActivationDescriptor_t descriptor)
    CUBN_CUDNN_IS(cubnDestroyActivationDescriptor);
cudnnStatus_t cudnnSetActivationDescriptor(cudnnActivationDescriptor_t descriptor,
                                           cudnnActivationMode_t mode,
                                           cudnnNanPropagation_t relu_nan, double coef)
    CUBN_CUDNN_IS(cubnSetActivationDescriptor);
cudnnStatus_t cudnnGetActivationDescriptor(const cudnnActivationDescriptor_t descriptor,
                                           cudnnActivationMode_t *mode,
                                           cudnnNanPropagation_t *relu_nan, double *coef)
    CUBN_CUDNN_IS(cubnGetActivationDescriptor);
cudnnStatus_t cudnnSetActivationDescriptorSwishBeta(cudnnActivationDescriptor_t descriptor,
                                                    double swish_beta)
    CUBN_CUDNN_IS(cubnSetActivationDescriptorSwishBeta);
cudnnStatus_t cudnnGetActivationDescriptorSwishBeta(const cudnnActivationDescriptor_t descriptor,
                                                    double *swish_beta)
    CUBN_CUDNN_IS(cubnGetActivationDescriptorSwishBeta);

/* ---- Batch normalization */
cudnnStatus_t cudnnDeriveBNTensorDescriptor(cudnnTensorDescriptor_t derived,
                                            const cudnnTensorDescriptor_t x,
                                            cudnnBatchNormMode_t mode)
    CUBN_CUDNN_IS(cubnDeriveBNTensorDescriptor);

cudnnStatus_t cudnnBatchNormalizationForwardTraining(
    cudnnHandle_t handle, cudnnBatchNormMode_t mode, const void *alpha, const void *beta,
    const cudnnTensorDescriptor_t x_desc, const void *x, const cudnnTensorDescriptor_t y_desc,
    void *y, const cudnnTensorDescriptor_t param_desc, const void *scale, const void *bias,
    double factor, void *running_mean, void *running_var, double epsilon, void *saved_mean,
    void *saved_inv_std) CUBN_CUDNN_IS(cubnBatchNormalizationForwardTraining);
cudnnStatus_t cudnnBatchNormalizationForwardTrainingEx(
    cudnnHandle_t handle, cudnnBatchNormMode_t mode, cudnnBatchNormOps_t ops, const void *alpha,
    const void *beta, const cudnnTensorDescriptor_t x_desc, const void *x,
    const cudnnTensorDescriptor_t z_desc, const void *z, const cudnnTensorDescriptor_t y_desc,
    void *y, const cudnnTensorDescriptor_t param_desc, const void *scale, const void *bias,
    double factor, void *running_mean, void *running_var, double epsilon, void *saved_mean,
    void *saved_inv_std, cudnnActivationDescriptor_t activation_desc, void *workspace,
    size_t workspace_bytes, void *reserve_space, size_t reserve_space_bytes)
    CUBN_CUDNN_IS(cubnBatchNormalizationForwardTrainingEx);
cudnnStatus_t cudnnBatchNormalizationForwardInference(
    cudnnHandle_t handle, cudnnBatchNormMode_t mode, const void *alpha, const void *beta,
    const cudnnTensorDescriptor_t x_desc, const void *x, const cudnnTensorDescriptor_t y_desc,
    void *y, const cudnnTensorDescriptor_t param_desc, const void *scale, const void *bias,
    const void *mean, const void *var, double epsilon)
    CUBN_CUDNN_IS(cubnBatchNormalizationForwardInference);
cudnnStatus_t cudnnBatchNormalizationBackward(
    cudnnHandle_t handle, cudnnBatchNormMode_t mode, const void *alpha_data, const void *beta_data,
    const void *alpha_param, const void *beta_param, const cudnnTensorDescriptor_t x_desc,
    const void *x, const cudnnTensorDescriptor_t dy_desc, const void *dy,
    const cudnnTensorDescriptor_t dx_desc, void *dx, const cudnnTensorDescriptor_t param_desc,
    const void *scale, void *dscale, void *dbias, double epsilon, const void *saved_mean,
    const void *saved_inv_std) CUBN_CUDNN_IS(cubnBatchNormalizationBackward);
cudnnStatus_t cudnnBatchNormalizationBackwardEx(
    cudnnHandle_t handle, cudnnBatchNormMode_t mode, cudnnBatchNormOps_t ops,
    const void *alpha_data, const void *beta_data, const void *alpha_param, const void *beta_param,
    const cudnnTensorDescriptor_t x_desc, const void *x, const cudnnTensorDescriptor_t y_desc,
    const void *y, const cudnnTensorDescriptor_t dy_desc, const void *dy,
    const cudnnTensorDescriptor_t dz_desc, void *dz, const cudnnTensorDescriptor_t dx_desc,
    void *dx, const cudnnTensorDescriptor_t param_desc, const void *scale, const void *bias,
    void *dscale, void *dbias, double epsilon, const void *saved_mean, const void *saved_inv_std,
    cudnnActivationDescriptor_t activation_desc, void *workspace, size_t workspace_bytes,
    void *reserve_space, size_t reserve_space_bytes)
    CUBN_CUDNN_IS(cubnBatchNormalizationBackwardEx);

cudnnStatus_t cudnnGetBatchNormalizationForwardTrainingExWorkspaceSize(
    cudnnHandle_t handle, cudnnBatchNormMode_t mode, cudnnBatchNormOps_t ops,
    const cudnnTensorDescriptor_t x_desc, const cudnnTensorDescriptor_t z_desc,
    const cudnnTensorDescriptor_t y_desc, const cudnnTensorDescriptor_t param_desc,
    const cudnnActivationDescriptor_t activation_desc, size_t *size)
    CUBN_CUDNN_IS(cubnGetBatchNormalizationForwardTrainingExWorkspaceSize);
cudnnStatus_t cudnnGetBatchNormalizationBackwardExWorkspaceSize(
    cudnnHandle_t handle, cudnnBatchNormMode_t mode, cudnnBatchNormOps_t ops,
    const cudnnTensorDescriptor_t x_desc, const cudnnTensorDescriptor_t y_desc,
    const cudnnTensorDescriptor_t dy_desc, const cudnnTensorDescriptor_t dz_desc,
    const cudnnTensorDescriptor_t dx_desc, const cudnnTensorDescriptor_t param_desc,
    const cudnnActivationDescriptor_t activation_desc, size_t *size)
    CUBN_CUDNN_IS(cubnGetBatchNormalizationBackwardExWorkspaceSize);
cudnnStatus_t cudnnGetBatchNormalizationTrainingExReserveSpaceSize(
    cudnnHandle_t handle, cudnnBatchNormMode_t mode, cudnnBatchNormOps_t ops,
    const cudnnActivationDescriptor_t activation_desc, const cudnnTensorDescriptor_t x_desc,
    size_t *size) CUBN_CUDNN_IS(cubnGetBatchNormalizationTrainingExReserveSpaceSize);

/* ---- Normalization */
cudnnStatus_t cudnnDeriveNormTensorDescriptor(cudnnTensorDescriptor_t derived_scale_bias,
                                              cudnnTensorDescriptor_t derived_mean_var,
                                              const cudnnTensorDescriptor_t x, cudnnNormMode_t mode,
                                              int group_count)
    CUBN_CUDNN_IS(cubnDeriveNormTensorDescriptor);

cudnnStatus_t cudnnNormalizationForwardTraining(
    cudnnHandle_t handle, cudnnNormMode_t mode, cudnnNormOps_t ops, cudnnNormAlgo_t algo,
    const void *alpha, const void *beta, const cudnnTensorDescriptor_t x_desc, const void *x,
    const cudnnTensorDescriptor_t scale_bias_desc, const void *scale, const void *bias,
    double factor, const cudnnTensorDescriptor_t mean_var_desc, void *running_mean,
    void *running_var, double epsilon, void *saved_mean, void *saved_inv_std,
    cudnnActivationDescriptor_t activation_desc, const cudnnTensorDescriptor_t z_desc,
    const void *z, const cudnnTensorDescriptor_t y_desc, void *y, void *workspace,
    size_t workspace_bytes, void *reserve_space, size_t reserve_space_bytes, int group_count)
    CUBN_CUDNN_IS(cubnNormalizationForwardTraining);
cudnnStatus_t cudnnNormalizationForwardInference(
    cudnnHandle_t handle, cudnnNormMode_t mode, cudnnNormOps_t ops, cudnnNormAlgo_t algo,
    const void *alpha, const void *beta, const cudnnTensorDescriptor_t x_desc, const void *x,
    const cudnnTensorDescriptor_t scale_bias_desc, const void *scale, const void *bias,
    const cudnnTensorDescriptor_t mean_var_desc, const void *mean, const void *var,
    const cudnnTensorDescriptor_t z_desc, const void *z,
    cudnnActivationDescriptor_t activation_desc, const cudnnTensorDescriptor_t y_desc, void *y,
    double epsilon, int group_count) CUBN_CUDNN_IS(cubnNormalizationForwardInference);
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
    int group_count) CUBN_CUDNN_IS(cubnNormalizationBackward);

cudnnStatus_t cudnnGetNormalizationForwardTrainingWorkspaceSize(
    cudnnHandle_t handle, cudnnNormMode_t mode, cudnnNormOps_t ops, cudnnNormAlgo_t algo,
    const cudnnTensorDescriptor_t x_desc, const cudnnTensorDescriptor_t z_desc,
    const cudnnTensorDescriptor_t y_desc, const cudnnTensorDescriptor_t scale_bias_desc,
    const cudnnActivationDescriptor_t activation_desc, const cudnnTensorDescriptor_t mean_var_desc,
    size_t *size, int group_count) CUBN_CUDNN_IS(cubnGetNormalizationForwardTrainingWorkspaceSize);
cudnnStatus_t cudnnGetNormalizationBackwardWorkspaceSize(
    cudnnHandle_t handle, cudnnNormMode_t mode, cudnnNormOps_t ops, cudnnNormAlgo_t algo,
    const cudnnTensorDescriptor_t x_desc, const cudnnTensorDescriptor_t y_desc,
    const cudnnTensorDescriptor_t dy_desc, const cudnnTensorDescriptor_t dz_desc,
    const cudnnTensorDescriptor_t dx_desc, const cudnnTensorDescriptor_t scale_bias_desc,
    const cudnnActivationDescriptor_t activation_desc, const cudnnTensorDescriptor_t mean_var_desc,
    size_t *size, int group_count) CUBN_CUDNN_IS(cubnGetNormalizationBackwardWorkspaceSize);
cudnnStatus_t cudnnGetNormalizationTrainingReserveSpaceSize(
    cudnnHandle_t handle, cudnnNormMode_t mode, cudnnNormOps_t ops, cudnnNormAlgo_t algo,
    const cudnnActivationDescriptor_t activation_desc, const cudnnTensorDescriptor_t x_desc,
    size_t *size, int group_count) CUBN_CUDNN_IS(cubnGetNormalizationTrainingReserveSpaceSize);

/* ---- Messages, errors */
cudnnStatus_t cudnnSetCallback(unsigned mask, void *user_data, cudnnCallback_t callback)
    CUBN_CUDNN_IS(cubnSetCallback);
cudnnStatus_t cudnnGetCallback(unsigned *mask, void **user_data, cudnnCallback_t *callback)
    CUBN_CUDNN_IS(cubnGetCallback);
cudnnStatus_t cudnnQueryRuntimeError(cudnnHandle_t handle, cudnnStatus_t *status,
                                     cudnnErrQueryMode_t mode, cudnnRuntimeTag_t *tag)
    CUBN_CUDNN_IS(cubnQueryRuntimeError);
/* The name as cuDNN spells it. */
const char *cudnnGetErrorString(cudnnStatus_t status) CUBN_CUDNN_IS(cubnCudnnGetErrorString);
void cudnnGetLastErrorString(char *message, size_t max_size) CUBN_CUDNN_IS(cubnGetLastErrorString);

#ifdef __cplusplus
}
#endif

#endif /* CUBN_CUDNN_FUNCTIONS_H */
