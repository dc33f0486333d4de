/* Checks the pointers of a call: which are required, aligned, and allowed to be equal. */
#include "host/pointers.h"

#include "core/check.h"
#include "host/descriptor.h"
#include "host/problem_text.h"
#include "host/reserve.h"
#include "host/validity.h"

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

static size_t reserve_alignment(const cubn_problem *problem) {
  switch (problem->reserve) {
    case CUBN_RESERVE_STATISTICS:
      return cubn_param_bytes(problem->type);
    case CUBN_RESERVE_INPUT:
      return cubn_element_bytes(problem->type);
    default:
      return 1;
  }
}

/* The pointers that only double backward has. */
static cubnStatus_t check_second(const cubn_problem *problem, const cubn_double_backward *second,
                                 const char *function) {
  const size_t element = cubn_element_bytes(problem->type);
  const size_t parameter = cubn_param_bytes(problem->type);
  const bool filled = problem->n > 0 && problem->c > 0;
  const pointer_argument list[] = {
      {"ddx", second->ddx, filled && problem->has_ddx, element},
      {"ddy", second->ddy, filled && problem->has_ddy, element},
      {"ddscale", second->ddscale, false, parameter},
      {"ddbias", second->ddbias, false, parameter},
      {"gscale", second->gscale, false, parameter},
  };
  return check_pointer_list(list, (int)(sizeof list / sizeof *list), function);
}

/* Those of tensors and parameters. Backward has gradients of parameters to write even where there
 * are no values. */
static cubnStatus_t check_usual(const cubn_problem *problem, const cubn_args *args, bool filled,
                                bool has_params, const char *function) {
  const size_t element = cubn_element_bytes(problem->type);
  const size_t parameter = cubn_param_bytes(problem->type);
  const bool backward = problem->pass >= CUBN_PASS_BACKWARD, classic = problem->is_classic;
  const bool needs_bias = !backward || cubn_recomputes_preactivation(problem);
  const bool given = problem->pass == CUBN_PASS_INFER || problem->is_frozen;
  const char *const output = problem->pass == CUBN_PASS_DOUBLE_BACKWARD ? "gx"
                             : backward                                 ? "dx"
                                                                        : "y";
  const pointer_argument list[] = {
      {problem->is_from_y ? "y" : "x", args->x, filled, element},
      {output, args->output, filled && problem->has_output, element},
      {"z", args->z, filled && problem->adds && !backward, element},
      {"scale", args->scale, has_params && classic, parameter},
      {"bias", args->bias, has_params && classic && needs_bias, parameter},
      {"mean", args->mean, has_params && given, parameter},
      {given ? "mean_low" : "saved_mean_low", args->mean_low, false, parameter},
      {problem->var_is_inv_std ? "inv_std" : "var", args->var, has_params && given, parameter},
      {cubn_reserve_name(problem), args->reserve, false, reserve_alignment(problem)},
  };
  return check_pointer_list(list, (int)(sizeof list / sizeof *list), function);
}

static cubnStatus_t check_gradients(const cubn_problem *problem, const cubn_args *args, bool filled,
                                    bool has_params, const char *function) {
  const size_t element = cubn_element_bytes(problem->type);
  const size_t parameter = cubn_param_bytes(problem->type);
  const bool needs_sums = problem->is_classic || problem->sums_are_given;
  const pointer_argument list[] = {
      {"dy", args->dy, filled, element},
      {"dz", args->dz, filled && problem->has_dz, element},
      {"dscale", args->dscale, has_params && needs_sums, parameter},
      {"dbias", args->dbias, has_params && needs_sums, parameter},
  };
  return check_pointer_list(list, (int)(sizeof list / sizeof *list), function);
}

static cubnStatus_t check_statistics(const cubn_problem *problem, const cubn_args *args,
                                     const char *function) {
  const size_t parameter = cubn_param_bytes(problem->type);
  const pointer_argument list[] = {
      {"saved_mean", args->saved_mean, false, parameter},
      {"saved_inv_std", args->saved_inv_std, false, parameter},
      {"saved_mean_low", args->saved_mean_low, false, parameter},
      {"running_mean", args->running_mean, false, parameter},
      {"running_var", args->running_var, false, parameter},
      {"previous_running_mean", args->previous_running_mean, false, parameter},
      {"previous_running_var", args->previous_running_var, false, parameter},
      {"factor", args->factor_pointer, false, parameter},
  };
  CUBN_TRY(check_pointer_list(list, (int)(sizeof list / sizeof *list), function));
  if (problem->pass == CUBN_PASS_TRAIN) {
    CUBN_TRY(
        check_pair(function, "running_mean", args->running_mean, "running_var", args->running_var));
    CUBN_TRY(check_pair(function, "previous_running_mean", args->previous_running_mean,
                        "previous_running_var", args->previous_running_var));
  }
  return check_pair(function, "saved_mean", args->saved_mean, "saved_inv_std", args->saved_inv_std);
}

