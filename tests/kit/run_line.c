#include "kit/run_line.h"

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
  cubnStatus_t status = cubnCreateTensorDescriptor(&run->params);
  if (status == CUBN_STATUS_SUCCESS) status = line_describe_params(&run->problem, run->params);
  if (status == CUBN_STATUS_SUCCESS) status = cubnCreateTensorDescriptor(&run->mask);
  if (status == CUBN_STATUS_SUCCESS && line_has_padding(&run->problem))
    status = line_describe_mask(&run->problem, run->mask);
  if (status == CUBN_STATUS_SUCCESS) status = cubnCreateActivationDescriptor(&run->activation);
  if (status == CUBN_STATUS_SUCCESS)
    status = line_describe_activation(&run->problem, run->activation);
  if (status == CUBN_STATUS_SUCCESS) status = cubnCreateBatchNormDescriptor(&run->batch_norm);
  return status == CUBN_STATUS_SUCCESS ? line_describe_batch_norm(&run->problem, run->batch_norm)
                                       : status;
}

cubnStatus_t run_open(run_context *run, cubnHandle_t handle, const line_problem *problem,
                      const data_set *data) {
  *run = (run_context){.handle = handle, .problem = *problem};
  cubnStatus_t status = CUBN_STATUS_SUCCESS;
  for (int array = 0; array < DATA_ARRAYS && status == CUBN_STATUS_SUCCESS; ++array)
    if (data_has(data, array)) status = create_buffer(run, &data->arrays[array], array);
  run->pointers[DATA_OUTPUT] = run->pointers[data->output];
  run->pointers[DATA_DZ] = run->pointers[data->dz];
  run->reserve_bytes = (size_t)data->arrays[DATA_RESERVE].extent;
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
  cubnDestroyTensorDescriptor(run->mask);
  cubnDestroyActivationDescriptor(run->activation);
  cubnDestroyBatchNormDescriptor(run->batch_norm);
  *run = (run_context){0};
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

/* Compares every channel_step-th channel. */
static bool check(const line_problem *problem, const data_set *before, const data_set *after,
                  int64_t channel_step, compare_result *result, char *report, size_t report_bytes) {
  char text[320];
  *result = compare_outputs(problem, before, after, channel_step);
  if (result->failures) {
    compare_describe(result, text, sizeof text);
    return fail(problem, report, report_bytes, "%s", text);
  }
  if (!compare_untouched(problem, before, after, text, sizeof text))
    return fail(problem, report, report_bytes, "%s", text);
  return true;
}

static void copy_array(const data_set *from, int from_array, data_set *to, int to_array) {
  const data_array *const source = &from->arrays[from_array];
  if (data_has(from, from_array) && data_has(to, to_array))
    memcpy(to->arrays[to_array].block, source->block, source->block_bytes);
}

/* Makes the forward call of a backward line with the values of `set`, and takes its results. */
static bool fill_by_forward(cubnHandle_t handle, const line_problem *problem, int64_t channel_step,
                            data_set *set, char *report, size_t report_bytes) {
  static const int inputs[] = {DATA_X,    DATA_Z,        DATA_SCALE, DATA_BIAS,
                               DATA_MEAN, DATA_MEAN_LOW, DATA_VAR,   DATA_MASK};
  const line_problem forward = line_forward_of(problem);
  data_set before, after = {0};
  compare_result result;
  /* Batch renormalization reads running statistics, too, which backward does not have. */
  if (!(line_renormalizes(problem) ? data_create(&forward, &before)
                                   : data_allocate(&forward, &before)))
    return fail(&forward, report, report_bytes, "no memory for the data");
  for (size_t i = 0; i < sizeof inputs / sizeof *inputs; ++i)
    copy_array(set, inputs[i], &before, inputs[i]);
  bool good = data_copy(&before, &after) &&
              execute(handle, &forward, &before, &after, report, report_bytes) &&
              check(&forward, &before, &after, channel_step, &result, report, report_bytes);
  if (good) {
    copy_array(&after, DATA_OUTPUT, set, DATA_Y);
    copy_array(&after, DATA_RESERVE, set, DATA_RESERVE);
    copy_array(&after, DATA_SAVED_MEAN, set, DATA_SAVED_MEAN);
    copy_array(&after, DATA_SAVED_MEAN_LOW, set, DATA_SAVED_MEAN_LOW);
    copy_array(&after, DATA_SAVED_INV_STD, set, DATA_SAVED_INV_STD);
    copy_array(&after, DATA_SAVED_R, set, DATA_SAVED_R);
    copy_array(&after, DATA_SAVED_D, set, DATA_SAVED_D);
  }
  data_destroy(&before);
  data_destroy(&after);
  return good;
}

bool run_fill(cubnHandle_t handle, const line_problem *problem, int64_t channel_step, data_set *set,
              char *report, size_t report_bytes) {
  if (line_needs_forward(problem) &&
      !fill_by_forward(handle, problem, channel_step, set, report, report_bytes))
    return false;
  if (!line_needs_forward(problem) || problem->foreign_saved) oracle_fill_saved(problem, set);
  return true;
}

bool run_create(cubnHandle_t handle, const line_problem *problem, data_set *set, char *report,
                size_t report_bytes) {
  if (!data_create(problem, set))
    return fail(problem, report, report_bytes, "no memory for the data, or unknown data=NAME");
  if (run_fill(handle, problem, 1, set, report, report_bytes)) return true;
  data_destroy(set);
  return false;
}

bool run_line_keep(cubnHandle_t handle, const line_problem *problem, data_set *before,
                   data_set *after, compare_result *result, char *report, size_t report_bytes) {
  compare_result compared;
  *before = *after = (data_set){0};
  if (report_bytes) report[0] = 0;
  if (!run_create(handle, problem, before, report, report_bytes)) return false;
  if (!data_copy(before, after)) return fail(problem, report, report_bytes, "no memory");
  if (!execute(handle, problem, before, after, report, report_bytes)) return false;
  return check(problem, before, after, 1, result ? result : &compared, report, report_bytes);
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
