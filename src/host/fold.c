/* Folds batch normalization into the layer in front of it. Both results are batch normalizations
 * with given statistics: the weights of an output channel are multiplied like a gradient, the
 * layer's bias is normalized like a value. */
#include "host/fold.h"

#include "core/check.h"
#include "core/error.h"
#include "host/activation.h"
#include "host/execute.h"

/* The weights as a tensor whose dimension 1 is the one of the output channels. */
static struct cubnTensorStruct with_outputs_second(const struct cubnTensorStruct *weights) {
  struct cubnTensorStruct view = *weights;
  view.dims[0] = weights->dims[1];
  view.dims[1] = weights->dims[0];
  view.strides[0] = weights->strides[1];
  view.strides[1] = weights->strides[0];
  return view;
}

/* folded_bias = scale * (layer_bias - mean) * inv_std + bias. */
static cubnStatus_t fold_bias(const cubn_fold *fold) {
  const cubnDataType_t type = fold->weights_desc->type;
  const int64_t channels = fold->weights_desc->dims[0];
  struct cubnTensorStruct from = cubn_fold_per_channel(type, channels);
  struct cubnTensorStruct to = cubn_fold_per_channel(fold->folded_desc->type, channels);
  struct cubnTensorStruct param = cubn_fold_per_channel(
      type == CUBN_DATA_DOUBLE ? CUBN_DATA_DOUBLE : CUBN_DATA_FLOAT, channels);
  const cubn_backend *const backend = fold->handle->backend;
  const size_t bytes = (size_t)channels * cubn_element_bytes(to.type);
  const void *layer_bias = fold->layer_bias;
  void *const folded = fold->folded_bias;
  CUBN_TRY(cubn_fold_widen(fold, &from, &to, &layer_bias, folded));
  if (!layer_bias && bytes > 0)
    CUBN_TRY(cubn_within(fold->function, backend->fill(fold->handle->device, folded, 0, bytes)));
  cubn_problem problem = {
      .pass = CUBN_PASS_INFER,
      .mode = CUBN_BATCHNORM_SPATIAL,
      .has_output = true,
      .activation = cubn_identity,
      .descriptors = {
          [CUBN_ARRAY_X] = &to, [CUBN_ARRAY_OUTPUT] = &to, [CUBN_ARRAY_PARAM] = &param}};
  cubn_args args = {.alpha = 1,
                    .epsilon = fold->epsilon,
                    .x = layer_bias ? layer_bias : folded,
                    .output = folded,
                    .scale = fold->scale,
                    .bias = fold->bias,
                    .mean = fold->mean,
                    .var = fold->var};
  return cubn_execute(fold->handle, &problem, &args, (cubn_reserve_space){NULL, 0}, fold->function);
}

cubnStatus_t cubnFoldBatchNorm(cubnHandle_t handle, const cubnTensorDescriptor_t weights_desc,
                               const void *weights, const void *layer_bias, const void *scale,
                               const void *bias, const void *mean, const void *var, double epsilon,
                               const cubnTensorDescriptor_t folded_desc, void *folded_weights,
                               void *folded_bias) {
  cubn_fold fold = {.function = __func__,
                    .handle = handle,
                    .weights_desc = weights_desc,
                    .folded_desc = folded_desc,
                    .weights = weights,
                    .layer_bias = layer_bias,
                    .scale = scale,
                    .bias = bias,
                    .mean = mean,
                    .var = var,
                    .epsilon = epsilon,
                    .folded_weights = folded_weights,
                    .folded_bias = folded_bias};
  CUBN_TRY(cubn_fold_check(&fold));
  const int64_t channels = weights_desc->dims[0];
  /* Also of weights without input channels, whose descriptor does not limit them. */
  CUBN_REQUIRE(channels <= INT64_MAX / (int64_t)sizeof(double), __func__,
               "weights_desc has %lld output channels, whose parameters are larger than any memory",
               (long long)channels);
  /* Everything before anything is written. */
  CUBN_TRY(cubn_fold_check_pointers(&fold, channels));
  cubn_fold_part all = {.weights = with_outputs_second(weights_desc),
                        .folded = with_outputs_second(fold.folded_desc),
                        .from = weights,
                        .to = folded_weights};
  CUBN_TRY(cubn_fold_scale_weights(&fold, &all));
  return fold_bias(&fold);
}
