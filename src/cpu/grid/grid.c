/* grid: packed problems with short runs or with channels last, as matrices. */
#include "cpu/grid/grid.h"
#include "core/refusal.h"

#include "core/check.h"
#include "cpu/common/algos.h"
#include "cpu/fast/epilogue.h"

/* Blocks of short runs must fit in half of a core's cache, at this width at least: what is narrower
 * is read slowly. */
enum { BLOCK_COLUMNS_MIN = 64 };
/* Channels that lie last are visited by blocks if they have few values, and there are many. */
enum { FEW_ROWS = 512, MANY_COLUMNS = 512 };

static cubn_refusal reject(const cubn_device *device, const cubn_problem *problem) {
  if (problem->layout == CUBN_LAYOUT_STRIDED) return cubn_refuse_strided();
  if (cubn_has_long_runs(problem)) return cubn_refuse_runs(problem);
  return cubn_fast_reject(device, problem);
}

/* A function of the problem and the machine, not of the number of threads, which must not show in
 * the results. */
static bool has_blocks(const cubn_device *device, const cubn_problem *problem) {
  if (problem->c * problem->s < MANY_COLUMNS) return false;
  if (problem->pass == CUBN_PASS_INFER) return problem->s > 1;
  if (problem->s == 1) return problem->n <= FEW_ROWS;
  const int64_t tensors = problem->pass == CUBN_PASS_BACKWARD ? 2 : 1;
  const int64_t columns = problem->s > BLOCK_COLUMNS_MIN ? problem->s : BLOCK_COLUMNS_MIN;
  const int64_t row_bytes = tensors * columns * (int64_t)cubn_element_bytes(problem->type);
  return problem->n <= device->machine.l2_bytes / 2 / row_bytes;
}

static size_t workspace_bytes(const cubn_device *device, const cubn_problem *problem) {
  return has_blocks(device, problem) ? 0 : cubn_grid_shared_workspace_bytes(problem);
}

static cubnStatus_t run(cubn_device *device, const cubn_problem *problem, const cubn_args *args) {
  const cubn_call call = cubn_call_begin(device, problem, args);
  const size_t needed = workspace_bytes(device, problem);
  if (args->workspace_bytes < needed)
    return cubn_fail(CUBN_STATUS_INTERNAL_ERROR, __func__, "workspace has %zu bytes, needs %zu",
                     args->workspace_bytes, needed);
  if (has_blocks(device, problem))
    cubn_grid_run_blocks(&call);
  else
    cubn_grid_run_shared(&call);
  return CUBN_STATUS_SUCCESS;
}

const cubn_algo cubn_cpu_grid = {"grid", reject, workspace_bytes, run};
