#include "fuzz/functions.h"

/* Short names for the arguments of all calls. */
#define P(name) a->pointers[ARG_##name]
#define D(name) a->tensors[ARG_##name]

static cubnStatus_t train(cubnHandle_t handle, const fuzz_arguments *a) {
  return cubnBatchNormalizationForwardTraining(handle, a->mode, P(ALPHA), P(BETA), D(X), P(X),
                                               D(OUTPUT), P(OUTPUT), a->params, P(SCALE), P(BIAS),
                                               a->factor, P(RUNNING_MEAN), P(RUNNING_VAR),
                                               a->epsilon, P(SAVED_MEAN), P(SAVED_INV_STD));
}

static cubnStatus_t infer(cubnHandle_t handle, const fuzz_arguments *a) {
  return cubnBatchNormalizationForwardInference(handle, a->mode, P(ALPHA), P(BETA), D(X), P(X),
                                                D(OUTPUT), P(OUTPUT), a->params, P(SCALE), P(BIAS),
                                                P(MEAN), P(VAR), a->epsilon);
}

static cubnStatus_t backward(cubnHandle_t handle, const fuzz_arguments *a) {
  return cubnBatchNormalizationBackward(handle, a->mode, P(ALPHA), P(BETA), P(ALPHA), P(BETA), D(X),
                                        P(X), D(DY), P(DY), D(OUTPUT), P(OUTPUT), a->params,
                                        P(SCALE), P(DSCALE), P(DBIAS), a->epsilon, P(SAVED_MEAN),
                                        P(SAVED_INV_STD));
}

static cubnStatus_t train_ex(cubnHandle_t handle, const fuzz_arguments *a) {
  return cubnBatchNormalizationForwardTrainingEx(
      handle, a->mode, a->ops, P(ALPHA), P(BETA), D(X), P(X), D(Z), P(Z), D(OUTPUT), P(OUTPUT),
      a->params, P(SCALE), P(BIAS), a->factor, P(RUNNING_MEAN), P(RUNNING_VAR), a->epsilon,
      P(SAVED_MEAN), P(SAVED_INV_STD), a->activation, NULL, 0, P(RESERVE), a->bytes[ARG_RESERVE]);
}

static cubnStatus_t backward_ex(cubnHandle_t handle, const fuzz_arguments *a) {
  return cubnBatchNormalizationBackwardEx(
      handle, a->mode, a->ops, P(ALPHA), P(BETA), P(ALPHA), P(BETA), D(X), P(X), NULL, NULL, D(DY),
      P(DY), D(Z), P(Z), D(OUTPUT), P(OUTPUT), a->params, P(SCALE), P(BIAS), P(DSCALE), P(DBIAS),
      a->epsilon, P(SAVED_MEAN), P(SAVED_INV_STD), a->activation, NULL, 0, P(RESERVE),
      a->bytes[ARG_RESERVE]);
}

static cubnStatus_t norm_infer(cubnHandle_t handle, const fuzz_arguments *a) {
  return cubnNormalizationForwardInference(
      handle, (cubnNormMode_t)a->mode, (cubnNormOps_t)a->ops, CUBN_NORM_ALGO_STANDARD, P(ALPHA),
      P(BETA), D(X), P(X), a->params, P(SCALE), P(BIAS), a->params, P(MEAN), P(VAR), D(Z), P(Z),
      a->activation, D(OUTPUT), P(OUTPUT), a->epsilon, 1);
}

/* x and y are the weights, dscale and dbias the biases of the layer. */
static cubnStatus_t fold(cubnHandle_t handle, const fuzz_arguments *a) {
  return cubnFoldBatchNorm(handle, D(X), P(X), P(DSCALE), P(SCALE), P(BIAS), P(MEAN), P(VAR),
                           a->epsilon, a->mode ? D(OUTPUT) : NULL, P(OUTPUT), P(DBIAS));
}

/* The padding is saved_r. */
static cubnStatus_t fold_behind(cubnHandle_t handle, const fuzz_arguments *a) {
  return cubnFoldBatchNormBehind(handle, D(X), P(X), P(DSCALE), fuzz_groups(a), P(SCALE), P(BIAS),
                                 P(MEAN), P(VAR), a->epsilon, a->mode ? D(OUTPUT) : NULL, P(OUTPUT),
                                 P(DBIAS), P(SAVED_R));
}

