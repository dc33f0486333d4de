/* Every row of every table of the device's backend runs every problem that it does not refuse. A
 * new algorithm is thus tested without an edit here. */
#include <stdio.h>
#include <string.h>

#include "core/handle.h"
#include "kit/cases.h"
#include "kit/run_line.h"
#include "suites/support/suite.h"

_Static_assert((int)LINE_TRAIN == (int)CUBN_PASS_TRAIN && (int)LINE_INFER == (int)CUBN_PASS_INFER &&
                   (int)LINE_BACKWARD == (int)CUBN_PASS_BACKWARD,
               "lines and the seam number the passes alike");

enum { ROWS_MAX = 16 };

typedef struct table_state {
  int pass;
  const cubn_algo *const *rows;
  int64_t accepted[ROWS_MAX], refused[ROWS_MAX];
  const char *reason[ROWS_MAX]; /* of the last refusal */
  double output_error;          /* the largest so far */
} table_state;

/* The row that runs, and why it refused. */
static const cubn_algo *observed;
static const char *reason;

static cubn_refusal observe(const cubn_device *device, const cubn_problem *problem) {
  const cubn_refusal refusal = observed->reject(device, problem);
  reason = refusal.text;
  return refusal;
}

/* Runs the line with one row as the whole table. False if the row refuses it. */
static bool run_row(const line_problem *problem, table_state *state, int row) {
  const cubnHandle_t handle = suite_handle();
  const cubn_backend *const backend = handle->backend;
  cubn_algo only = *(observed = state->rows[row]);
  only.reject = observe;
  reason = NULL;
  const cubn_algo *const only_row[] = {&only, NULL};
  cubn_backend narrowed = *backend;
  narrowed.algos[problem->pass] = only_row;
  handle->backend = &narrowed;
  handle->last_algo = NULL;

  data_set before, after;
  compare_result result = {0};
  char report[1024];
  const bool passed =
      run_line_keep(handle, problem, &before, &after, &result, report, sizeof report);
  data_destroy(&before);
  data_destroy(&after);
  handle->backend = backend;

  if (!passed && !handle->last_algo && reason) {
    state->reason[row] = reason;
    return false;
  }
  SUITE_CHECK(passed, "%s: %s", state->rows[row]->name, report);
  if (result.output_error > state->output_error) state->output_error = result.output_error;
  const bool ran = handle->last_algo != NULL; /* NULL: there was nothing to compute */
  handle->last_algo = NULL;
  return ran;
}

static void run_case(const char *line, void *context) {
  table_state *const state = context;
  line_problem problem;
  const char *const error = line_parse(line, &problem);
  if (!SUITE_CHECK(!error, "%s: %s", line, error ? error : "") || problem.pass != state->pass)
    return;
  const bool is_empty = line_elements(&problem) == 0;
  for (int row = 0; state->rows[row]; ++row) {
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
    const char *const why = state.reason[row] ? state.reason[row] : "";
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

/* And that the bounds of statistics, too, do not depend on the mean where double is all there is. */
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
                                     {"accuracy far from zero", test_accuracy},
                                     {"double far from zero", test_accuracy_of_double},
                                     {0}};
  suite_add("algorithms", SUITE_DEVICES, tests);
}
