#include "emu_traffic.h"

#include <stdio.h>

#include "emu/control.h"

int traffic_floor(const line_problem *problem) {
  return (problem->pass == LINE_BACKWARD ? 3 : 2) + (problem->beta != 0);
}

static void count_arrays(const line_problem *problem, const data_set *set, traffic *result) {
  result->tensor_bytes = line_elements(problem) * (int64_t)data_type_bytes(problem->type);
  for (int array = LINE_TENSORS; array < DATA_ARRAYS; ++array) {
    if (!data_has(set, array)) continue;
    const int64_t bytes =
        line_channels(problem) * (int64_t)data_type_bytes(line_param_type(problem));
    const bool is_saved = array == DATA_SAVED_MEAN || array == DATA_SAVED_INV_STD;
    const bool is_running = array == DATA_RUNNING_MEAN || array == DATA_RUNNING_VAR;
    const bool is_gradient = array == DATA_DSCALE || array == DATA_DBIAS;
    const bool is_written = is_running || is_gradient || (is_saved && problem->pass == LINE_TRAIN);
    const bool is_read = !is_written || (is_running && problem->factor != 1) ||
                         (is_gradient && problem->param_beta != 0);
    result->param_read_bytes += is_read ? bytes : 0;
    result->param_written_bytes += is_written ? bytes : 0;
  }
}

static void sum_launches(traffic *result) {
  emu_launch_counts counts;
  for (unsigned i = 0; emu_get_launch(i, &counts); ++i) {
    ++result->launches;
    result->distinct_read += (int64_t)counts.distinct_read_bytes;
    result->distinct_written += (int64_t)counts.distinct_written_bytes;
    result->requested_read += (int64_t)counts.read_bytes;
    result->requested_written += (int64_t)counts.written_bytes;
    result->missed_read += (int64_t)counts.missed_read_bytes;
    result->atomic += (int64_t)counts.atomic_bytes;
    result->threads += (int64_t)counts.threads;
  }
}

/* The row alone as the table; `*refused` if it refuses. */
static cubnStatus_t call_row(run_context *run, const cubn_algo *row, bool *refused) {
  const cubnHandle_t handle = run->handle;
  const cubn_backend *const backend = handle->backend;
  const cubn_algo *const only_row[] = {row, NULL};
  cubn_backend narrowed = *backend;
  narrowed.algos[run->problem.pass] = only_row;
  handle->backend = &narrowed;
  handle->last_algo = NULL;
  cubnStatus_t status = run_call(run);
  handle->backend = backend;
  *refused = status == CUBN_STATUS_INTERNAL_ERROR && !handle->last_algo;
  return status == CUBN_STATUS_SUCCESS ? cubnSynchronize(handle) : status;
}

bool traffic_measure(cubnHandle_t handle, const line_problem *problem, const cubn_algo *row,
                     traffic *result, char *report, size_t report_bytes) {
  *result = (traffic){0};
  snprintf(report, report_bytes, "%s", "");
  data_set data;
  run_context run;
  if (!data_create(problem, &data)) {
    snprintf(report, report_bytes, "no memory for the data");
    return false;
  }
  oracle_fill_saved(problem, &data);
  count_arrays(problem, &data, result);
  bool refused = false;
  cubnStatus_t status = run_open(&run, handle, problem, &data);
  if (status == CUBN_STATUS_SUCCESS) {
    emu_reset_launches();
    status = call_row(&run, row, &refused);
    sum_launches(result);
    run_close(&run);
  }
  if (status != CUBN_STATUS_SUCCESS && !refused) cubnGetLastErrorString(report, report_bytes);
  data_destroy(&data);
  return status == CUBN_STATUS_SUCCESS;
}
