#include "suites/support/lines.h"

#include <stdio.h>

#include "kit/run_algo.h"

/* Returns whether the algorithm failed; `*ran` counts those that did not refuse. */
static bool run_row(cubnHandle_t handle, const cubn_algo *algo, const line_problem *problem,
                    unsigned *ran) {
  data_set before, after;
  compare_result result = {0};
  char report[1024];
  const algo_outcome outcome =
      run_algo(handle, algo, problem, &before, &after, &result, report, sizeof report);
  data_destroy(&before);
  data_destroy(&after);
  printf("  %-12s ", algo->name);
  if (outcome == ALGO_REFUSED) {
    printf("refused  %s\n", report);
    return false;
  }
  ++*ran;
  if (outcome == ALGO_FAILED)
    printf("FAILED   %s\n", report);
  else if (!result.array)
    printf("passed   nothing to compare\n");
  else
    printf("passed   largest error: %.2g of the allowed one, in %s\n", result.ratio, result.array);
  return outcome == ALGO_FAILED;
}

unsigned lines_run(cubnHandle_t handle, const char *line) {
  line_problem problem;
  const char *const error = line_parse(line, &problem);
  printf("%s\n", line);
  if (error) {
    printf("  cannot be read: %s\n", error);
    return 1;
  }
  unsigned failures = 0, ran = 0;
  for (const cubn_algo *const *algo = handle->backend->algos[problem.pass]; *algo; ++algo)
    failures += run_row(handle, *algo, &problem, &ran);
  if (!ran) printf("  no algorithm ran\n");
  fflush(stdout);
  return ran ? failures : 1;
}
