/* cuDNN's second interface to the same operations. */
#include <string.h>

#include "core/check.h"
#include "host/descriptor.h"
#include "host/execute.h"
#include "host/names.h"
#include "host/sizes.h"

/* What its functions have instead of mode and ops. */
typedef struct norm_choice {
  cubnNormMode_t mode;
  cubnNormOps_t ops;
  cubnNormAlgo_t algo;
  int group_count;
} norm_choice;

static cubnStatus_t check_mode(const char *function, cubnNormMode_t mode, int group_count) {
  CUBN_REQUIRE(mode == CUBN_NORM_PER_ACTIVATION || mode == CUBN_NORM_PER_CHANNEL, function,
               "mode is %d, which is no cubnNormMode_t", (int)mode);
  if (group_count != 1)
    return cubn_fail(CUBN_STATUS_NOT_SUPPORTED, function, "group_count is %d, must be 1",
                     group_count);
  return CUBN_STATUS_SUCCESS;
}

static cubnStatus_t check_choice(const char *function, cubnHandle_t handle, norm_choice choice) {
  CUBN_REQUIRE_HANDLE(handle, function);
  CUBN_REQUIRE(choice.algo == CUBN_NORM_ALGO_STANDARD || choice.algo == CUBN_NORM_ALGO_PERSIST,
               function, "algo is %d, which is no cubnNormAlgo_t", (int)choice.algo);
  return check_mode(function, choice.mode, choice.group_count);
}

static cubnBatchNormMode_t mode_of(norm_choice choice) {
  if (choice.mode == CUBN_NORM_PER_ACTIVATION) return CUBN_BATCHNORM_PER_ACTIVATION;
  return choice.algo == CUBN_NORM_ALGO_PERSIST ? CUBN_BATCHNORM_SPATIAL_PERSISTENT
                                               : CUBN_BATCHNORM_SPATIAL;
}

/* The values are the same: an unknown one is reported by what it is passed to. */
static cubnBatchNormOps_t ops_of(norm_choice choice) {
  return (cubnBatchNormOps_t)choice.ops;
}

