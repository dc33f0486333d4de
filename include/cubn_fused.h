/* cubn, chapter "fused": activations, and cuDNN's ...Ex functions, which add and activate in the
 * pass that normalizes. Included by cubn.h.
 *
 * A residual block's BN + add + ReLU, forward and backward:
 *
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

/* ---- Activations -------------------------------------------------------------------------------
 * p is the pre-activation, scale * x_hat + bias, plus z where one is added. */
typedef struct cubnActivationStruct *cubnActivationDescriptor_t;

typedef enum {
  CUBN_ACTIVATION_SIGMOID = 0,      /* 1 / (1 + exp(-p)) */
  CUBN_ACTIVATION_RELU = 1,         /* max(p, 0) */
  CUBN_ACTIVATION_TANH = 2,         /* tanh(p) */
  CUBN_ACTIVATION_CLIPPED_RELU = 3, /* min(max(p, 0), coef) */
  CUBN_ACTIVATION_ELU = 4,          /* p where p > 0, else coef * (exp(p) - 1) */
  CUBN_ACTIVATION_IDENTITY = 5,     /* p */
  CUBN_ACTIVATION_SWISH = 6,        /* p / (1 + exp(-swish_beta * p)); SiLU with swish_beta = 1 */
  /* Not in cuDNN: */
  CUBN_ACTIVATION_LEAKY_RELU = 100, /* p where p > 0, else coef * p */
  CUBN_ACTIVATION_GELU = 101        /* p * (1 + erf(p / sqrt(2))) / 2 */
} cubnActivationMode_t;

typedef enum {
  CUBN_NOT_PROPAGATE_NAN = 0, /* RELU and CLIPPED_RELU of NaN are 0 */
  CUBN_PROPAGATE_NAN = 1      /* they are NaN, like all others always */
} cubnNanPropagation_t;

/* The derivative, for backward, is that of the formula. Where that has a corner:
 *   RELU          1 where p > 0, else 0
 *   CLIPPED_RELU  1 where 0 < p < coef, else 0
 *   LEAKY_RELU    1 where p > 0, else coef
 *   ELU           1 where p > 0, else coef * exp(p)
 * Compared is the value of p rounded to the type of the tensors, as y is. At a p that is NaN it is
 * 1 for the first three (0 where RELU and CLIPPED_RELU do not propagate NaN), and NaN for the
 * others. At an infinite p, SWISH, GELU and their derivatives are NaN or the limit, as the device
 * computes them.
 */

/* Creates a descriptor of CUBN_ACTIVATION_IDENTITY, with swish_beta 1. NULL may be destroyed. */
CUBN_API cubnStatus_t cubnCreateActivationDescriptor(cubnActivationDescriptor_t *descriptor);
CUBN_API cubnStatus_t cubnDestroyActivationDescriptor(cubnActivationDescriptor_t descriptor);

/* coef: the ceiling of CLIPPED_RELU, the factor of ELU and LEAKY_RELU; the others ignore it.
 *   BAD_PARAM  descriptor is NULL; unknown mode or relu_nan; coef is NaN, or negative or infinite
 *              for CLIPPED_RELU (infinite coef also for ELU and LEAKY_RELU) */
CUBN_API cubnStatus_t cubnSetActivationDescriptor(cubnActivationDescriptor_t descriptor,
                                                  cubnActivationMode_t mode,
                                                  cubnNanPropagation_t relu_nan, double coef);
/* Every output may be NULL. */
CUBN_API cubnStatus_t cubnGetActivationDescriptor(const cubnActivationDescriptor_t descriptor,
                                                  cubnActivationMode_t *mode,
                                                  cubnNanPropagation_t *relu_nan, double *coef);
/* BAD_PARAM: swish_beta is not finite. */
CUBN_API cubnStatus_t cubnSetActivationDescriptorSwishBeta(cubnActivationDescriptor_t descriptor,
                                                           double swish_beta);
CUBN_API cubnStatus_t cubnGetActivationDescriptorSwishBeta(
    const cubnActivationDescriptor_t descriptor, double *swish_beta);

/* ---- Batch normalization fused with addition and activation ------------------------------------
 * In cuDNN for half precision, channels last and one mode; here for all types, layouts and
 * modes. */
typedef enum {
  CUBN_BATCHNORM_OPS_BN = 0,               /* p = scale * x_hat + bias; y = p */
  CUBN_BATCHNORM_OPS_BN_ACTIVATION = 1,    /* y = activation(p) */
  CUBN_BATCHNORM_OPS_BN_ADD_ACTIVATION = 2 /* p = scale * x_hat + bias + z; y = activation(p) */
} cubnBatchNormOps_t;

