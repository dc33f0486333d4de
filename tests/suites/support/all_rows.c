#include "suites/support/all_rows.h"

#include "kit/run_algo.h"
#include "suites/support/suite.h"

static void check_row(const char *line, const line_problem *problem, const cubn_algo *row,
                      bool is_last) {
  data_set before, after;
  compare_result result = {0};
  char report[1024];
  const algo_outcome outcome =
      run_algo(suite_handle(), row, problem, &before, &after, &result, report, sizeof report);
  data_destroy(&before);
  data_destroy(&after);
  SUITE_CHECK(outcome == ALGO_PASSED || (outcome == ALGO_REFUSED && !is_last), "%s: %s: %s", line,
              row->name, report);
}

void all_rows_check(const char *const lines[]) {
  for (; *lines; ++lines) {
    line_problem problem;
    const char *const error = line_parse(*lines, &problem);
    if (!SUITE_CHECK(!error, "%s: %s", *lines, error)) continue;
    const cubn_algo *const *row = suite_handle()->backend->algos[problem.pass];
    for (; *row; ++row) check_row(*lines, &problem, *row, !row[1]);
  }
}