static cubnStatus_t norm_train(cubnHandle_t handle, const fuzz_arguments *a) {
  return cubnNormalizationForwardTraining(
      handle, (cubnNormMode_t)a->mode, (cubnNormOps_t)a->ops, CUBN_NORM_ALGO_STANDARD, P(ALPHA),
      P(BETA), D(X), P(X), a->params, P(SCALE), P(BIAS), a->factor, a->params, P(RUNNING_MEAN),
      P(RUNNING_VAR), a->epsilon, P(SAVED_MEAN), P(SAVED_INV_STD), a->activation, D(Z), P(Z),
      D(OUTPUT), P(OUTPUT), NULL, 0, P(RESERVE), a->bytes[ARG_RESERVE], 1);
}

static cubnStatus_t norm_backward(cubnHandle_t handle, const fuzz_arguments *a) {
  return cubnNormalizationBackward(handle, (cubnNormMode_t)a->mode, (cubnNormOps_t)a->ops,
                                   CUBN_NORM_ALGO_PERSIST, P(ALPHA), P(BETA), P(ALPHA), P(BETA),
                                   D(X), P(X), NULL, NULL, D(DY), P(DY), D(Z), P(Z), D(OUTPUT),
                                   P(OUTPUT), a->params, P(SCALE), P(BIAS), P(DSCALE), P(DBIAS),
                                   a->epsilon, a->params, P(SAVED_MEAN), P(SAVED_INV_STD),
                                   a->activation, NULL, 0, P(RESERVE), a->bytes[ARG_RESERVE], 1);
}

static cubnBatchNormTensors_t gather(const fuzz_arguments *a) {
  return (cubnBatchNormTensors_t){.x_desc = D(X),
                                  .param_desc = a->params,
                                  .z_desc = D(Z),
                                  .dz_desc = D(Z),
                                  .y_desc = D(OUTPUT),
                                  .dx_desc = D(OUTPUT),
                                  .dy_desc = D(DY),
                                  .x = P(X),
                                  .scale = P(SCALE),
                                  .bias = P(BIAS),
                                  .dy = P(DY),
                                  .dscale = P(DSCALE),
                                  .dbias = P(DBIAS),
                                  .saved_mean = P(SAVED_MEAN),
                                  .saved_inv_std = P(SAVED_INV_STD),
                                  .saved_mean_low = a->ops ? P(SAVED_MEAN_LOW) : NULL,
                                  .mean = P(MEAN),
                                  .mean_low = a->ops ? P(MEAN_LOW) : NULL,
                                  .var = P(VAR),
                                  .inv_std = P(VAR),
                                  .running_mean = P(RUNNING_MEAN),
                                  .running_var = P(RUNNING_VAR),
                                  .previous_running_mean = P(PREVIOUS_MEAN),
                                  .previous_running_var = P(PREVIOUS_VAR),
                                  .saved_r = P(SAVED_R),
                                  .saved_d = P(SAVED_D),
                                  .mask_desc = a->mask,
                                  .mask = P(MASK),
                                  .lengths = P(LENGTHS),
                                  .factor = a->bytes[ARG_SCALE] % 8 ? P(FACTOR) : NULL,
                                  .reserve = P(RESERVE),
                                  .reserve_bytes = a->bytes[ARG_RESERVE]};
}

static cubnStatus_t extended_forward(cubnHandle_t handle, const fuzz_arguments *a) {
  cubnBatchNormTensors_t tensors = gather(a);
  tensors.z = P(Z);
  tensors.y = P(OUTPUT);
  tensors.nonfinite = P(NONFINITE);
  tensors.any_nonfinite = P(ANY_NONFINITE);
  return cubnBatchNormForward(handle, a->batch_norm, &tensors);
}

static cubnStatus_t extended_backward(cubnHandle_t handle, const fuzz_arguments *a) {
  cubnBatchNormTensors_t tensors = gather(a);
  tensors.dz = P(Z);
  tensors.dx = P(OUTPUT);
  tensors.y_desc = D(X); /* is read with CUBN_BACKWARD_FROM_Y only */
  tensors.y = P(X);
  return cubnBatchNormBackward(handle, a->batch_norm, &tensors);
}

/* dy is ddx, too, dz is ddy; bias and running_var are gradients of parameters. */
static cubnStatus_t double_backward(cubnHandle_t handle, const fuzz_arguments *a) {
  const cubnBatchNormTensors_t t = gather(a);
  const cubnBatchNormDoubleBackwardTensors_t tensors = {.x_desc = t.x_desc,
                                                        .dy_desc = t.dy_desc,
                                                        .gx_desc = t.dx_desc,
                                                        .ddy_desc = t.dz_desc,
                                                        .param_desc = t.param_desc,
                                                        .x = t.x,
                                                        .dy = t.dy,
                                                        .scale = t.scale,
                                                        .ddscale = t.bias,
                                                        .ddx_desc = P(BETA) ? t.dy_desc : NULL,
                                                        .ddx = P(BETA) ? t.dy : NULL,
                                                        .ddbias = P(FACTOR) ? P(RUNNING_VAR) : NULL,
                                                        .gx = P(OUTPUT),
                                                        .ddy = P(Z),
                                                        .gscale = t.dscale,
                                                        .saved_mean = t.saved_mean,
                                                        .saved_inv_std = t.saved_inv_std,
                                                        .saved_mean_low = t.saved_mean_low,
                                                        .mean = t.mean,
                                                        .mean_low = t.mean_low,
                                                        .var = t.var,
                                                        .inv_std = t.inv_std};
  return cubnBatchNormDoubleBackward(handle, a->batch_norm, &tensors);
}

