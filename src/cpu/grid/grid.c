/* grid: packed problems with short runs or with channels last, as grids. */
#include "cpu/grid/grid.h"

#include "core/refusal.h"
#include "cpu/common/algos.h"
#include "cpu/common/arith.h"
#include "cpu/fast/squeeze.h"
#include "cpu/grid/masked.h"
#include "cpu/grid/shape.h"

/* A block of short runs must fit in half of L2, at this width at least: narrower ones are read
 * slowly. */
enum { BLOCK_COLUMNS_MIN = 64 };
/* Channels last are processed in blocks if they have at most so many values, and there are at least
 * so many. */
enum { FEW_ROWS = 512, MANY_COLUMNS = 512 };
/* The same of inference: with more, the rows take longer than the coefficients. */
enum { FEW_ROWS_INFER = 64 };

static cubn_refusal reject(const cubn_device *device, const cubn_problem *problem) {
  cubn_problem packed;
  if (problem->validity.kind != CUBN_VALID_ALL)
    return cubn_squeeze_reject(device, problem, CUBN_LAYOUT_COLUMNS);
  problem = cubn_packed_problem(problem, &packed);
  if (!problem) return cubn_refuse_strided();
  if (cubn_has_long_runs(problem)) return cubn_refuse_long_runs(problem);
  return cubn_fast_reject(device, problem);
}

/* Whether threads process blocks of columns; otherwise they share the rows. This depends on the
 * problem and the machine, but not on the number of threads, because the results must not. */
static bool has_blocks(const cubn_device *device, const cubn_problem *problem) {
  if (problem->c * problem->s < MANY_COLUMNS) return false;
  if (problem->pass == CUBN_PASS_INFER) return problem->s > 1 || problem->n <= FEW_ROWS_INFER;
  if (problem->s == 1) return problem->n <= FEW_ROWS;
  const int64_t tensors = problem->pass == CUBN_PASS_BACKWARD ? 2 : 1;
  const int64_t columns = cubn_max(problem->s, BLOCK_COLUMNS_MIN);
  const int64_t row_bytes = tensors * columns * (int64_t)cubn_element_bytes(problem->type);
  return problem->n <= device->machine.l2_bytes / 2 / row_bytes;
}

static size_t workspace_bytes(const cubn_device *device, const cubn_problem *problem) {
  cubn_problem packed;
  problem = cubn_packed_problem(problem, &packed);
  return has_blocks(device, problem) ? 0 : cubn_grid_shared_workspace_bytes(problem);
}

static cubnStatus_t run_packed(cubn_device *device, const cubn_problem *problem,
                               const cubn_args *args, const cubn_places *places) {
  cubn_call call = cubn_call_begin(device, problem, args);
  cubn_places own;
  cubn_call_set_places(&call, places);
  if (cubn_has_row_bits(&call)) {
    const cubn_problem padded = cubn_grid_with_padding(&call);
    if (!has_blocks(device, &padded) && cubn_choose_grid_shape(&padded).pattern.times == 1)
      return cubn_grid_run_shared(&call);
    /* Other ways than that want padding to be cleared. */
    own = *places;
    own.spans.row_words = NULL;
    for (int a = 0; a < CUBN_VIEWS; ++a) own.views[a].spans = &own.spans;
    cubn_clear_padding(device, problem, &own.spans, args);
    call.places = &own;
  }
  if (!has_blocks(device, problem)) return cubn_grid_run_shared(&call);
  cubn_grid_run_blocks(&call);
  return CUBN_STATUS_SUCCESS;
}

static cubnStatus_t run(cubn_device *device, const cubn_problem *problem, const cubn_args *args) {
  return cubn_fast_run(device, problem, args, run_packed);
}

const cubn_algo cubn_cpu_grid = {"grid", reject, workspace_bytes, run};
