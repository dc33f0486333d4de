#include "host/overlap.h"

#include <string.h>

#include "core/check.h"
#include "host/descriptor.h"
#include "host/problem_text.h"
#include "host/reserve.h"
#include "host/virtual_batches.h"

/* An array of the call. */
typedef struct region {
  const char *name;
  const struct cubnTensorStruct *tensor; /* NULL: consecutive bytes */
  uintptr_t begin, end;                  /* end: after the last element */
  int64_t element_bytes;
  bool is_written;
  bool is_parameter; /* an array of parameters */
} region;

enum { REGIONS_MAX = 32 };

typedef struct regions {
  const struct cubnTensorStruct *param;
  size_t param_bytes; /* of each array of parameters */
  size_t saved_bytes; /* of each array of saved statistics */
  int count;
  region list[REGIONS_MAX];
} regions;

static int64_t elements_of(const struct cubnTensorStruct *tensor) {
  int64_t count = 1;
  for (int i = 0; i < tensor->rank; ++i) count *= tensor->dims[i];
  return count;
}

static void add_bytes(regions *all, const char *name, const void *pointer, size_t bytes,
                      bool is_written) {
  if (!pointer || bytes == 0) return;
  const uintptr_t begin = (uintptr_t)pointer;
  all->list[all->count++] = (region){.name = name,
                                     .begin = begin,
                                     .end = begin + bytes < begin ? UINTPTR_MAX : begin + bytes,
                                     .element_bytes = 1,
                                     .is_written = is_written};
}

static void add_array(regions *all, const char *name, const struct cubnTensorStruct *tensor,
                      const void *pointer, size_t bytes, bool is_written) {
  if (!pointer || bytes == 0) return;
  add_bytes(all, name, pointer, bytes, is_written);
  all->list[all->count - 1].tensor = tensor;
  all->list[all->count - 1].element_bytes = (int64_t)cubn_element_bytes(tensor->type);
}

static void add_parameter(regions *all, const char *name, const void *pointer, bool is_written) {
  const int before = all->count;
  add_array(all, name, all->param, pointer, all->param_bytes, is_written);
  if (all->count > before) all->list[before].is_parameter = true;
}

static void add_saved(regions *all, const char *name, const void *pointer, bool is_written) {
  if (all->saved_bytes == all->param_bytes)
    add_parameter(all, name, pointer, is_written);
  else
    add_bytes(all, name, pointer, all->saved_bytes, is_written);
}

/* As a parameter, but of integers. */
static void add_flags(regions *all, const char *name, const int32_t *pointer) {
  const int before = all->count;
  const size_t bytes = all->saved_bytes / cubn_element_bytes(all->param->type) * sizeof *pointer;
  if (all->saved_bytes != all->param_bytes) {
    add_bytes(all, name, pointer, bytes, true);
    return;
  }
  add_array(all, name, all->param, pointer, bytes, true);
  if (all->count > before) all->list[before].element_bytes = sizeof *pointer;
}

static void add_tensors(regions *all, const cubn_problem *problem, const cubn_args *args) {
  const bool backward = problem->pass == CUBN_PASS_BACKWARD;
  const void *const input = problem->has_ddx ? args->second.ddx : args->z;
  const void *const pointers[CUBN_ARRAY_COUNT] = {[CUBN_ARRAY_X] = args->x,
                                                  [CUBN_ARRAY_OUTPUT] = args->output,
                                                  [CUBN_ARRAY_DY] = args->dy,
                                                  [CUBN_ARRAY_Z] = backward ? args->dz : input,
                                                  [CUBN_ARRAY_DDY] = args->second.ddy};
  for (int a = 0; a < CUBN_ARRAY_COUNT; ++a)
    if (problem->descriptors[a] && pointers[a])
      add_array(all, cubn_array_name(problem, a), problem->descriptors[a], pointers[a],
                cubn_bytes_of(problem->descriptors[a]),
                a == CUBN_ARRAY_OUTPUT || a == CUBN_ARRAY_DDY || (a == CUBN_ARRAY_Z && backward));
  if (problem->validity.kind == CUBN_VALID_MASK)
    add_array(all, "mask", problem->descriptors[CUBN_ARRAY_VALID], args->validity,
              cubn_validity_bytes(problem), false);
  else
    add_bytes(all, "lengths", args->validity, cubn_validity_bytes(problem), false);
}

