/* cubn, chapter "extended": batch normalization beyond cuDNN's functions. Included by cubn.h.
 *
 * A descriptor says what is computed, a struct which tensors take part; a pointer that is NULL is a
 * tensor that is absent. Two calls, cubnBatchNormForward and cubnBatchNormBackward, do everything:
 *
 *   frozen statistics      CUBN_BATCHNORM_STATISTICS = CUBN_STATISTICS_GIVEN in both: running
 *                          statistics are constants, gradients included (fine-tuning)
 *   fused inference        the same in forward alone, with an activation
 *   inference from inv_std CUBN_STATISTICS_GIVEN_INV_STD
 *   no scale, no bias      scale NULL is 1, bias NULL is 0
 *   only some gradients    dx, dz, dscale, dbias NULL: not computed
 *   running buffers that are not updated in place, biased running variance, averaging factor in
 *   device memory          previous_running_*, CUBN_BATCHNORM_RUNNING_VAR, factor
 *   statistics only        y NULL. Apply only: CUBN_STATISTICS_GIVEN_INV_STD.
 *   reduce only            dx NULL. dx only: CUBN_BATCHNORM_SUMS = CUBN_SUMS_GIVEN.
 *
 * The last two lines are what synchronized batch normalization over several devices needs: each
 * computes its statistics (factor 1 and the biased variance leave them in the running buffers),
 * all-reduces them, applies them; in backward each reduces, all-reduces dscale and dbias, and
 * computes dx with the sums of all and CUBN_BATCHNORM_COUNT, the values per channel of all. For
 * BN_ACTIVATION, applying with given statistics leaves no reserve space. Backward then takes one
 * that is filled with zeros, because these statistics were not rounded. */
#include "cubn.h" /* before the guard: that header includes this one */
#include "cubn_fused.h"

#ifndef CUBN_EXTENDED_H
#define CUBN_EXTENDED_H

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cubnBatchNormStruct *cubnBatchNormDescriptor_t;

/* Where the statistics come from. */
typedef enum {
  CUBN_STATISTICS_BATCH = 0,        /* from x; in backward the saved ones */
  CUBN_STATISTICS_GIVEN = 1,        /* the arrays mean and var are constants */
  CUBN_STATISTICS_GIVEN_INV_STD = 2 /* the arrays mean and inv_std are constants */
} cubnBatchNormStatistics_t;

/* What the running variance receives. */
typedef enum {
  CUBN_RUNNING_VAR_UNBIASED = 0, /* sum((x - mean)^2) / (m - 1) */
  CUBN_RUNNING_VAR_BIASED = 1    /* sum((x - mean)^2) / m, as in ONNX, TensorFlow 2 and Flax */
} cubnBatchNormRunningVar_t;

/* What backward does with dscale and dbias. */
typedef enum {
  CUBN_SUMS_COMPUTED = 0, /* outputs */
  CUBN_SUMS_GIVEN = 1     /* inputs: the sums of dp and dp * x_hat that dx is computed from */
} cubnBatchNormSums_t;

/* The attributes of a descriptor and their values after creation. */
typedef enum {
  CUBN_BATCHNORM_MODE = 0,        /* a cubnBatchNormMode_t; CUBN_BATCHNORM_SPATIAL */
  CUBN_BATCHNORM_STATISTICS = 1,  /* a cubnBatchNormStatistics_t; CUBN_STATISTICS_BATCH */
  CUBN_BATCHNORM_EPSILON = 2,     /* at least CUBN_BN_MIN_EPSILON, finite; 1e-5 */
  CUBN_BATCHNORM_FACTOR = 3,      /* in [0, 1]; 0.1 */
  CUBN_BATCHNORM_RUNNING_VAR = 4, /* a cubnBatchNormRunningVar_t; CUBN_RUNNING_VAR_UNBIASED */
  CUBN_BATCHNORM_SUMS = 5,        /* a cubnBatchNormSums_t; CUBN_SUMS_COMPUTED */
  CUBN_BATCHNORM_COUNT = 6,       /* values per channel that given sums run over; 0: those of x */
  CUBN_BATCHNORM_ALPHA = 7,       /* y or dx = alpha * result + beta * prior; 1 ... */
  CUBN_BATCHNORM_BETA = 8,        /* ... and 0 */
  CUBN_BATCHNORM_PARAM_ALPHA = 9, /* the same of dscale and dbias; 1 */
  CUBN_BATCHNORM_PARAM_BETA = 10  /* 0 */
} cubnBatchNormAttribute_t;

CUBN_API cubnStatus_t cubnCreateBatchNormDescriptor(cubnBatchNormDescriptor_t *descriptor);
/* NULL is allowed and does nothing. */
CUBN_API cubnStatus_t cubnDestroyBatchNormDescriptor(cubnBatchNormDescriptor_t descriptor);

/* Sets one attribute; enumerators are passed as they are.
 *   BAD_PARAM  descriptor is NULL; unknown attribute; a value that the attribute cannot have. The
 *              descriptor is as before. */
CUBN_API cubnStatus_t cubnSetBatchNormAttribute(cubnBatchNormDescriptor_t descriptor,
                                                cubnBatchNormAttribute_t attribute, double value);
CUBN_API cubnStatus_t cubnGetBatchNormAttribute(const cubnBatchNormDescriptor_t descriptor,
                                                cubnBatchNormAttribute_t attribute, double *value);

/* What is fused; after creation CUBN_BATCHNORM_OPS_BN. The activation is copied; it is ignored, and
 * may be NULL, for CUBN_BATCHNORM_OPS_BN. For BN_ADD_ACTIVATION the identity adds only.
 *   BAD_PARAM  descriptor, or an activation that is needed, is NULL; unknown ops */
