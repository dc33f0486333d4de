/* Rows of channels last with padding, where they are: a bit says which are valid. Offsets are those
 * in memory. */
#include "cpu/grid/masked.h"

#include <string.h>

#include "cpu/common/arith.h"
#include "cpu/fast/masked_rows.h"

cubn_problem cubn_grid_with_padding(const cubn_call *call) {
  cubn_problem problem = *call->problem;
  problem.n = call->places->spans.samples;
  return problem;
}

static cubn_masked_rows make_rows(const cubn_call *call, cubn_grid grid, int64_t offset) {
  const int64_t c = call->problem->c;
  return (cubn_masked_rows){.step = {.stride = grid.stride},
                            .rows = grid.rows,
                            .width = grid.width,
                            .element_bytes = call->element_bytes,
                            .bits = call->places->spans.row_words,
                            .is_by_row = true,
                            .first_row = offset / c,
                            .prefetch_distance = call->prefetches ? grid.rows * grid.stride : 0};
}

void cubn_grid_sum_masked(const cubn_call *call, cubn_grid grid, cubn_grid_operand summed,
                          double *sums, int64_t sum_stride) {
  cubn_masked_rows rows = make_rows(call, grid, summed.offset);
  rows.step.summed_x = cubn_element_at(call, call->args->x, summed.offset);
  if (call->sums == 3) rows.step.summed_dy = cubn_element_at(call, call->args->dy, summed.offset);
  rows.step.summed_coef = *summed.coef;
  rows.sums = sums;
  rows.sum_stride = sum_stride;
  cubn_masked_run(cubn_machine_masked(call->kernels), &rows);
}

void cubn_grid_write_masked(const cubn_call *call, cubn_grid grid, cubn_grid_operand written) {
  const uintptr_t bytes = (uintptr_t)call->kernels->store_bytes;
  const uintptr_t stride = (uintptr_t)(grid.stride * call->element_bytes);
  cubn_masked_rows rows = make_rows(call, grid, written.offset);
  rows.step.x = cubn_element_at(call, call->args->x, written.offset);
  if (call->problem->pass == CUBN_PASS_BACKWARD)
    rows.step.dy = cubn_element_at(call, call->args->dy, written.offset);
  rows.step.output = cubn_output_at(call, written.offset);
  rows.step.coef = *written.coef;
  rows.step.nontemporal =
      call->nontemporal && (uintptr_t)rows.step.output % bytes == 0 && stride % bytes == 0;
  cubn_masked_run(cubn_machine_masked(call->kernels), &rows);
}

/* Valid rows before this one. */
static int64_t valid_before(const cubn_spans *spans, int64_t row) {
  int64_t low = 0, high = spans->count;
  while (low < high) { /* the first span that begins at this row or later */
    const int64_t middle = low + (high - low) / 2;
    if (spans->list[middle].sample < row)
      low = middle + 1;
    else
      high = middle;
  }
  if (low == 0) return 0;
  const cubn_span *const span = &spans->list[low - 1];
  return cubn_min(span->begin + row - span->sample, span[1].begin);
}

void cubn_grid_write_mixed_masked(const cubn_call *call, cubn_grid grid, cubn_grid_operand written,
                                  const cubn_channels *channels) {
  const cubn_spans *spans = &call->places->spans;
  const int64_t c = call->problem->c, row = written.offset / c;
  const int64_t first = valid_before(spans, row), end = valid_before(spans, row + grid.rows);
  for (int64_t r = 0; r < grid.rows; ++r)
    if (!(spans->row_words[(row + r) / 64] >> ((row + r) % 64) & 1))
      memset(cubn_output_at(call, written.offset + r * grid.stride), 0,
             (size_t)(grid.width * call->element_bytes));
  written.offset += (first - row) * c;
  grid.rows = end - first;
  if (grid.rows > 0) cubn_grid_write_mixed(call, grid, written, channels);
}
