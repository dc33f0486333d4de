#include "host/overlap.h"

#include "core/check.h"
#include "host/descriptor.h"
#include "host/problem_text.h"
#include "host/reserve.h"
#include "host/virtual_batches.h"

/* The arrays of a call of batch normalization. */
typedef struct call_regions {
  const struct cubnTensorStruct *param;
  size_t param_bytes; /* of each array of parameters */
  size_t saved_bytes; /* of each array of saved statistics */
  cubn_regions all;
} call_regions;

static int64_t elements_of(const struct cubnTensorStruct *tensor) {
  int64_t count = 1;
  for (int i = 0; i < tensor->rank; ++i) count *= tensor->dims[i];
  return count;
}

cubn_region *cubn_add_bytes(cubn_regions *all, const char *name, const void *pointer, size_t bytes,
                            bool is_written) {
  if (!pointer || bytes == 0) return NULL;
  const uintptr_t begin = (uintptr_t)pointer;
  cubn_region *const region = &all->list[all->count++];
  *region = (cubn_region){.name = name,
                          .begin = begin,
                          .end = begin + bytes < begin ? UINTPTR_MAX : begin + bytes,
                          .element_bytes = 1,
                          .is_written = is_written};
  return region;
}

cubn_region *cubn_add_array(cubn_regions *all, const char *name,
                            const struct cubnTensorStruct *tensor, const void *pointer,
                            size_t bytes, bool is_written) {
  cubn_region *const region = cubn_add_bytes(all, name, pointer, bytes, is_written);
  if (!region) return NULL;
  region->tensor = tensor;
  region->element_bytes = (int64_t)cubn_element_bytes(tensor->type);
  return region;
}

static cubn_region *add_parameter(call_regions *call, const char *name, const void *pointer,
                                  bool is_written) {
  return cubn_add_array(&call->all, name, call->param, pointer, call->param_bytes, is_written);
}

/* Scale, bias and running statistics. These are written last, so they may be scale or bias. */
static void add_shared(call_regions *call, const char *name, const void *pointer, bool is_written) {
  cubn_region *const region = add_parameter(call, name, pointer, is_written);
  if (region) region->group = CUBN_GROUP_LAST;
}

static void add_saved(call_regions *call, const char *name, const void *pointer, bool is_written) {
  if (call->saved_bytes == call->param_bytes)
    add_parameter(call, name, pointer, is_written);
  else
    cubn_add_bytes(&call->all, name, pointer, call->saved_bytes, is_written);
}

/* As saved statistics, but of integers. */
static void add_flags(call_regions *call, const char *name, const int32_t *pointer) {
  const size_t count = call->saved_bytes / cubn_element_bytes(call->param->type);
  const size_t bytes = count * sizeof *pointer;
  if (call->saved_bytes != call->param_bytes) {
    cubn_add_bytes(&call->all, name, pointer, bytes, true);
    return;
  }
  cubn_region *const region = cubn_add_array(&call->all, name, call->param, pointer, bytes, true);
  if (region) region->element_bytes = sizeof *pointer;
}

static void add_tensors(call_regions *call, const cubn_problem *problem, const cubn_args *args) {
  const bool backward = problem->pass == CUBN_PASS_BACKWARD;
  const void *const input = problem->has_ddx ? args->second.ddx : args->z;
  const void *const pointers[CUBN_ARRAY_COUNT] = {[CUBN_ARRAY_X] = args->x,
                                                  [CUBN_ARRAY_OUTPUT] = args->output,
                                                  [CUBN_ARRAY_DY] = args->dy,
                                                  [CUBN_ARRAY_Z] = backward ? args->dz : input,
                                                  [CUBN_ARRAY_DDY] = args->second.ddy};
  for (int a = 0; a < CUBN_ARRAY_COUNT; ++a)
    if (problem->descriptors[a] && pointers[a]) {
      const bool is_written =
          a == CUBN_ARRAY_OUTPUT || a == CUBN_ARRAY_DDY || (a == CUBN_ARRAY_Z && backward);
      cubn_region *const region =
          cubn_add_array(&call->all, cubn_array_name(problem, a), problem->descriptors[a],
                         pointers[a], cubn_bytes_of(problem->descriptors[a]), is_written);
      if (region) region->group = CUBN_GROUP_TENSORS;
    }
  if (problem->validity.kind == CUBN_VALID_MASK)
    cubn_add_array(&call->all, "mask", problem->descriptors[CUBN_ARRAY_VALID], args->validity,
                   cubn_validity_bytes(problem), false);
  else
    cubn_add_bytes(&call->all, "lengths", args->validity, cubn_validity_bytes(problem), false);
}

