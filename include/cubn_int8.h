/**
 * @file cubn_int8.h
 * Chapter "int8": inference of quantized tensors.
 *
 * Included by cubn.h.
 *
 * @code{.c}
 * #include <cubn.h>
 *
 * cubnStatus_t infer(cubnHandle_t handle, cubnBatchNormDescriptor_t bn,
 *                    cubnTensorDescriptor_t image, cubnTensorDescriptor_t param,
 *                    const signed char *x, signed char *y, const float *scale,
 *                    const float *bias, const float *mean, const float *var) {
 *   cubnBatchNormInt8Tensors_t t = {.x_desc = image, .x = x, .x_scale = 0.05, .x_zero_point = -3,
 *                                   .y_desc = image, .y = y, .y_scale = 0.02, .y_zero_point = 0,
 *                                   .param_desc = param, .scale = scale, .bias = bias,
 *                                   .mean = mean, .var = var};
 *   return cubnBatchNormForwardInt8(handle, bn, &t);
 * }
 * @endcode
 */
#include "cubn.h" /* before the guard: that header includes this one */
#include "cubn_extended.h"

#ifndef CUBN_INT8_H
#define CUBN_INT8_H

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @defgroup cubn_int8 Inference of int8
 *
 * An int8 value q of a tensor stands for the real value (q - zero_point) * scale. Scale and zero
 * point are those of the whole tensor, as in ONNX's QuantizeLinear.
 * @{
 */

/**
 * The tensors of a call. Set what takes part and leave the rest NULL.
 *
 * x and y have the type CUBN_DATA_INT8 and the same dimensions; their strides may differ.
 * Per-channel arrays are floats, as param_desc says.
 */
typedef struct cubnBatchNormInt8Tensors {
  cubnTensorDescriptor_t x_desc;     /**< Of x. */
  cubnTensorDescriptor_t y_desc;     /**< Of y. */
  cubnTensorDescriptor_t param_desc; /**< Of the per-channel arrays. */

  const void *x;    /**< Input. */
  double x_scale;   /**< Positive, finite. */
  int x_zero_point; /**< In [-128, 127]. */

  void *y;          /**< Output; may be x, where strides are the same. */
  double y_scale;   /**< Positive, finite. */
  int y_zero_point; /**< In [-128, 127]. */

  const void *scale;    /**< NULL: 1. */
  const void *bias;     /**< NULL: 0. */
  const void *mean;     /**< Always. */
  const void *mean_low; /**< The mean is mean + mean_low. NULL: 0. */
  const void *var;      /**< STATISTICS_GIVEN. */
  const void *inv_std;  /**< STATISTICS_GIVEN_INV_STD, instead of var. */
} cubnBatchNormInt8Tensors_t;

/**
 * Inference of int8 tensors with given statistics.
 *
 *     y = quantized(activation(scale * (dequantized(x) - mean) * inv_std + bias))
 *
 * with inv_std = 1 / sqrt(var + epsilon), which is 0 where var + epsilon is 0, and quantized(r) =
 * r / y_scale rounded to an integer, ties to even, + y_zero_point, or -128 or 127 where that is out
 * of range. The activation is the identity, CUBN_ACTIVATION_RELU or CUBN_ACTIVATION_CLIPPED_RELU.
 *
 * The arithmetic is the same on all devices, to the last bit. Per channel, in double,
 *
 *     gain  = scale * inv_std * (x_scale / y_scale)
 *     shift = bias / y_scale - gain * ((mean / x_scale + x_zero_point) + mean_low / x_scale)
 *
 * which are rounded to float, and per element, in float, each operation rounded,
 *
 *     v = gain * x + shift
 *     y = round_to_even(min(max(v, least), largest)) + y_zero_point
 *
 * where least is -128 - y_zero_point, or 0 with a ReLU, and largest is 127 - y_zero_point, or the
 * ceiling of a clipped ReLU divided by y_scale if that is less. A v that is NaN counts as least.
 * Where gain and shift are within the range of float, v is within 2^-22 * (|gain * x| + |shift|) of
 * its exact value, so y is that of exact arithmetic but where it is that close to a tie, and then
 * the other of the two neighbors. Beyond that range, as with var + epsilon below 1e-76, v is
 * infinite or NaN.
 *
 * Of the descriptor it takes CUBN_BATCHNORM_MODE, CUBN_BATCHNORM_STATISTICS, which must be given
 * ones, CUBN_BATCHNORM_EPSILON and the activation. What belongs to training has no effect.
 *
 * @param[in] handle      a handle
 * @param[in] descriptor  what is computed
 * @param[in] tensors     the tensors
 * @retval CUBN_STATUS_NOT_INITIALIZED  handle is NULL
 * @retval CUBN_STATUS_BAD_PARAM  descriptor or tensors is NULL; the statistics are those of the
 *         batch; a scale or zero point is out of range; x_desc is not of CUBN_DATA_INT8; a pointer
 *         that is needed is NULL or not aligned; a descriptor was never set or does not fit to
 *         x_desc; y overlaps with another array, other than in place
 * @retval CUBN_STATUS_NOT_SUPPORTED  an addition or another activation; a negative stride; an
 *         attribute that is not named above and not what it was after creation
 * @retval CUBN_STATUS_EXECUTION_FAILED  the CUDA runtime refused a launch
 */
CUBN_API cubnStatus_t cubnBatchNormForwardInt8(cubnHandle_t handle,
                                               const cubnBatchNormDescriptor_t descriptor,
                                               const cubnBatchNormInt8Tensors_t *tensors);

/** @} */

#ifdef __cplusplus
}
#endif

#endif /* CUBN_INT8_H */
