#include "run_line.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static cubnStatus_t transfer(const run_context *run, const data_set *data, bool up) {
  cubnStatus_t status = CUBN_STATUS_SUCCESS;
  for (int array = 0; array < DATA_ARRAYS && status == CUBN_STATUS_SUCCESS; ++array) {
    const data_array *const host = &data->arrays[array];
    const cubnBuffer_t buffer = run->buffers[array];
    if (!buffer) continue;
    status = up ? cubnUploadBuffer(buffer, 0, host->block, host->block_bytes)
                : cubnDownloadBuffer(buffer, 0, host->block, host->block_bytes);
  }
  return status;
}

cubnStatus_t run_upload(const run_context *run, const data_set *data) {
  return transfer(run, data, true);
}

cubnStatus_t run_download(const run_context *run, data_set *data) {
  return transfer(run, data, false);
}

static cubnStatus_t create_buffer(run_context *run, const data_array *array, int number) {
  cubnStatus_t status = cubnCreateBuffer(run->handle, array->block_bytes, &run->buffers[number]);
  if (status != CUBN_STATUS_SUCCESS) return status;
  status = cubnGetBufferPointer(run->buffers[number], &run->pointers[number]);
  if (run->pointers[number])
    run->pointers[number] = (char *)run->pointers[number] + array->begin_bytes;
  return status;
}

static cubnStatus_t create_descriptors(run_context *run) {
  for (int tensor = 0; tensor < LINE_TENSORS; ++tensor) {
    cubnStatus_t status = cubnCreateTensorDescriptor(&run->tensors[tensor]);
    if (status == CUBN_STATUS_SUCCESS)
      status = line_describe(&run->problem, tensor, run->tensors[tensor]);
    if (status != CUBN_STATUS_SUCCESS) return status;
  }
  const cubnStatus_t status = cubnCreateTensorDescriptor(&run->params);
  return status == CUBN_STATUS_SUCCESS ? line_describe_params(&run->problem, run->params) : status;
}

cubnStatus_t run_open(run_context *run, cubnHandle_t handle, const line_problem *problem,
                      const data_set *data) {
  *run = (run_context){.handle = handle, .problem = *problem};
  cubnStatus_t status = CUBN_STATUS_SUCCESS;
  for (int array = 0; array < DATA_ARRAYS && status == CUBN_STATUS_SUCCESS; ++array)
    if (data_has(data, array)) status = create_buffer(run, &data->arrays[array], array);
  run->pointers[DATA_OUTPUT] = run->pointers[data->output];
  if (status == CUBN_STATUS_SUCCESS) status = run_upload(run, data);
  if (status == CUBN_STATUS_SUCCESS) status = create_descriptors(run);
  if (status != CUBN_STATUS_SUCCESS) run_close(run);
  return status;
}

void run_close(run_context *run) {
  for (int array = 0; array < DATA_ARRAYS; ++array) cubnDestroyBuffer(run->buffers[array]);
  for (int tensor = 0; tensor < LINE_TENSORS; ++tensor)
    cubnDestroyTensorDescriptor(run->tensors[tensor]);
  cubnDestroyTensorDescriptor(run->params);
  *run = (run_context){0};
}

/* alpha and beta are doubles for double tensors, else floats. */
typedef union factor {
  float single;
  double full;
} factor;

static factor make_factor(const line_problem *problem, double value) {
  factor result;
  if (problem->type == CUBN_DATA_DOUBLE)
    result.full = value;
  else
    result.single = (float)value;
  return result;
}

