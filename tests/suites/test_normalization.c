/* The Normalization functions are the BatchNormalization functions under other names: they give the
 * same bits, and report errors of their additional arguments. */
#include "suites/support/device_array.h"
#include "suites/support/expect_error.h"

enum { N = 4, C = 5, H = 3, W = 7, COUNT = N * C * H * W, FEATURES = C * H * W };
enum { X, Z, DY, SCALE, BIAS, INPUTS };
enum {
  Y,
  RUNNING_MEAN,
  RUNNING_VAR,
  SAVED_MEAN,
  SAVED_INV_STD,
  DX,
  DZ,
  DSCALE,
  DBIAS,
  INFERRED,
  OUTPUTS
};

typedef struct fixture {
  cubnNormMode_t mode;
  cubnTensorDescriptor_t x_desc, param_desc, mean_var_desc;
  cubnActivationDescriptor_t relu;
  device_array inputs[INPUTS];
  size_t reserve_bytes;
} fixture;

static const float one = 1, zero = 0;

static void open_fixture(fixture *f, cubnNormMode_t mode) {
  *f = (fixture){.mode = mode};
  CU_ASSERT(cubnCreateTensorDescriptor(&f->x_desc) == CUBN_STATUS_SUCCESS);
  CU_ASSERT(cubnCreateTensorDescriptor(&f->param_desc) == CUBN_STATUS_SUCCESS);
  CU_ASSERT(cubnCreateTensorDescriptor(&f->mean_var_desc) == CUBN_STATUS_SUCCESS);
  CU_ASSERT(cubnCreateActivationDescriptor(&f->relu) == CUBN_STATUS_SUCCESS);
  CU_ASSERT(cubnSetActivationDescriptor(f->relu, CUBN_ACTIVATION_RELU, CUBN_PROPAGATE_NAN, 0) ==
            CUBN_STATUS_SUCCESS);
  CU_ASSERT(cubnSetTensor4dDescriptor(f->x_desc, CUBN_TENSOR_NCHW, CUBN_DATA_FLOAT, N, C, H, W) ==
            CUBN_STATUS_SUCCESS);
  expect_success(
      cubnDeriveNormTensorDescriptor(f->param_desc, f->mean_var_desc, f->x_desc, mode, 1),
      "derive");
  for (int i = 0; i < INPUTS; ++i) {
    const bool is_param = i >= SCALE;
    f->inputs[i] = device_array_random(is_param ? FEATURES : COUNT, (unsigned)i + 1,
                                       i == SCALE ? 1.5f : 0.1f, 1.0f);
  }
  expect_success(cubnGetNormalizationTrainingReserveSpaceSize(
                     suite_handle(), mode, CUBN_NORM_OPS_NORM_ADD_ACTIVATION,
                     CUBN_NORM_ALGO_STANDARD, f->relu, f->x_desc, &f->reserve_bytes, 1),
                 "reserve size");
}

static void close_fixture(fixture *f) {
  for (int i = 0; i < INPUTS; ++i) device_array_destroy(&f->inputs[i]);
  cubnDestroyTensorDescriptor(f->x_desc);
  cubnDestroyTensorDescriptor(f->param_desc);
  cubnDestroyTensorDescriptor(f->mean_var_desc);
  cubnDestroyActivationDescriptor(f->relu);
}

static void create_outputs(device_array outputs[OUTPUTS]) {
  for (int i = 0; i < OUTPUTS; ++i) {
    const bool is_tensor = i == Y || i == DX || i == DZ || i == INFERRED;
    outputs[i] = device_array_create(is_tensor ? COUNT : FEATURES, NULL);
  }
}