/* What few calls have. */
static cubnStatus_t check_options(const cubn_problem *problem, const cubn_args *args, bool filled,
                                  bool has_params, const char *function) {
  const size_t parameter = cubn_param_bytes(problem->type);
  const bool needs_r = problem->renormalizes &&
                       (problem->pass == CUBN_PASS_BACKWARD || problem->has_saved) && has_params;
  const size_t validity = problem->validity.kind == CUBN_VALID_LENGTHS ? sizeof(int32_t) : 1;
  const pointer_argument list[] = {
      {"saved_r", args->saved_r, needs_r, parameter},
      {"saved_d", args->saved_d, needs_r, parameter},
      {"nonfinite", args->nonfinite, false, sizeof(int32_t)},
      {"any_nonfinite", args->any_nonfinite, false, sizeof(int32_t)},
      {cubn_validity_name(problem), args->validity, filled && problem->validity.kind, validity},
  };
  CUBN_TRY(check_pointer_list(list, (int)(sizeof list / sizeof *list), function));
  const bool needs_running =
      problem->renormalizes && problem->pass == CUBN_PASS_TRAIN && problem->c > 0;
  CUBN_REQUIRE(args->running_mean || !needs_running, function,
               "running_mean is NULL, but batch renormalization (CUBN_BATCHNORM_R_MAX is %g, "
               "CUBN_BATCHNORM_D_MAX is %g) needs running statistics",
               args->bounds.r_max, args->bounds.d_max);
  return check_pair(function, "saved_r", args->saved_r, "saved_d", args->saved_d);
}

static cubnStatus_t check_present(const cubn_problem *problem, const cubn_args *args,
                                  const char *function) {
  const bool filled = problem->n > 0 && problem->c > 0;
  const bool backward = problem->pass >= CUBN_PASS_BACKWARD;
  const bool has_params = backward ? problem->c > 0 : filled;
  CUBN_TRY(check_usual(problem, args, filled, has_params, function));
  if (backward) CUBN_TRY(check_gradients(problem, args, filled, has_params, function));
  if (problem->pass != CUBN_PASS_INFER) CUBN_TRY(check_statistics(problem, args, function));
  if (problem->pass == CUBN_PASS_DOUBLE_BACKWARD)
    CUBN_TRY(check_second(problem, &args->second, function));
  const bool has_options = problem->renormalizes || problem->validity.kind || args->nonfinite ||
                           args->any_nonfinite || args->saved_r || args->saved_d;
  return has_options ? check_options(problem, args, filled, has_params, function)
                     : CUBN_STATUS_SUCCESS;
}

/* In place needs the same element at the same address: same strides where pointers are equal. */
static cubnStatus_t check_in_place(const cubn_problem *problem, const char *function, int output,
                                   const void *output_pointer, int input,
                                   const void *input_pointer) {
  const struct cubnTensorStruct *to = problem->descriptors[output];
  const struct cubnTensorStruct *from = problem->descriptors[input];
  if (!to || !from || !output_pointer || output_pointer != input_pointer)
    return CUBN_STATUS_SUCCESS;
  for (int i = 0; i < to->rank; ++i)
    CUBN_REQUIRE(to->dims[i] <= 1 || to->strides[i] == from->strides[i], function,
                 "%s is %s, but dimension %d has stride %lld in one and %lld in the other",
                 cubn_array_name(problem, output), cubn_array_name(problem, input), i,
                 (long long)to->strides[i], (long long)from->strides[i]);
  return CUBN_STATUS_SUCCESS;
}

static cubnStatus_t check_aliasing(const cubn_problem *problem, const cubn_args *args,
                                   const char *function) {
  const void *const inputs[] = {
      [CUBN_ARRAY_X] = args->x, [CUBN_ARRAY_DY] = args->dy, [CUBN_ARRAY_Z] = args->z};
  for (int a = CUBN_ARRAY_X; a <= CUBN_ARRAY_Z; ++a) {
    if (a == CUBN_ARRAY_OUTPUT) continue;
    CUBN_TRY(check_in_place(problem, function, CUBN_ARRAY_OUTPUT, args->output, a, inputs[a]));
    if (a != CUBN_ARRAY_Z)
      CUBN_TRY(check_in_place(problem, function, CUBN_ARRAY_Z, args->dz, a, inputs[a]));
  }
  CUBN_REQUIRE(!args->dz || args->dz != args->output, function, "dz is dx, must be another tensor");
  if (problem->pass != CUBN_PASS_DOUBLE_BACKWARD) return CUBN_STATUS_SUCCESS;
  const void *const ddx = args->second.ddx, *const ddy = args->second.ddy;
  CUBN_TRY(check_in_place(problem, function, CUBN_ARRAY_OUTPUT, args->output, CUBN_ARRAY_Z, ddx));
  CUBN_TRY(check_in_place(problem, function, CUBN_ARRAY_DDY, ddy, CUBN_ARRAY_X, args->x));
  CUBN_TRY(check_in_place(problem, function, CUBN_ARRAY_DDY, ddy, CUBN_ARRAY_DY, args->dy));
  CUBN_TRY(check_in_place(problem, function, CUBN_ARRAY_DDY, ddy, CUBN_ARRAY_Z, ddx));
  CUBN_REQUIRE(!ddy || ddy != args->output, function, "ddy is gx, must be another tensor");
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t cubn_check_pointers(const cubn_problem *problem, const cubn_args *args,
                                 const char *function) {
  CUBN_TRY(check_present(problem, args, function));
  return check_aliasing(problem, args, function);
}
