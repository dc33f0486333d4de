/**
 * @file cubn_double_backward.h
 * Chapter "double backward": the derivative of the backward pass, for second derivatives.
 *
 * Gradient penalties, meta-learning and Hessian-vector products differentiate a gradient. Where
 * they pass through batch normalization they need the derivative of cubnBatchNormBackward.
 *
 * Included by cubn.h.
 *
 * @code{.c}
 * #include <cubn.h>
 *
 * // The gradient with respect to x and dy of the number whose gradient with respect to dx is ddx.
 * cubnStatus_t double_backward(cubnHandle_t handle, cubnBatchNormDescriptor_t bn,
 *                              cubnTensorDescriptor_t image, cubnTensorDescriptor_t param,
 *                              const float *x, const float *dy, const float *scale,
 *                              const float *ddx, float *gx, float *ddy) {
 *   cubnBatchNormDoubleBackwardTensors_t t = {.x_desc = image, .x = x, .dy_desc = image, .dy = dy,
 *                                             .ddx_desc = image, .ddx = ddx,
 *                                             .gx_desc = image, .gx = gx,
 *                                             .ddy_desc = image, .ddy = ddy,
 *                                             .param_desc = param, .scale = scale};
 *   return cubnBatchNormDoubleBackward(handle, bn, &t);
 * }
 * @endcode
 */
#include "cubn.h" /* before the guard: that header includes this one */
#include "cubn_extended.h"

#ifndef CUBN_DOUBLE_BACKWARD_H
#define CUBN_DOUBLE_BACKWARD_H

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @defgroup cubn_double_backward Double backward
 *
 * Backward maps x, dy and scale to dx, dscale and dbias. Double backward maps the gradients of a
 * number L with respect to these results, ddx, ddscale and ddbias, to those with respect to x, dy
 * and scale: gx, ddy and gscale. The one with respect to bias is 0.
 * @{
 */

/**
 * The tensors of a call. Set what takes part and leave the rest NULL.
 *
 * All tensors have the type and dimensions of x, their strides may differ. Per-channel arrays are
 * as param_desc says, of float, or of double for double tensors.
 */
typedef struct cubnBatchNormDoubleBackwardTensors {
  cubnTensorDescriptor_t x_desc;     /**< Of x; always. */
  cubnTensorDescriptor_t dy_desc;    /**< Of dy; always. */
  cubnTensorDescriptor_t ddx_desc;   /**< Of ddx. */
  cubnTensorDescriptor_t gx_desc;    /**< Of gx. */
  cubnTensorDescriptor_t ddy_desc;   /**< Of ddy. */
  cubnTensorDescriptor_t param_desc; /**< Of the per-channel arrays; always. */

  const void *x;     /**< Input of backward; always. */
  const void *dy;    /**< Input of backward; always. */
  const void *scale; /**< Input of backward, per channel; NULL: 1. */

  const void *ddx;     /**< Gradient with respect to dx; NULL, and ddx_desc NULL: 0. */
  const void *ddscale; /**< Gradient with respect to dscale, per channel; NULL: 0. */
  const void *ddbias;  /**< Gradient with respect to dbias, per channel; NULL: 0. */

  void *gx;     /**< Gradient with respect to x; may be x, dy or ddx. NULL: not wanted. */
  void *ddy;    /**< Gradient with respect to dy; may be x, dy or ddx, not gx. NULL: not wanted. */
  void *gscale; /**< Gradient with respect to scale, per channel. NULL: not wanted. */

  const void *saved_mean;     /**< STATISTICS_BATCH: what forward saved; NULL: computed again. */
  const void *saved_inv_std;  /**< As saved_mean; NULL if and only if that is. */
  const void *saved_mean_low; /**< What saved_mean lacks, which it needs; or NULL. */

  const void *mean;     /**< STATISTICS_GIVEN and STATISTICS_GIVEN_INV_STD. */
  const void *mean_low; /**< The same: the mean is mean + mean_low. NULL: 0. */
  const void *var;      /**< STATISTICS_GIVEN. */
  const void *inv_std;  /**< STATISTICS_GIVEN_INV_STD, instead of var. */
} cubnBatchNormDoubleBackwardTensors_t;

/**
 * The derivative of backward.
 *
 * With m values per channel, means and sums over them, x_hat = (x - mean) * inv_std,
 *
 *     A = mean(dy)      B = mean((dy - A) * x_hat)      V = mean((ddx - U) * (dy - A))
 *     U = mean(ddx)     C = mean((ddx - U) * x_hat)
 *
 * and statistics of the batch, which depend on x,
 *
 *     ddy    = scale * inv_std * (ddx - U - x_hat * C) + ddscale * x_hat + ddbias
 *     gscale = m * inv_std * (V - B * C)
 *     gx     = -scale * inv_std^2 * (B * (ddx - U) + C * (dy - A) + x_hat * (V - 3 * B * C))
 *              + ddscale * inv_std * (dy - A - x_hat * B)
 *
 * With given statistics, which are constants,
 *
 *     ddy    = scale * inv_std * ddx + ddscale * x_hat + ddbias
 *     gscale = inv_std * sum(ddx * dy)
 *     gx     = ddscale * inv_std * dy
 *
 * These follow from the formulas of cubnBatchNormBackward by the chain rule; the sources derive
 * them in src/core/double_backward.h. They are computed in double for all types, with differences
 * from the mean and sums of differences, so that large means cost no digits. Results are
 * reproducible bit by bit, whatever the number of threads. Nothing is allocated.
 *
 * Of the descriptor it takes CUBN_BATCHNORM_MODE, CUBN_BATCHNORM_STATISTICS and
 * CUBN_BATCHNORM_EPSILON. What belongs to running statistics and, without a communicator,
 * CUBN_BATCHNORM_PARAM_SUMS have no effect.
 *
 * gx and ddy may be x, dy or ddx, where strides are the same, and nothing else may overlap with an
 * output. For tensors without elements gscale is 0.
 *
 * @param[in] handle      a handle
 * @param[in] descriptor  what was normalized
 * @param[in] tensors     the tensors
 * @retval CUBN_STATUS_NOT_INITIALIZED  handle is NULL
 * @retval CUBN_STATUS_BAD_PARAM  descriptor or tensors is NULL; nothing is wanted: gx, ddy and
 *         gscale are NULL; x, dy, statistics that must be given or another pointer that a
 *         descriptor announces is NULL, or a pointer is not aligned; a descriptor was never set or
 *         does not fit to x_desc; arrays overlap in a way that is not allowed
 * @retval CUBN_STATUS_NOT_SUPPORTED  type INT8, a negative stride; the descriptor has an addition,
 *         an activation, statistics of all ranks, or an attribute not named above that is not what
 *         it was after creation
 * @retval CUBN_STATUS_EXECUTION_FAILED  the CUDA runtime refused a launch
 */
CUBN_API cubnStatus_t
cubnBatchNormDoubleBackward(cubnHandle_t handle, const cubnBatchNormDescriptor_t descriptor,
                            const cubnBatchNormDoubleBackwardTensors_t *tensors);

/** @} */

#ifdef __cplusplus
}
#endif

#endif /* CUBN_DOUBLE_BACKWARD_H */
