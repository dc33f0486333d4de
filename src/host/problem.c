/* Validates the arguments of a call. Each message names the argument as the public header does, and
 * its value. */
#include "host/problem.h"

#include <stdio.h>

#include "core/check.h"
#include "host/axes.h"
#include "host/descriptor.h"
#include "host/names.h"
#include "host/pointers.h"
#include "host/problem_text.h"
#include "host/strides.h"
#include "host/validity.h"

/* Whether the call has this array, and so must describe it. */
static bool is_needed(const cubn_problem *problem, int array) {
  switch (array) {
    case CUBN_ARRAY_OUTPUT:
      return problem->has_output;
    case CUBN_ARRAY_DY:
      return problem->pass >= CUBN_PASS_BACKWARD;
    case CUBN_ARRAY_Z:
      if (problem->pass == CUBN_PASS_DOUBLE_BACKWARD) return problem->has_ddx;
      return problem->pass == CUBN_PASS_BACKWARD ? problem->has_dz : problem->adds;
    case CUBN_ARRAY_DDY:
      return problem->has_ddy;
    default:
      return array == CUBN_ARRAY_X || array == CUBN_ARRAY_PARAM;
  }
}

static cubnStatus_t check_output_strides(const cubn_problem *problem, int array,
                                         const char *function) {
  return cubn_check_distinct(function, cubn_array_name(problem, array),
                             problem->descriptors[array]);
}

static cubnStatus_t check_set(const char *function, const char *name,
                              const struct cubnTensorStruct *tensor) {
  char argument[24];
  if (cubn_is(tensor, CUBN_TENSOR) && tensor->is_set) return CUBN_STATUS_SUCCESS;
  snprintf(argument, sizeof argument, "%s_desc", name);
  return cubn_check_set(function, argument, tensor);
}

static cubnStatus_t check_descriptors(const cubn_problem *problem, const char *function) {
  const struct cubnTensorStruct *x = problem->descriptors[CUBN_ARRAY_X];
  for (int a = 0; a < CUBN_ARRAY_COUNT; ++a) {
    if (!is_needed(problem, a)) continue;
    const struct cubnTensorStruct *tensor = problem->descriptors[a];
    const char *name = cubn_array_name(problem, a);
    CUBN_TRY(check_set(function, name, tensor));
    CUBN_TRY(cubn_check_strides(function, name, tensor));
    if (a == CUBN_ARRAY_X || a == CUBN_ARRAY_PARAM) continue;
    CUBN_REQUIRE(tensor->type == x->type, function, "%s_desc has type %s, must be that of x, %s",
                 name, cubn_type_name(tensor->type), cubn_type_name(x->type));
    CUBN_REQUIRE(tensor->rank == x->rank, function, "%s_desc has rank %d, must be that of x, %d",
                 name, tensor->rank, x->rank);
    for (int i = 0; i < x->rank; ++i)
      CUBN_REQUIRE(tensor->dims[i] == x->dims[i], function,
                   "%s_desc has size %lld in dimension %d, must have that of x, %lld", name,
                   (long long)tensor->dims[i], i, (long long)x->dims[i]);
  }
  if (problem->has_output) CUBN_TRY(check_output_strides(problem, CUBN_ARRAY_OUTPUT, function));
  if (problem->has_dz) CUBN_TRY(check_output_strides(problem, CUBN_ARRAY_Z, function));
  if (problem->has_ddy) CUBN_TRY(check_output_strides(problem, CUBN_ARRAY_DDY, function));
  const bool is_int8 = x->type == CUBN_DATA_INT8;
  if (is_int8 == problem->is_quantized) return CUBN_STATUS_SUCCESS;
  CUBN_REQUIRE(is_int8, function, "x_desc has type %s, must be CUBN_DATA_INT8",
               cubn_type_name(x->type));
  return cubn_fail(
      CUBN_STATUS_NOT_SUPPORTED, function,
      "x_desc has type CUBN_DATA_INT8; float, double, half and bfloat16 are supported");
}