static void add_parameters(call_regions *call, const cubn_problem *problem, const cubn_args *args) {
  const bool trains = problem->pass == CUBN_PASS_TRAIN;
  const bool gives_sums = problem->pass >= CUBN_PASS_BACKWARD && !problem->sums_are_given;
  add_shared(call, "scale", args->scale, false);
  add_shared(call, "bias", args->bias, false);
  add_parameter(call, "mean", args->mean, false);
  add_parameter(call, problem->var_is_inv_std ? "inv_std" : "var", args->var, false);
  add_saved(call, gives_sums && !problem->is_frozen ? "saved_mean_low" : "mean_low", args->mean_low,
            false);
  add_saved(call, "saved_mean", args->saved_mean, trains);
  add_saved(call, "saved_mean_low", args->saved_mean_low, trains);
  add_saved(call, "saved_inv_std", args->saved_inv_std, trains);
  add_parameter(call, "dscale", args->dscale, gives_sums);
  add_parameter(call, "dbias", args->dbias, gives_sums);
  add_saved(call, "saved_r", args->saved_r, trains);
  add_saved(call, "saved_d", args->saved_d, trains);
  add_flags(call, "nonfinite", args->nonfinite);
  cubn_add_bytes(&call->all, "any_nonfinite", args->any_nonfinite, sizeof *args->any_nonfinite,
                 true);
  add_parameter(call, "ddscale", args->second.ddscale, false);
  add_parameter(call, "ddbias", args->second.ddbias, false);
  add_parameter(call, "gscale", args->second.gscale, true);
  if (!trains || !args->running_mean) return;
  add_shared(call, "running_mean", args->running_mean, true);
  add_shared(call, "running_var", args->running_var, true);
  cubn_add_bytes(&call->all, "factor", args->factor_pointer, cubn_param_bytes(problem->type),
                 false);
  if (args->previous_running_mean != args->running_mean)
    add_parameter(call, "previous_running_mean", args->previous_running_mean, false);
  if (args->previous_running_var != args->running_var)
    add_parameter(call, "previous_running_var", args->previous_running_var, false);
}

/* Whether every byte between its ends is of an element. */
static bool has_no_gaps(const cubn_region *one) {
  return !one->tensor || elements_of(one->tensor) == cubn_extent_of(one->tensor);
}

static bool have_same_strides(const cubn_region *a, const cubn_region *b) {
  if (!a->tensor || !b->tensor || a->tensor->rank != b->tensor->rank) return false;
  if (a->element_bytes != b->element_bytes) return false;
  for (int i = 0; i < a->tensor->rank; ++i)
    if (a->tensor->dims[i] != b->tensor->dims[i] ||
        (a->tensor->dims[i] > 1 && a->tensor->strides[i] != b->tensor->strides[i]))
      return false;
  return true;
}

/* The dimension with the largest stride that is below `limit`, or at it and not before `from`;
 * -1 if none is left. */
