/**
 * @file cubn_fused.h
 * Chapter "fused": activations, and cuDNN's ...Ex functions, which add and activate in the pass
 * that normalizes.
 *
 * Included by cubn.h. A residual block's BN + add + ReLU, forward and backward:
 *
 *     cubnCreateActivationDescriptor(&relu);
 *     cubnSetActivationDescriptor(relu, CUBN_ACTIVATION_RELU, CUBN_PROPAGATE_NAN, 0);
 *     cubnGetBatchNormalizationTrainingExReserveSpaceSize(
 *         handle, mode, CUBN_BATCHNORM_OPS_BN_ADD_ACTIVATION, relu, x_desc, &bytes);
 *     cubnBatchNormalizationForwardTrainingEx(..., x, ..., z, ..., y, ..., relu, NULL, 0,
 *                                             reserve, bytes);
 *     cubnBatchNormalizationBackwardEx(..., x, ..., dy, ..., dz, ..., dx, ..., relu, NULL, 0,
 *                                      reserve, bytes);
 */
#include "cubn.h" /* before the guard: that header includes this one */

#ifndef CUBN_FUSED_H
#define CUBN_FUSED_H

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @defgroup cubn_activations Activations
 *
 * p is the pre-activation, scale * x_hat + bias, plus z where one is added.
 *
 * The derivative, for backward, is that of the formula. Where that has a corner:
 *
 *     RELU          1 where p > 0, else 0
 *     CLIPPED_RELU  1 where 0 < p < coef, else 0
 *     LEAKY_RELU    1 where p > 0, else coef
 *     ELU           1 where p > 0, else coef * exp(p)
 *
 * Compared is the value of p rounded to the type of the tensors, as y is. At a p that is NaN it is
 * 1 for the first three (0 where RELU and CLIPPED_RELU do not propagate NaN), and NaN for the
 * others. At an infinite p, SWISH, GELU and their derivatives are NaN or the limit, as the device
 * computes them.
 * @{
 */

/** A mode with its coefficients. */
typedef struct cubnActivationStruct *cubnActivationDescriptor_t;

/** What is computed of p. */
typedef enum {
  CUBN_ACTIVATION_SIGMOID = 0,      /**< 1 / (1 + exp(-p)) */
  CUBN_ACTIVATION_RELU = 1,         /**< max(p, 0) */
  CUBN_ACTIVATION_TANH = 2,         /**< tanh(p) */
  CUBN_ACTIVATION_CLIPPED_RELU = 3, /**< min(max(p, 0), coef) */
  CUBN_ACTIVATION_ELU = 4,          /**< p where p > 0, else coef * (exp(p) - 1) */
  CUBN_ACTIVATION_IDENTITY = 5,     /**< p */
  CUBN_ACTIVATION_SWISH = 6,        /**< p / (1 + exp(-swish_beta * p)); SiLU with swish_beta = 1 */
  CUBN_ACTIVATION_LEAKY_RELU = 100, /**< p where p > 0, else coef * p. Not in cuDNN. */
  CUBN_ACTIVATION_GELU = 101        /**< p * (1 + erf(p / sqrt(2))) / 2. Not in cuDNN. */
} cubnActivationMode_t;

/** What RELU and CLIPPED_RELU make of NaN. All others give NaN always. */
typedef enum {
  CUBN_NOT_PROPAGATE_NAN = 0, /**< 0 */
  CUBN_PROPAGATE_NAN = 1      /**< NaN */
} cubnNanPropagation_t;

/**
 * Creates a descriptor of CUBN_ACTIVATION_IDENTITY, with swish_beta 1.
 *
 * @param[out] descriptor  receives the descriptor
 * @retval CUBN_STATUS_BAD_PARAM  descriptor is NULL
 * @retval CUBN_STATUS_HOST_ALLOCATION_FAILED  no host memory
 */
CUBN_API cubnStatus_t cubnCreateActivationDescriptor(cubnActivationDescriptor_t *descriptor);

/**
 * Frees a descriptor.
 *
 * @param[in] descriptor  NULL is allowed and does nothing
 * @return  CUBN_STATUS_SUCCESS
 */
CUBN_API cubnStatus_t cubnDestroyActivationDescriptor(cubnActivationDescriptor_t descriptor);

/**
 * Sets mode and coefficient; swish_beta stays.
 *
 * @param[in,out] descriptor  is set
 * @param[in] mode      what is computed
 * @param[in] relu_nan  what RELU and CLIPPED_RELU make of NaN
 * @param[in] coef      the ceiling of CLIPPED_RELU, the factor of ELU and LEAKY_RELU; the others
 *                      ignore it
 * @retval CUBN_STATUS_BAD_PARAM  descriptor is NULL; unknown mode or relu_nan; coef is NaN, or
 *         negative or infinite for CLIPPED_RELU (infinite coef also for ELU and LEAKY_RELU)
 */
CUBN_API cubnStatus_t cubnSetActivationDescriptor(cubnActivationDescriptor_t descriptor,
                                                  cubnActivationMode_t mode,
                                                  cubnNanPropagation_t relu_nan, double coef);

/**
 * Reads a descriptor. Every output may be NULL.
 *
 * @param[in] descriptor  a descriptor
 * @param[out] mode       what is computed
 * @param[out] relu_nan   what RELU and CLIPPED_RELU make of NaN
 * @param[out] coef       the coefficient
 * @retval CUBN_STATUS_BAD_PARAM  descriptor is NULL
 */
CUBN_API cubnStatus_t cubnGetActivationDescriptor(const cubnActivationDescriptor_t descriptor,
                                                  cubnActivationMode_t *mode,
                                                  cubnNanPropagation_t *relu_nan, double *coef);

/**
 * Sets the factor of SWISH; mode and coefficient stay.
 *
 * @param[in,out] descriptor  is set
 * @param[in] swish_beta      a finite number
 * @retval CUBN_STATUS_BAD_PARAM  descriptor is NULL, or swish_beta is not finite
 */
CUBN_API cubnStatus_t cubnSetActivationDescriptorSwishBeta(cubnActivationDescriptor_t descriptor,
                                                           double swish_beta);

/**
 * Reads the factor of SWISH.
 *
 * @param[in] descriptor   a descriptor
 * @param[out] swish_beta  the factor
 * @retval CUBN_STATUS_BAD_PARAM  an argument is NULL
 */
CUBN_API cubnStatus_t cubnGetActivationDescriptorSwishBeta(
    const cubnActivationDescriptor_t descriptor, double *swish_beta);

/** @} */

/**
 * @defgroup cubn_fused Batch normalization fused with addition and activation
 *
 * In cuDNN for half precision, channels last and one mode; here for all types, layouts and modes.
 *
 * The workspace is temporary. cubn keeps its own, so the size is always 0, and whatever is passed
 * as workspace is left alone.
 *
 * The reserve space takes what backward needs of forward beside the saved statistics. It must keep
 * its content from one to the other, and be aligned to the type of the tensors (of the parameters
 * for BN_ACTIVATION). Its size, where the activation is not the identity (which needs none):
 *
 *     BN_ACTIVATION      three parameter values per channel: the statistics as forward used them.
 *                        With them backward computes p again, by the same operations in the same
 *                        order.
 *     BN_ADD_ACTIVATION with RELU, CLIPPED_RELU, LEAKY_RELU
 *                        one bit per element, rows of spatial positions (or channels) filled up to
 *                        whole bytes: where p was positive (and below the ceiling)
 *     BN_ADD_ACTIVATION with others
 *                        p itself, one value of the tensors' type per element
 *
 * Its content may be used by a backward pass on the other kind of device, too, if copied there; a
 * decision that is computed again is the same there but for ties.
 * @{
 */

/** What is fused. */
typedef enum {
  CUBN_BATCHNORM_OPS_BN = 0,               /**< p = scale * x_hat + bias; y = p */
  CUBN_BATCHNORM_OPS_BN_ACTIVATION = 1,    /**< y = activation(p) */
  CUBN_BATCHNORM_OPS_BN_ADD_ACTIVATION = 2 /**< p = scale * x_hat + bias + z; y = activation(p) */
} cubnBatchNormOps_t;

/**
 * Bytes of workspace for cubnBatchNormalizationForwardTrainingEx: 0.
 *
 * @param[in] handle           a handle
 * @param[in] mode             what a channel is
 * @param[in] ops              what is fused
 * @param[in] x_desc           of x
 * @param[in] z_desc           of z, for BN_ADD_ACTIVATION; else ignored
 * @param[in] y_desc           of y
 * @param[in] param_desc       of the per-channel arrays
 * @param[in] activation_desc  ignored for BN, else required
 * @param[out] size            receives 0
 * @retval CUBN_STATUS_NOT_INITIALIZED  handle is NULL
 * @retval CUBN_STATUS_BAD_PARAM  size is NULL; unknown mode or ops; a descriptor that the ops need
 *         is NULL or was never set, or does not fit x; no activation descriptor where ops has one
 * @retval CUBN_STATUS_NOT_SUPPORTED  type INT8, a negative stride
 */
CUBN_API cubnStatus_t cubnGetBatchNormalizationForwardTrainingExWorkspaceSize(
    cubnHandle_t handle, cubnBatchNormMode_t mode, cubnBatchNormOps_t ops,
    const cubnTensorDescriptor_t x_desc, const cubnTensorDescriptor_t z_desc,
    const cubnTensorDescriptor_t y_desc, const cubnTensorDescriptor_t param_desc,
    const cubnActivationDescriptor_t activation_desc, size_t *size);

/**
 * Bytes of workspace for cubnBatchNormalizationBackwardEx: 0.
 *
 * @param[in] handle           a handle
 * @param[in] mode             what a channel is
 * @param[in] ops              what is fused
 * @param[in] x_desc           of x
 * @param[in] y_desc           ignored
 * @param[in] dy_desc          of dy
 * @param[in] dz_desc          of dz, for BN_ADD_ACTIVATION; else ignored
 * @param[in] dx_desc          of dx
 * @param[in] param_desc       of the per-channel arrays
 * @param[in] activation_desc  ignored for BN, else required
 * @param[out] size            receives 0
 * @return  as for cubnGetBatchNormalizationForwardTrainingExWorkspaceSize
 */
CUBN_API cubnStatus_t cubnGetBatchNormalizationBackwardExWorkspaceSize(
    cubnHandle_t handle, cubnBatchNormMode_t mode, cubnBatchNormOps_t ops,
    const cubnTensorDescriptor_t x_desc, const cubnTensorDescriptor_t y_desc,
    const cubnTensorDescriptor_t dy_desc, const cubnTensorDescriptor_t dz_desc,
    const cubnTensorDescriptor_t dx_desc, const cubnTensorDescriptor_t param_desc,
    const cubnActivationDescriptor_t activation_desc, size_t *size);

/**
 * Bytes of reserve space that backward needs from forward.
 *
 * cubn_fused says what they hold.
 *
 * @param[in] handle           a handle
 * @param[in] mode             what a channel is
 * @param[in] ops              what is fused
 * @param[in] activation_desc  ignored for BN, else required
 * @param[in] x_desc           of x
 * @param[out] size            receives the size
 * @return  as for cubnGetBatchNormalizationForwardTrainingExWorkspaceSize
 */
CUBN_API cubnStatus_t cubnGetBatchNormalizationTrainingExReserveSpaceSize(
    cubnHandle_t handle, cubnBatchNormMode_t mode, cubnBatchNormOps_t ops,
    const cubnActivationDescriptor_t activation_desc, const cubnTensorDescriptor_t x_desc,
    size_t *size);

/**
 * Forward pass in training with addition and activation.
 *
 * As cubnBatchNormalizationForwardTraining, with
 *
 *     y = alpha * activation(scale * x_hat + bias [+ z]) + beta * y
 *
 * @param[in] handle           a handle
 * @param[in] mode             what a channel is
 * @param[in] ops              what is fused
 * @param[in] alpha            host pointer
 * @param[in] beta             host pointer
 * @param[in] x_desc           of x
 * @param[in] x                input
 * @param[in] z_desc           of z, for BN_ADD_ACTIVATION: type and dimensions of x, strides may
 *                             differ. Otherwise ignored, may be NULL.
 * @param[in] z                for BN_ADD_ACTIVATION: added before the activation. Otherwise
 *                             ignored, may be NULL.
 * @param[in] y_desc           of y: type and dimensions of x, strides may differ
 * @param[in,out] y            output; may be x or z itself if the strides agree
 * @param[in] param_desc       of all per-channel arrays
 * @param[in] scale            input
 * @param[in] bias             input
 * @param[in] factor           in [0, 1]: weight of this batch in the running statistics
 * @param[in,out] running_mean  updated; NULL if running_var is
 * @param[in,out] running_var  updated; NULL if running_mean is
 * @param[in] epsilon          at least CUBN_BN_MIN_EPSILON
 * @param[out] saved_mean      for backward; NULL if saved_inv_std is
 * @param[out] saved_inv_std   for backward; NULL if saved_mean is
 * @param[in] activation_desc  ignored for BN, else required
 * @param[in] workspace        ignored; may be NULL
 * @param[in] workspace_bytes  ignored
 * @param[out] reserve_space   written, see cubn_fused; NULL is allowed where its size is 0
 * @param[in] reserve_space_bytes  at least what
 *                             cubnGetBatchNormalizationTrainingExReserveSpaceSize says
 * @return  as for cubnBatchNormalizationForwardTraining; CUBN_STATUS_BAD_PARAM also for unknown
 *          ops, for what the ops require and is NULL, and for a reserve space that is too small or
 *          not aligned
 */
CUBN_API cubnStatus_t cubnBatchNormalizationForwardTrainingEx(
    cubnHandle_t handle, cubnBatchNormMode_t mode, cubnBatchNormOps_t ops, const void *alpha,
    const void *beta, const cubnTensorDescriptor_t x_desc, const void *x,
    const cubnTensorDescriptor_t z_desc, const void *z, const cubnTensorDescriptor_t y_desc,
    void *y, const cubnTensorDescriptor_t param_desc, const void *scale, const void *bias,
    double factor, void *running_mean, void *running_var, double epsilon, void *saved_mean,
    void *saved_inv_std, cubnActivationDescriptor_t activation_desc, void *workspace,
    size_t workspace_bytes, void *reserve_space, size_t reserve_space_bytes);

/**
 * Backward pass of cubnBatchNormalizationForwardTrainingEx.
 *
 * With dp = dy * activation'(p), rounded to the type of the tensors, everything is as in
 * cubnBatchNormalizationBackward with dp for dy, and
 *
 *     dz = dp
 *
 * Where forward stopped p, backward stops dy, exactly, also at 0, NaN and infinity: the y of RELU,
 * before blending, is positive just where its gradient passes, whatever the strides and addresses
 * of the two calls.
 *
 * @param[in] handle           a handle
 * @param[in] mode             what a channel is
 * @param[in] ops              what was fused
 * @param[in] alpha_data       host pointer; blends dx
 * @param[in] beta_data        host pointer
 * @param[in] alpha_param      host pointer; blends dscale and dbias
 * @param[in] beta_param       host pointer
 * @param[in] x_desc           of x
 * @param[in] x                the input of forward
 * @param[in] y_desc           not needed, may be NULL: the reserve space says more
 * @param[in] y                not needed, may be NULL
 * @param[in] dy_desc          of dy
 * @param[in] dy               gradient with respect to y (of forward with alpha 1)
 * @param[in] dz_desc          of dz, for BN_ADD_ACTIVATION; else ignored
 * @param[out] dz              for BN_ADD_ACTIVATION: output, the gradient with respect to z, not
 *                             blended. It may be dy or x if the strides agree, but not dx.
 * @param[in] dx_desc          of dx
 * @param[in,out] dx           output. It may be dy or x itself if the strides agree.
 * @param[in] param_desc       of the per-channel arrays
 * @param[in] scale            as in forward
 * @param[in] bias             required for BN_ACTIVATION, else ignored
 * @param[in,out] dscale       output
 * @param[in,out] dbias        output
 * @param[in] epsilon          as in forward
 * @param[in] saved_mean       as in cubnBatchNormalizationBackward. For BN_ACTIVATION both must be
 *                             those of forward, or both NULL: then the reserve space has them.
 * @param[in] saved_inv_std    as saved_mean
 * @param[in] activation_desc  as in forward
 * @param[in] workspace        ignored; may be NULL
 * @param[in] workspace_bytes  ignored
 * @param[in] reserve_space    as forward left it
 * @param[in] reserve_space_bytes  as in forward
 * @return  as for cubnBatchNormalizationForwardTrainingEx
 */
CUBN_API cubnStatus_t cubnBatchNormalizationBackwardEx(
    cubnHandle_t handle, cubnBatchNormMode_t mode, cubnBatchNormOps_t ops, const void *alpha_data,
    const void *beta_data, const void *alpha_param, const void *beta_param,
    const cubnTensorDescriptor_t x_desc, const void *x, const cubnTensorDescriptor_t y_desc,
    const void *y, const cubnTensorDescriptor_t dy_desc, const void *dy,
    const cubnTensorDescriptor_t dz_desc, void *dz, const cubnTensorDescriptor_t dx_desc, void *dx,
    const cubnTensorDescriptor_t param_desc, const void *scale, const void *bias, void *dscale,
    void *dbias, double epsilon, const void *saved_mean, const void *saved_inv_std,
    cubnActivationDescriptor_t activation_desc, void *workspace, size_t workspace_bytes,
    void *reserve_space, size_t reserve_space_bytes);

/** @} */

#ifdef __cplusplus
}
#endif

#endif /* CUBN_FUSED_H */