static cubnStatus_t infer_int8(cubnHandle_t handle, const fuzz_arguments *a) {
  const cubnBatchNormTensors_t t = gather(a);
  const cubnBatchNormInt8Tensors_t tensors = {.x_desc = t.x_desc,
                                              .y_desc = t.y_desc,
                                              .param_desc = t.param_desc,
                                              .x = t.x,
                                              .x_scale = a->factor,
                                              .x_zero_point = (int)a->mode * 50 - 20,
                                              .y = P(OUTPUT),
                                              .y_scale = a->epsilon,
                                              .y_zero_point = (int)a->ops * -50 + 20,
                                              .scale = t.scale,
                                              .bias = t.bias,
                                              .mean = t.mean,
                                              .mean_low = t.mean_low,
                                              .var = t.var,
                                              .inv_std = t.inv_std};
  return cubnBatchNormForwardInt8(handle, a->batch_norm, &tensors);
}

static cubnStatus_t count_nonfinite(cubnHandle_t handle, const fuzz_arguments *a) {
  int64_t count = -1;
  const cubnStatus_t status = cubnCountNonfinite(handle, D(X), P(X), &count);
  if ((count < 0) != (status != CUBN_STATUS_SUCCESS))
    fuzz_fail("cubnCountNonfinite: status %d, but the count is %lld", (int)status,
              (long long)count);
  return status;
}

#define BIT(name) (1U << ARG_##name)
#define STATISTICS                                                               \
  (BIT(RUNNING_MEAN) | BIT(RUNNING_VAR) | BIT(SAVED_MEAN) | BIT(SAVED_INV_STD) | \
   BIT(SAVED_MEAN_LOW) | BIT(RESERVE))
#define FLAGS (BIT(SAVED_R) | BIT(SAVED_D) | BIT(NONFINITE) | BIT(ANY_NONFINITE))
#define GRADIENTS (BIT(OUTPUT) | BIT(DSCALE) | BIT(DBIAS))

const fuzz_function fuzz_functions[FUNCTIONS] = {
    {"cubnBatchNormalizationForwardTraining", FUZZ_FORWARD, BIT(OUTPUT) | STATISTICS, train},
    {"cubnBatchNormalizationForwardInference", FUZZ_FORWARD, BIT(OUTPUT), infer},
    {"cubnBatchNormalizationBackward", FUZZ_BACKWARD, GRADIENTS, backward},
    {"cubnBatchNormalizationForwardTrainingEx", FUZZ_FORWARD, BIT(OUTPUT) | STATISTICS, train_ex},
    {"cubnBatchNormalizationBackwardEx", FUZZ_BACKWARD, GRADIENTS | BIT(Z), backward_ex},
    {"cubnNormalizationForwardTraining", FUZZ_FORWARD, BIT(OUTPUT) | STATISTICS, norm_train},
    {"cubnNormalizationBackward", FUZZ_BACKWARD, GRADIENTS | BIT(Z), norm_backward},
    {"cubnBatchNormForward", FUZZ_FORWARD, BIT(OUTPUT) | STATISTICS | FLAGS, extended_forward},
    {"cubnBatchNormBackward", FUZZ_BACKWARD, GRADIENTS | BIT(Z), extended_backward},
    {"cubnNormalizationForwardInference", FUZZ_FORWARD, BIT(OUTPUT), norm_infer},
    {"cubnFoldBatchNorm", FUZZ_FOLD, BIT(OUTPUT) | BIT(DBIAS), fold},
    {"cubnFoldBatchNormBehind", FUZZ_BEHIND, BIT(OUTPUT) | BIT(DBIAS) | BIT(SAVED_R), fold_behind},
    {"cubnCountNonfinite", FUZZ_FOLD, 0, count_nonfinite},
    {"cubnBatchNormDoubleBackward", FUZZ_BACKWARD, BIT(OUTPUT) | BIT(Z) | BIT(DSCALE),
     double_backward},
    {"cubnBatchNormForwardInt8", FUZZ_FORWARD, BIT(OUTPUT), infer_int8},
};
