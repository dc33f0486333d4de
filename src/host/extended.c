/* The extended interface: from descriptor and tensors to a problem. */
#include "host/extended.h"

#include "core/check.h"
#include "core/error.h"
#include "host/activation.h"
#include "host/extended_options.h"
#include "host/reserve.h"
#include "host/synchronized.h"
#include "host/virtual_batches.h"

/* What a descriptor says, whatever the pass. */
static cubn_problem problem_of(const cubnBatchNormDescriptor_t descriptor, bool backward) {
  const double *values = descriptor->values;
  const int statistics = (int)values[CUBN_BATCHNORM_STATISTICS];
  const bool is_given = statistics != CUBN_STATISTICS_BATCH;
  const cubn_pass forward = is_given ? CUBN_PASS_INFER : CUBN_PASS_TRAIN;
  return (cubn_problem){
      .pass = backward ? CUBN_PASS_BACKWARD : forward,
      .mode = (cubnBatchNormMode_t)values[CUBN_BATCHNORM_MODE],
      .is_frozen = backward && is_given,
      .var_is_inv_std = statistics == CUBN_STATISTICS_GIVEN_INV_STD,
      .running_is_biased = (int)values[CUBN_BATCHNORM_RUNNING_VAR] == CUBN_RUNNING_VAR_BIASED,
      .sums_are_given = backward && (int)values[CUBN_BATCHNORM_SUMS] == CUBN_SUMS_GIVEN,
      .blends = values[CUBN_BATCHNORM_BETA] != 0,
      .virtual_batch = is_given ? 0 : (int64_t)values[CUBN_BATCHNORM_VIRTUAL_BATCH],
      .adds = descriptor->adds,
      .activation = descriptor->activation,
      .normalizes_unbiased =
          !is_given && (int)values[CUBN_BATCHNORM_VARIANCE] == CUBN_VARIANCE_UNBIASED,
      .epsilon_is_outside = (int)values[CUBN_BATCHNORM_EPSILON_PLACE] == CUBN_EPSILON_OUTSIDE_ROOT};
}

/* The arguments that have the same name in both passes. */
static cubn_args args_of(const cubnBatchNormDescriptor_t descriptor,
                         const cubnBatchNormTensors_t *tensors, const cubn_problem *problem) {
  const double *values = descriptor->values;
  cubn_args args = {.alpha = values[CUBN_BATCHNORM_ALPHA],
                    .beta = values[CUBN_BATCHNORM_BETA],
                    .param_alpha = values[CUBN_BATCHNORM_PARAM_ALPHA],
                    .param_beta = values[CUBN_BATCHNORM_PARAM_BETA],
                    .epsilon = values[CUBN_BATCHNORM_EPSILON],
                    .factor = values[CUBN_BATCHNORM_FACTOR],
                    .x = tensors->x,
                    .scale = tensors->scale,
                    .bias = tensors->bias};
  if (problem->pass == CUBN_PASS_INFER || problem->is_frozen) {
    args.mean = tensors->mean;
    args.mean_low = tensors->mean_low;
    args.var = problem->var_is_inv_std ? tensors->inv_std : tensors->var;
  } else {
    args.saved_mean = tensors->saved_mean;
    args.saved_inv_std = tensors->saved_inv_std;
    if (problem->pass == CUBN_PASS_BACKWARD)
      args.mean_low = tensors->saved_mean_low;
    else
      args.saved_mean_low = tensors->saved_mean_low;
  }
  return args;
}

static cubnStatus_t check(cubnHandle_t handle, const cubnBatchNormDescriptor_t descriptor,
                          const cubnBatchNormTensors_t *tensors, const char *function) {
  CUBN_REQUIRE_HANDLE(handle, function);
  CUBN_REQUIRE_OBJECT(descriptor, CUBN_BATCH_NORM, function, "descriptor");
  CUBN_REQUIRE(tensors, function, "tensors is NULL");
  if ((int)descriptor->values[CUBN_BATCHNORM_STATISTICS] == CUBN_STATISTICS_BATCH)
    CUBN_REQUIRE(tensors->saved_mean || !tensors->saved_mean_low, function,
                 "saved_mean is NULL but saved_mean_low, which is what saved_mean lacks, is not");
  return CUBN_STATUS_SUCCESS;
}