cubnStatus_t run_call(const run_context *run) {
  const line_problem *const p = &run->problem;
  void *const *const at = run->pointers;
  const factor alpha = make_factor(p, p->alpha), beta = make_factor(p, p->beta),
               param_alpha = make_factor(p, p->param_alpha),
               param_beta = make_factor(p, p->param_beta);
  switch (p->pass) {
    case LINE_TRAIN:
      return cubnBatchNormalizationForwardTraining(
          run->handle, p->mode, &alpha, &beta, run->tensors[LINE_X], at[DATA_X],
          run->tensors[LINE_OUTPUT], at[DATA_OUTPUT], run->params, at[DATA_SCALE], at[DATA_BIAS],
          p->factor, at[DATA_RUNNING_MEAN], at[DATA_RUNNING_VAR], p->epsilon, at[DATA_SAVED_MEAN],
          at[DATA_SAVED_INV_STD]);
    case LINE_INFER:
      return cubnBatchNormalizationForwardInference(
          run->handle, p->mode, &alpha, &beta, run->tensors[LINE_X], at[DATA_X],
          run->tensors[LINE_OUTPUT], at[DATA_OUTPUT], run->params, at[DATA_SCALE], at[DATA_BIAS],
          at[DATA_MEAN], at[DATA_VAR], p->epsilon);
    default:
      return cubnBatchNormalizationBackward(
          run->handle, p->mode, &alpha, &beta, &param_alpha, &param_beta, run->tensors[LINE_X],
          at[DATA_X], run->tensors[LINE_DY], at[DATA_DY], run->tensors[LINE_OUTPUT],
          at[DATA_OUTPUT], run->params, at[DATA_SCALE], at[DATA_DSCALE], at[DATA_DBIAS], p->epsilon,
          at[DATA_SAVED_MEAN], at[DATA_SAVED_INV_STD]);
  }
}

__attribute__((format(printf, 4, 5))) static bool fail(const line_problem *problem, char *report,
                                                       size_t report_bytes, const char *format,
                                                       ...) {
  char line[256], text[512];
  line_format(problem, line, sizeof line);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  snprintf(report, report_bytes, "%s: %s", line, text);
  return false;
}

static bool fail_status(const line_problem *problem, char *report, size_t report_bytes,
                        const char *step, cubnStatus_t status) {
  char message[384];
  cubnGetLastErrorString(message, sizeof message);
  return fail(problem, report, report_bytes, "%s: %s (%s)", step, cubnGetErrorString(status),
              message);
}

/* Uploads `before`, calls, downloads to `after`. */
static bool execute(cubnHandle_t handle, const line_problem *problem, const data_set *before,
                    data_set *after, char *report, size_t report_bytes) {
  run_context run;
  cubnStatus_t status = run_open(&run, handle, problem, before);
  if (status != CUBN_STATUS_SUCCESS)
    return fail_status(problem, report, report_bytes, "preparing", status);
  const char *step = "the operation";
  status = run_call(&run);
  if (status == CUBN_STATUS_SUCCESS) {
    step = "waiting";
    status = cubnSynchronize(handle);
  }
  if (status == CUBN_STATUS_SUCCESS) {
    step = "downloading";
    status = run_download(&run, after);
  }
  run_close(&run);
  return status == CUBN_STATUS_SUCCESS || fail_status(problem, report, report_bytes, step, status);
}

bool run_line_keep(cubnHandle_t handle, const line_problem *problem, data_set *before,
                   data_set *after, compare_result *result, char *report, size_t report_bytes) {
  char text[320];
  *before = *after = (data_set){0};
  if (report_bytes) report[0] = 0;
  if (!data_create(problem, before))
    return fail(problem, report, report_bytes, "no memory for the data, or unknown data=NAME");
  oracle_fill_saved(problem, before);
  if (!data_copy(before, after)) return fail(problem, report, report_bytes, "no memory");
  if (!execute(handle, problem, before, after, report, report_bytes)) return false;
  const compare_result compared = compare_outputs(problem, before, after, 1);
  if (result) *result = compared;
  if (compared.failures) {
    compare_describe(&compared, text, sizeof text);
    return fail(problem, report, report_bytes, "%s", text);
  }
  if (!compare_untouched(problem, before, after, text, sizeof text))
    return fail(problem, report, report_bytes, "%s", text);
  return true;
}

bool run_line(cubnHandle_t handle, const line_problem *problem, char *report, size_t report_bytes) {
  data_set before, after;
  const bool passed = run_line_keep(handle, problem, &before, &after, NULL, report, report_bytes);
  data_destroy(&before);
  data_destroy(&after);
  return passed;
}

bool run_text(cubnHandle_t handle, const char *line, char *report, size_t report_bytes) {
  line_problem problem;
  const char *const error = line_parse(line, &problem);
  if (!error) return run_line(handle, &problem, report, report_bytes);
  snprintf(report, report_bytes, "%s: %s", line, error);
  return false;
}
