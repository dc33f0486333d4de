/* cubn, chapter "normalization": cuDNN's cudnnNormalization functions, a second interface to the
 * same operations. Included by cubn.h.
 *
 * PER_CHANNEL is CUBN_BATCHNORM_SPATIAL, PER_ACTIVATION is CUBN_BATCHNORM_PER_ACTIVATION, both
 * algorithms are the same. Scale and bias have one descriptor, means and variances another; cubn
 * wants both to describe the same memory order (type, dimensions and strides): BAD_PARAM otherwise.
 * group_count must be 1: NOT_SUPPORTED otherwise, as in cuDNN. Inference can be fused too.
 * Everything else, aliasing and status included, is as said for the cubnBatchNormalization
 * functions. */
#include "cubn.h" /* before the guard: that header includes this one */
#include "cubn_fused.h"

#ifndef CUBN_NORMALIZATION_H
#define CUBN_NORMALIZATION_H

#ifdef __cplusplus
extern "C" {
#endif

typedef enum { CUBN_NORM_PER_ACTIVATION = 0, CUBN_NORM_PER_CHANNEL = 1 } cubnNormMode_t;
typedef enum { CUBN_NORM_ALGO_STANDARD = 0, CUBN_NORM_ALGO_PERSIST = 1 } cubnNormAlgo_t;
typedef enum {
  CUBN_NORM_OPS_NORM = 0,
  CUBN_NORM_OPS_NORM_ACTIVATION = 1,
  CUBN_NORM_OPS_NORM_ADD_ACTIVATION = 2
} cubnNormOps_t;

/* As cubnDeriveBNTensorDescriptor; both descriptors become the same. Either may be NULL, not
 * both. */
CUBN_API cubnStatus_t cubnDeriveNormTensorDescriptor(cubnTensorDescriptor_t derived_scale_bias,
                                                     cubnTensorDescriptor_t derived_mean_var,
                                                     const cubnTensorDescriptor_t x,
                                                     cubnNormMode_t mode, int group_count);

/* As the size queries of the cubnBatchNormalization...Ex functions. */
CUBN_API cubnStatus_t cubnGetNormalizationForwardTrainingWorkspaceSize(
    cubnHandle_t handle, cubnNormMode_t mode, cubnNormOps_t ops, cubnNormAlgo_t algo,
    const cubnTensorDescriptor_t x_desc, const cubnTensorDescriptor_t z_desc,
    const cubnTensorDescriptor_t y_desc, const cubnTensorDescriptor_t scale_bias_desc,
    const cubnActivationDescriptor_t activation_desc, const cubnTensorDescriptor_t mean_var_desc,
    size_t *size, int group_count);
CUBN_API cubnStatus_t cubnGetNormalizationBackwardWorkspaceSize(
    cubnHandle_t handle, cubnNormMode_t mode, cubnNormOps_t ops, cubnNormAlgo_t algo,
    const cubnTensorDescriptor_t x_desc, const cubnTensorDescriptor_t y_desc,
    const cubnTensorDescriptor_t dy_desc, const cubnTensorDescriptor_t dz_desc,
    const cubnTensorDescriptor_t dx_desc, const cubnTensorDescriptor_t scale_bias_desc,
    const cubnActivationDescriptor_t activation_desc, const cubnTensorDescriptor_t mean_var_desc,
    size_t *size, int group_count);
CUBN_API cubnStatus_t cubnGetNormalizationTrainingReserveSpaceSize(
    cubnHandle_t handle, cubnNormMode_t mode, cubnNormOps_t ops, cubnNormAlgo_t algo,
    const cubnActivationDescriptor_t activation_desc, const cubnTensorDescriptor_t x_desc,
    size_t *size, int group_count);

/* As cubnBatchNormalizationForwardInference, with addition and activation:
 *     y = alpha * activation(scale * (x - mean) / sqrt(var + epsilon) + bias [+ z]) + beta * y */
CUBN_API cubnStatus_t cubnNormalizationForwardInference(
    cubnHandle_t handle, cubnNormMode_t mode, cubnNormOps_t ops, cubnNormAlgo_t algo,
    const void *alpha, const void *beta, const cubnTensorDescriptor_t x_desc, const void *x,
    const cubnTensorDescriptor_t scale_bias_desc, const void *scale, const void *bias,
    const cubnTensorDescriptor_t mean_var_desc, const void *mean, const void *var,
    const cubnTensorDescriptor_t z_desc, const void *z, cubnActivationDescriptor_t activation_desc,
    const cubnTensorDescriptor_t y_desc, void *y, double epsilon, int group_count);

/* As cubnBatchNormalizationForwardTrainingEx. */
CUBN_API cubnStatus_t cubnNormalizationForwardTraining(
    cubnHandle_t handle, cubnNormMode_t mode, cubnNormOps_t ops, cubnNormAlgo_t algo,
    const void *alpha, const void *beta, const cubnTensorDescriptor_t x_desc, const void *x,
    const cubnTensorDescriptor_t scale_bias_desc, const void *scale, const void *bias,
    double factor, const cubnTensorDescriptor_t mean_var_desc, void *running_mean,
    void *running_var, double epsilon, void *saved_mean, void *saved_inv_std,
    cubnActivationDescriptor_t activation_desc, const cubnTensorDescriptor_t z_desc, const void *z,
    const cubnTensorDescriptor_t y_desc, void *y, void *workspace, size_t workspace_bytes,
    void *reserve_space, size_t reserve_space_bytes, int group_count);

/* As cubnBatchNormalizationBackwardEx. */
CUBN_API cubnStatus_t cubnNormalizationBackward(
    cubnHandle_t handle, cubnNormMode_t mode, cubnNormOps_t ops, cubnNormAlgo_t algo,
    const void *alpha_data, const void *beta_data, const void *alpha_param, const void *beta_param,
    const cubnTensorDescriptor_t x_desc, const void *x, const cubnTensorDescriptor_t y_desc,
    const void *y, const cubnTensorDescriptor_t dy_desc, const void *dy,
    const cubnTensorDescriptor_t dz_desc, void *dz, const cubnTensorDescriptor_t dx_desc, void *dx,
    const cubnTensorDescriptor_t scale_bias_desc, const void *scale, const void *bias, void *dscale,
    void *dbias, double epsilon, const cubnTensorDescriptor_t mean_var_desc, const void *saved_mean,
    const void *saved_inv_std, cubnActivationDescriptor_t activation_desc, void *workspace,
    size_t workspace_bytes, void *reserve_space, size_t reserve_space_bytes, int group_count);

#ifdef __cplusplus
}
#endif

#endif /* CUBN_NORMALIZATION_H */