static cubnStatus_t train(const fixture *f, device_array *o, cubnNormAlgo_t algo, void *reserve,
                          int group_count) {
  return cubnNormalizationForwardTraining(
      suite_handle(), f->mode, CUBN_NORM_OPS_NORM_ADD_ACTIVATION, algo, &one, &zero, f->x_desc,
      f->inputs[X].pointer, f->param_desc, f->inputs[SCALE].pointer, f->inputs[BIAS].pointer, 1.0,
      f->mean_var_desc, o[RUNNING_MEAN].pointer, o[RUNNING_VAR].pointer, 1e-5,
      o[SAVED_MEAN].pointer, o[SAVED_INV_STD].pointer, f->relu, f->x_desc, f->inputs[Z].pointer,
      f->x_desc, o[Y].pointer, NULL, 0, reserve, f->reserve_bytes, group_count);
}

static cubnStatus_t infer(const fixture *f, device_array *o, cubnNormOps_t ops, cubnNormAlgo_t algo,
                          int group_count) {
  return cubnNormalizationForwardInference(
      suite_handle(), f->mode, ops, algo, &one, &zero, f->x_desc, f->inputs[X].pointer,
      f->param_desc, f->inputs[SCALE].pointer, f->inputs[BIAS].pointer, f->mean_var_desc,
      o[RUNNING_MEAN].pointer, o[RUNNING_VAR].pointer, f->x_desc, f->inputs[Z].pointer, f->relu,
      f->x_desc, o[INFERRED].pointer, 1e-5, group_count);
}

static cubnStatus_t backward(const fixture *f, device_array *o, cubnNormAlgo_t algo, void *reserve,
                             int group_count) {
  return cubnNormalizationBackward(
      suite_handle(), f->mode, CUBN_NORM_OPS_NORM_ADD_ACTIVATION, algo, &one, &zero, &one, &zero,
      f->x_desc, f->inputs[X].pointer, f->x_desc, o[Y].pointer, f->x_desc, f->inputs[DY].pointer,
      f->x_desc, o[DZ].pointer, f->x_desc, o[DX].pointer, f->param_desc, f->inputs[SCALE].pointer,
      f->inputs[BIAS].pointer, o[DSCALE].pointer, o[DBIAS].pointer, 1e-5, f->mean_var_desc,
      o[SAVED_MEAN].pointer, o[SAVED_INV_STD].pointer, f->relu, NULL, 0, reserve, f->reserve_bytes,
      group_count);
}

/* All three operations, through the functions of the other name. */
static void run_batchnorm(const fixture *f, device_array *o, void *reserve) {
  const cubnBatchNormMode_t mode =
      f->mode == CUBN_NORM_PER_CHANNEL ? CUBN_BATCHNORM_SPATIAL : CUBN_BATCHNORM_PER_ACTIVATION;
  const cubnBatchNormOps_t ops = CUBN_BATCHNORM_OPS_BN_ADD_ACTIVATION;
  expect_success(cubnBatchNormalizationForwardTrainingEx(
                     suite_handle(), mode, ops, &one, &zero, f->x_desc, f->inputs[X].pointer,
                     f->x_desc, f->inputs[Z].pointer, f->x_desc, o[Y].pointer, f->param_desc,
                     f->inputs[SCALE].pointer, f->inputs[BIAS].pointer, 1.0,
                     o[RUNNING_MEAN].pointer, o[RUNNING_VAR].pointer, 1e-5, o[SAVED_MEAN].pointer,
                     o[SAVED_INV_STD].pointer, f->relu, NULL, 0, reserve, f->reserve_bytes),
                 "train");
  expect_success(
      cubnBatchNormalizationBackwardEx(
          suite_handle(), mode, ops, &one, &zero, &one, &zero, f->x_desc, f->inputs[X].pointer,
          f->x_desc, o[Y].pointer, f->x_desc, f->inputs[DY].pointer, f->x_desc, o[DZ].pointer,
          f->x_desc, o[DX].pointer, f->param_desc, f->inputs[SCALE].pointer,
          f->inputs[BIAS].pointer, o[DSCALE].pointer, o[DBIAS].pointer, 1e-5, o[SAVED_MEAN].pointer,
          o[SAVED_INV_STD].pointer, f->relu, NULL, 0, reserve, f->reserve_bytes),
      "backward");
  expect_success(
      cubnBatchNormalizationForwardInference(
          suite_handle(), mode, &one, &zero, f->x_desc, f->inputs[X].pointer, f->x_desc,
          o[INFERRED].pointer, f->param_desc, f->inputs[SCALE].pointer, f->inputs[BIAS].pointer,
          o[RUNNING_MEAN].pointer, o[RUNNING_VAR].pointer, 1e-5),
      "infer");
}