/* The memory for the exchange with other ranks, if the call is one with all of them. Found before
 * anything is checked: a rank whose call is refused must tell the others. */
static const cubn_exchange *exchange_of(const cubnBatchNormDescriptor_t descriptor, bool backward) {
  if (!cubn_is(descriptor, CUBN_BATCH_NORM)) return NULL;
  const double *const values = descriptor->values;
  const bool is_given = (int)values[CUBN_BATCHNORM_STATISTICS] != CUBN_STATISTICS_BATCH ||
                        (backward && (int)values[CUBN_BATCHNORM_SUMS] == CUBN_SUMS_GIVEN);
  return is_given ? NULL : descriptor->exchange;
}

static cubnStatus_t describe_forward(cubn_call *call, const cubnBatchNormDescriptor_t descriptor,
                                     const cubnBatchNormTensors_t *tensors) {
  CUBN_TRY(check(call->handle, descriptor, tensors, call->function));
  cubn_problem problem = problem_of(descriptor, false);
  cubn_args args = args_of(descriptor, tensors, &problem);
  const bool trains = problem.pass == CUBN_PASS_TRAIN;
  CUBN_TRY(cubn_describe_renormalization(descriptor, tensors, call->function, &problem, &args));
  problem.has_output = tensors->y_desc || tensors->y;
  problem.has_saved = trains && args.saved_mean;
  problem.has_running = trains && tensors->running_mean;
  const bool has_flags = trains && (tensors->nonfinite || tensors->any_nonfinite);
  CUBN_REQUIRE(problem.has_output || problem.has_saved || problem.has_running || has_flags,
               call->function,
               "y is NULL and so are the running and saved statistics: nothing to compute");
  args.output = tensors->y;
  args.z = problem.adds && problem.has_output ? tensors->z : NULL;
  if (trains) {
    args.factor_pointer = problem.has_running ? tensors->factor : NULL;
    args.running_mean = tensors->running_mean;
    args.running_var = tensors->running_var;
    args.previous_running_mean =
        tensors->previous_running_mean ? tensors->previous_running_mean : tensors->running_mean;
    args.previous_running_var =
        tensors->previous_running_var ? tensors->previous_running_var : tensors->running_var;
    args.guards_running = descriptor->values[CUBN_BATCHNORM_RUNNING_GUARD] != 0;
    args.nonfinite = tensors->nonfinite;
    args.any_nonfinite = tensors->any_nonfinite;
  }
  if (!problem.has_output) { /* statistics do not depend on what follows them */
    problem.adds = problem.blends = false;
    problem.activation = cubn_identity;
  }
  problem.descriptors[CUBN_ARRAY_X] = tensors->x_desc;
  problem.descriptors[CUBN_ARRAY_OUTPUT] = tensors->y_desc;
  problem.descriptors[CUBN_ARRAY_Z] = problem.adds ? tensors->z_desc : NULL;
  problem.descriptors[CUBN_ARRAY_PARAM] = tensors->param_desc;
  call->problem = problem;
  call->args = args;
  call->reserve = (cubn_reserve_space){tensors->reserve, tensors->reserve_bytes};
  return cubn_describe_validity(call, descriptor, tensors, exchange_of(descriptor, false));
}