static int next_dimension(const struct cubnTensorStruct *tensor, int64_t limit, int from) {
  int found = -1;
  int64_t largest = 0;
  for (int i = 0; i < tensor->rank; ++i) {
    const int64_t stride = tensor->strides[i];
    if (tensor->dims[i] <= 1 || stride > limit || (stride == limit && i < from)) continue;
    if (stride <= largest) continue;
    found = i;
    largest = stride;
  }
  return found;
}

/* Whether `distance` is a sum of multiples of strides, each by less than the dimension: then two
 * tensors with these strides, so far apart, have an element in common. Where the inner dimensions
 * reach less far than a stride, only the multiples next to the quotient come into question. */
static bool is_reachable(const struct cubnTensorStruct *tensor, int64_t distance, int64_t limit,
                         int from) {
  const int i = next_dimension(tensor, limit, from);
  if (i < 0) return distance == 0;
  const int64_t stride = tensor->strides[i], quotient = distance / stride;
  for (int64_t k = quotient - 1; k <= quotient + 1; ++k)
    if (k > -tensor->dims[i] && k < tensor->dims[i] &&
        is_reachable(tensor, distance - k * stride, stride, i + 1))
      return true;
  return false;
}

static bool have_common_element(const cubn_region *a, const cubn_region *b) {
  if (a->begin >= b->end || b->begin >= a->end) return false;
  if (a->begin == b->begin) return true;
  if (have_same_strides(a, b))
    return is_reachable(a->tensor, (int64_t)(b->begin - a->begin) / a->element_bytes, INT64_MAX, 0);
  /* The first or last element of one among those of another that has no gaps. */
  const cubn_region *const pair[] = {a, b};
  for (int i = 0; i < 2; ++i) {
    const cubn_region *dense = pair[i], *other = pair[1 - i];
    const uintptr_t last = other->end - (uintptr_t)other->element_bytes;
    if (has_no_gaps(dense) && ((other->begin >= dense->begin && other->begin < dense->end) ||
                               (last >= dense->begin && last < dense->end)))
      return true;
  }
  return false;
}

static bool may_be_one(const cubn_region *output, const cubn_region *other) {
  return output->group != 0 && output->group == other->group && output->begin == other->begin &&
         output->element_bytes == other->element_bytes &&
         (output->group == CUBN_GROUP_TENSORS || !other->is_written);
}

cubnStatus_t cubn_check_regions(const cubn_regions *all, const char *function) {
  for (int i = 0; i < all->count; ++i) {
    const cubn_region *output = &all->list[i];
    if (!output->is_written) continue;
    for (int j = 0; j < all->count; ++j) {
      const cubn_region *other = &all->list[j];
      if (i == j || !have_common_element(output, other) || may_be_one(output, other)) continue;
      return cubn_fail(CUBN_STATUS_BAD_PARAM, function,
                       "%s at %p to %p overlaps %s at %p to %p; it needs memory of its own%s",
                       output->name, (void *)output->begin, (void *)output->end, other->name,
                       (void *)other->begin, (void *)other->end,
                       output->group == CUBN_GROUP_TENSORS && !other->is_written
                           ? ", or the same address and strides"
                           : "");
    }
  }
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t cubn_check_overlap(const cubn_problem *problem, const cubn_args *args,
                                size_t reserve_bytes, const char *function) {
  if (cubn_are_apart(problem, args, reserve_bytes)) return CUBN_STATUS_SUCCESS;
  const struct cubnTensorStruct *const param = problem->descriptors[CUBN_ARRAY_PARAM];
  call_regions call;
  call.all.count = 0;
  call.param = param;
  call.param_bytes = cubn_bytes_of(param);
  call.saved_bytes = call.param_bytes * (size_t)cubn_virtual_batches(problem);
  add_tensors(&call, problem, args);
  add_parameters(&call, problem, args);
  cubn_add_bytes(&call.all, cubn_reserve_name(problem), args->reserve, reserve_bytes,
                 problem->pass != CUBN_PASS_BACKWARD);
  return cubn_check_regions(&call.all, function);
}