static void add_parameters(regions *all, const cubn_problem *problem, const cubn_args *args) {
  const bool trains = problem->pass == CUBN_PASS_TRAIN;
  const bool gives_sums = problem->pass >= CUBN_PASS_BACKWARD && !problem->sums_are_given;
  add_parameter(all, "scale", args->scale, false);
  add_parameter(all, "bias", args->bias, false);
  add_parameter(all, "mean", args->mean, false);
  add_parameter(all, problem->var_is_inv_std ? "inv_std" : "var", args->var, false);
  add_saved(all, gives_sums && !problem->is_frozen ? "saved_mean_low" : "mean_low", args->mean_low,
            false);
  add_saved(all, "saved_mean", args->saved_mean, trains);
  add_saved(all, "saved_mean_low", args->saved_mean_low, trains);
  add_saved(all, "saved_inv_std", args->saved_inv_std, trains);
  add_parameter(all, "dscale", args->dscale, gives_sums);
  add_parameter(all, "dbias", args->dbias, gives_sums);
  add_saved(all, "saved_r", args->saved_r, trains);
  add_saved(all, "saved_d", args->saved_d, trains);
  add_flags(all, "nonfinite", args->nonfinite);
  add_bytes(all, "any_nonfinite", args->any_nonfinite, sizeof *args->any_nonfinite, true);
  add_parameter(all, "ddscale", args->second.ddscale, false);
  add_parameter(all, "ddbias", args->second.ddbias, false);
  add_parameter(all, "gscale", args->second.gscale, true);
  if (!trains || !args->running_mean) return;
  add_parameter(all, "running_mean", args->running_mean, true);
  add_parameter(all, "running_var", args->running_var, true);
  add_bytes(all, "factor", args->factor_pointer, cubn_param_bytes(problem->type), false);
  if (args->previous_running_mean != args->running_mean)
    add_parameter(all, "previous_running_mean", args->previous_running_mean, false);
  if (args->previous_running_var != args->running_var)
    add_parameter(all, "previous_running_var", args->previous_running_var, false);
}

/* Whether every byte between its ends is of an element. */
static bool has_no_gaps(const region *one) {
  return !one->tensor || elements_of(one->tensor) == cubn_extent_of(one->tensor);
}

static bool have_same_strides(const region *a, const region *b) {
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

static bool have_common_element(const region *a, const region *b) {
  if (a->begin >= b->end || b->begin >= a->end) return false;
  if (a->begin == b->begin) return true;
  if (have_same_strides(a, b))
    return is_reachable(a->tensor, (int64_t)(b->begin - a->begin) / a->element_bytes, INT64_MAX, 0);
  /* The first or last element of one among those of another that has no gaps. */
  const region *const pair[] = {a, b};
  for (int i = 0; i < 2; ++i) {
    const region *dense = pair[i], *other = pair[1 - i];
    const uintptr_t last = other->end - (uintptr_t)other->element_bytes;
    if (has_no_gaps(dense) && ((other->begin >= dense->begin && other->begin < dense->end) ||
                               (last >= dense->begin && last < dense->end)))
      return true;
  }
  return false;
}

/* Tensors may be the same one; running statistics are written last, so scale and bias may be,
 * too. */
static bool may_be_same(const region *output, const region *other) {
  if (output->begin != other->begin) return false;
  if (!output->is_parameter)
    return output->tensor && other->tensor && !other->is_parameter &&
           output->element_bytes == other->element_bytes;
  return output->name[0] == 'r' && !other->is_written &&
         (strcmp(other->name, "scale") == 0 || strcmp(other->name, "bias") == 0);
}

cubnStatus_t cubn_check_overlap(const cubn_problem *problem, const cubn_args *args,
                                size_t reserve_bytes, const char *function) {
  if (cubn_are_apart(problem, args, reserve_bytes)) return CUBN_STATUS_SUCCESS;
  regions all;
  all.count = 0;
  all.param = problem->descriptors[CUBN_ARRAY_PARAM];
  all.param_bytes = cubn_bytes_of(all.param);
  all.saved_bytes = all.param_bytes * (size_t)cubn_virtual_batches(problem);
  add_tensors(&all, problem, args);
  add_parameters(&all, problem, args);
  add_bytes(&all, cubn_reserve_name(problem), args->reserve, reserve_bytes,
            problem->pass != CUBN_PASS_BACKWARD);
  for (int i = 0; i < all.count; ++i) {
    const region *output = &all.list[i];
    if (!output->is_written) continue;
    for (int j = 0; j < all.count; ++j) {
      const region *other = &all.list[j];
      if (i == j || !have_common_element(output, other) || may_be_same(output, other)) continue;
      return cubn_fail(CUBN_STATUS_BAD_PARAM, function,
                       "%s at %p to %p overlaps %s at %p to %p; it needs memory of its own%s",
                       output->name, (void *)output->begin, (void *)output->end, other->name,
                       (void *)other->begin, (void *)other->end,
                       output->tensor && !output->is_parameter && !other->is_written
                           ? ", or the same address and strides"
                           : "");
    }
  }
  return CUBN_STATUS_SUCCESS;
}
