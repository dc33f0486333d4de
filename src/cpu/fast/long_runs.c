/* The border between long runs and grids. */
#include "cpu/fast/long_runs.h"

#include "core/refusal.h"
#include "cpu/fast/squeeze.h"

/* So many values are a long run, whatever the grid would be like. */
enum { LONG_RUN = 384 };

int64_t cubn_channels_of_lines(const cubn_problem *problem) {
  const int64_t line = CUBN_LINE_BYTES / (int64_t)cubn_element_bytes(problem->type);
  int64_t channels = 1;
  while (channels < line && channels * problem->s % line) channels *= 2;
  return channels;
}

/* Columns of the narrowest blocks that begin and end at whole cache lines. */
static int64_t columns_of_lines(const cubn_problem *problem) {
  return cubn_channels_of_lines(problem) * problem->s;
}

/* Up to some length of run, a grid is faster if its blocks can begin at whole cache lines. */
bool cubn_has_long_runs(const cubn_problem *problem) {
  return problem->s >= LONG_RUN || columns_of_lines(problem) > CUBN_BLOCK_COLUMNS_MAX;
}

cubn_refusal cubn_refuse_long_runs(const cubn_problem *problem) {
  if (problem->s >= LONG_RUN)
    return cubn_refuse_number(
        "runs of %lld values are long: from %lld on they are not columns of a grid", problem->s,
        LONG_RUN);
  return cubn_refuse_number(
      "blocks of whole cache lines have %lld columns of a grid, more than %lld",
      columns_of_lines(problem), CUBN_BLOCK_COLUMNS_MAX);
}

cubn_refusal cubn_long_runs_reject(const cubn_device *device, const cubn_problem *problem) {
  cubn_problem packed;
  if (problem->validity.kind != CUBN_VALID_ALL)
    return cubn_squeeze_reject(device, problem, CUBN_LAYOUT_ROWS);
  problem = cubn_packed_problem(problem, &packed);
  if (!problem) return cubn_refuse_strided();
  if (problem->layout != CUBN_LAYOUT_ROWS) return cubn_refuse_layout(problem);
  if (!cubn_has_long_runs(problem))
    return cubn_refuse_number(
        "runs of %lld values are short: below %lld they are columns of a grid", problem->s,
        LONG_RUN);
  if (problem == &packed && problem->reserve == CUBN_RESERVE_MASK && problem->s % 8 != 0 &&
      cubn_spread_arrays(problem) != 0)
    return cubn_refuse_number(
        "the mask has bytes with bits of two tiles, because runs of %lld values are no multiple of "
        "%lld, and some tensor is in another order than x",
        problem->s, 8);
  return cubn_fast_reject(device, problem);
}