CUBN_API cubnStatus_t cubnSetBatchNormActivation(cubnBatchNormDescriptor_t descriptor,
                                                 cubnBatchNormOps_t ops,
                                                 const cubnActivationDescriptor_t activation);

/* The tensors of a call. Set what takes part and leave the rest NULL:
 *     cubnBatchNormTensors_t t = {.x_desc = d, .x = x, ...};
 * All tensors have the type and dimensions of x, their strides may differ. Per-channel arrays are
 * as param_desc says, see cubnDeriveBNTensorDescriptor. */
typedef struct cubnBatchNormTensors {
  cubnTensorDescriptor_t x_desc, y_desc, z_desc, dy_desc, dx_desc, dz_desc, param_desc;

  const void *x;            /* always */
  const void *scale, *bias; /* NULL: 1 and 0. Backward needs the bias for BN_ACTIVATION only. */

  const void *z; /* forward, BN_ADD_ACTIVATION */
  void *y;       /* forward; may be x or z. NULL: statistics only */

  const void *dy;       /* backward */
  void *dx, *dz;        /* backward; dx may be dy or x, dz may be dy or x. NULL: not wanted */
  void *dscale, *dbias; /* backward; outputs, or NULL: not wanted. Inputs with CUBN_SUMS_GIVEN */

  void *saved_mean, *saved_inv_std; /* STATISTICS_BATCH: forward writes, backward reads, or NULL */

  const void *mean, *var; /* STATISTICS_GIVEN */
  const void *inv_std;    /* STATISTICS_GIVEN_INV_STD, instead of var */

  /* STATISTICS_BATCH, forward: written, computed from the previous ones, which are those very
   * buffers if NULL. factor: one parameter value in device memory, instead of the attribute: a
   * captured CUDA graph may change it from replay to replay. */
  void *running_mean, *running_var;
  const void *previous_running_mean, *previous_running_var;
  const void *factor;

  /* Forward writes, backward reads; see cubnGetBatchNormReserveSize. Forward: NULL if no backward
   * pass follows. */
  void *reserve;
  size_t reserve_bytes;
} cubnBatchNormTensors_t;

/* Bytes of reserve space that backward needs from forward, as for
 * cubnGetBatchNormalizationTrainingExReserveSpaceSize; with given statistics BN_ACTIVATION needs
 * none.
 *   BAD_PARAM  an argument is NULL; x_desc was never set
 *   NOT_SUPPORTED  type INT8 */
CUBN_API cubnStatus_t cubnGetBatchNormReserveSize(const cubnBatchNormDescriptor_t descriptor,
                                                  const cubnTensorDescriptor_t x_desc,
                                                  size_t *bytes);

/* Forward:
 *
 *     p = scale * (x - mean) * inv_std + bias [+ z],   y = alpha * activation(p) + beta * y
 *
 * with the statistics of the batch or given ones. Status as for
 * cubnBatchNormalizationForwardTrainingEx; BAD_PARAM also if the descriptor or tensors is NULL, or
 * if there is nothing to compute: neither y nor running nor saved statistics. */
CUBN_API cubnStatus_t cubnBatchNormForward(cubnHandle_t handle,
                                           const cubnBatchNormDescriptor_t descriptor,
                                           const cubnBatchNormTensors_t *tensors);

/* Backward: dp = dy * activation'(p), rounded to the type of the tensors, dz = dp,
 *
 *     dbias  = sum(dp)
 *     dscale = sum(dp * x_hat)
 *     dx     = scale * inv_std * (dp - dbias / m - x_hat * dscale / m)      statistics of the batch
 *     dx     = scale * inv_std * dp                                         given statistics
 *
 * With CUBN_SUMS_GIVEN dbias and dscale on the right are the given sums and m is
 * CUBN_BATCHNORM_COUNT. Status as for cubnBatchNormalizationBackwardEx; BAD_PARAM also if there is
 * nothing to compute: dx, dz, dscale and dbias are all NULL, or only given. */
CUBN_API cubnStatus_t cubnBatchNormBackward(cubnHandle_t handle,
                                            const cubnBatchNormDescriptor_t descriptor,
                                            const cubnBatchNormTensors_t *tensors);

/* Folds inference into the convolution or linear layer in front of it, whose output it normalizes:
 *
 *     folded_weights[k, ...] = weights[k, ...] * scale[k] / sqrt(var[k] + epsilon)
 *     folded_bias[k]         = (layer_bias[k] - mean[k]) * scale[k] / sqrt(var[k] + epsilon) +
 *                            bias[k]
 *
 * so that the layer with the folded values computes what both did.
 *   weights_desc  of weights and folded_weights; dimension 0 is that of the output channels k:
 *                 K x C x R x S of a convolution, outputs x inputs of a linear layer
 *   layer_bias    one value of the weights' type per output channel; NULL: 0
 *   scale, bias, mean, var
 *                 as in inference: one parameter value per output channel; scale and bias may be
 *                 NULL
 *   folded_weights, folded_bias
 *                 outputs, of the weights' type; may be weights and layer_bias. folded_bias is
 *                 required, since what is folded into it is lost otherwise.
 *
 *   NOT_INITIALIZED  handle is NULL
 *   BAD_PARAM        a required pointer is NULL or not aligned; weights_desc was never set; epsilon
 *                    is negative or not finite
 *   NOT_SUPPORTED    type INT8 */
CUBN_API cubnStatus_t cubnFoldBatchNorm(cubnHandle_t handle,
                                        const cubnTensorDescriptor_t weights_desc,
                                        const void *weights, const void *layer_bias,
                                        const void *scale, const void *bias, const void *mean,
                                        const void *var, double epsilon, void *folded_weights,
                                        void *folded_bias);

#ifdef __cplusplus
}
#endif

#endif /* CUBN_EXTENDED_H */
