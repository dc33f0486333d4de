/**
 * @file cubn_fold.h
 * Chapter "folding": inference as part of the layer in front of it, or behind it.
 *
 * Included by cubn.h.
 */
#include "cubn.h" /* before the guard: that header includes this one */

#ifndef CUBN_FOLD_H
#define CUBN_FOLD_H

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @defgroup cubn_fold Folding
 *
 * Batch normalization with given statistics is a factor and an addend per channel, which a layer's
 * weights and bias can take. What is folded costs nothing at inference. As there, the factor is 0
 * where var + epsilon is 0.
 * @{
 */

/**
 * Folds inference into the convolution or linear layer in front of it.
 *
 * That layer's output is what is normalized:
 *
 *     folded_weights[k, ...] = weights[k, ...] * scale[k] / sqrt(var[k] + epsilon)
 *     folded_bias[k]         = (layer_bias[k] - mean[k]) * scale[k] / sqrt(var[k] + epsilon) +
 *                              bias[k]
 *
 * so that the layer with the folded values computes what both did.
 *
 * A value beyond the range of its type becomes infinite, as in any rounding, without a message:
 * with a small variance, weights of a half type times 1 / sqrt(epsilon) are. Fold them into float,
 * which has room for them, or ask cubnCountNonfinite.
 *
 * @param[in] handle        a handle
 * @param[in] weights_desc  of weights; dimension 0 is that of the output channels k: K x C x R x S
 *                          of a convolution, outputs x inputs of a linear layer
 * @param[in] weights       the layer's weights
 * @param[in] layer_bias    one value of the weights' type per output channel; NULL: 0
 * @param[in] scale         one parameter value per output channel, as in inference; NULL: 1
 * @param[in] bias          one parameter value per output channel; NULL: 0
 * @param[in] mean          one parameter value per output channel
 * @param[in] var           one parameter value per output channel
 * @param[in] epsilon       at least CUBN_BN_MIN_EPSILON, finite
 * @param[in] folded_desc   of folded_weights: the dimensions of weights_desc, its type or, for half
 *                          and bfloat16 weights, float; strides may differ. NULL: weights_desc
 * @param[out] folded_weights  may be weights, if type and strides are the same
 * @param[out] folded_bias  one value of folded_desc's type per output channel; may be layer_bias,
 *                          if the type is the same. It is required, since what is folded into it
 *                          is lost otherwise.
 * @retval CUBN_STATUS_NOT_INITIALIZED  handle is NULL
 * @retval CUBN_STATUS_BAD_PARAM  a required pointer is NULL or not aligned; a descriptor was never
 *         set; folded_desc has stride 0, or another type or dimensions than it may have; folded in
 *         place where that is not possible; an output overlaps in another way with another array;
 *         epsilon is negative or not finite
 * @retval CUBN_STATUS_NOT_SUPPORTED  type INT8, a negative stride
 * @retval CUBN_STATUS_EXECUTION_FAILED  the CUDA runtime refused a launch
 */
CUBN_API cubnStatus_t cubnFoldBatchNorm(cubnHandle_t handle,
                                        const cubnTensorDescriptor_t weights_desc,
                                        const void *weights, const void *layer_bias,
                                        const void *scale, const void *bias, const void *mean,
                                        const void *var, double epsilon,
                                        const cubnTensorDescriptor_t folded_desc,
                                        void *folded_weights, void *folded_bias);

/**
 * Folds inference into the convolution or linear layer behind it.
 *
 * That layer's input is what is normalized. With a[c] = scale[c] / sqrt(var[c] + epsilon) and
 * t[c] = bias[c] - mean[c] * a[c], for input channel c of output channel k
 *
 *     folded_weights[k, c, ...] = weights[k, c, ...] * a[c]
 *     folded_bias[k]            = layer_bias[k] + sum over c, ... of weights[k, c, ...] * t[c]
 *
 * The sum is formed in double and rounded once. The layer with the folded values computes what both
 * did, if it does not pad: zeros around a normalized input are not zeros around x. A layer that
 * pads must pad x with padding[c] = mean[c] - bias[c] / a[c], which batch normalization maps to 0;
 * where that is the same value for all channels, most libraries can. It is not finite where a[c] is
 * 0: then no value is right.
 *
 * cubnCountNonfinite tells whether values were beyond the range of a half type.
 *
 * @param[in] handle        a handle
 * @param[in] weights_desc  of weights: K x C x R x S of a convolution, outputs x inputs of a linear
 *                          layer; with groups, C is the number of input channels of one group
 * @param[in] weights       the layer's weights
 * @param[in] layer_bias    one value of the weights' type per output channel; NULL: 0
 * @param[in] groups        of the convolution: output channels k * groups / K = g read input
 *                          channels g * C to g * C + C - 1. 1 without groups; divides K.
 * @param[in] scale         one parameter value per input channel, of groups * C, as in inference;
 *                          NULL: 1
 * @param[in] bias          as scale; NULL: 0
 * @param[in] mean          as scale; required
 * @param[in] var           as scale; required
 * @param[in] epsilon       at least CUBN_BN_MIN_EPSILON, finite
 * @param[in] folded_desc   of folded_weights: the dimensions of weights_desc, its type or, for half
 *                          and bfloat16 weights, float; strides may differ. NULL: weights_desc
 * @param[out] folded_weights  may be weights, if type and strides are the same
 * @param[out] folded_bias  one value of folded_desc's type per output channel; may be layer_bias,
 *                          if the type is the same. Required.
 * @param[out] padding      one parameter value per input channel; NULL: not wanted
 * @retval CUBN_STATUS_NOT_INITIALIZED  handle is NULL
 * @retval CUBN_STATUS_BAD_PARAM  as for cubnFoldBatchNorm; groups is less than 1 or does not divide
 *         the output channels
 * @retval CUBN_STATUS_NOT_SUPPORTED  type INT8, a negative stride
 * @retval CUBN_STATUS_EXECUTION_FAILED  the CUDA runtime refused a launch
 */
CUBN_API cubnStatus_t cubnFoldBatchNormBehind(
    cubnHandle_t handle, const cubnTensorDescriptor_t weights_desc, const void *weights,
    const void *layer_bias, int64_t groups, const void *scale, const void *bias, const void *mean,
    const void *var, double epsilon, const cubnTensorDescriptor_t folded_desc, void *folded_weights,
    void *folded_bias, void *padding);

/**
 * Counts the elements of a tensor that are NaN or infinite.
 *
 * It waits for the work of the stream, and must not be called while that is captured.
 *
 * @param[in] handle       a handle
 * @param[in] tensor_desc  of tensor; not of type CUBN_DATA_INT8
 * @param[in] tensor       in the handle's memory; may be NULL if it has no elements
 * @param[out] count       receives the number
 * @retval CUBN_STATUS_NOT_INITIALIZED  handle is NULL
 * @retval CUBN_STATUS_BAD_PARAM  tensor or count is NULL; tensor is not aligned; tensor_desc was
 *         never set
 * @retval CUBN_STATUS_NOT_SUPPORTED  type INT8, a negative stride
 * @retval CUBN_STATUS_DEVICE_ALLOCATION_FAILED  no 8 bytes on the device
 * @retval CUBN_STATUS_EXECUTION_FAILED  the CUDA runtime reported an error
 */
CUBN_API cubnStatus_t cubnCountNonfinite(cubnHandle_t handle,
                                         const cubnTensorDescriptor_t tensor_desc,
                                         const void *tensor, int64_t *count);

/** @} */

#ifdef __cplusplus
}
#endif

#endif /* CUBN_FOLD_H */
