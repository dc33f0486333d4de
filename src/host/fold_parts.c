/* Checks and steps of folding. */
#include <math.h>

#include "core/check.h"
#include "core/error.h"
#include "host/activation.h"
#include "host/axes.h"
#include "host/execute.h"
#include "host/fold.h"
#include "host/names.h"
#include "host/overlap.h"
#include "host/strides.h"

struct cubnTensorStruct cubn_fold_per_channel(cubnDataType_t type, int64_t channels) {
  return (struct cubnTensorStruct){.object = {CUBN_TENSOR},
                                   .is_set = true,
                                   .type = type,
                                   .rank = 2,
                                   .dims = {1, channels},
                                   .strides = {channels, 1}};
}

/* ---- Checks ---- */
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
static cubnStatus_t check_places(const cubn_fold *fold) {
  const struct cubnTensorStruct *const from = fold->weights_desc, *const to = fold->folded_desc;
  const bool widens = to->type != from->type;
  bool moves = widens;
  for (int i = 0; i < from->rank; ++i)
    moves = moves || (from->dims[i] > 1 && from->strides[i] != to->strides[i]);
  CUBN_REQUIRE(!moves || !fold->weights || fold->folded_weights != fold->weights, fold->function,
               "folded_weights is weights, %p, but type or strides of folded_desc differ from "
               "those of weights_desc: pass another array",
               fold->weights);
  CUBN_REQUIRE(!widens || !fold->layer_bias || fold->folded_bias != fold->layer_bias,
               fold->function,
               "folded_bias is layer_bias, %p, but folded_desc has another type than weights_desc: "
               "pass another array",
               fold->layer_bias);
  return CUBN_STATUS_SUCCESS;
}

/* Weights and the layer's bias may be folded in place; nothing else may be written over. */
static cubnStatus_t check_overlap(const cubn_fold *fold, int64_t channels) {
  const struct cubnTensorStruct *const from = fold->weights_desc, *const to = fold->folded_desc;
  const size_t outputs = (size_t)from->dims[0];
  const size_t param_bytes = (size_t)channels * cubn_param_bytes(from->type);
  const struct cubnTensorStruct layer = cubn_fold_per_channel(from->type, from->dims[0]);
  const struct cubnTensorStruct folded = cubn_fold_per_channel(to->type, from->dims[0]);
  cubn_regions all;
  all.count = 0;
  cubn_region *const weights[] = {
      cubn_add_array(&all, "weights", from, fold->weights, cubn_bytes_of(from), false),
      cubn_add_array(&all, "folded_weights", to, fold->folded_weights, cubn_bytes_of(to), true)};
  cubn_region *const biases[] = {cubn_add_array(&all, "layer_bias", &layer, fold->layer_bias,
                                                outputs * cubn_element_bytes(from->type), false),
                                 cubn_add_array(&all, "folded_bias", &folded, fold->folded_bias,
                                                outputs * cubn_element_bytes(to->type), true)};
  for (int i = 0; i < 2; ++i) {
    if (weights[i]) weights[i]->group = CUBN_GROUP_TENSORS;
    if (biases[i]) biases[i]->group = CUBN_GROUP_LAST;
  }
  cubn_add_bytes(&all, "scale", fold->scale, param_bytes, false);
  cubn_add_bytes(&all, "bias", fold->bias, param_bytes, false);
  cubn_add_bytes(&all, "mean", fold->mean, param_bytes, false);
  cubn_add_bytes(&all, "var", fold->var, param_bytes, false);
  cubn_add_bytes(&all, "padding", fold->padding, param_bytes, true);
  return cubn_check_regions(&all, fold->function);
}