static void compare_mode(cubnNormMode_t mode, cubnNormAlgo_t algo) {
  static const char *const names[OUTPUTS] = {
      "y",  "running_mean", "running_var", "saved_mean", "saved_inv_std",
      "dx", "dz",           "dscale",      "dbias",      "y of inference"};
  fixture f;
  device_array a[OUTPUTS], b[OUTPUTS];
  open_fixture(&f, mode);
  create_outputs(a);
  create_outputs(b);
  device_array reserve = device_array_create((int64_t)(f.reserve_bytes / 4 + 1), NULL);
  run_batchnorm(&f, a, reserve.pointer);
  expect_success(train(&f, b, algo, reserve.pointer, 1), "train");
  expect_success(backward(&f, b, algo, reserve.pointer, 1), "backward");
  expect_success(infer(&f, b, CUBN_NORM_OPS_NORM, algo, 1), "infer");
  for (int i = 0; i < OUTPUTS; ++i) {
    device_array_same(names[i], &a[i], &b[i]);
    device_array_destroy(&a[i]);
    device_array_destroy(&b[i]);
  }
  device_array_destroy(&reserve);
  close_fixture(&f);
}

static void test_same_bits(void) {
  compare_mode(CUBN_NORM_PER_CHANNEL, CUBN_NORM_ALGO_STANDARD);
  compare_mode(CUBN_NORM_PER_CHANNEL, CUBN_NORM_ALGO_PERSIST);
  compare_mode(CUBN_NORM_PER_ACTIVATION, CUBN_NORM_ALGO_STANDARD);
}

/* Inference in the extended interface, into Y. */
static void infer_extended(const fixture *f, device_array *o, cubnBatchNormOps_t ops) {
  const cubnBatchNormTensors_t tensors = {.x_desc = f->x_desc,
                                          .y_desc = f->x_desc,
                                          .z_desc = f->x_desc,
                                          .param_desc = f->param_desc,
                                          .x = f->inputs[X].pointer,
                                          .scale = f->inputs[SCALE].pointer,
                                          .bias = f->inputs[BIAS].pointer,
                                          .z = f->inputs[Z].pointer,
                                          .y = o[Y].pointer,
                                          .mean = o[RUNNING_MEAN].pointer,
                                          .var = o[RUNNING_VAR].pointer};
  cubnBatchNormDescriptor_t descriptor;
  CU_ASSERT(cubnCreateBatchNormDescriptor(&descriptor) == CUBN_STATUS_SUCCESS);
  CU_ASSERT(cubnSetBatchNormAttribute(descriptor, CUBN_BATCHNORM_STATISTICS,
                                      CUBN_STATISTICS_GIVEN) == CUBN_STATUS_SUCCESS);
  CU_ASSERT(cubnSetBatchNormActivation(descriptor, ops, f->relu) == CUBN_STATUS_SUCCESS);
  expect_success(cubnBatchNormForward(suite_handle(), descriptor, &tensors), "extended");
  cubnDestroyBatchNormDescriptor(descriptor);
}

/* Inference has no reserve space, whatever is fused. */
static void test_fused_inference(void) {
  fixture f;
  device_array o[OUTPUTS];
  open_fixture(&f, CUBN_NORM_PER_CHANNEL);
  create_outputs(o);
  device_array reserve = device_array_create((int64_t)(f.reserve_bytes / 4 + 1), NULL);
  run_batchnorm(&f, o, reserve.pointer);
  for (int ops = CUBN_NORM_OPS_NORM; ops <= CUBN_NORM_OPS_NORM_ADD_ACTIVATION; ++ops) {
    expect_success(infer(&f, o, (cubnNormOps_t)ops, CUBN_NORM_ALGO_STANDARD, 1), "infer");
    infer_extended(&f, o, (cubnBatchNormOps_t)ops);
    device_array_same("y of inference", &o[INFERRED], &o[Y]);
  }
  for (int i = 0; i < OUTPUTS; ++i) device_array_destroy(&o[i]);
  device_array_destroy(&reserve);
  close_fixture(&f);
}

