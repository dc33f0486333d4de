/**
 * @file cubn_extended.h
 * Chapter "extended": batch normalization beyond cuDNN's functions.
 *
 * Included by cubn.h. A descriptor says what is computed, a struct which tensors take part; a
 * pointer that is NULL is a tensor that is absent. Two calls, cubnBatchNormForward and
 * cubnBatchNormBackward, do everything:
 *
 *     frozen statistics      CUBN_BATCHNORM_STATISTICS = CUBN_STATISTICS_GIVEN in both: running
 *                            statistics are constants, gradients included (fine-tuning)
 *     fused inference        the same in forward alone, with an activation
 *     inference from inv_std CUBN_STATISTICS_GIVEN_INV_STD
 *     no scale, no bias      scale NULL is 1, bias NULL is 0
 *     only some gradients    dx, dz, dscale, dbias NULL: not computed
 *     running buffers that are not updated in place, biased running variance, averaging factor in
 *     device memory          previous_running_*, CUBN_BATCHNORM_RUNNING_VAR, factor
 *     small batches          CUBN_BATCHNORM_R_MAX, _D_MAX, saved_r, saved_d: batch renormalization
 *     x is not kept          CUBN_BATCHNORM_BACKWARD_FROM = CUBN_BACKWARD_FROM_Y
 *     NaN kept out           CUBN_BATCHNORM_RUNNING_GUARD, nonfinite, any_nonfinite
 *     others' conventions    CUBN_BATCHNORM_VARIANCE, CUBN_BATCHNORM_EPSILON_PLACE
 *     virtual batches        CUBN_BATCHNORM_VIRTUAL_BATCH: groups of samples with their own
 *                            statistics (ghost batches; with 1, instance normalization)
 *     padding                mask, or lengths: elements that take no part
 *     statistics only        y NULL. Apply only: CUBN_STATISTICS_GIVEN_INV_STD.
 *     reduce only            dx NULL. dx only: CUBN_BATCHNORM_SUMS = CUBN_SUMS_GIVEN.
 *
 * The last two lines are what synchronized batch normalization over several devices needs.
 * cubn_communicator.h does all of it; this is how, for programs that want to do it themselves.
 * Ranks may have shares of different sizes, also none. With M[r] values per channel on rank r:
 *
 *     statistics  each rank: y NULL, factor 1, CUBN_RUNNING_VAR_BIASED. saved_mean and
 *                 saved_mean_low are the mean of its share, running_var is its variance.
 *     merge       for each channel in double, over the ranks in order, but for those without
 *                 values, whose arrays are not written. At first m, mean, var are 0, and pivot is
 *                 the saved_mean of the first of them:
 *                     m    += M[r]
 *                     w     = M[r] / m
 *                     delta = (saved_mean[r] - pivot) + saved_mean_low[r] - mean
 *                     mean += w * delta
 *                     var  += w * ((running_var[r] - var) + (1 - w) * delta * delta)
 *                 Then high = pivot + mean rounded to the parameters' type, low = (pivot - high) +
 *                 mean, inv_std = 1 / sqrt(var + epsilon), and the running variance takes var *
 *                 m / (m - 1).
 *     apply       each rank: CUBN_STATISTICS_GIVEN_INV_STD; high, low and inv_std are mean,
 *                 mean_low and inv_std
 *     reduce      each rank: dx NULL; high, low and inv_std are saved_mean, saved_mean_low and
 *                 saved_inv_std. Then dscale and dbias are added up over the ranks.
 *     dx          each rank: the same, CUBN_SUMS_GIVEN, and CUBN_BATCHNORM_COUNT = m
 *
 * The results are within the error bounds of one call with all values. The variances pass through
 * the parameters' type; for floats that moves inv_std by 2^-24 of it, so that on one rank, too, the
 * last bits may differ from those of one call. Without the low parts a mean of 1e4 would be wrong
 * by 5e-4. With them backward needs no reserve space for BN_ACTIVATION, and decides as apply did.
 *
 * Fine-tuning with frozen statistics, y = relu(batchnorm(x)):
 *
 * @code{.c}
 * #include <cubn.h>
 *
 * cubnStatus_t create(cubnActivationDescriptor_t relu, cubnBatchNormDescriptor_t *bn) {
 *   cubnStatus_t status = cubnCreateBatchNormDescriptor(bn);
 *   if (status == CUBN_STATUS_SUCCESS)
 *     status = cubnSetBatchNormAttribute(*bn, CUBN_BATCHNORM_STATISTICS, CUBN_STATISTICS_GIVEN);
 *   if (status == CUBN_STATUS_SUCCESS)
 *     status = cubnSetBatchNormActivation(*bn, CUBN_BATCHNORM_OPS_BN_ACTIVATION, relu);
 *   return status;
 * }
 *
 * cubnStatus_t forward(cubnHandle_t handle, cubnBatchNormDescriptor_t bn,
 *                      cubnTensorDescriptor_t image, cubnTensorDescriptor_t param, const float *x,
 *                      float *y, const float *scale, const float *bias, const float *mean,
 *                      const float *var) {
 *   cubnBatchNormTensors_t t = {.x_desc = image, .x = x, .y_desc = image, .y = y,
 *                               .param_desc = param, .scale = scale, .bias = bias,
 *                               .mean = mean, .var = var};
 *   return cubnBatchNormForward(handle, bn, &t);
 * }
 * @endcode
 */
