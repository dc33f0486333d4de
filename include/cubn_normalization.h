/**
 * @file cubn_normalization.h
 * Chapter "normalization": cuDNN's cudnnNormalization functions, a second interface to the same
 * operations.
 *
 * Included by cubn.h.
 */
#include "cubn.h" /* before the guard: that header includes this one */
#include "cubn_fused.h"

#ifndef CUBN_NORMALIZATION_H
#define CUBN_NORMALIZATION_H

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @defgroup cubn_normalization Normalization
 *
 * PER_CHANNEL is CUBN_BATCHNORM_SPATIAL, PER_ACTIVATION is CUBN_BATCHNORM_PER_ACTIVATION, both
 * algorithms are the same. Scale and bias have one descriptor, means and variances another; cubn
 * wants both to describe the same memory order (type, dimensions and strides):
 * CUBN_STATUS_BAD_PARAM otherwise. group_count must be 1: CUBN_STATUS_NOT_SUPPORTED otherwise, as
 * in cuDNN. Inference can be fused too. Everything else, aliasing and status included, is as said
 * for the cubnBatchNormalization functions.
 * @{
 */

/** What a channel is. */
typedef enum {
  CUBN_NORM_PER_ACTIVATION = 0, /**< CUBN_BATCHNORM_PER_ACTIVATION */
  CUBN_NORM_PER_CHANNEL = 1     /**< CUBN_BATCHNORM_SPATIAL */
} cubnNormMode_t;

/** cuDNN's choice of an algorithm; both mean the same here. */
typedef enum {
  CUBN_NORM_ALGO_STANDARD = 0, /**< cubn chooses. */
  CUBN_NORM_ALGO_PERSIST = 1   /**< cubn chooses. */
} cubnNormAlgo_t;

/** What is fused. */
typedef enum {
  CUBN_NORM_OPS_NORM = 0,               /**< CUBN_BATCHNORM_OPS_BN */
  CUBN_NORM_OPS_NORM_ACTIVATION = 1,    /**< CUBN_BATCHNORM_OPS_BN_ACTIVATION */
  CUBN_NORM_OPS_NORM_ADD_ACTIVATION = 2 /**< CUBN_BATCHNORM_OPS_BN_ADD_ACTIVATION */
} cubnNormOps_t;

/**
 * Describes the per-channel arrays for tensors like x; both descriptors become the same.
 *
 * @param[in,out] derived_scale_bias  as by cubnDeriveBNTensorDescriptor; NULL: not wanted
 * @param[in,out] derived_mean_var  as derived_scale_bias; either may be NULL, not both
 * @param[in] x                     describes the tensor that is normalized
 * @param[in] mode                  what a channel is
 * @param[in] group_count           must be 1
 * @retval CUBN_STATUS_BAD_PARAM  unknown mode; both descriptors are NULL; x is NULL or was never
 *         set
 * @retval CUBN_STATUS_NOT_SUPPORTED  group_count is not 1
 */
CUBN_API cubnStatus_t cubnDeriveNormTensorDescriptor(cubnTensorDescriptor_t derived_scale_bias,
                                                     cubnTensorDescriptor_t derived_mean_var,
                                                     const cubnTensorDescriptor_t x,
                                                     cubnNormMode_t mode, int group_count);

/**
 * Bytes of workspace for cubnNormalizationForwardTraining: 0.
 *
 * @param[in] handle           a handle
 * @param[in] mode             what a channel is
 * @param[in] ops              what is fused
 * @param[in] algo             ignored, but checked
 * @param[in] x_desc           of x
 * @param[in] z_desc           of z, for NORM_ADD_ACTIVATION; else ignored
 * @param[in] y_desc           of y
 * @param[in] scale_bias_desc  of scale and bias
 * @param[in] activation_desc  ignored for NORM, else required
 * @param[in] mean_var_desc    of mean and var; the same order in memory
 * @param[out] size            receives 0
 * @param[in] group_count      must be 1
 * @return  as for cubnGetBatchNormalizationForwardTrainingExWorkspaceSize
 */
CUBN_API cubnStatus_t cubnGetNormalizationForwardTrainingWorkspaceSize(
    cubnHandle_t handle, cubnNormMode_t mode, cubnNormOps_t ops, cubnNormAlgo_t algo,
    const cubnTensorDescriptor_t x_desc, const cubnTensorDescriptor_t z_desc,
    const cubnTensorDescriptor_t y_desc, const cubnTensorDescriptor_t scale_bias_desc,
    const cubnActivationDescriptor_t activation_desc, const cubnTensorDescriptor_t mean_var_desc,
    size_t *size, int group_count);

/**
 * Bytes of workspace for cubnNormalizationBackward: 0.
 *
 * @param[in] handle           a handle
 * @param[in] mode             what a channel is
 * @param[in] ops              what is fused
 * @param[in] algo             ignored, but checked
 * @param[in] x_desc           of x
 * @param[in] y_desc           ignored
 * @param[in] dy_desc          of dy
 * @param[in] dz_desc          of dz, for NORM_ADD_ACTIVATION; else ignored
 * @param[in] dx_desc          of dx
 * @param[in] scale_bias_desc  of scale and bias
 * @param[in] activation_desc  ignored for NORM, else required
 * @param[in] mean_var_desc    of mean and var; the same order in memory
 * @param[out] size            receives 0
 * @param[in] group_count      must be 1
 * @return  as for cubnGetBatchNormalizationForwardTrainingExWorkspaceSize
 */
CUBN_API cubnStatus_t cubnGetNormalizationBackwardWorkspaceSize(
    cubnHandle_t handle, cubnNormMode_t mode, cubnNormOps_t ops, cubnNormAlgo_t algo,
    const cubnTensorDescriptor_t x_desc, const cubnTensorDescriptor_t y_desc,
    const cubnTensorDescriptor_t dy_desc, const cubnTensorDescriptor_t dz_desc,
    const cubnTensorDescriptor_t dx_desc, const cubnTensorDescriptor_t scale_bias_desc,
    const cubnActivationDescriptor_t activation_desc, const cubnTensorDescriptor_t mean_var_desc,
    size_t *size, int group_count);

/**
 * Bytes of reserve space, as cubnGetBatchNormalizationTrainingExReserveSpaceSize.
 *
 * @param[in] handle           a handle
 * @param[in] mode             what a channel is
 * @param[in] ops              what is fused
 * @param[in] algo             ignored, but checked
 * @param[in] activation_desc  ignored for NORM, else required
 * @param[in] x_desc           of x
 * @param[out] size            receives the size
 * @param[in] group_count      must be 1
 * @return  as for cubnGetBatchNormalizationForwardTrainingExWorkspaceSize
 */
CUBN_API cubnStatus_t cubnGetNormalizationTrainingReserveSpaceSize(
    cubnHandle_t handle, cubnNormMode_t mode, cubnNormOps_t ops, cubnNormAlgo_t algo,
    const cubnActivationDescriptor_t activation_desc, const cubnTensorDescriptor_t x_desc,
    size_t *size, int group_count);

/**
 * Forward pass in inference with addition and activation.
 *
 *     y = alpha * activation(scale * (x - mean) / sqrt(var + epsilon) + bias [+ z]) + beta * y
 *
 * As cubnBatchNormalizationForwardInference otherwise.
 *
 * @param[in] handle           a handle
 * @param[in] mode             what a channel is
 * @param[in] ops              what is fused
 * @param[in] algo             ignored, but checked
 * @param[in] alpha            host pointer
 * @param[in] beta             host pointer
 * @param[in] x_desc           of x
 * @param[in] x                input
 * @param[in] scale_bias_desc  of scale and bias
 * @param[in] scale            input
 * @param[in] bias             input
 * @param[in] mean_var_desc    of mean and var; the same order in memory
 * @param[in] mean             the running mean of training
 * @param[in] var              the running variance of training
 * @param[in] z_desc           of z, for NORM_ADD_ACTIVATION; else ignored
 * @param[in] z                NORM_ADD_ACTIVATION: added before the activation; else ignored
 * @param[in] activation_desc  ignored for NORM, else required
 * @param[in] y_desc           of y
 * @param[in,out] y            output; may be x or z itself if the strides agree
 * @param[in] epsilon          at least CUBN_BN_MIN_EPSILON
 * @param[in] group_count      must be 1
 * @return  as for cubnBatchNormalizationForwardTrainingEx
 */
CUBN_API cubnStatus_t cubnNormalizationForwardInference(
    cubnHandle_t handle, cubnNormMode_t mode, cubnNormOps_t ops, cubnNormAlgo_t algo,
    const void *alpha, const void *beta, const cubnTensorDescriptor_t x_desc, const void *x,
    const cubnTensorDescriptor_t scale_bias_desc, const void *scale, const void *bias,
    const cubnTensorDescriptor_t mean_var_desc, const void *mean, const void *var,
    const cubnTensorDescriptor_t z_desc, const void *z, cubnActivationDescriptor_t activation_desc,
    const cubnTensorDescriptor_t y_desc, void *y, double epsilon, int group_count);

/**
 * Forward pass in training, as cubnBatchNormalizationForwardTrainingEx.
 *
 * @param[in] handle               a handle
 * @param[in] mode                 what a channel is
 * @param[in] ops                  what is fused
 * @param[in] algo                 ignored, but checked
 * @param[in] alpha                host pointer
 * @param[in] beta                 host pointer
 * @param[in] x_desc               of x
 * @param[in] x                    input
 * @param[in] scale_bias_desc      of scale and bias
 * @param[in] scale                input
 * @param[in] bias                 input
 * @param[in] factor               in [0, 1]: weight of this batch in the running statistics
 * @param[in] mean_var_desc        of the statistics; the same order in memory
 * @param[in,out] running_mean     updated; NULL if running_var is
 * @param[in,out] running_var      updated; NULL if running_mean is
 * @param[in] epsilon              at least CUBN_BN_MIN_EPSILON
 * @param[out] saved_mean          for backward; NULL if saved_inv_std is
 * @param[out] saved_inv_std       for backward; NULL if saved_mean is
 * @param[in] activation_desc      ignored for NORM, else required
 * @param[in] z_desc               of z, for NORM_ADD_ACTIVATION; else ignored
 * @param[in] z                    NORM_ADD_ACTIVATION: added before the activation; else ignored
 * @param[in] y_desc               of y
 * @param[in,out] y                output; may be x or z itself if the strides agree
 * @param[in] workspace            ignored; may be NULL
 * @param[in] workspace_bytes      ignored
 * @param[out] reserve_space       written; NULL is allowed where its size is 0
 * @param[in] reserve_space_bytes  at least what
 *                                 cubnGetNormalizationTrainingReserveSpaceSize says
 * @param[in] group_count          must be 1
 * @return  as for cubnBatchNormalizationForwardTrainingEx
 */
CUBN_API cubnStatus_t cubnNormalizationForwardTraining(
    cubnHandle_t handle, cubnNormMode_t mode, cubnNormOps_t ops, cubnNormAlgo_t algo,
    const void *alpha, const void *beta, const cubnTensorDescriptor_t x_desc, const void *x,
    const cubnTensorDescriptor_t scale_bias_desc, const void *scale, const void *bias,
    double factor, const cubnTensorDescriptor_t mean_var_desc, void *running_mean,
    void *running_var, double epsilon, void *saved_mean, void *saved_inv_std,
    cubnActivationDescriptor_t activation_desc, const cubnTensorDescriptor_t z_desc, const void *z,
    const cubnTensorDescriptor_t y_desc, void *y, void *workspace, size_t workspace_bytes,
    void *reserve_space, size_t reserve_space_bytes, int group_count);

/**
 * Backward pass, as cubnBatchNormalizationBackwardEx.
 *
 * @param[in] handle               a handle
 * @param[in] mode                 what a channel is
 * @param[in] ops                  what was fused
 * @param[in] algo                 ignored, but checked
 * @param[in] alpha_data           host pointer; blends dx
 * @param[in] beta_data            host pointer
 * @param[in] alpha_param          host pointer; blends dscale and dbias
 * @param[in] beta_param           host pointer
 * @param[in] x_desc               of x
 * @param[in] x                    the input of forward
 * @param[in] y_desc               not needed, may be NULL
 * @param[in] y                    not needed, may be NULL
 * @param[in] dy_desc              of dy
 * @param[in] dy                   gradient with respect to y
 * @param[in] dz_desc              of dz, for NORM_ADD_ACTIVATION; else ignored
 * @param[out] dz                  NORM_ADD_ACTIVATION: output, not blended; may be dy or x itself
 *                                 if the strides agree, but not dx
 * @param[in] dx_desc              of dx
 * @param[in,out] dx               output; may be dy or x itself if the strides agree
 * @param[in] scale_bias_desc      of scale, bias and their gradients
 * @param[in] scale                as in forward
 * @param[in] bias                 required for NORM_ACTIVATION, else ignored
 * @param[in,out] dscale           output
 * @param[in,out] dbias            output
 * @param[in] epsilon              as in forward
 * @param[in] mean_var_desc        of the saved statistics; the same order in memory
 * @param[in] saved_mean           as written by forward; NULL if saved_inv_std is
 * @param[in] saved_inv_std        as written by forward; NULL if saved_mean is
 * @param[in] activation_desc      as in forward
 * @param[in] workspace            ignored; may be NULL
 * @param[in] workspace_bytes      ignored
 * @param[in] reserve_space        as forward left it
 * @param[in] reserve_space_bytes  as in forward
 * @param[in] group_count          must be 1
 * @return  as for cubnBatchNormalizationBackwardEx
 */
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

/** @} */

#ifdef __cplusplus
}
#endif

#endif /* CUBN_NORMALIZATION_H */
