/* Where the border between long runs and grids lies. */
#include "cpu/fast/shapes.h"

#include "core/refusal.h"

/* The values of a long run, whatever a grid would be like. */
enum { LONG_RUN = 384 };

int64_t cubn_channels_of_lines(const cubn_problem *problem) {
  const int64_t line = CUBN_LINE_BYTES / (int64_t)cubn_element_bytes(problem->type);
  int64_t channels = 1;
  while (channels < line && channels * problem->s % line) channels *= 2;
  return channels;
}

/* Blocks of a grid are faster if they begin at whole lines of memory, up to some length of run. */
bool cubn_has_long_runs(const cubn_problem *problem) {
  const int64_t columns = cubn_channels_of_lines(problem) * problem->s;
  return problem->s >= LONG_RUN || columns > CUBN_BLOCK_COLUMNS_MAX;
}

cubn_refusal cubn_refuse_runs(const cubn_problem *problem) {
  const char *const text =
      cubn_has_long_runs(problem)
          ? "runs of %lld values are long; from %lld on, and where blocks of channels cannot begin "
            "at "
            "whole cache lines, they are no columns of a grid"
          : "runs of %lld values are short: below %lld they are columns of a grid";
  return cubn_refuse_number(text, problem->s, LONG_RUN);
}
