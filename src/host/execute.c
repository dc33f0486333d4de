/* From a described call to a finished or enqueued one: validate, select, run. */
#include "host/execute.h"

#include "host/activation.h"

#include "core/check.h"
#include "core/error.h"
#include "host/overlap.h"
#include "host/problem.h"
#include "host/ranges.h"
#include "host/reserve.h"
#include "host/select.h"

static cubnStatus_t check_reserve(const cubn_problem *problem, cubn_reserve_space reserve,
                                  size_t needed_bytes, const char *function) {
  const char *const query =
      problem->is_classic ? "the ...ReserveSpaceSize function" : "cubnGetBatchNormReserveSize";
  CUBN_REQUIRE(needed_bytes == 0 || reserve.memory, function,
               "%s is NULL, must have %zu bytes, which %s says", cubn_reserve_name(problem),
               needed_bytes, query);
  CUBN_REQUIRE(reserve.bytes >= needed_bytes, function,
               "%s has %zu bytes, must have at least %zu, which %s says",
               cubn_reserve_name(problem), reserve.bytes, needed_bytes, query);
  return CUBN_STATUS_SUCCESS;
}

/* What the call leaves in the reserve space, or finds there. Inference leaves something to backward
 * only where a reserve space is given. */
static cubn_reserve reserve_of_call(const cubn_problem *problem, const cubn_args *args,
                                    cubn_reserve_space reserve) {
  const bool backward = problem->pass == CUBN_PASS_BACKWARD;
  const cubn_reserve kind = cubn_reserve_kind(problem);
  const bool requires = backward || (problem->is_classic && problem->pass == CUBN_PASS_TRAIN);
  if (!requires && !reserve.memory) return CUBN_RESERVE_NONE;
  return kind == CUBN_RESERVE_STATISTICS && args->mean_low ? CUBN_RESERVE_NONE : kind;
}

/* Whether there is nothing to compute. A backward pass over no values still has gradients of
 * parameters: zero. Nor does the extended interface leave statistics of no values unwritten. */
static bool is_nothing(const cubn_problem *problem, const cubn_args *args) {
  if (problem->c == 0) return true;
  if (problem->n > 0) return false;
  switch (problem->pass) {
    case CUBN_PASS_BACKWARD:
      return (!args->dscale && !args->dbias) || problem->sums_are_given;
    case CUBN_PASS_DOUBLE_BACKWARD:
      return !args->second.gscale;
    case CUBN_PASS_TRAIN:
      return problem->is_classic ||
             (!problem->has_running && !problem->has_saved && !args->nonfinite);
    default:
      return true;
  }
}

cubnStatus_t cubn_prepare(cubn_problem *problem, cubn_args *args, cubn_reserve_space reserve,
                          const char *function) {
  problem->reserve = reserve_of_call(problem, args, reserve);
  args->reserve = problem->reserve == CUBN_RESERVE_NONE ? NULL : reserve.memory;
  CUBN_TRY(cubn_problem_init(problem, args, function));
  const size_t reserve_bytes =
      problem->reserve == CUBN_RESERVE_NONE ? 0 : cubn_reserve_bytes(problem);
  CUBN_TRY(check_reserve(problem, reserve, reserve_bytes, function));
  return cubn_check_overlap(problem, args, reserve_bytes, function);
}

/* Runs all batches at once where the backend can, else the first. */
static cubnStatus_t run(cubnHandle_t handle, const cubn_algo *algo, const cubn_problem *problem,
                        const cubn_args *args, cubn_batches *batches) {
  if (batches && handle->backend->run_batches)
    CUBN_TRY(handle->backend->run_batches(handle->device, algo, problem, args, batches));
  if (batches && batches->are_done) return CUBN_STATUS_SUCCESS;
  return algo->run(handle->device, problem, args);
}

cubnStatus_t cubn_execute(cubnHandle_t handle, cubn_problem *problem, cubn_args *args,
                          cubn_reserve_space reserve, const char *function) {
  return cubn_execute_batches(handle, problem, args, reserve, NULL, function);
}

cubnStatus_t cubn_execute_batches(cubnHandle_t handle, cubn_problem *problem, cubn_args *args,
                                  cubn_reserve_space reserve, cubn_batches *batches,
                                  const char *function) {
  CUBN_TRY(cubn_prepare(problem, args, reserve, function));
  if (is_nothing(problem, args)) return CUBN_STATUS_SUCCESS;
  cubn_take_reserved_statistics(problem, args);

  const cubn_algo *algo = cubn_select(handle, problem, args);
  handle->last_algo = algo;
  if (!algo)
    return cubn_fail(CUBN_STATUS_INTERNAL_ERROR, function, "no algorithm accepts the problem");
  CUBN_TRY(cubn_within(function, handle->backend->workspace(handle->device, &args->workspace,
                                                            &args->workspace_bytes)));
  const size_t needed_bytes =
      algo->workspace_bytes ? algo->workspace_bytes(handle->device, problem) : 0;
  if (needed_bytes > args->workspace_bytes)
    return cubn_fail(CUBN_STATUS_INTERNAL_ERROR, function,
                     "algorithm %s needs %zu bytes of workspace, there are %zu", algo->name,
                     needed_bytes, args->workspace_bytes);
  cubn_range_begin(handle, problem, args);
  const cubnStatus_t status = run(handle, algo, problem, args, batches);
  cubn_range_end(handle);
  return cubn_within(function, status);
}

static cubnStatus_t read_factors(cubn_classic_call *call) {
  const bool backward = call->pass == CUBN_PASS_BACKWARD;
  const cubnTensorDescriptor_t x_desc = call->descriptors[CUBN_ARRAY_X];
  const char *const function = call->function;
  CUBN_TRY(cubn_read_factor(function, backward ? "alpha_data" : "alpha", call->alpha, x_desc,
                            &call->args.alpha));
  CUBN_TRY(cubn_read_factor(function, backward ? "beta_data" : "beta", call->beta, x_desc,
                            &call->args.beta));
  if (!backward) return CUBN_STATUS_SUCCESS;
  CUBN_TRY(cubn_read_factor(function, "alpha_param", call->param_alpha, x_desc,
                            &call->args.param_alpha));
  return cubn_read_factor(function, "beta_param", call->param_beta, x_desc, &call->args.param_beta);
}

cubnStatus_t cubn_run_classic_call(cubn_classic_call *call) {
  CUBN_REQUIRE_HANDLE(call->handle, call->function);
  CUBN_TRY(read_factors(call));
  cubn_args *args = &call->args;
  args->previous_running_mean = args->running_mean;
  args->previous_running_var = args->running_var;
  cubn_problem problem = {.pass = call->pass,
                          .mode = call->mode,
                          .has_saved = args->saved_mean,
                          .has_running = args->running_mean,
                          .blends = args->beta != 0.0,
                          .has_output = true,
                          .is_classic = true};
  CUBN_TRY(cubn_set_ops(&problem, call->ops, call->activation, call->function));
  problem.has_dz = problem.adds && call->pass == CUBN_PASS_BACKWARD;
  for (int a = 0; a < CUBN_ARRAY_DDY; ++a)
    if (a != CUBN_ARRAY_Z || problem.adds) problem.descriptors[a] = call->descriptors[a];
  if (!problem.adds) args->z = args->dz = NULL;
  return cubn_execute(call->handle, &problem, args, call->reserve, call->function);
}
