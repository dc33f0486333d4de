/* A valid call of each operation. */
#include "api_call.h"

#include <string.h>

static const char *const functions[] = {"cubnBatchNormalizationForwardTraining",
                                        "cubnBatchNormalizationForwardInference",
                                        "cubnBatchNormalizationBackward"};

const char *api_function(int pass) {
  return functions[pass];
}

cubnStatus_t api_call(int pass, const api_arguments *a) {
  switch (pass) {
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

static const char *const lines[] = {"train nchw f32 n2c3h4w5", "infer nchw f32 n2c3h4w5",
                                    "backward nchw f32 n2c3h4w5"};

bool api_open(api_fixture *f, int pass) {
  *f = (api_fixture){.pass = pass, .one = 1.0f};
  line_problem problem;
  CU_ASSERT_PTR_NULL_FATAL(line_parse(lines[pass], &problem));
  CU_ASSERT_FATAL(data_create(&problem, &f->before));
  if (pass == LINE_BACKWARD) oracle_fill_saved(&problem, &f->before);
  CU_ASSERT_FATAL(data_copy(&f->before, &f->after));
  if (!expect_success(run_open(&f->run, suite_handle(), &problem, &f->before), "open"))
    return false;
  void **p = f->run.pointers;
  f->valid = (api_arguments){suite_handle(),
                             CUBN_BATCHNORM_SPATIAL,
                             &f->one,
                             &f->zero,
                             &f->one,
                             &f->zero,
                             f->run.tensors[LINE_X],
                             f->run.tensors[LINE_OUTPUT],
                             f->run.tensors[LINE_DY],
                             f->run.params,
                             p[DATA_X],
                             p[DATA_OUTPUT],
                             p[DATA_DY],
                             p[DATA_SCALE],
                             p[DATA_BIAS],
                             p[DATA_MEAN],
                             p[DATA_VAR],
                             p[DATA_RUNNING_MEAN],
                             p[DATA_RUNNING_VAR],
                             p[DATA_SAVED_MEAN],
                             p[DATA_SAVED_INV_STD],
                             p[DATA_DSCALE],
                             p[DATA_DBIAS],
                             0.1,
                             1e-5};
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
  expect_error(api_call(f->pass, spoiled), status, functions[f->pass], argument, value);
}
