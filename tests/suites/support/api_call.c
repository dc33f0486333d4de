#include "suites/support/api_call.h"

#include <string.h>

static const char *const functions[] = {
    "cubnBatchNormalizationForwardTraining", "cubnBatchNormalizationForwardInference",
    "cubnBatchNormalizationBackward", "cubnBatchNormalizationForwardTrainingEx",
    "cubnBatchNormalizationBackwardEx"};

const char *api_function(int call) {
  return functions[call];
}

static cubnStatus_t call_ex(int call, const api_arguments *a) {
  if (call == API_CALL_TRAIN_EX)
    return cubnBatchNormalizationForwardTrainingEx(
        a->handle, a->mode, a->ops, a->alpha, a->beta, a->x_desc, a->x, a->z_desc, a->z,
        a->output_desc, a->output, a->param_desc, a->scale, a->bias, a->factor, a->running_mean,
        a->running_var, a->epsilon, a->saved_mean, a->saved_inv_std, a->activation, a->workspace,
        a->workspace_bytes, a->reserve, a->reserve_bytes);
  return cubnBatchNormalizationBackwardEx(
      a->handle, a->mode, a->ops, a->alpha, a->beta, a->param_alpha, a->param_beta, a->x_desc, a->x,
      NULL, NULL, a->dy_desc, a->dy, a->z_desc, a->z, a->output_desc, a->output, a->param_desc,
      a->scale, a->bias, a->dscale, a->dbias, a->epsilon, a->saved_mean, a->saved_inv_std,
      a->activation, a->workspace, a->workspace_bytes, a->reserve, a->reserve_bytes);
}

cubnStatus_t api_call(int call, const api_arguments *a) {
  switch (call) {
    case API_CALL_TRAIN_EX:
    case API_CALL_BACKWARD_EX:
      return call_ex(call, a);
    case LINE_TRAIN:
      return cubnBatchNormalizationForwardTraining(
          a->handle, a->mode, a->alpha, a->beta, a->x_desc, a->x, a->output_desc, a->output,
          a->param_desc, a->scale, a->bias, a->factor, a->running_mean, a->running_var, a->epsilon,
          a->saved_mean, a->saved_inv_std);
    case LINE_INFER:
      return cubnBatchNormalizationForwardInference(
          a->handle, a->mode, a->alpha, a->beta, a->x_desc, a->x, a->output_desc, a->output,
          a->param_desc, a->scale, a->bias, a->mean, a->var, a->epsilon);
    default:
      return cubnBatchNormalizationBackward(
          a->handle, a->mode, a->alpha, a->beta, a->param_alpha, a->param_beta, a->x_desc, a->x,
          a->dy_desc, a->dy, a->output_desc, a->output, a->param_desc, a->scale, a->dscale,
          a->dbias, a->epsilon, a->saved_mean, a->saved_inv_std);
  }
}

static const char *const lines[] = {
    "train nchw f32 n2c3h4w5", "infer nchw f32 n2c3h4w5", "backward nchw f32 n2c3h4w5",
    "train nchw f32 n2c3h4w5 add_relu", "backward nchw f32 n2c3h4w5 add_relu"};

static api_arguments arguments_of(api_fixture *f) {
  void **p = f->run.pointers;
  const bool backward = f->run.problem.pass == LINE_BACKWARD;
  return (api_arguments){.handle = suite_handle(),
                         .mode = CUBN_BATCHNORM_SPATIAL,
                         .alpha = &f->one,
                         .beta = &f->zero,
                         .param_alpha = &f->one,
                         .param_beta = &f->zero,
                         .x_desc = f->run.tensors[LINE_X],
                         .output_desc = f->run.tensors[LINE_OUTPUT],
                         .dy_desc = f->run.tensors[LINE_DY],
                         .param_desc = f->run.params,
                         .x = p[DATA_X],
                         .output = p[DATA_OUTPUT],
                         .dy = p[DATA_DY],
                         .scale = p[DATA_SCALE],
                         .bias = p[DATA_BIAS],
                         .mean = p[DATA_MEAN],
                         .var = p[DATA_VAR],
                         .running_mean = p[DATA_RUNNING_MEAN],
                         .running_var = p[DATA_RUNNING_VAR],
                         .saved_mean = p[DATA_SAVED_MEAN],
                         .saved_inv_std = p[DATA_SAVED_INV_STD],
                         .dscale = p[DATA_DSCALE],
                         .dbias = p[DATA_DBIAS],
                         .factor = 0.1,
                         .epsilon = 1e-5,
                         .ops = CUBN_BATCHNORM_OPS_BN_ADD_ACTIVATION,
                         .z_desc = f->run.tensors[LINE_Z],
                         .z = p[backward ? DATA_DZ : DATA_Z],
                         .activation = f->run.activation,
                         .reserve = p[DATA_RESERVE],
                         .reserve_bytes = f->run.reserve_bytes};
}

bool api_open(api_fixture *f, int call) {
  *f = (api_fixture){.call = call, .one = 1.0f};
  line_problem problem;
  char report[512] = "";
  CU_ASSERT_PTR_NULL_FATAL(line_parse(lines[call], &problem));
  if (!SUITE_CHECK(run_create(suite_handle(), &problem, &f->before, report, sizeof report), "%s",
                   report))
    return false;
  CU_ASSERT_FATAL(data_copy(&f->before, &f->after));
  if (!expect_success(run_open(&f->run, suite_handle(), &problem, &f->before), "open"))
    return false;
  f->valid = arguments_of(f);
  return true;
}

void api_close(api_fixture *f, bool has_run) {
  expect_success(run_download(&f->run, &f->after), "download");
  for (int i = 0; i < DATA_ARRAYS && !has_run; ++i) {
    if (!data_has(&f->before, i)) continue;
    const data_array *a = &f->before.arrays[i], *b = &f->after.arrays[i];
    SUITE_CHECK(memcmp(a->block, b->block, a->block_bytes) == 0, "%s was written by a failed call",
                data_array_name(&f->run.problem, i));
  }
  run_close(&f->run);
  data_destroy(&f->before);
  data_destroy(&f->after);
}

void api_refuse(const api_fixture *f, const api_arguments *spoiled, cubnStatus_t status,
                const char *argument, const char *value) {
  expect_error(api_call(f->call, spoiled), status, functions[f->call], argument, value);
}
