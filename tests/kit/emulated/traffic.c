#include "kit/emulated/traffic.h"

#include <stdio.h>

#include "emu/control.h"

/* A per-channel array whose old content is blended with the new. */
static bool is_blended(const line_problem *problem, int array) {
  switch (array) {
    case DATA_RUNNING_MEAN:
    case DATA_RUNNING_VAR:
      return problem->factor != 1 && !problem->separate_running;
    case DATA_DSCALE:
    case DATA_DBIAS:
      return problem->param_beta != 0;
    default:
      return false;
  }
}

/* With addition backward needs no bias. */
static bool is_ignored(const line_problem *problem, int array) {
  return array == DATA_BIAS && problem->pass == LINE_BACKWARD && problem->adds;
}

static void count_arrays(const line_problem *problem, const data_set *set, traffic *result) {
  const int64_t param_bytes = (int64_t)data_type_bytes(line_param_type(problem));
  const bool backward = problem->pass == LINE_BACKWARD;
  result->tensor_bytes = line_elements(problem) * (int64_t)data_type_bytes(problem->type);
  for (int array = DATA_TENSORS; array < DATA_CHANNELS_END; ++array) {
    if (!data_has(set, array) || is_ignored(problem, array)) continue;
    const int64_t bytes = line_channels(problem) * param_bytes;
    const bool writes = compare_writes(problem, set, array);
    result->param_read_bytes += !writes || is_blended(problem, array) ? bytes : 0;
    result->param_written_bytes += writes ? bytes : 0;
  }
  const int64_t reserve_bytes = set->arrays[DATA_RESERVE].extent;
  /* Beside saved statistics backward reads one of three arrays, what these lack of the means. */
  const bool reads_part = backward && !problem->no_saved;
  if (line_reserve_kind(problem) == LINE_RESERVE_STATISTICS)
    *(backward ? &result->param_read_bytes : &result->param_written_bytes) +=
        reads_part ? reserve_bytes / 3 : reserve_bytes;
  else
    result->reserve_bytes = reserve_bytes;
  if (data_has(set, DATA_FACTOR)) result->param_read_bytes += param_bytes;
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

/* Makes the call with this row alone as the table; *refused tells whether the row refuses. */
static cubnStatus_t call_row(run_context *run, const cubn_algo *row, bool *refused) {
  sole_algo sole;
  sole_algo_begin(&sole, run->handle, run->problem.pass, row);
  const cubnStatus_t status = run_call(run);
  *refused = sole_algo_end(&sole).text != NULL;
  return status == CUBN_STATUS_SUCCESS ? cubnSynchronize(run->handle) : status;
}

bool traffic_measure(cubnHandle_t handle, const line_problem *problem, const cubn_algo *row,
                     traffic *result, char *report, size_t report_bytes) {
  *result = (traffic){0};
  snprintf(report, report_bytes, "%s", "");
  data_set data;
  run_context run;
  if (!run_create(handle, problem, &data, report, report_bytes)) return false;
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