cubnStatus_t cubn_fold_check(cubn_fold *fold) {
  CUBN_REQUIRE_HANDLE(fold->handle, fold->function);
  if (!fold->folded_desc) fold->folded_desc = fold->weights_desc;
  CUBN_TRY(check_descriptors(fold->weights_desc, fold->folded_desc, fold->function));
  CUBN_REQUIRE(fold->epsilon >= CUBN_BN_MIN_EPSILON && isfinite(fold->epsilon), fold->function,
               "epsilon is %g, must be finite and at least %g", fold->epsilon, CUBN_BN_MIN_EPSILON);
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t cubn_fold_check_pointers(const cubn_fold *fold, int64_t channels) {
  const struct cubnTensorStruct *const weights = fold->weights_desc;
  const char *const function = fold->function;
  const size_t element = cubn_element_bytes(weights->type);
  const size_t parameter = cubn_param_bytes(weights->type);
  const size_t result = cubn_element_bytes(fold->folded_desc->type);
  const bool has_outputs = weights->dims[0] > 0, has_channels = channels > 0;
  const bool has_weights = has_outputs && weights->dims[1] > 0;
  CUBN_TRY(check_pointer(function, "weights", fold->weights, has_weights, element));
  CUBN_TRY(check_pointer(function, "layer_bias", fold->layer_bias, false, element));
  CUBN_TRY(check_pointer(function, "scale", fold->scale, false, parameter));
  CUBN_TRY(check_pointer(function, "bias", fold->bias, false, parameter));
  CUBN_TRY(check_pointer(function, "mean", fold->mean, has_channels, parameter));
  CUBN_TRY(check_pointer(function, "var", fold->var, has_channels, parameter));
  CUBN_TRY(check_pointer(function, "folded_weights", fold->folded_weights, has_weights, result));
  CUBN_TRY(check_pointer(function, "folded_bias", fold->folded_bias, has_outputs, result));
  CUBN_TRY(check_pointer(function, "padding", fold->padding, false, parameter));
  CUBN_TRY(check_places(fold));
  return check_overlap(fold, channels);
}

/* ---- Steps ---- */
cubnStatus_t cubn_fold_widen(const cubn_fold *fold, struct cubnTensorStruct *from,
                             struct cubnTensorStruct *to, const void **values, void *folded) {
  if (from->type == to->type) return CUBN_STATUS_SUCCESS;
  cubn_problem problem = {.mode = CUBN_BATCHNORM_SPATIAL,
                          .type = from->type,
                          .descriptors = {[CUBN_ARRAY_X] = from, [CUBN_ARRAY_OUTPUT] = to}};
  cubn_collapse(&problem);
  if (*values && problem.c * cubn_count(&problem) > 0) {
    const cubn_backend *const backend = fold->handle->backend;
    CUBN_TRY(cubn_within(fold->function,
                         backend->widen(fold->handle->device, &problem, *values, folded)));
    *values = folded;
  }
  *from = *to;
  return CUBN_STATUS_SUCCESS;
}

static const void *from_channel(const void *array, int64_t channel, cubnDataType_t type) {
  return array ? (const char *)array + (size_t)channel * cubn_param_bytes(type) : NULL;
}

cubnStatus_t cubn_fold_scale_weights(const cubn_fold *fold, cubn_fold_part *part) {
  const cubnDataType_t type = fold->weights_desc->type;
  const int64_t first = part->first_channel;
  struct cubnTensorStruct param = cubn_fold_per_channel(
      type == CUBN_DATA_DOUBLE ? CUBN_DATA_DOUBLE : CUBN_DATA_FLOAT, part->weights.dims[1]);
  CUBN_TRY(cubn_fold_widen(fold, &part->weights, &part->folded, &part->from, part->to));
  cubn_problem problem = {.pass = CUBN_PASS_BACKWARD,
                          .mode = CUBN_BATCHNORM_SPATIAL,
                          .is_frozen = true,
                          .has_output = true,
                          .activation = cubn_identity,
                          .descriptors = {[CUBN_ARRAY_X] = &part->weights,
                                          [CUBN_ARRAY_OUTPUT] = &part->folded,
                                          [CUBN_ARRAY_DY] = &part->weights,
                                          [CUBN_ARRAY_PARAM] = &param}};
  cubn_args args = {.alpha = 1,
                    .epsilon = fold->epsilon,
                    .x = part->from,
                    .dy = part->from,
                    .output = part->to,
                    .scale = from_channel(fold->scale, first, type),
                    .mean = from_channel(fold->mean, first, type),
                    .var = from_channel(fold->var, first, type)};
  return cubn_execute(fold->handle, &problem, &args, (cubn_reserve_space){NULL, 0}, fold->function);
}