/* Bytes of workspace and reserve space.
 *
 * The workspace is temporary; cubn keeps its own, so the size is always 0, and whatever is passed
 * as workspace is left alone.
 *
 * The reserve space takes what backward needs of forward beside the saved statistics; it must keep
 * its content from one to the other, and be aligned to the type of the tensors (of the parameters
 * for BN_ACTIVATION). Its size, where the activation is not the identity (which needs none):
 *   BN_ACTIVATION      one parameter value per channel: what rounding took from saved_mean. With it
 *                      backward computes p again, by the same operations in the same order.
 *   BN_ADD_ACTIVATION with RELU, CLIPPED_RELU, LEAKY_RELU
 *                      one bit per element, rows of spatial positions (or channels) filled up to
 *                      whole bytes: where p was positive (and below the ceiling)
 *   BN_ADD_ACTIVATION with others
 *                      p itself, one value of the tensors' type per element
 * Its content may be used by a backward pass on the other kind of device, too, if copied there; a
 * decision that is computed again is the same there but for ties.
 *
 *   NOT_INITIALIZED  handle is NULL
 *   BAD_PARAM        size is NULL; unknown mode or ops; a descriptor that the ops need is NULL or
 *                    was never set, or does not fit x; no activation descriptor where ops has one
 *   NOT_SUPPORTED    type INT8 */
CUBN_API cubnStatus_t cubnGetBatchNormalizationForwardTrainingExWorkspaceSize(
    cubnHandle_t handle, cubnBatchNormMode_t mode, cubnBatchNormOps_t ops,
    const cubnTensorDescriptor_t x_desc, const cubnTensorDescriptor_t z_desc,
    const cubnTensorDescriptor_t y_desc, const cubnTensorDescriptor_t param_desc,
    const cubnActivationDescriptor_t activation_desc, size_t *size);
CUBN_API cubnStatus_t cubnGetBatchNormalizationBackwardExWorkspaceSize(
    cubnHandle_t handle, cubnBatchNormMode_t mode, cubnBatchNormOps_t ops,
    const cubnTensorDescriptor_t x_desc, const cubnTensorDescriptor_t y_desc,
    const cubnTensorDescriptor_t dy_desc, const cubnTensorDescriptor_t dz_desc,
    const cubnTensorDescriptor_t dx_desc, const cubnTensorDescriptor_t param_desc,
    const cubnActivationDescriptor_t activation_desc, size_t *size);
CUBN_API cubnStatus_t cubnGetBatchNormalizationTrainingExReserveSpaceSize(
    cubnHandle_t handle, cubnBatchNormMode_t mode, cubnBatchNormOps_t ops,
    const cubnActivationDescriptor_t activation_desc, const cubnTensorDescriptor_t x_desc,
    size_t *size);

/* Forward pass in training, as cubnBatchNormalizationForwardTraining, with
 *
 *     y = alpha * activation(scale * x_hat + bias [+ z]) + beta * y
 *
 *   ops                    what is fused
 *   z_desc, z              BN_ADD_ACTIVATION: added before the activation; type and dimensions of
 *                          x, strides may differ. y may be z itself if the strides agree. Otherwise
 *                          ignored, may be NULL.
 *   activation_desc        ignored for BN, else required
 *   workspace              ignored; may be NULL
 *   reserve_space          written, see above; NULL is allowed where its size is 0
 *   reserve_space_bytes    at least what cubnGetBatchNormalizationTrainingExReserveSpaceSize says
 *
 * Status as for cubnBatchNormalizationForwardTraining; BAD_PARAM also for unknown ops, for what the
 * ops require and is NULL, and for a reserve space that is too small or not aligned. */
CUBN_API cubnStatus_t cubnBatchNormalizationForwardTrainingEx(
    cubnHandle_t handle, cubnBatchNormMode_t mode, cubnBatchNormOps_t ops, const void *alpha,
    const void *beta, const cubnTensorDescriptor_t x_desc, const void *x,
    const cubnTensorDescriptor_t z_desc, const void *z, const cubnTensorDescriptor_t y_desc,
    void *y, const cubnTensorDescriptor_t param_desc, const void *scale, const void *bias,
    double factor, void *running_mean, void *running_var, double epsilon, void *saved_mean,
    void *saved_inv_std, cubnActivationDescriptor_t activation_desc, void *workspace,
    size_t workspace_bytes, void *reserve_space, size_t reserve_space_bytes);

/* Backward pass of the above. With dp = dy * activation'(p), rounded to the type of the tensors,
 * everything is as in cubnBatchNormalizationBackward with dp for dy, and
 *
 *     dz = dp
 *
 *   y_desc, y              not needed, may be NULL: the reserve space says more
 *   dz_desc, dz            BN_ADD_ACTIVATION: output, the gradient with respect to z, not blended.
 *                          It may be dy or x if the strides agree, but not dx.
 *   bias                   required for BN_ACTIVATION, else ignored
 *   saved_mean, saved_inv_std
 *                          as in cubnBatchNormalizationBackward. For BN_ACTIVATION they must be
 *                          those of forward, or both NULL.
 *   reserve_space          as forward left it
 *   alpha_data, beta_data  blend dx
 *
 * Where forward stopped p, backward stops dy, exactly, also at 0, NaN and infinity: the y of RELU,
 * before blending, is positive just where its gradient passes. Status as for
 * cubnBatchNormalizationForwardTrainingEx. */
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

#ifdef __cplusplus
}
#endif

#endif /* CUBN_FUSED_H */