static cubnStatus_t check_parameters(const char *function, cubnTensorDescriptor_t scale_bias_desc,
                                     cubnTensorDescriptor_t mean_var_desc) {
  CUBN_TRY(cubn_check_set(function, "scale_bias_desc", scale_bias_desc));
  CUBN_TRY(cubn_check_set(function, "mean_var_desc", mean_var_desc));
  CUBN_REQUIRE(scale_bias_desc->type == mean_var_desc->type, function,
               "mean_var_desc has type %s, scale_bias_desc %s", cubn_type_name(mean_var_desc->type),
               cubn_type_name(scale_bias_desc->type));
  CUBN_REQUIRE(scale_bias_desc->rank == mean_var_desc->rank, function,
               "mean_var_desc has rank %d, scale_bias_desc %d", mean_var_desc->rank,
               scale_bias_desc->rank);
  for (int i = 0; i < scale_bias_desc->rank; ++i) {
    const int64_t a = scale_bias_desc->dims[i], b = mean_var_desc->dims[i];
    CUBN_REQUIRE(a == b, function,
                 "mean_var_desc has size %lld in dimension %d, scale_bias_desc %lld", (long long)b,
                 i, (long long)a);
    CUBN_REQUIRE(a <= 1 || scale_bias_desc->strides[i] == mean_var_desc->strides[i], function,
                 "mean_var_desc has stride %lld in dimension %d, scale_bias_desc %lld",
                 (long long)mean_var_desc->strides[i], i, (long long)scale_bias_desc->strides[i]);
  }
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t cubnDeriveNormTensorDescriptor(cubnTensorDescriptor_t derived_scale_bias,
                                            cubnTensorDescriptor_t derived_mean_var,
                                            const cubnTensorDescriptor_t x, cubnNormMode_t mode,
                                            int group_count) {
  CUBN_REQUIRE(derived_scale_bias || derived_mean_var, __func__,
               "derived_scale_bias and derived_mean_var are NULL");
  CUBN_TRY(check_mode(__func__, mode, group_count));
  const cubnBatchNormMode_t batchnorm_mode =
      mode == CUBN_NORM_PER_CHANNEL ? CUBN_BATCHNORM_SPATIAL : CUBN_BATCHNORM_PER_ACTIVATION;
  struct cubnTensorStruct derived = {.object = {CUBN_TENSOR}};
  CUBN_TRY(cubn_derive(&derived, x, batchnorm_mode, __func__));
  if (derived_scale_bias) *derived_scale_bias = derived;
  if (derived_mean_var) *derived_mean_var = derived;
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t cubnGetNormalizationForwardTrainingWorkspaceSize(
    cubnHandle_t handle, cubnNormMode_t mode, cubnNormOps_t ops, cubnNormAlgo_t algo,
    const cubnTensorDescriptor_t x_desc, const cubnTensorDescriptor_t z_desc,
    const cubnTensorDescriptor_t y_desc, const cubnTensorDescriptor_t scale_bias_desc,
    const cubnActivationDescriptor_t activation_desc, const cubnTensorDescriptor_t mean_var_desc,
    size_t *size, int group_count) {
  const norm_choice choice = {mode, ops, algo, group_count};
  CUBN_TRY(check_choice(__func__, handle, choice));
  CUBN_TRY(check_parameters(__func__, scale_bias_desc, mean_var_desc));
  const cubn_size_query query = {__func__,        handle,         CUBN_PASS_TRAIN,
                                 mode_of(choice), ops_of(choice), activation_desc};
  return cubn_workspace_size(&query, x_desc, z_desc, y_desc, NULL, scale_bias_desc, size);
}

cubnStatus_t cubnGetNormalizationBackwardWorkspaceSize(
    cubnHandle_t handle, cubnNormMode_t mode, cubnNormOps_t ops, cubnNormAlgo_t algo,
    const cubnTensorDescriptor_t x_desc, const cubnTensorDescriptor_t y_desc,
    const cubnTensorDescriptor_t dy_desc, const cubnTensorDescriptor_t dz_desc,
    const cubnTensorDescriptor_t dx_desc, const cubnTensorDescriptor_t scale_bias_desc,
    const cubnActivationDescriptor_t activation_desc, const cubnTensorDescriptor_t mean_var_desc,
    size_t *size, int group_count) {
  (void)y_desc;
  const norm_choice choice = {mode, ops, algo, group_count};
  CUBN_TRY(check_choice(__func__, handle, choice));
  CUBN_TRY(check_parameters(__func__, scale_bias_desc, mean_var_desc));
  const cubn_size_query query = {__func__,        handle,         CUBN_PASS_BACKWARD,
                                 mode_of(choice), ops_of(choice), activation_desc};
  return cubn_workspace_size(&query, x_desc, dz_desc, dx_desc, dy_desc, scale_bias_desc, size);
}

cubnStatus_t cubnGetNormalizationTrainingReserveSpaceSize(
    cubnHandle_t handle, cubnNormMode_t mode, cubnNormOps_t ops, cubnNormAlgo_t algo,
    const cubnActivationDescriptor_t activation_desc, const cubnTensorDescriptor_t x_desc,
    size_t *size, int group_count) {
  const norm_choice choice = {mode, ops, algo, group_count};
  CUBN_TRY(check_choice(__func__, handle, choice));
  const cubn_size_query query = {__func__,        handle,         CUBN_PASS_TRAIN,
                                 mode_of(choice), ops_of(choice), activation_desc};
  return cubn_reserve_size(&query, x_desc, size);
}

cubnStatus_t cubnNormalizationForwardInference(
    cubnHandle_t handle, cubnNormMode_t mode, cubnNormOps_t ops, cubnNormAlgo_t algo,
    const void *alpha, const void *beta, const cubnTensorDescriptor_t x_desc, const void *x,
    const cubnTensorDescriptor_t scale_bias_desc, const void *scale, const void *bias,
    const cubnTensorDescriptor_t mean_var_desc, const void *mean, const void *var,
    const cubnTensorDescriptor_t z_desc, const void *z, cubnActivationDescriptor_t activation_desc,
    const cubnTensorDescriptor_t y_desc, void *y, double epsilon, int group_count) {
  const norm_choice choice = {mode, ops, algo, group_count};
  CUBN_TRY(check_choice(__func__, handle, choice));
  CUBN_TRY(check_parameters(__func__, scale_bias_desc, mean_var_desc));
  return cubn_run_classic_call(
      &(cubn_classic_call){.function = __func__,
                           .handle = handle,
                           .pass = CUBN_PASS_INFER,
                           .mode = mode_of(choice),
                           .ops = ops_of(choice),
                           .activation = activation_desc,
                           .alpha = alpha,
                           .beta = beta,
                           .descriptors = {[CUBN_ARRAY_X] = x_desc,
                                           [CUBN_ARRAY_OUTPUT] = y_desc,
                                           [CUBN_ARRAY_Z] = z_desc,
                                           [CUBN_ARRAY_PARAM] = scale_bias_desc},
                           .args = {.epsilon = epsilon,
                                    .x = x,
                                    .z = z,
                                    .output = y,
                                    .scale = scale,
                                    .bias = bias,
                                    .mean = mean,
                                    .var = var}});
}

cubnStatus_t cubnNormalizationForwardTraining(
    cubnHandle_t handle, cubnNormMode_t mode, cubnNormOps_t ops, cubnNormAlgo_t algo,
    const void *alpha, const void *beta, const cubnTensorDescriptor_t x_desc, const void *x,
    const cubnTensorDescriptor_t scale_bias_desc, const void *scale, const void *bias,
    double factor, const cubnTensorDescriptor_t mean_var_desc, void *running_mean,
    void *running_var, double epsilon, void *saved_mean, void *saved_inv_std,
    cubnActivationDescriptor_t activation_desc, const cubnTensorDescriptor_t z_desc, const void *z,
    const cubnTensorDescriptor_t y_desc, void *y, void *workspace, size_t workspace_bytes,
    void *reserve_space, size_t reserve_space_bytes, int group_count) {
  (void)workspace;
  (void)workspace_bytes;
  const norm_choice choice = {mode, ops, algo, group_count};
  CUBN_TRY(check_choice(__func__, handle, choice));
  CUBN_TRY(check_parameters(__func__, scale_bias_desc, mean_var_desc));
  return cubn_run_classic_call(
      &(cubn_classic_call){.function = __func__,
                           .handle = handle,
                           .pass = CUBN_PASS_TRAIN,
                           .mode = mode_of(choice),
                           .ops = ops_of(choice),
                           .activation = activation_desc,
                           .alpha = alpha,
                           .beta = beta,
                           .descriptors = {[CUBN_ARRAY_X] = x_desc,
                                           [CUBN_ARRAY_OUTPUT] = y_desc,
                                           [CUBN_ARRAY_Z] = z_desc,
                                           [CUBN_ARRAY_PARAM] = scale_bias_desc},
                           .args = {.epsilon = epsilon,
                                    .factor = factor,
                                    .x = x,
                                    .z = z,
                                    .output = y,
                                    .scale = scale,
                                    .bias = bias,
                                    .running_mean = running_mean,
                                    .running_var = running_var,
                                    .saved_mean = saved_mean,
                                    .saved_inv_std = saved_inv_std},
                           .reserve = {reserve_space, reserve_space_bytes}});
}

cubnStatus_t cubnNormalizationBackward(
    cubnHandle_t handle, cubnNormMode_t mode, cubnNormOps_t ops, cubnNormAlgo_t algo,
    const void *alpha_data, const void *beta_data, const void *alpha_param, const void *beta_param,
    const cubnTensorDescriptor_t x_desc, const void *x, const cubnTensorDescriptor_t y_desc,
    const void *y, const cubnTensorDescriptor_t dy_desc, const void *dy,
    const cubnTensorDescriptor_t dz_desc, void *dz, const cubnTensorDescriptor_t dx_desc, void *dx,
    const cubnTensorDescriptor_t scale_bias_desc, const void *scale, const void *bias, void *dscale,
    void *dbias, double epsilon, const cubnTensorDescriptor_t mean_var_desc, const void *saved_mean,
    const void *saved_inv_std, cubnActivationDescriptor_t activation_desc, void *workspace,
    size_t workspace_bytes, void *reserve_space, size_t reserve_space_bytes, int group_count) {
  (void)y_desc;
  (void)y;
  (void)workspace;
  (void)workspace_bytes;
  const norm_choice choice = {mode, ops, algo, group_count};
  CUBN_TRY(check_choice(__func__, handle, choice));
  CUBN_TRY(check_parameters(__func__, scale_bias_desc, mean_var_desc));
  return cubn_run_classic_call(
      &(cubn_classic_call){.function = __func__,
                           .handle = handle,
                           .pass = CUBN_PASS_BACKWARD,
                           .mode = mode_of(choice),
                           .ops = ops_of(choice),
                           .activation = activation_desc,
                           .alpha = alpha_data,
                           .beta = beta_data,
                           .param_alpha = alpha_param,
                           .param_beta = beta_param,
                           .descriptors = {[CUBN_ARRAY_X] = x_desc,
                                           [CUBN_ARRAY_OUTPUT] = dx_desc,
                                           [CUBN_ARRAY_DY] = dy_desc,
                                           [CUBN_ARRAY_Z] = dz_desc,
                                           [CUBN_ARRAY_PARAM] = scale_bias_desc},
                           .args = {.epsilon = epsilon,
                                    .x = x,
                                    .dy = dy,
                                    .output = dx,
                                    .dz = dz,
                                    .scale = scale,
                                    .bias = bias,
                                    .dscale = dscale,
                                    .dbias = dbias,
                                    .saved_mean = cubn_unconst(saved_mean),
                                    .saved_inv_std = cubn_unconst(saved_inv_std)},
                           .reserve = {reserve_space, reserve_space_bytes}});
}