static cubnStatus_t describe_backward(cubn_call *call, const cubnBatchNormDescriptor_t descriptor,
                                      const cubnBatchNormTensors_t *tensors) {
  CUBN_TRY(check(call->handle, descriptor, tensors, call->function));
  cubn_problem problem = problem_of(descriptor, true);
  cubn_args args = args_of(descriptor, tensors, &problem);
  CUBN_TRY(cubn_describe_renormalization(descriptor, tensors, call->function, &problem, &args));
  problem.has_output = tensors->dx_desc || tensors->dx;
  problem.has_saved = args.saved_mean;
  problem.has_dz = problem.adds && (tensors->dz_desc || tensors->dz);
  const bool has_sums = (tensors->dscale || tensors->dbias) && !problem.sums_are_given;
  CUBN_REQUIRE(problem.has_output || has_sums || problem.has_dz, call->function,
               "dx, dz, dscale and dbias are NULL or given: nothing to compute");
  if (!problem.has_output) problem.blends = false;
  if (problem.sums_are_given) args.count = descriptor->values[CUBN_BATCHNORM_COUNT];
  args.dy = tensors->dy;
  args.output = tensors->dx;
  args.dz = problem.has_dz ? tensors->dz : NULL;
  args.dscale = tensors->dscale;
  args.dbias = tensors->dbias;
  problem.descriptors[CUBN_ARRAY_X] = tensors->x_desc;
  CUBN_TRY(cubn_describe_from_y(descriptor, tensors, call->function, &problem, &args));
  problem.descriptors[CUBN_ARRAY_OUTPUT] = tensors->dx_desc;
  problem.descriptors[CUBN_ARRAY_DY] = tensors->dy_desc;
  problem.descriptors[CUBN_ARRAY_Z] = problem.has_dz ? tensors->dz_desc : NULL;
  problem.descriptors[CUBN_ARRAY_PARAM] = tensors->param_desc;
  call->sums_are_joint = (int)descriptor->values[CUBN_BATCHNORM_PARAM_SUMS] == CUBN_PARAM_SUMS_ALL;
  call->problem = problem;
  call->args = args;
  call->reserve = (cubn_reserve_space){tensors->reserve, tensors->reserve_bytes};
  return cubn_describe_validity(call, descriptor, tensors, exchange_of(descriptor, true));
}

static cubnStatus_t run(cubn_call *call) {
  const cubnTensorDescriptor_t x = call->problem.descriptors[CUBN_ARRAY_X];
  const bool is_divided = call->problem.virtual_batch > 0 && cubn_is(x, CUBN_TENSOR) && x->is_set &&
                          cubn_virtual_batches(&call->problem) > 1;
  if (is_divided) return cubn_run_virtual_batches(call);
  call->problem.virtual_batch = 0;
  return cubn_execute(call->handle, &call->problem, &call->args, call->reserve, call->function);
}

cubnStatus_t cubnBatchNormForward(cubnHandle_t handle, const cubnBatchNormDescriptor_t descriptor,
                                  const cubnBatchNormTensors_t *tensors) {
  cubn_call call = {.function = __func__, .handle = handle};
  const cubn_exchange *const exchange = exchange_of(descriptor, false);
  cubnStatus_t status = describe_forward(&call, descriptor, tensors);
  if (status == CUBN_STATUS_SUCCESS) status = cubn_check_virtual_batch(&call, exchange);
  if (exchange) return cubn_synchronized_forward(exchange, &call, status);
  CUBN_TRY(status);
  return run(&call);
}

cubnStatus_t cubnBatchNormBackward(cubnHandle_t handle, const cubnBatchNormDescriptor_t descriptor,
                                   const cubnBatchNormTensors_t *tensors) {
  cubn_call call = {.function = __func__, .handle = handle};
  const cubn_exchange *const exchange = exchange_of(descriptor, true);
  cubnStatus_t status = describe_backward(&call, descriptor, tensors);
  if (status == CUBN_STATUS_SUCCESS) status = cubn_check_virtual_batch(&call, exchange);
  if (exchange) return cubn_synchronized_backward(exchange, &call, status);
  CUBN_TRY(status);
  return run(&call);
}

cubnStatus_t cubnGetBatchNormReserveSize(const cubnBatchNormDescriptor_t descriptor,
                                         const cubnTensorDescriptor_t x_desc, size_t *bytes) {
  CUBN_REQUIRE_OBJECT(descriptor, CUBN_BATCH_NORM, __func__, "descriptor");
  CUBN_REQUIRE(bytes, __func__, "bytes is NULL");
  cubn_problem problem = problem_of(descriptor, false);
  return cubn_reserve_query(&problem, x_desc, __func__, bytes);
}