/* Every function with a group count, algorithm, mode or descriptor that it cannot have. */
static void refuse_all(const fixture *f, device_array *o, cubnNormAlgo_t algo, int group_count,
                       cubnStatus_t status, const char *argument, const char *value) {
  size_t size = 17;
  expect_error(train(f, o, algo, o[DX].pointer, group_count), status,
               "cubnNormalizationForwardTraining", argument, value);
  expect_error(backward(f, o, algo, o[DX].pointer, group_count), status,
               "cubnNormalizationBackward", argument, value);
  expect_error(infer(f, o, CUBN_NORM_OPS_NORM, algo, group_count), status,
               "cubnNormalizationForwardInference", argument, value);
  expect_error(cubnGetNormalizationForwardTrainingWorkspaceSize(
                   suite_handle(), f->mode, CUBN_NORM_OPS_NORM, algo, f->x_desc, NULL, f->x_desc,
                   f->param_desc, NULL, f->mean_var_desc, &size, group_count),
               status, "cubnGetNormalizationForwardTrainingWorkspaceSize", argument, value);
  expect_error(cubnGetNormalizationBackwardWorkspaceSize(
                   suite_handle(), f->mode, CUBN_NORM_OPS_NORM, algo, f->x_desc, NULL, f->x_desc,
                   NULL, f->x_desc, f->param_desc, NULL, f->mean_var_desc, &size, group_count),
               status, "cubnGetNormalizationBackwardWorkspaceSize", argument, value);
  CU_ASSERT(size == 17);
}

static void test_refusals(void) {
  fixture f;
  device_array o[OUTPUTS];
  open_fixture(&f, CUBN_NORM_PER_CHANNEL);
  create_outputs(o);
  const cubnNormAlgo_t standard = CUBN_NORM_ALGO_STANDARD;
  refuse_all(&f, o, standard, 2, CUBN_STATUS_NOT_SUPPORTED, "group_count", "2");
  refuse_all(&f, o, (cubnNormAlgo_t)7, 1, CUBN_STATUS_BAD_PARAM, "algo", "7");
  f.mode = (cubnNormMode_t)2;
  refuse_all(&f, o, standard, 1, CUBN_STATUS_BAD_PARAM, "mode", "2");
  f.mode = CUBN_NORM_PER_CHANNEL;
  const int dims[] = {1, C, 1, 1}, strides[] = {2 * C, 2, 1, 1};
  CU_ASSERT(cubnSetTensorNdDescriptor(f.mean_var_desc, CUBN_DATA_FLOAT, 4, dims, strides) ==
            CUBN_STATUS_SUCCESS);
  refuse_all(&f, o, standard, 1, CUBN_STATUS_BAD_PARAM, "mean_var_desc", "2");
  expect_error(
      cubnDeriveNormTensorDescriptor(f.param_desc, NULL, f.x_desc, CUBN_NORM_PER_CHANNEL, 2),
      CUBN_STATUS_NOT_SUPPORTED, "cubnDeriveNormTensorDescriptor", "group_count", "2");
  expect_error(cubnDeriveNormTensorDescriptor(NULL, NULL, f.x_desc, CUBN_NORM_PER_CHANNEL, 1),
               CUBN_STATUS_BAD_PARAM, "cubnDeriveNormTensorDescriptor", "derived_scale_bias",
               "NULL");
  for (int i = 0; i < OUTPUTS; ++i) device_array_destroy(&o[i]);
  close_fixture(&f);
}

void test_normalization_suites(void) {
  static const suite_test tests[] = {{"same bits", test_same_bits},
                                     {"fused inference", test_fused_inference},
                                     {"refusals", test_refusals},
                                     {NULL, NULL}};
  suite_add("normalization", SUITE_DEVICES, tests);
}