#include "cubn.h" /* before the guard: that header includes this one */
#include "cubn_fused.h"

#ifndef CUBN_EXTENDED_H
#define CUBN_EXTENDED_H

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @defgroup cubn_extended Batch normalization beyond cuDNN's
 *
 * One descriptor, one struct of tensors, one call forward, one backward.
 * @{
 */

/** What is computed: attributes, fused operations and an activation. */
typedef struct cubnBatchNormStruct *cubnBatchNormDescriptor_t;

/** Where the statistics come from. */
typedef enum {
  CUBN_STATISTICS_BATCH = 0,        /**< From x; in backward the saved ones. */
  CUBN_STATISTICS_GIVEN = 1,        /**< The arrays mean and var are constants. */
  CUBN_STATISTICS_GIVEN_INV_STD = 2 /**< The arrays mean and inv_std are constants. */
} cubnBatchNormStatistics_t;

/** What the running variance receives. */
typedef enum {
  CUBN_RUNNING_VAR_UNBIASED = 0, /**< sum((x - mean)^2) / (m - 1) */
  CUBN_RUNNING_VAR_BIASED = 1    /**< sum((x - mean)^2) / m, as in ONNX, Keras 3 and Flax */
} cubnBatchNormRunningVar_t;

/** What backward does with dscale and dbias. */
typedef enum {
  CUBN_SUMS_COMPUTED = 0, /**< Outputs. */
  CUBN_SUMS_GIVEN = 1     /**< Inputs: the sums of dp and dp * x_hat that dx is computed from. */
} cubnBatchNormSums_t;

/** Whose dscale and dbias backward returns if the descriptor carries a communicator. */
typedef enum {
  /** Those of this rank's share, which are to be added up with the gradients of all other
   * parameters; so do PyTorch's and Apex's SyncBatchNorm, whose wrapper averages all gradients. */
  CUBN_PARAM_SUMS_LOCAL = 0,
  CUBN_PARAM_SUMS_ALL = 1 /**< The sums over all ranks, the same on each. */
} cubnBatchNormParamSums_t;

/** Which variance of the batch x is normalized with. With a mask or lengths only the biased one. */
typedef enum {
  CUBN_VARIANCE_BIASED = 0,  /**< sum((x - mean)^2) / m */
  CUBN_VARIANCE_UNBIASED = 1 /**< sum((x - mean)^2) / (m - 1), as darknet has it; 0 if m is 1 */
} cubnBatchNormVariance_t;

/** Where epsilon is added. */
typedef enum {
  CUBN_EPSILON_INSIDE_ROOT = 0, /**< inv_std = 1 / sqrt(var + epsilon) */
  CUBN_EPSILON_OUTSIDE_ROOT = 1 /**< inv_std = 1 / (sqrt(var) + epsilon), as darknet has it */
} cubnBatchNormEpsilonPlace_t;

/** What backward takes x_hat from. */
typedef enum {
  CUBN_BACKWARD_FROM_X = 0, /**< x */
  CUBN_BACKWARD_FROM_Y = 1  /**< y, so that x need not be kept; see cubnBatchNormBackward. */
} cubnBatchNormBackwardFrom_t;

/** What y, dx and dz get at padding: elements that mask or lengths exclude. */
typedef enum {
  CUBN_PADDING_ZERO = 0, /**< 0, also where beta is not 0. */
  CUBN_PADDING_KEEP = 1  /**< Nothing: what is there stays. */
} cubnBatchNormPadding_t;

/** The attributes of a descriptor and their values after creation. */
typedef enum {
  CUBN_BATCHNORM_MODE = 0,        /**< A cubnBatchNormMode_t; CUBN_BATCHNORM_SPATIAL. */
  CUBN_BATCHNORM_STATISTICS = 1,  /**< A cubnBatchNormStatistics_t; CUBN_STATISTICS_BATCH. */
  CUBN_BATCHNORM_EPSILON = 2,     /**< At least CUBN_BN_MIN_EPSILON, finite; 1e-5. */
  CUBN_BATCHNORM_FACTOR = 3,      /**< In [0, 1]; 0.1. */
  CUBN_BATCHNORM_RUNNING_VAR = 4, /**< A cubnBatchNormRunningVar_t; CUBN_RUNNING_VAR_UNBIASED. */
  CUBN_BATCHNORM_SUMS = 5,        /**< A cubnBatchNormSums_t; CUBN_SUMS_COMPUTED. */
  CUBN_BATCHNORM_COUNT = 6, /**< Values per channel that given sums run over; 0: those of x. With a
                                 mask or lengths it must be given if dx needs it. */
  CUBN_BATCHNORM_ALPHA = 7, /**< y or dx = alpha * result + beta * prior; 1. */
  CUBN_BATCHNORM_BETA = 8,  /**< The beta of y or dx; 0. */
  CUBN_BATCHNORM_PARAM_ALPHA = 9, /**< The alpha of dscale and dbias; 1. */
  CUBN_BATCHNORM_PARAM_BETA = 10, /**< The beta of dscale and dbias; 0. */
  CUBN_BATCHNORM_PARAM_SUMS = 11, /**< A cubnBatchNormParamSums_t; CUBN_PARAM_SUMS_LOCAL. */
  /** Samples per virtual batch; 0: the batch is one. See cubnBatchNormForward. */
  CUBN_BATCHNORM_VIRTUAL_BATCH = 12,
  CUBN_BATCHNORM_VARIANCE = 13, /**< A cubnBatchNormVariance_t; CUBN_VARIANCE_BIASED. */
  /** A cubnBatchNormEpsilonPlace_t; CUBN_EPSILON_INSIDE_ROOT. */
  CUBN_BATCHNORM_EPSILON_PLACE = 14,
  /** 1: a channel whose batch has a mean or variance that is not finite leaves its running
   * statistics as they were; 0. */
  CUBN_BATCHNORM_RUNNING_GUARD = 15,
  CUBN_BATCHNORM_R_MAX = 16,         /**< Of batch renormalization: at least 1, at most 1e30; 1. */
  CUBN_BATCHNORM_D_MAX = 17,         /**< Of batch renormalization: at least 0, at most 1e30; 0. */
  CUBN_BATCHNORM_BACKWARD_FROM = 18, /**< A cubnBatchNormBackwardFrom_t; CUBN_BACKWARD_FROM_X. */
  CUBN_BATCHNORM_PADDING = 19,       /**< A cubnBatchNormPadding_t; CUBN_PADDING_ZERO. */
  CUBN_BATCHNORM_LENGTHS_DIM = 20    /**< The dimension of x that lengths are of, from 2; 2. */
} cubnBatchNormAttribute_t;

/**
 * Creates a descriptor with the values that the enumerations above name.
 *
 * @param[out] descriptor  receives the descriptor
 * @retval CUBN_STATUS_BAD_PARAM  descriptor is NULL
 * @retval CUBN_STATUS_HOST_ALLOCATION_FAILED  no host memory
 */
CUBN_API cubnStatus_t cubnCreateBatchNormDescriptor(cubnBatchNormDescriptor_t *descriptor);

/**
 * Frees a descriptor.
 *
 * @param[in] descriptor  NULL is allowed and does nothing
 * @retval CUBN_STATUS_BAD_PARAM  it was destroyed before
 * @retval CUBN_STATUS_EXECUTION_FAILED  the CUDA runtime reported an error while the memory for a
 *         communicator was freed; the descriptor is gone all the same
 */
CUBN_API cubnStatus_t cubnDestroyBatchNormDescriptor(cubnBatchNormDescriptor_t descriptor);

/**
 * Sets one attribute.
 *
 * @param[in,out] descriptor  is set
 * @param[in] attribute       which one
 * @param[in] value           enumerators are passed as they are
 * @retval CUBN_STATUS_BAD_PARAM  descriptor is NULL; unknown attribute; a value that the attribute
 *         cannot have. The descriptor is as before.
 */
CUBN_API cubnStatus_t cubnSetBatchNormAttribute(cubnBatchNormDescriptor_t descriptor,
                                                cubnBatchNormAttribute_t attribute, double value);

/**
 * Reads one attribute.
 *
 * @param[in] descriptor  a descriptor
 * @param[in] attribute   which one
 * @param[out] value      receives its value
 * @retval CUBN_STATUS_BAD_PARAM  descriptor or value is NULL; unknown attribute
 */
CUBN_API cubnStatus_t cubnGetBatchNormAttribute(const cubnBatchNormDescriptor_t descriptor,
                                                cubnBatchNormAttribute_t attribute, double *value);

/**
 * Says what is fused; after creation CUBN_BATCHNORM_OPS_BN.
 *
 * @param[in,out] descriptor  is set
 * @param[in] ops             what is fused
 * @param[in] activation      is copied. It is ignored, and may be NULL, for CUBN_BATCHNORM_OPS_BN.
 *                            For BN_ADD_ACTIVATION the identity adds only.
 * @retval CUBN_STATUS_BAD_PARAM  descriptor, or an activation that is needed, is NULL; unknown ops
 */
CUBN_API cubnStatus_t cubnSetBatchNormActivation(cubnBatchNormDescriptor_t descriptor,
                                                 cubnBatchNormOps_t ops,
                                                 const cubnActivationDescriptor_t activation);

/**
 * The tensors of a call. Set what takes part and leave the rest NULL.
 *
 *     cubnBatchNormTensors_t t = {.x_desc = d, .x = x, ...};
 *
 * All tensors but mask have the type and dimensions of x, their strides may differ. Per-channel
 * arrays are as param_desc says, see cubnDeriveBNTensorDescriptor.
 *
 * Padding. Without mask and lengths every element is valid. With one of them the elements that are
 * not valid take no part: what x, z and dy have there, NaN included, matters nowhere, and y, dx and
 * dz get what CUBN_BATCHNORM_PADDING says. Statistics, sums and counts are those of the valid
 * elements: with v(n, s) = 1 where channel c is valid, else 0, summed over samples and positions,
 *
 *     m = sum(v),   mean = sum(v x) / m,   var = sum(v (x - mean)^2) / m
 *
 * m differs from channel to channel only if the mask does. A channel without valid elements is an
 * empty batch: see cubnBatchNormForward; its dscale and dbias are 0 before blending. Neither goes
 * with a communicator where that exchanges statistics or sums: CUBN_STATUS_NOT_SUPPORTED.
 */
typedef struct cubnBatchNormTensors {
  cubnTensorDescriptor_t x_desc;     /**< Of x; always, but for backward from y. */
  cubnTensorDescriptor_t y_desc;     /**< Of y. */
  cubnTensorDescriptor_t z_desc;     /**< Of z. */
  cubnTensorDescriptor_t dy_desc;    /**< Of dy. */
  cubnTensorDescriptor_t dx_desc;    /**< Of dx. */
  cubnTensorDescriptor_t dz_desc;    /**< Of dz. */
  cubnTensorDescriptor_t param_desc; /**< Of the per-channel arrays; always. */

  const void *x;     /**< Input; always, but for backward from y. */
  const void *scale; /**< NULL: 1. */
  const void *bias;  /**< NULL: 0. Backward needs it for BN_ACTIVATION and from y only. */

  const void *z; /**< Forward, BN_ADD_ACTIVATION. */
  void *y;       /**< Forward; may be x or z. NULL: statistics only. Input of backward from y. */

  const void *dy; /**< Backward. */
  void *dx;       /**< Backward; may be dy or x. NULL: not wanted. */
  void *dz;       /**< Backward; may be dy or x, not dx. NULL: not wanted. */
  void *dscale;   /**< Backward; output, or NULL: not wanted. Input with CUBN_SUMS_GIVEN. */
  void *dbias;    /**< Backward; output, or NULL: not wanted. Input with CUBN_SUMS_GIVEN. */

  /** STATISTICS_BATCH: forward writes, backward reads; or NULL. With G virtual batches this array
   * and the two below are G times as long: one after another, each as param_desc says. */
  void *saved_mean;
  void *saved_inv_std; /**< As saved_mean; NULL if and only if that is. */
  /** What rounding took from saved_mean: saved_mean + saved_mean_low is the mean to about twice the
   * parameters' precision. As saved_mean, which it needs; or NULL. Backward then takes the sum as
   * the mean, also if x has another one, and instead of the reserve space of BN_ACTIVATION. */
  void *saved_mean_low;

  const void *mean;     /**< STATISTICS_GIVEN and STATISTICS_GIVEN_INV_STD. */
  const void *mean_low; /**< The same: the mean is mean + mean_low. NULL: 0. */
  const void *var;      /**< STATISTICS_GIVEN. */
  const void *inv_std;  /**< STATISTICS_GIVEN_INV_STD, instead of var. */

  void *running_mean; /**< STATISTICS_BATCH, forward: written; or NULL. */
  void *running_var;  /**< As running_mean; NULL if and only if that is. */
  /** What the running statistics are computed from; NULL: those very buffers. */
  const void *previous_running_mean;
  const void *previous_running_var; /**< As previous_running_mean. */
  /** One parameter value in device memory, instead of the attribute: a captured CUDA graph may
   * change it from replay to replay. NULL: the attribute. */
  const void *factor;

  /** Forward writes, backward reads; see cubnGetBatchNormReserveSize. Forward: NULL if no backward
   * pass follows. */
  void *reserve;
  size_t reserve_bytes; /**< Size of reserve. */

  /** STATISTICS_BATCH, forward: 1 for each channel whose mean or variance is not finite, else 0.
   * One integer per channel, with the strides of param_desc; or NULL. With G virtual batches G
   * times as long, as saved_mean. */
  int32_t *nonfinite;
  /** The same: one integer, set to 1 if any channel is not finite, and left alone if all are. The
   * caller sets it to 0, and may collect over all layers of a step, as loss scalers do. Or NULL. */
  int32_t *any_nonfinite;

  /** Of mask: CUBN_DATA_INT8, of the rank of x. Each dimension is that of x, or 1; with 1, as with
   * stride 0, the mask is the same for all of it. In spatial mode the mask is the same for all
   * channels. */
  cubnTensorDescriptor_t mask_desc;
  const void *mask; /**< A byte per element, not 0 where it is valid. NULL: see lengths. */
  /** In device memory, an int32_t per sample n: of x the places 0 to lengths[n] - 1 along dimension
   * CUBN_BATCHNORM_LENGTHS_DIM are valid. A negative length is 0, and one that is larger than the
   * dimension is the dimension. Read when the call runs, so that a captured CUDA graph may change
   * them from replay to replay. NULL, as if mask is given: all elements are valid. */
  const void *lengths;

  /** Batch renormalization: forward writes r, backward reads it. Required with saved_mean; or NULL.
   */
  void *saved_r;
  void *saved_d; /**< The same of d; NULL if and only if saved_r is. */
} cubnBatchNormTensors_t;

/**
 * Bytes of reserve space that backward needs from forward.
 *
 * As for cubnGetBatchNormalizationTrainingExReserveSpaceSize; with given statistics, or with
 * saved_mean_low, BN_ACTIVATION needs none.
 *
 * @param[in] descriptor  what is computed
 * @param[in] x_desc      of x
 * @param[out] bytes      receives the size
 * @retval CUBN_STATUS_BAD_PARAM  an argument is NULL; x_desc was never set
 * @retval CUBN_STATUS_NOT_SUPPORTED  type INT8, a negative stride; more than 2^64 bytes
 */
CUBN_API cubnStatus_t cubnGetBatchNormReserveSize(const cubnBatchNormDescriptor_t descriptor,
                                                  const cubnTensorDescriptor_t x_desc,
                                                  size_t *bytes);

/**
 * Forward pass, with the statistics of the batch or given ones.
 *
 *     p = scale * (x - mean) * inv_std + bias [+ z],   y = alpha * activation(p) + beta * y
 *
 * The statistics of an empty batch are written, too, so that a sum in which they have the weight 0
 * is right: saved_mean and saved_mean_low are 0, saved_inv_std is that of variance 0, and the
 * running statistics are the previous ones, or 0 where the factor is 1 and those are not read.
 *
 * With CUBN_BATCHNORM_VIRTUAL_BATCH = g, virtual batches ("ghost batches": Hoffer, Hubara and
 * Soudry 2017, arXiv:1705.08741) are samples 0 to g - 1, g to 2 g - 1, ...; the last one may be
 * shorter. Each has statistics of its own, which normalize it and are saved; the running statistics
 * take them in order, so that G virtual batches weigh 1 - (1 - factor)^G. The results have the bits
 * of G calls. Given statistics know no virtual batches, and with a communicator they are refused.
 *
 * inv_std of the batch is 1 / sqrt(var + epsilon), with its biased variance; of given var, too.
 * Other libraries' conventions: CUBN_BATCHNORM_VARIANCE says which variance of the batch stands
 * there, CUBN_BATCHNORM_EPSILON_PLACE where epsilon does, for given var as well. One value per
 * channel has the variance 0 by either convention. Where sqrt(var) + epsilon is 0, inv_std is 0.
 * CUBN_BATCHNORM_RUNNING_VAR is independent of both. "To reproduce X set Y" of twenty libraries:
 * docs/COMPATIBILITY.md.
 *
 * With CUBN_BATCHNORM_RUNNING_GUARD the running statistics of a channel become the previous ones,
 * also where the factor is 1, unless its mean and the variance that the running one takes are both
 * finite as numbers of the parameters' type. nonfinite and any_nonfinite tell where that is so,
 * with the guard or without. y, and the saved statistics, are NaN there as always. An empty batch
 * counts as finite. Neither works with a communicator (CUBN_STATUS_NOT_SUPPORTED).
 *
 * **Batch renormalization** (Ioffe 2017, arXiv:1702.03275) brings y closer to what inference will
 * make of x. If CUBN_BATCHNORM_R_MAX is not 1, CUBN_BATCHNORM_D_MAX is not 0, or saved_r is given,
 *
 *     p = scale * (x_hat * r + d) + bias [+ z]
 *     r = clip(sigma_batch / sigma, 1 / r_max, r_max)
 *     d = clip((mean_batch - mean) / sigma, -d_max, d_max)
 *
 * with sigma = sqrt(var + epsilon), mean and var being the running statistics before the call, and
 * sigma_batch = 1 / inv_std; where epsilon is outside of the root, sigma is sqrt(var) + epsilon. r
 * and d are rounded to the parameters' type, and so are scale * r and bias + scale * d, which p is
 * computed from. With r_max = 1 and d_max = 0 they are 1 and 0, and y has the bits that it has
 * without; likewise where sigma is 0, and for an empty batch. Running statistics are required
 * (CUBN_STATUS_BAD_PARAM); saved_r and saved_d are, if saved_mean is given. A communicator, and
 * CUBN_SUMS_GIVEN in backward, are not supported (CUBN_STATUS_NOT_SUPPORTED). Given statistics are
 * what they are: the attributes have no effect on them.
 *
 * With a communicator the statistics of the batch are those of all ranks, which call this function
 * together; see cubnSetBatchNormCommunicator.
 *
 * @param[in] handle      a handle
 * @param[in] descriptor  what is computed
 * @param[in] tensors     its tensors
 * @return  as for cubnBatchNormalizationForwardTrainingEx; CUBN_STATUS_BAD_PARAM also if descriptor
 *          or tensors is NULL, if there is nothing to compute: neither y nor running nor saved
 *          statistics, or if mask and lengths are both given or do not fit x
 */
CUBN_API cubnStatus_t cubnBatchNormForward(cubnHandle_t handle,
                                           const cubnBatchNormDescriptor_t descriptor,
                                           const cubnBatchNormTensors_t *tensors);

/**
 * Backward pass.
 *
 * dp = dy * activation'(p), rounded to the type of the tensors, dz = dp,
 *
 *     dbias  = sum(dp)
 *     dscale = sum(dp * x_hat)
 *     dx     = scale * inv_std * (dp - dbias / m - x_hat * dscale / m)      statistics of the batch
 *     dx     = scale * inv_std * dp                                         given statistics
 *
 * The attributes CUBN_BATCHNORM_VARIANCE, CUBN_BATCHNORM_EPSILON_PLACE and CUBN_BATCHNORM_EPSILON
 * must be those of forward: with statistics of the batch
 *
 *     dx = scale * inv_std * (dp - dbias / m - v * x_hat * dscale / m)
 *     v  = -2 * inv_std' / inv_std^3
 *
 * where inv_std' is the derivative of inv_std with respect to the biased variance: v is 1, times
 * m / (m - 1) for the unbiased variance, over 1 - epsilon * inv_std for an epsilon outside of the
 * root. There the derivative does not exist at variance 0; v is 0 then, and for a deviation so much
 * smaller than epsilon that inv_std does not show it (2^-22 of epsilon; of doubles 2^-51).
 *
 * With CUBN_BACKWARD_FROM_Y backward reads y and y_desc instead of x and x_desc, so that y may take
 * the place of x in forward, and x need not be kept:
 *
 *     p     = y                                          without activation, and where y > 0
 *     p     = y / coef                                   CUBN_ACTIVATION_LEAKY_RELU
 *     p     = log(1 + max(y / coef, u - 1))              CUBN_ACTIVATION_ELU
 *     x_hat = (p - bias) / scale
 *
 * with the roundoff u of y's type: 2^-8 for bfloat16, 2^-11 for half, 2^-24 for float, 2^-53 for
 * double. y is what forward made with alpha 1 and beta 0. scale, bias and the saved statistics are
 * those of forward, and saved_mean is required; dx may be y. There is no reserve space: forward
 * takes NULL, and backward does not read it.
 *
 * The rounding of y to its type moves p by up to u * |p|, and x_hat by that over |scale|; a channel
 * whose |bias| is large beside |scale| loses more. For ELU it is u * (exp(-p) - 1) where p < 0, and
 * of a p below log(u), where y is -coef, nothing is left: it counts as log(u). Where scale is 0,
 * nothing is left of x_hat: it counts as 0, dscale is 0, and so is dx.
 *
 * The activation is one of these with a coef above 0, or the identity. Others are refused: ReLU,
 * clipped ReLU, swish and GELU have no inverse, and a y of sigmoid or tanh near its bounds has lost
 * p to rounding. There is no addition, and there are neither given statistics nor sums, batch
 * renormalization nor a communicator (CUBN_STATUS_NOT_SUPPORTED).
 *
 * With batch renormalization, whose saved_r and saved_d backward reads, r and d are constants:
 *
 *     dscale = sum(dp * (x_hat * r + d))
 *     dx     = scale * r * inv_std * (dp - dbias / m - v * x_hat * sum(dp * x_hat) / m)
 *
 * Without a count that is given, m is the number of valid elements of the channel. With
 * CUBN_SUMS_GIVEN dbias and dscale on the right are the given sums and m is CUBN_BATCHNORM_COUNT.
 * With a communicator they are, on the right, the sums over all ranks, which call this function
 * together; see cubnSetBatchNormCommunicator.
 *
 * With CUBN_BATCHNORM_VIRTUAL_BATCH they are, on the right, the sums over the virtual batch, as m
 * is its number of values; dbias and dscale are the sums over all, added up in order in the
 * parameters' type. Given sums are refused then.
 *
 * @param[in] handle      a handle
 * @param[in] descriptor  what is computed
 * @param[in] tensors     its tensors
 * @return  as for cubnBatchNormalizationBackwardEx; CUBN_STATUS_BAD_PARAM also if descriptor or
 *          tensors is NULL, if there is nothing to compute: dx, dz, dscale and dbias are all NULL,
 *          or only given, or if mask and lengths are both given or do not fit x
 */
CUBN_API cubnStatus_t cubnBatchNormBackward(cubnHandle_t handle,
                                            const cubnBatchNormDescriptor_t descriptor,
                                            const cubnBatchNormTensors_t *tensors);

/** @} */

#ifdef __cplusplus
}
#endif

#endif /* CUBN_EXTENDED_H */