/* The parameter descriptor: 1 x C x 1 x 1 or 1 x C x H x W, trailing dimensions of 1 optional. */
static cubnStatus_t check_parameters(const cubn_problem *problem, const char *function) {
  const struct cubnTensorStruct *x = problem->descriptors[CUBN_ARRAY_X];
  const struct cubnTensorStruct *param = problem->descriptors[CUBN_ARRAY_PARAM];
  const cubnDataType_t type = x->type == CUBN_DATA_DOUBLE ? CUBN_DATA_DOUBLE : CUBN_DATA_FLOAT;
  CUBN_REQUIRE(param->type == type, function, "param_desc has type %s, must be %s for this x",
               cubn_type_name(param->type), cubn_type_name(type));
  const bool per_activation = problem->mode == CUBN_BATCHNORM_PER_ACTIVATION;
  for (int i = 0; i < CUBN_DIM_MAX; ++i) {
    const bool varies = i == 1 || (i > 1 && per_activation && i < x->rank);
    const int64_t wanted = varies ? x->dims[i] : 1;
    const int64_t found = i < param->rank ? param->dims[i] : 1;
    CUBN_REQUIRE(found == wanted, function,
                 "param_desc has size %lld in dimension %d, must have %lld for this x and mode",
                 (long long)found, i, (long long)wanted);
  }
  return cubn_check_distinct(function, "param", param);
}

static cubnStatus_t check_numbers(const cubn_problem *problem, const cubn_args *args,
                                  const char *function) {
  CUBN_REQUIRE(args->epsilon >= CUBN_BN_MIN_EPSILON, function, "epsilon is %g, must be at least %g",
               args->epsilon, CUBN_BN_MIN_EPSILON);
  if (problem->pass == CUBN_PASS_TRAIN && !args->factor_pointer)
    CUBN_REQUIRE(args->factor >= 0.0 && args->factor <= 1.0, function,
                 "factor is %g, must be in [0, 1]", args->factor);
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t cubn_problem_describe(cubn_problem *problem, const char *function) {
  CUBN_TRY(cubn_check_mode(problem->mode, function));
  CUBN_TRY(check_descriptors(problem, function));
  CUBN_TRY(check_parameters(problem, function));
  CUBN_TRY(cubn_check_validity(problem, function));
  problem->type = problem->descriptors[CUBN_ARRAY_X]->type;
  cubn_collapse(problem);
  return CUBN_STATUS_SUCCESS;
}

cubn_normalizer cubn_make_normalizer(const cubn_problem *problem, double epsilon, double m,
                                     double sums_m) {
  const bool is_outside = problem->epsilon_is_outside;
  return (cubn_normalizer){cubn_variance_growth(problem->normalizes_unbiased, m),
                           cubn_variance_growth(problem->normalizes_unbiased, sums_m),
                           is_outside ? 0 : epsilon, is_outside ? epsilon : 0};
}

cubnStatus_t cubn_problem_init(cubn_problem *problem, cubn_args *args, const char *function) {
  CUBN_TRY(cubn_problem_describe(problem, function));
  CUBN_TRY(check_numbers(problem, args, function));
  if (problem->reserve == CUBN_RESERVE_MASK) cubn_mask_layout(problem);
  const bool all_valid = problem->validity.kind == CUBN_VALID_ALL;
  if (args->count == 0 && all_valid) args->count = (double)cubn_count(problem);
  const bool needs_count = problem->sums_are_given && problem->has_output && !problem->is_frozen;
  CUBN_REQUIRE(args->count > 0 || all_valid || !needs_count || problem->n == 0, function,
               "CUBN_BATCHNORM_COUNT is 0, with CUBN_SUMS_GIVEN and %s it must be the number of "
               "values per channel that the sums run over",
               cubn_validity_name(problem));
  if (!all_valid && problem->normalizes_unbiased)
    return cubn_fail(CUBN_STATUS_NOT_SUPPORTED, function,
                     "%s is given, and CUBN_BATCHNORM_VARIANCE is CUBN_VARIANCE_UNBIASED: channels "
                     "of different numbers of values have no common factor",
                     cubn_validity_name(problem));
  args->normalizer =
      cubn_make_normalizer(problem, args->epsilon, (double)cubn_count(problem), args->count);
  return cubn_check_pointers(problem, args, function);
}

cubnStatus_t cubn_read_factor(const char *function, const char *argument, const void *pointer,
                              cubnTensorDescriptor_t tensor, double *value) {
  CUBN_REQUIRE(pointer, function, "%s is NULL", argument);
  const bool is_double =
      cubn_is(tensor, CUBN_TENSOR) && tensor->is_set && tensor->type == CUBN_DATA_DOUBLE;
  *value = is_double ? *(const double *)pointer : (double)*(const float *)pointer;
  return CUBN_STATUS_SUCCESS;
}
