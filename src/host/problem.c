/* Validates the arguments of a call. Each message names the argument as the public header does, and
 * its value. */
#include "host/problem.h"

#include "host/axes.h"
#include "host/check.h"
#include "host/descriptor.h"

/* The names of arrays in messages, per pass. */
static const char *array_name(const cubn_problem *problem, int array) {
  switch (array) {
    case CUBN_ARRAY_X:
      return "x";
    case CUBN_ARRAY_OUTPUT:
      return problem->pass == CUBN_PASS_BACKWARD ? "dx" : "y";
    case CUBN_ARRAY_DY:
      return "dy";
    default:
      return "param";
  }
}

static cubnStatus_t check_descriptors(const cubn_problem *problem, const char *function) {
  const struct cubnTensorStruct *x = problem->descriptors[CUBN_ARRAY_X];
  for (int a = 0; a < CUBN_ARRAY_COUNT; ++a) {
    if (a == CUBN_ARRAY_DY && problem->pass != CUBN_PASS_BACKWARD) continue;
    const struct cubnTensorStruct *tensor = problem->descriptors[a];
    const char *name = array_name(problem, a);
    CUBN_REQUIRE(tensor, function, "%s_desc is NULL", name);
    CUBN_REQUIRE(tensor->is_set, function, "%s_desc was never set", name);
    if (a == CUBN_ARRAY_X || a == CUBN_ARRAY_PARAM) continue;
    CUBN_REQUIRE(tensor->type == x->type, function, "%s_desc has type %d, must be that of x, %d",
                 name, (int)tensor->type, (int)x->type);
    CUBN_REQUIRE(tensor->rank == x->rank, function, "%s_desc has rank %d, must be that of x, %d",
                 name, tensor->rank, x->rank);
    for (int i = 0; i < x->rank; ++i)
      CUBN_REQUIRE(tensor->dims[i] == x->dims[i], function,
                   "%s_desc has dimension %d of %lld, must be that of x, %lld", name, i,
                   (long long)tensor->dims[i], (long long)x->dims[i]);
  }
  const struct cubnTensorStruct *output = problem->descriptors[CUBN_ARRAY_OUTPUT];
  for (int i = 0; i < output->rank; ++i)
    CUBN_REQUIRE(output->dims[i] <= 1 || output->strides[i] > 0, function,
                 "%s_desc has stride 0 in dimension %d of %lld",
                 array_name(problem, CUBN_ARRAY_OUTPUT), i, (long long)output->dims[i]);
  if (x->type == CUBN_DATA_INT8)
    return cubn_fail(
        CUBN_STATUS_NOT_SUPPORTED, function,
        "x_desc has type CUBN_DATA_INT8; float, double, half and bfloat16 are supported");
  return CUBN_STATUS_SUCCESS;
}

/* The parameter descriptor: 1 x C x 1 x 1 or 1 x C x H x W, trailing dimensions of 1 optional. */
static cubnStatus_t check_parameters(const cubn_problem *problem, const char *function) {
  const struct cubnTensorStruct *x = problem->descriptors[CUBN_ARRAY_X];
  const struct cubnTensorStruct *param = problem->descriptors[CUBN_ARRAY_PARAM];
  const cubnDataType_t type = x->type == CUBN_DATA_DOUBLE ? CUBN_DATA_DOUBLE : CUBN_DATA_FLOAT;
  CUBN_REQUIRE(param->type == type, function, "param_desc has type %d, must be %d for this x",
               (int)param->type, (int)type);
  const bool per_activation = problem->mode == CUBN_BATCHNORM_PER_ACTIVATION;
  for (int i = 0; i < CUBN_DIM_MAX; ++i) {
    const bool varies = i == 1 || (i > 1 && per_activation && i < x->rank);
    const int64_t wanted = varies ? x->dims[i] : 1;
    const int64_t found = i < param->rank ? param->dims[i] : 1;
    CUBN_REQUIRE(found == wanted, function,
                 "param_desc has dimension %d of %lld, must be %lld for this x and mode", i,
                 (long long)found, (long long)wanted);
    CUBN_REQUIRE(found <= 1 || param->strides[i] > 0, function,
                 "param_desc has stride 0 in dimension %d of %lld", i, (long long)found);
  }
  return CUBN_STATUS_SUCCESS;
}

static cubnStatus_t check_numbers(const cubn_problem *problem, const cubn_args *args,
                                  const char *function) {
  CUBN_REQUIRE(args->epsilon >= CUBN_BN_MIN_EPSILON, function, "epsilon is %g, must be at least %g",
               args->epsilon, CUBN_BN_MIN_EPSILON);
  if (problem->pass == CUBN_PASS_TRAIN)
    CUBN_REQUIRE(args->factor >= 0.0 && args->factor <= 1.0, function,
                 "factor is %g, must be in [0, 1]", args->factor);
  return CUBN_STATUS_SUCCESS;
}

/* A pointer argument, as checked. */
typedef struct pointer_argument {
  const char *name;
  const void *pointer;
  bool is_required;
  size_t alignment_bytes;
} pointer_argument;

