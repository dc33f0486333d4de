/* Folds batch normalization into the layer behind it: the weights of an input channel are
 * multiplied like a gradient, and what the addends become is added up by the backend. And counts
 * what is not finite, which tells whether a half type had room. */
#include "core/check.h"
#include "core/error.h"
#include "core/fold_task.h"
#include "host/axes.h"
#include "host/fold.h"
#include "host/strides.h"

/* Describes the sums. They have the outputs as channels; a second array, which is none, has the
 * number of the input channel as its offset. */
static cubn_fold_task describe_sums(const cubn_fold *fold, int64_t groups) {
  struct cubnTensorStruct weights = *fold->weights_desc, inputs = weights;
  for (int i = 0; i < weights.rank; ++i) inputs.strides[i] = i == 1;
  struct cubnTensorStruct *const views[] = {&weights, &inputs};
  for (int i = 0; i < 2; ++i) {
    const struct cubnTensorStruct from = *views[i];
    views[i]->dims[0] = from.dims[1];
    views[i]->dims[1] = from.dims[0];
    views[i]->strides[0] = from.strides[1];
    views[i]->strides[1] = from.strides[0];
  }
  cubn_fold_task task = {
      .problem = {.mode = CUBN_BATCHNORM_SPATIAL,
                  .type = weights.type,
                  .descriptors = {[CUBN_ARRAY_X] = &weights, [CUBN_ARRAY_OUTPUT] = &inputs}},
      .folded_type = fold->folded_desc->type,
      .inputs = fold->weights_desc->dims[1],
      .groups = groups,
      .epsilon = fold->epsilon,
      .weights = fold->weights,
      .layer_bias = fold->layer_bias,
      .scale = fold->scale,
      .bias = fold->bias,
      .mean = fold->mean,
      .var = fold->var,
      .folded_bias = fold->folded_bias,
      .padding = fold->padding};
  cubn_collapse(&task.problem);
  for (int a = 0; a < CUBN_ARRAY_COUNT; ++a) task.problem.descriptors[a] = NULL;
  return task;
}

/* The weights of one group, whose input channels are the channels. */
static cubnStatus_t scale_group(const cubn_fold *fold, int64_t group, int64_t groups) {
  const struct cubnTensorStruct *const from = fold->weights_desc, *const to = fold->folded_desc;
  const int64_t outputs = from->dims[0] / groups, first = group * outputs;
  cubn_fold_part part = {.weights = *from,
                         .folded = *to,
                         .from = (const char *)fold->weights +
                                 first * from->strides[0] * (int64_t)cubn_element_bytes(from->type),
                         .to = (char *)fold->folded_weights +
                               first * to->strides[0] * (int64_t)cubn_element_bytes(to->type),
                         .first_channel = group * from->dims[1]};
  part.weights.dims[0] = part.folded.dims[0] = outputs;
  return cubn_fold_scale_weights(fold, &part);
}

static cubnStatus_t check_groups(const cubn_fold *fold, int64_t groups) {
  const int64_t outputs = fold->weights_desc->dims[0], inputs = fold->weights_desc->dims[1];
  CUBN_REQUIRE(groups >= 1 && outputs % groups == 0, fold->function,
               "groups is %lld, must be at least 1 and divide the output channels, %lld",
               (long long)groups, (long long)outputs);
  CUBN_REQUIRE(inputs <= INT64_MAX / (int64_t)sizeof(double) / groups, fold->function,
               "groups is %lld: with %lld input channels each, their parameters are larger than "
               "any memory",
               (long long)groups, (long long)inputs);
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t cubnFoldBatchNormBehind(cubnHandle_t handle, const cubnTensorDescriptor_t weights_desc,
                                     const void *weights, const void *layer_bias, int64_t groups,
                                     const void *scale, const void *bias, const void *mean,
                                     const void *var, double epsilon,
                                     const cubnTensorDescriptor_t folded_desc, void *folded_weights,
                                     void *folded_bias, void *padding) {
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
                    .folded_bias = folded_bias,
                    .padding = padding};
  CUBN_TRY(cubn_fold_check(&fold));
  CUBN_TRY(check_groups(&fold, groups));
  CUBN_TRY(cubn_fold_check_pointers(&fold, groups * weights_desc->dims[1]));
  /* First what reads the weights, which may then be folded in place. */
  const cubn_fold_task task = describe_sums(&fold, groups);
  CUBN_TRY(cubn_within(__func__, handle->backend->fold_behind(handle->device, &task)));
  if (cubn_is_empty(weights_desc)) return CUBN_STATUS_SUCCESS;
  for (int64_t g = 0; g < groups; ++g) CUBN_TRY(scale_group(&fold, g, groups));
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t cubnCountNonfinite(cubnHandle_t handle, const cubnTensorDescriptor_t tensor_desc,
                                const void *tensor, int64_t *count) {
  CUBN_REQUIRE_HANDLE(handle, __func__);
  CUBN_TRY(cubn_check_set(__func__, "tensor_desc", tensor_desc));
  if (tensor_desc->type == CUBN_DATA_INT8)
    return cubn_fail(CUBN_STATUS_NOT_SUPPORTED, __func__, "tensor_desc has type CUBN_DATA_INT8");
  CUBN_TRY(cubn_check_strides(__func__, "tensor", tensor_desc));
  const size_t element = cubn_element_bytes(tensor_desc->type);
  const bool is_empty = cubn_is_empty(tensor_desc);
  CUBN_REQUIRE(count, __func__, "count is NULL");
  CUBN_REQUIRE(tensor || is_empty, __func__, "tensor is NULL");
  CUBN_REQUIRE((uintptr_t)tensor % element == 0, __func__,
               "tensor is %p, must be aligned to its element type, %zu bytes", tensor, element);
  *count = 0;
  if (is_empty) return CUBN_STATUS_SUCCESS;
  cubn_problem problem = {.mode = CUBN_BATCHNORM_SPATIAL,
                          .type = tensor_desc->type,
                          .descriptors = {[CUBN_ARRAY_X] = tensor_desc}};
  cubn_collapse(&problem);
  return cubn_within(__func__,
                     handle->backend->count_nonfinite(handle->device, &problem, tensor, count));
}
