/* Channels whose coefficients float cannot represent, which the fast algorithms of the CPU compute
 * in double: they are right and leave no trace in their neighbors, however channels are partitioned
 * over threads. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/handle.h"
#include "kit/run_line.h"
#include "suites/support/suite.h"

/* The scales of some channels become 1e-36: of many channels of few values so few that the number
 * of threads decides which others have one in their block. */
static const char *const lines[] = {
    "train nchw f32 n4c24h24w25 data=spread",
    "train nchw f32 n12c48h14w14 data=spread",
    "train nhwc f32 n16c24h9w13 data=spread",
    "train nhwc f32 n60c530h1w1 add_relu data=spread",
    "train nhwc f32 n40c11h5w5 add_relu data=spread",
    "train nchw f32 n4c24h24w25 add_relu data=spread",
    "backward nchw f32 n4c24h24w25 data=spread",
    "backward nchw f32 n12c48h14w14 relu data=spread",
    "backward nhwc f32 n16c24h9w13 add_relu data=spread",
    "infer nchw f32 n4c24h24w25 data=spread",
    "infer nchw f32 n12c48h14w14 add_relu data=spread",
    "train nc f32 n8c17001 data=spread",
    "train nc f32 n8c17001 relu data=spread",
    "backward nc f32 n8c17001 relu data=spread",
    "backward nc f32 n8c17001 add_relu data=spread",
    "infer nc f32 n8c17001 add_relu data=spread",
};
enum { LINES = sizeof lines / sizeof lines[0], EVERY = 5, MANY = 10000, EVERY_OF_MANY = 3000 };
#define DOUBLE_SCALE 1e-36

static bool create(cubnHandle_t handle, const line_problem *problem, data_set *before) {
  char report[512] = "";
  bool good = run_create(handle, problem, before, report, sizeof report);
  if (good) {
    const int64_t channels = line_channels(problem),
                  every = channels < MANY ? EVERY : EVERY_OF_MANY;
    for (int64_t channel = 1; channel < channels; channel += every)
      data_set_value(&before->arrays[DATA_SCALE], channel, DOUBLE_SCALE);
    if (line_needs_forward(problem))
      good = run_fill(handle, problem, 1, before, report, sizeof report);
  }
  return SUITE_CHECK(good, "%s", report);
}

/* Makes one call with this row of the table; returns false if the row refuses. */
static bool call(cubnHandle_t handle, const line_problem *problem, const cubn_algo *row,
                 const data_set *before, data_set *after) {
  run_context run;
  if (!SUITE_CHECK(run_open(&run, handle, problem, before) == CUBN_STATUS_SUCCESS, "open"))
    return false;
  strcpy(handle->forced_algo, row->name);
  const bool good =
      run_call(&run) == CUBN_STATUS_SUCCESS && run_download(&run, after) == CUBN_STATUS_SUCCESS;
  handle->forced_algo[0] = 0;
  run_close(&run);
  return SUITE_CHECK(good, "%s", row->name) && handle->last_algo == row;
}

static void check_right(const line_problem *problem, const char *line, const char *row,
                        const data_set *before, const data_set *after) {
  char report[256];
  const compare_result result = compare_outputs(problem, before, after, 1);
  compare_describe(&result, report, sizeof report);
  SUITE_CHECK(result.failures == 0, "%s: %s: %s", row, line, report);
}

/* With several numbers of threads; a handle reads CUBN_THREADS when it is created. */
static void try_row(const line_problem *problem, const char *line, const cubn_algo *row,
                    const data_set *before) {
  static const char *const counts[] = {"1", "2", "3", "7"};
  data_set first, after;
  char report[512];
  if (!SUITE_CHECK(data_copy(before, &first), "no memory")) return;
  for (int i = 0; i < 4 && SUITE_CHECK(data_copy(before, &after), "no memory"); ++i) {
    cubnHandle_t handle = NULL;
    setenv("CUBN_THREADS", counts[i], 1);
    SUITE_CHECK(cubnCreateOnDevice(&handle, "cpu") == CUBN_STATUS_SUCCESS, "handle");
    unsetenv("CUBN_THREADS");
    const bool accepted = handle && call(handle, problem, row, before, i ? &after : &first);
    if (accepted && i == 0) check_right(problem, line, row->name, before, &first);
    if (accepted && i > 0)
      SUITE_CHECK(compare_equal(problem, &first, problem, &after, report, sizeof report),
                  "%s: %s: %s threads: %s", row->name, line, counts[i], report);
    CU_ASSERT(cubnDestroy(handle) == CUBN_STATUS_SUCCESS);
    data_destroy(&after);
  }
  data_destroy(&first);
}

static void test_lines(void) {
  char *const old = getenv("CUBN_THREADS") ? strdup(getenv("CUBN_THREADS")) : NULL;
  for (int i = 0; i < LINES; ++i) {
    line_problem problem;
    data_set before;
    CU_ASSERT(line_parse(lines[i], &problem) == NULL);
    if (!create(suite_handle(), &problem, &before)) continue;
    const cubn_algo *const *row = suite_handle()->backend->algos[problem.pass];
    for (; *row; ++row) try_row(&problem, lines[i], *row, &before);
    data_destroy(&before);
  }
  if (old) setenv("CUBN_THREADS", old, 1);
  free(old);
}

void test_double_channels_suites(void) {
  static const suite_test tests[] = {{"lines", test_lines}, {0}};
  suite_add("double channels", SUITE_CPU, tests);
}
