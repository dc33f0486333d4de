/* The public operations: check the handle, describe the problem, select, run. */
#include "host/check.h"
#include "host/error.h"
#include "host/handle.h"
#include "host/problem.h"
#include "host/select.h"

/* Validates and runs a call whose problem and arguments are filled in as given by the caller. */
static cubnStatus_t run(cubnHandle_t handle, cubn_problem *problem, cubn_args *args,
                        const char *function) {
  CUBN_TRY(cubn_problem_init(problem, args, function));
  /* Nothing to compute. A backward pass over no values still has gradients of parameters: zero. */
  if (problem->c == 0) return CUBN_STATUS_SUCCESS;
  if (problem->n == 0 && problem->pass != CUBN_PASS_BACKWARD) return CUBN_STATUS_SUCCESS;

  const cubn_algo *algo = cubn_select(handle, problem, args);
  handle->last_algo = algo;
  if (!algo)
    return cubn_fail(CUBN_STATUS_INTERNAL_ERROR, function, "no algorithm accepts the problem");
  args->workspace = handle->backend->workspace(handle->device, &args->workspace_bytes);
  const size_t needed_bytes =
      algo->workspace_bytes ? algo->workspace_bytes(handle->device, problem) : 0;
  if (needed_bytes > args->workspace_bytes)
    return cubn_fail(CUBN_STATUS_INTERNAL_ERROR, function,
                     "algorithm %s needs %zu bytes of workspace, there are %zu", algo->name,
                     needed_bytes, args->workspace_bytes);
  return cubn_within(function, algo->run(handle->device, problem, args));
}

cubnStatus_t cubnBatchNormalizationForwardTraining(
    cubnHandle_t handle, cubnBatchNormMode_t mode, const void *alpha, const void *beta,
    const cubnTensorDescriptor_t x_desc, const void *x, const cubnTensorDescriptor_t y_desc,
    void *y, const cubnTensorDescriptor_t param_desc, const void *scale, const void *bias,
    double factor, void *running_mean, void *running_var, double epsilon, void *saved_mean,
    void *saved_inv_std) {
  CUBN_REQUIRE_HANDLE(handle, __func__);
  cubn_args args = {.epsilon = epsilon,
                    .factor = factor,
                    .x = x,
                    .output = y,
                    .scale = scale,
                    .bias = bias,
                    .running_mean = running_mean,
                    .running_var = running_var,
                    .saved_mean = saved_mean,
                    .saved_inv_std = saved_inv_std};
  CUBN_TRY(cubn_read_factor(__func__, "alpha", alpha, x_desc, &args.alpha));
  CUBN_TRY(cubn_read_factor(__func__, "beta", beta, x_desc, &args.beta));
  cubn_problem problem = {.pass = CUBN_PASS_TRAIN,
                          .mode = mode,
                          .has_saved = saved_mean,
                          .has_running = running_mean,
                          .blends = args.beta != 0.0,
                          .descriptors = {x_desc, y_desc, NULL, param_desc}};
  return run(handle, &problem, &args, __func__);
}

cubnStatus_t cubnBatchNormalizationForwardInference(
    cubnHandle_t handle, cubnBatchNormMode_t mode, const void *alpha, const void *beta,
    const cubnTensorDescriptor_t x_desc, const void *x, const cubnTensorDescriptor_t y_desc,
    void *y, const cubnTensorDescriptor_t param_desc, const void *scale, const void *bias,
    const void *mean, const void *var, double epsilon) {
  CUBN_REQUIRE_HANDLE(handle, __func__);
  cubn_args args = {.epsilon = epsilon,
                    .x = x,
                    .output = y,
                    .scale = scale,
                    .bias = bias,
                    .mean = mean,
                    .var = var};
  CUBN_TRY(cubn_read_factor(__func__, "alpha", alpha, x_desc, &args.alpha));
  CUBN_TRY(cubn_read_factor(__func__, "beta", beta, x_desc, &args.beta));
  cubn_problem problem = {.pass = CUBN_PASS_INFER,
                          .mode = mode,
                          .blends = args.beta != 0.0,
                          .descriptors = {x_desc, y_desc, NULL, param_desc}};
  return run(handle, &problem, &args, __func__);
}

cubnStatus_t cubnBatchNormalizationBackward(
    cubnHandle_t handle, cubnBatchNormMode_t mode, const void *alpha_data, const void *beta_data,
    const void *alpha_param, const void *beta_param, const cubnTensorDescriptor_t x_desc,
    const void *x, const cubnTensorDescriptor_t dy_desc, const void *dy,
    const cubnTensorDescriptor_t dx_desc, void *dx, const cubnTensorDescriptor_t param_desc,
    const void *scale, void *dscale, void *dbias, double epsilon, const void *saved_mean,
    const void *saved_inv_std) {
  CUBN_REQUIRE_HANDLE(handle, __func__);
  cubn_args args = {.epsilon = epsilon,
                    .x = x,
                    .dy = dy,
                    .output = dx,
                    .scale = scale,
                    .dscale = dscale,
                    .dbias = dbias,
                    /* backward only reads them: see cubn_args */
                    .saved_mean = (void *)(uintptr_t)saved_mean,
                    .saved_inv_std = (void *)(uintptr_t)saved_inv_std};
  CUBN_TRY(cubn_read_factor(__func__, "alpha_data", alpha_data, x_desc, &args.alpha));
  CUBN_TRY(cubn_read_factor(__func__, "beta_data", beta_data, x_desc, &args.beta));
  CUBN_TRY(cubn_read_factor(__func__, "alpha_param", alpha_param, x_desc, &args.param_alpha));
  CUBN_TRY(cubn_read_factor(__func__, "beta_param", beta_param, x_desc, &args.param_beta));
  cubn_problem problem = {.pass = CUBN_PASS_BACKWARD,
                          .mode = mode,
                          .has_saved = saved_mean,
                          .blends = args.beta != 0.0,
                          .descriptors = {x_desc, dx_desc, dy_desc, param_desc}};
  return run(handle, &problem, &args, __func__);
}