static cubnStatus_t check_pointer_list(const pointer_argument *list, int count,
                                       const char *function) {
  for (int i = 0; i < count; ++i) {
    CUBN_REQUIRE(list[i].pointer || !list[i].is_required, function, "%s is NULL", list[i].name);
    CUBN_REQUIRE((uintptr_t)list[i].pointer % list[i].alignment_bytes == 0, function,
                 "%s is %p, must be aligned to its element type, %zu bytes", list[i].name,
                 list[i].pointer, list[i].alignment_bytes);
  }
  return CUBN_STATUS_SUCCESS;
}

static cubnStatus_t check_pair(const char *function, const char *name_a, const void *a,
                               const char *name_b, const void *b) {
  CUBN_REQUIRE(!a == !b, function, "%s is NULL but %s is not: both or none", a ? name_b : name_a,
               a ? name_a : name_b);
  return CUBN_STATUS_SUCCESS;
}

static cubnStatus_t check_pointers(const cubn_problem *problem, const cubn_args *args,
                                   const char *function) {
  const size_t element = cubn_element_bytes(problem->type);
  const size_t parameter = problem->type == CUBN_DATA_DOUBLE ? sizeof(double) : sizeof(float);
  const bool filled = problem->n > 0 && problem->c > 0;
  const bool backward = problem->pass == CUBN_PASS_BACKWARD;
  const bool training = problem->pass == CUBN_PASS_TRAIN;
  const bool inference = problem->pass == CUBN_PASS_INFER;
  /* Backward has gradients of parameters to write even where there are no values. */
  const bool has_params = backward ? problem->c > 0 : filled;
  const pointer_argument list[] = {
      {"x", args->x, filled, element},
      {"dy", args->dy, filled && backward, element},
      {backward ? "dx" : "y", args->output, filled, element},
      {"scale", args->scale, has_params, parameter},
      {"bias", args->bias, has_params && !backward, parameter},
      {"mean", args->mean, has_params && inference, parameter},
      {"var", args->var, has_params && inference, parameter},
      {"dscale", args->dscale, has_params && backward, parameter},
      {"dbias", args->dbias, has_params && backward, parameter},
      {"running_mean", args->running_mean, false, parameter},
      {"running_var", args->running_var, false, parameter},
      {"saved_mean", args->saved_mean, false, parameter},
      {"saved_inv_std", args->saved_inv_std, false, parameter},
  };
  CUBN_TRY(check_pointer_list(list, (int)(sizeof list / sizeof *list), function));
  if (training)
    CUBN_TRY(
        check_pair(function, "running_mean", args->running_mean, "running_var", args->running_var));
  return check_pair(function, "saved_mean", args->saved_mean, "saved_inv_std", args->saved_inv_std);
}

/* In place needs the same element at the same address. */
static cubnStatus_t check_aliasing(const cubn_problem *problem, const cubn_args *args,
                                   const char *function) {
  const void *const pointers[] = {args->x, args->output, args->dy};
  const struct cubnTensorStruct *output = problem->descriptors[CUBN_ARRAY_OUTPUT];
  for (int a = CUBN_ARRAY_X; a <= CUBN_ARRAY_DY; ++a) {
    const struct cubnTensorStruct *tensor = problem->descriptors[a];
    if (a == CUBN_ARRAY_OUTPUT || !tensor || pointers[a] != args->output) continue;
    for (int i = 0; i < output->rank; ++i)
      CUBN_REQUIRE(
          output->dims[i] <= 1 || output->strides[i] == tensor->strides[i] || !args->output,
          function, "%s is %s, but dimension %d has stride %lld in one and %lld in the other",
          array_name(problem, CUBN_ARRAY_OUTPUT), array_name(problem, a), i,
          (long long)output->strides[i], (long long)tensor->strides[i]);
  }
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t cubn_problem_init(cubn_problem *problem, const cubn_args *args, const char *function) {
  CUBN_REQUIRE(problem->mode >= CUBN_BATCHNORM_PER_ACTIVATION &&
                   problem->mode <= CUBN_BATCHNORM_SPATIAL_PERSISTENT,
               function, "mode is %d, which is no cubnBatchNormMode_t", (int)problem->mode);
  CUBN_TRY(check_descriptors(problem, function));
  CUBN_TRY(check_parameters(problem, function));
  CUBN_TRY(check_numbers(problem, args, function));
  problem->type = problem->descriptors[CUBN_ARRAY_X]->type;
  cubn_collapse(problem);
  CUBN_TRY(check_pointers(problem, args, function));
  return check_aliasing(problem, args, function);
}

cubnStatus_t cubn_read_factor(const char *function, const char *argument, const void *pointer,
                              cubnTensorDescriptor_t tensor, double *value) {
  CUBN_REQUIRE(pointer, function, "%s is NULL", argument);
  const bool is_double = tensor && tensor->is_set && tensor->type == CUBN_DATA_DOUBLE;
  *value = is_double ? *(const double *)pointer : (double)*(const float *)pointer;
  return CUBN_STATUS_SUCCESS;
}
