/* Folds batch normalization into the layer in front of it. Both results are batch normalizations
 * with given statistics: the weights of an output channel are multiplied like a gradient, the
 * layer's bias is normalized like a value. */
#include <math.h>

#include "core/check.h"
#include "core/error.h"
#include "host/activation.h"
#include "host/axes.h"
#include "host/descriptor.h"
#include "host/execute.h"
#include "host/names.h"
#include "host/strides.h"

/* The weights as a tensor whose dimension 1 is the one of the output channels. */
static struct cubnTensorStruct with_channels_second(const struct cubnTensorStruct *weights) {
  struct cubnTensorStruct view = *weights;
  view.dims[0] = weights->dims[1];
  view.dims[1] = weights->dims[0];
  view.strides[0] = weights->strides[1];
  view.strides[1] = weights->strides[0];
  return view;
}

/* Per-channel arrays, packed: 1 x K of rank 2. */
static struct cubnTensorStruct per_channel(cubnDataType_t type, int64_t channels) {
  return (struct cubnTensorStruct){.object = {CUBN_TENSOR},
                                   .is_set = true,
                                   .type = type,
                                   .rank = 2,
                                   .dims = {1, channels},
                                   .strides = {channels, 1}};
}

typedef struct fold_call {
  const char *function;
  cubnHandle_t handle;
  struct cubnTensorStruct weights, folded;   /* the weights before and after */
  struct cubnTensorStruct bias, folded_bias; /* the same of the layer's bias */
  struct cubnTensorStruct param;
  cubn_args args; /* scale, bias, mean, var, epsilon */
} fold_call;

/* Where the result is wider than the values: converts these to where it will be, from where it is
 * then computed in place. */
static cubnStatus_t widen(const fold_call *call, struct cubnTensorStruct *from,
                          struct cubnTensorStruct *to, const void **values, void *folded) {
  if (from->type == to->type) return CUBN_STATUS_SUCCESS;
  cubn_problem problem = {.mode = CUBN_BATCHNORM_SPATIAL,
                          .type = from->type,
                          .descriptors = {[CUBN_ARRAY_X] = from, [CUBN_ARRAY_OUTPUT] = to}};
  cubn_collapse(&problem);
  if (*values && problem.c * cubn_count(&problem) > 0) {
    const cubn_backend *const backend = call->handle->backend;
    CUBN_TRY(cubn_within(call->function,
                         backend->widen(call->handle->device, &problem, *values, folded)));
    *values = folded;
  }
  *from = *to;
  return CUBN_STATUS_SUCCESS;
}

/* folded = weights * scale * inv_std: a gradient that passes through constant statistics. */
static cubnStatus_t fold_weights(fold_call *call, const void *weights, void *folded) {
  CUBN_TRY(widen(call, &call->weights, &call->folded, &weights, folded));
  cubn_problem problem = {.pass = CUBN_PASS_BACKWARD,
                          .mode = CUBN_BATCHNORM_SPATIAL,
                          .is_frozen = true,
                          .has_output = true,
                          .activation = cubn_identity,
                          .descriptors = {[CUBN_ARRAY_X] = &call->weights,
                                          [CUBN_ARRAY_OUTPUT] = &call->folded,
                                          [CUBN_ARRAY_DY] = &call->weights,
                                          [CUBN_ARRAY_PARAM] = &call->param}};
  cubn_args args = call->args;
  args.x = args.dy = weights;
  args.output = folded;
  return cubn_execute(call->handle, &problem, &args, (cubn_reserve_space){NULL, 0}, call->function);
}

/* folded = scale * (layer_bias - mean) * inv_std + bias. */
static cubnStatus_t fold_bias(fold_call *call, const void *layer_bias, void *folded) {
  const cubn_backend *backend = call->handle->backend;
  const size_t bytes =
      (size_t)call->folded_bias.dims[1] * cubn_element_bytes(call->folded_bias.type);
  CUBN_TRY(widen(call, &call->bias, &call->folded_bias, &layer_bias, folded));
  if (!layer_bias && bytes > 0)
    CUBN_TRY(cubn_within(call->function, backend->fill(call->handle->device, folded, 0, bytes)));
  cubn_problem problem = {.pass = CUBN_PASS_INFER,
                          .mode = CUBN_BATCHNORM_SPATIAL,
                          .has_output = true,
                          .activation = cubn_identity,
                          .descriptors = {[CUBN_ARRAY_X] = &call->folded_bias,
                                          [CUBN_ARRAY_OUTPUT] = &call->folded_bias,
                                          [CUBN_ARRAY_PARAM] = &call->param}};
  cubn_args args = call->args;
  args.x = layer_bias ? layer_bias : folded;
  args.output = folded;
  return cubn_execute(call->handle, &problem, &args, (cubn_reserve_space){NULL, 0}, call->function);
}

static cubnStatus_t check_pointer(const char *function, const char *name, const void *pointer,
                                  bool is_required, size_t alignment_bytes) {
  CUBN_REQUIRE(pointer || !is_required, function, "%s is NULL", name);
  CUBN_REQUIRE((uintptr_t)pointer % alignment_bytes == 0, function,
               "%s is %p, must be aligned to its element type, %zu bytes", name, pointer,
               alignment_bytes);
  return CUBN_STATUS_SUCCESS;
}

