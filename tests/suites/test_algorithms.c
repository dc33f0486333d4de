/* Every row of every table of the backend runs every problem that it does not refuse. A new
 * algorithm is thus tested without an edit here. */
#include <stdio.h>
#include <string.h>

#include "kit/cases.h"
#include "kit/run_algo.h"
#include "suites/support/suite.h"

enum { ROWS_MAX = 16, REPORT_MAX = 1024 };

typedef struct table_state {
  int pass;
  const cubn_algo *const *rows;
  int64_t accepted[ROWS_MAX], refused[ROWS_MAX];
  char reason[ROWS_MAX][REPORT_MAX]; /* of the last refusal */
  double output_error;               /* the largest so far */
} table_state;

/* Runs the line with one row as the whole table. Returns false if the row refuses it. */
static bool run_row(const line_problem *problem, table_state *state, int row) {
  const cubnHandle_t handle = suite_handle();
  data_set before, after;
  compare_result result = {0};
  char report[REPORT_MAX];
  const algo_outcome outcome =
      run_algo(handle, state->rows[row], problem, &before, &after, &result, report, sizeof report);
  data_destroy(&before);
  data_destroy(&after);
  if (outcome == ALGO_REFUSED) {
    snprintf(state->reason[row], REPORT_MAX, "%s", report);
    return false;
  }
  SUITE_CHECK(outcome == ALGO_PASSED, "%s: %s", state->rows[row]->name, report);
  if (result.output_error > state->output_error) state->output_error = result.output_error;
  return handle->last_algo != NULL; /* NULL: there was nothing to compute */
}

static bool is_wanted(const table_state *state, int row) {
  return !suite_algo() || !strcmp(state->rows[row]->name, suite_algo());
}

static void run_case(const char *line, void *context) {
  table_state *const state = context;
  line_problem problem;
  const char *const error = line_parse(line, &problem);
  if (!SUITE_CHECK(!error, "%s: %s", line, error ? error : "") || problem.pass != state->pass)
    return;
  const bool is_empty = line_elements(&problem) == 0;
  for (int row = 0; state->rows[row]; ++row) {
    if (!is_wanted(state, row)) continue;
    const bool ran = run_row(&problem, state, row);
    state->accepted[row] += ran;
    state->refused[row] += !ran;
    if (!state->rows[row + 1] && !is_empty)
      SUITE_CHECK(ran, "%s, the last row, refuses %s", state->rows[row]->name, line);
  }
}

static table_state open_table(int pass) {
  const table_state state = {.pass = pass, .rows = suite_handle()->backend->algos[pass]};
  int rows = 0;
  while (state.rows[rows]) ++rows;
  SUITE_CHECK(rows > 0 && rows <= ROWS_MAX, "the table has %d rows", rows);
  return state;
}

static void print_message(cubnSeverity_t severity, void *user_data, const cubnDebug_t *debug,
                          const char *message) {
  (void)severity;
  (void)user_data;
  (void)debug;
  fprintf(stderr, "%s\n", message);
}

/* All lists of this pass of the device. */
static void test_table(int pass) {
  table_state state = open_table(pass);
  if (suite_verbose()) cubnSetCallback(CUBN_SEV_INFO_EN, NULL, print_message);
  cases_visit(suite_all_cases() ? CASES_ALL : CASES_SMOKE, run_case, &state);
  if (suite_all_cases() && !strcmp(suite_device(), "cpu")) cases_visit(CASES_BIG, run_case, &state);
  cubnSetCallback(0, NULL, NULL);
  for (int row = 0; state.rows[row]; ++row) {
    if (!is_wanted(&state, row)) continue;
    const char *const why = state.reason[row];
    SUITE_CHECK(state.accepted[row] > 0 || strstr(why, "device"),
                "%s accepted none of %lld problems: %s", state.rows[row]->name,
                (long long)state.refused[row], why);
    if (suite_verbose())
      printf("\n    %-12s %5lld problems, %lld refused", state.rows[row]->name,
             (long long)state.accepted[row], (long long)state.refused[row]);
  }
  fflush(stdout);
}

static void test_train(void) {
  test_table(LINE_TRAIN);
}

static void test_infer(void) {
  test_table(LINE_INFER);
}

static void test_backward(void) {
  test_table(LINE_BACKWARD);
}

/* What docs/NUMERICS.md promises: a mean of 1e4 and a deviation of 1 cost y no more than 1e-5. */
static void test_accuracy(void) {
  static const char *const lines[] = {
      "train nchw f32 n4c8h15w16 mean=1e4",
      "train nchw f32 n4c3h40w41 mean=1e4 data=spread",
      "train nhwc f32 n4c8h15w16 mean=1e4 data=spread",
      "train nhwc f32 n2c33h20w21 mean=1e4 data=ramp",
      "train nc f32 n300c5 mean=1e4",
      "train nchw:nhwc f32 n4c3h15w16 mean=1e4 data=spread",
      "infer nchw f32 n4c8h7w7 mean=1e4",
      "infer nhwc f32 n4c8h7w7 mean=1e4",
      "infer nchw:nhwc f32 n4c8h7w7 mean=1e4",
  };
  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; ++i) {
    line_problem problem;
    CU_ASSERT(line_parse(lines[i], &problem) == NULL);
    table_state state = open_table(problem.pass);
    run_case(lines[i], &state);
    SUITE_CHECK(state.output_error > 0 && state.output_error <= 1e-5, "%s: error of y %g", lines[i],
                state.output_error);
  }
}

/* The bounds of statistics, too, do not depend on the mean where double is the working
 * precision. */
static void test_accuracy_of_double(void) {
  static const char *const lines[] = {
      "train nchw f64 n4c2h128w131 mean=1e6 data=spread",
      "train nhwc f64 n3c6h40w41 mean=1e6 data=spread",
      "train nc f64 n20000c2 mean=1e6",
      "backward nchw f64 n4c2h64w65 mean=1e6 data=spread nosaved",
  };
  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; ++i) {
    line_problem problem;
    CU_ASSERT(line_parse(lines[i], &problem) == NULL);
    table_state state = open_table(problem.pass);
    run_case(lines[i], &state);
  }
}

void test_algorithms_suites(void) {
  static const suite_test tests[] = {{"train: every row of the table", test_train},
                                     {"infer: every row of the table", test_infer},
                                     {"backward: every row of the table", test_backward},
                                     {0}};
  static const suite_test accuracy[] = {{"accuracy far from zero", test_accuracy},
                                        {"double far from zero", test_accuracy_of_double},
                                        {0}};
  suite_add("algorithms", SUITE_DEVICES, tests);
  if (!suite_algo()) suite_add("algorithms far from zero", SUITE_DEVICES, accuracy);
}
