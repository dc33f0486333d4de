#include "suites/support/extended_call.h"

#include <string.h>

#include "suites/support/expect_error.h"

static const char *const lines[CALLS] = {
    "train nchw f32 n2c3h4w5 add_relu separate devfactor",
    "train nchw f32 n2c3h4w5 statistics low",
    "infer nchw f32 n2c3h4w5 add_relu reserve",
    "infer nchw f32 n2c3h4w5 invstd low",
    "backward nchw f32 n2c3h4w5 add_relu noscale",
    "backward nchw f32 n2c3h4w5 relu nodbias",
    "backward nchw f32 n2c3h4w5 frozen invstd low",
    "backward nchw f32 n2c3h4w5 sums low",
};

const char *extended_function(const extended_call *f) {
  return f->run.problem.pass == LINE_BACKWARD ? "cubnBatchNormBackward" : "cubnBatchNormForward";
}

cubnStatus_t extended_make(const extended_call *f, cubnHandle_t handle,
                           cubnBatchNormDescriptor_t descriptor, const cubnBatchNormTensors_t *t) {
  return f->run.problem.pass == LINE_BACKWARD ? cubnBatchNormBackward(handle, descriptor, t)
                                              : cubnBatchNormForward(handle, descriptor, t);
}

void extended_refuse(const extended_call *f, const cubnBatchNormTensors_t *spoiled,
                     const char *argument, const char *value) {
  expect_error(extended_make(f, suite_handle(), f->run.batch_norm, spoiled), CUBN_STATUS_BAD_PARAM,
               extended_function(f), argument, value);
}

bool extended_open(extended_call *f, int which) {
  line_problem problem;
  char report[512] = "";
  memset(f, 0, sizeof *f);
  CU_ASSERT_PTR_NULL_FATAL(line_parse(lines[which], &problem));
  if (!SUITE_CHECK(run_create(suite_handle(), &problem, &f->before, report, sizeof report), "%s",
                   report))
    return false;
  CU_ASSERT_FATAL(data_copy(&f->before, &f->after));
  if (!expect_success(run_open(&f->run, suite_handle(), &problem, &f->before), lines[which]))
    return false;
  f->valid = run_tensors(&f->run);
  return true;
}

void extended_close(extended_call *f) {
  expect_success(run_download(&f->run, &f->after), "download");
  for (int i = 0; i < DATA_ARRAYS; ++i)
    if (data_has(&f->before, i))
      SUITE_CHECK(memcmp(f->before.arrays[i].block, f->after.arrays[i].block,
                         f->before.arrays[i].block_bytes) == 0,
                  "%s was written by a failed call", data_array_name(&f->run.problem, i));
  expect_success(extended_make(f, suite_handle(), f->run.batch_norm, &f->valid),
                 extended_function(f));
  expect_success(cubnSynchronize(suite_handle()), "synchronize");
  run_close(&f->run);
  data_destroy(&f->before);
  data_destroy(&f->after);
}