/* folded_desc has the dimensions of weights_desc, and its type or a float for a half. */
static cubnStatus_t check_descriptors(const cubnTensorDescriptor_t weights,
                                      const cubnTensorDescriptor_t folded, const char *function) {
  CUBN_TRY(cubn_check_set(function, "weights_desc", weights));
  CUBN_TRY(cubn_check_set(function, "folded_desc", folded));
  if (weights->type == CUBN_DATA_INT8)
    return cubn_fail(CUBN_STATUS_NOT_SUPPORTED, function, "weights_desc has type CUBN_DATA_INT8");
  CUBN_TRY(cubn_check_strides(function, "weights", weights));
  CUBN_TRY(cubn_check_strides(function, "folded", folded));
  const bool widens = cubn_element_bytes(weights->type) == 2 && folded->type == CUBN_DATA_FLOAT;
  CUBN_REQUIRE(folded->type == weights->type || widens, function,
               "folded_desc has type %s, must be that of weights_desc, %s, or, for halves, float",
               cubn_type_name(folded->type), cubn_type_name(weights->type));
  CUBN_REQUIRE(folded->rank == weights->rank, function,
               "folded_desc has rank %d, must be that of weights_desc, %d", folded->rank,
               weights->rank);
  for (int i = 0; i < weights->rank; ++i)
    CUBN_REQUIRE(folded->dims[i] == weights->dims[i], function,
                 "folded_desc has size %lld in dimension %d, must have that of weights_desc, %lld",
                 (long long)folded->dims[i], i, (long long)weights->dims[i]);
  return cubn_check_distinct(function, folded == weights ? "weights" : "folded", folded);
}

/* Values are folded in place only where each result is at the place of its value. */
static cubnStatus_t check_places(const cubnTensorDescriptor_t weights_desc,
                                 const cubnTensorDescriptor_t folded_desc, const void *weights,
                                 const void *layer_bias, const void *folded_weights,
                                 const void *folded_bias, const char *function) {
  const bool widens = folded_desc->type != weights_desc->type;
  bool moves = widens;
  for (int i = 0; i < weights_desc->rank; ++i)
    moves =
        moves || (weights_desc->dims[i] > 1 && weights_desc->strides[i] != folded_desc->strides[i]);
  CUBN_REQUIRE(
      !moves || !weights || folded_weights != weights, function,
      "folded_weights is weights, %p, but type or strides of folded_desc differ from those "
      "of weights_desc: pass another array",
      weights);
  CUBN_REQUIRE(!widens || !layer_bias || folded_bias != layer_bias, function,
               "folded_bias is layer_bias, %p, but folded_desc has another type than weights_desc: "
               "pass another array",
               layer_bias);
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t cubnFoldBatchNorm(cubnHandle_t handle, const cubnTensorDescriptor_t weights_desc,
                               const void *weights, const void *layer_bias, const void *scale,
                               const void *bias, const void *mean, const void *var, double epsilon,
                               const cubnTensorDescriptor_t folded_desc, void *folded_weights,
                               void *folded_bias) {
  const cubnTensorDescriptor_t folded = folded_desc ? folded_desc : weights_desc;
  CUBN_REQUIRE_HANDLE(handle, __func__);
  CUBN_TRY(check_descriptors(weights_desc, folded, __func__));
  CUBN_REQUIRE(epsilon >= CUBN_BN_MIN_EPSILON && isfinite(epsilon), __func__,
               "epsilon is %g, must be finite and at least %g", epsilon, CUBN_BN_MIN_EPSILON);
  const cubnDataType_t type = weights_desc->type;
  const cubnDataType_t param_type = type == CUBN_DATA_DOUBLE ? CUBN_DATA_DOUBLE : CUBN_DATA_FLOAT;
  const size_t element = cubn_element_bytes(type), parameter = cubn_element_bytes(param_type);
  const size_t result = cubn_element_bytes(folded->type);
  const int64_t channels = weights_desc->dims[0];
  const bool has_channels = channels > 0, has_weights = has_channels && weights_desc->dims[1] > 0;
  /* Also of weights without input channels, whose descriptor does not limit them. */
  CUBN_REQUIRE(channels <= INT64_MAX / (int64_t)sizeof(double), __func__,
               "weights_desc has %lld output channels, whose parameters are larger than any memory",
               (long long)channels);
  /* Everything before anything is written. */
  CUBN_TRY(check_pointer(__func__, "weights", weights, has_weights, element));
  CUBN_TRY(check_pointer(__func__, "layer_bias", layer_bias, false, element));
  CUBN_TRY(check_pointer(__func__, "scale", scale, false, parameter));
  CUBN_TRY(check_pointer(__func__, "bias", bias, false, parameter));
  CUBN_TRY(check_pointer(__func__, "mean", mean, has_channels, parameter));
  CUBN_TRY(check_pointer(__func__, "var", var, has_channels, parameter));
  CUBN_TRY(check_pointer(__func__, "folded_weights", folded_weights, has_weights, result));
  CUBN_TRY(check_pointer(__func__, "folded_bias", folded_bias, has_channels, result));
  CUBN_TRY(check_places(weights_desc, folded, weights, layer_bias, folded_weights, folded_bias,
                        __func__));
  fold_call call = {
      .function = __func__,
      .handle = handle,
      .weights = with_channels_second(weights_desc),
      .folded = with_channels_second(folded),
      .bias = per_channel(type, channels),
      .folded_bias = per_channel(folded->type, channels),
      .param = per_channel(param_type, channels),
      .args = {
          .alpha = 1, .epsilon = epsilon, .scale = scale, .bias = bias, .mean = mean, .var = var}};
  CUBN_TRY(fold_weights(&call, weights, folded_weights));
  return fold_bias(&call, layer_bias, folded_bias);
}
