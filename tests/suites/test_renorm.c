/* Batch renormalization (Ioffe 2017, arXiv:1702.03275). */
#include <math.h>
#include <string.h>

#include "core/handle.h"
#include "suites/support/all_rows.h"
#include "suites/support/expect_error.h"
#include "suites/support/lone_rank.h"
#include "suites/support/scenario.h"

#define F64 CUBN_DATA_DOUBLE

/* Every algorithm: r and d that are clipped and that are not, with every kind of reserve space. */
static void test_algorithms(void) {
  static const char *const lines[] = {
      "train nchw f32 n4c5h7w9 r_max=3 d_max=5",
      "train nchw f32 n2c3h40w41 r_max=1.25 mean=100 data=spread",
      "train nchw f16 n2c12h3w3 d_max=0.5 relu",
      "train nhwc bf16 n2c65h5w5 r_max=3 d_max=5 add_relu separate biased",
      "train nhwc f32 n2c12h5w5 r_max=100 d_max=100 gelu nosaved noscale",
      "train nc f64 n3c7 r_max=2 d_max=1 unbiased epsout eps=0.5 nobias",
      "train nchw:nhwc f32 n2c3h4w5 r_max=2 d_max=1 low factor=1",
      "train nchw+1 bf16 n2c7h4w5 r_max=2 d_max=1 elu data=nan guard",
      "train nchw f32 n2c3h4w5 r_max=2 d_max=1 statistics",
      "train nchw f32 n2c3h4w5 r_max=2 d_max=1 data=constant eps=0",
      "train nhwc f32 n5c3h4w5 r_max=2 d_max=1 peract beta=0.5 devfactor",
      "train nc f32 n0c5 r_max=2 d_max=1",
      "train nchw f16 n2c0h3w2 r_max=2 d_max=1",
      "backward nchw f32 n4c5h7w9 r_max=3 d_max=5",
      "backward nchw f32 n2c3h40w41 r_max=3 d_max=5 relu data=ties",
      "backward nchw f16 n2c12h3w3 d_max=0.5 relu nosaved pbeta=1 palpha=0.5",
      "backward nhwc bf16 n2c65h5w5 r_max=3 d_max=5 add_relu",
      "backward nhwc f32 n2c12h5w5 r_max=100 d_max=100 gelu low noscale",
      "backward nc f64 n3c7 r_max=2 d_max=1 tanh unbiased epsout eps=0.5",
      "backward nchw:nhwc f32 n2c3h4w5 r_max=2 d_max=1 nosaved alpha=0.5 beta=1",
      "backward nchw+1 f32 n2c7h4w5 r_max=2 d_max=1 leaky low",
      "backward nhwc f32 n2c12h5w5 r_max=3 d_max=5 foreign nodx",
      "backward nchw f64 n2c3h4w5 r_max=3 d_max=5 nodscale",
      "backward nc f32 n0c5 r_max=2 d_max=1",
      NULL};
  all_rows_check(lines);
}

/* x = 3 and 7: mean 5, deviation 2; running mean 1 and variance 0.25 before, epsilon 0: r = 4 and
 * d = 8, unless they are clipped. */
static void test_formulas(void) {
  static const struct {
    const char *line;
    double r, d;
  } cases[] = {{"train nc f64 n2c1 eps=0 r_max=10 d_max=10", 4, 8},
               {"train nc f64 n2c1 eps=0 r_max=3 d_max=10", 3, 8},
               {"train nc f64 n2c1 eps=0 r_max=10 d_max=5", 4, 5},
               {"train nc f64 n2c1 eps=0 d_max=5", 1, 5}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    scenario s;
    if (scenario_begin(&s, "formulas", cases[i].line)) {
      static const double x[] = {3, 7};
      scenario_set(&s, DATA_X, 2, x);
      scenario_fill(&s, DATA_SCALE, 2);
      scenario_fill(&s, DATA_BIAS, -1);
      scenario_fill(&s, DATA_RUNNING_MEAN, 1);
      scenario_fill(&s, DATA_RUNNING_VAR, 0.25);
      if (scenario_run(&s, suite_handle(), 1)) {
        const double r = cases[i].r, d = cases[i].d;
        scenario_near(&s, DATA_SAVED_R, 0, r, scenario_slack(F64, r));
        scenario_near(&s, DATA_SAVED_D, 0, d, scenario_slack(F64, d));
        scenario_near(&s, DATA_OUTPUT, 0, 2 * (d - r) - 1, scenario_slack(F64, 20));
        scenario_near(&s, DATA_OUTPUT, 1, 2 * (d + r) - 1, scenario_slack(F64, 20));
        scenario_near(&s, DATA_RUNNING_MEAN, 0, 1.4, scenario_slack(F64, 2));
        scenario_near(&s, DATA_RUNNING_VAR, 0, 0.225 + 0.8, scenario_slack(F64, 2));
      }
    }
    scenario_end(&s);
  }
}

/* ---- r_max = 1, d_max = 0 ---- */
/* The call with saved_r and saved_d, which ask for batch renormalization by themselves. */
static bool call(const line_problem *problem, const data_set *before, bool asks, data_set *after) {
  line_problem with = *problem;
  run_context run;
  if (asks) with.r_max = 2; /* so that the arrays are there */
  data_set inputs;
  CU_ASSERT_FATAL(data_copy(before, &inputs));
  if (asks) { /* r = 1 and d = 0 are what forward leaves, and what backward finds */
    CU_ASSERT_FATAL(data_resize(&with, DATA_SAVED_R, &inputs));
    CU_ASSERT_FATAL(data_resize(&with, DATA_SAVED_D, &inputs));
    for (int64_t i = 0; i < line_channels(problem); ++i) {
      data_set_value(&inputs.arrays[DATA_SAVED_R], i, 1);
      data_set_value(&inputs.arrays[DATA_SAVED_D], i, 0);
    }
  }
  CU_ASSERT_FATAL(data_copy(&inputs, after));
  bool good = expect_success(run_open(&run, suite_handle(), &with, &inputs), "open");
  if (good) {
    cubnSetBatchNormAttribute(run.batch_norm, CUBN_BATCHNORM_R_MAX, 1);
    good = expect_success(run_extended(&run), "the call") &&
           expect_success(run_download(&run, after), "download");
    run_close(&run);
  }
  data_destroy(&inputs);
  return good;
}

/* With r = 1 and d = 0 all results have the bits of the call without. */
static void test_same_bits(void) {
  static const char *const lines[] = {"train nchw f32 n4c5h7w9 data=spread",
                                      "train nhwc f16 n2c65h5w5 add_relu data=spread",
                                      "train nc f64 n9c7 gelu data=nan",
                                      "train nchw:nhwc f32 n2c3h4w5 data=spread",
                                      "backward nchw f32 n4c5h7w9 data=spread",
                                      "backward nhwc f32 n2c65h5w5 relu data=spread",
                                      "backward nchw:nhwc bf16 n2c3h4w5 data=spread"};
  for (size_t i = 0; i < sizeof lines / sizeof *lines; ++i) {
    line_problem problem;
    data_set before, plain = {0}, other = {0};
    char report[512] = "";
    CU_ASSERT_PTR_NULL_FATAL(line_parse(lines[i], &problem));
    if (!SUITE_CHECK(run_create(suite_handle(), &problem, &before, report, sizeof report), "%s",
                     report))
      continue;
    const cubn_algo *const *rows = suite_handle()->backend->algos[problem.pass];
    for (int row = 0; rows[row]; ++row) {
      strcpy(suite_handle()->forced_algo, rows[row]->name);
      if (call(&problem, &before, false, &plain) && call(&problem, &before, true, &other))
        SUITE_CHECK(compare_equal(&problem, &plain, &problem, &other, report, sizeof report),
                    "%s: %s: %s", lines[i], rows[row]->name, report);
      data_destroy(&plain);
      data_destroy(&other);
    }
    suite_handle()->forced_algo[0] = 0;
    data_destroy(&before);
  }
}

/* ---- Refusals ---- */
static void refuse(const char *line, bool drops_running, bool drops_r, const char *argument) {
  line_problem problem;
  data_set before;
  run_context run;
  CU_ASSERT_PTR_NULL_FATAL(line_parse(line, &problem));
  CU_ASSERT_FATAL(data_create(&problem, &before));
  if (expect_success(run_open(&run, suite_handle(), &problem, &before), line)) {
    const bool backward = problem.pass == LINE_BACKWARD;
    cubnBatchNormTensors_t t = run_tensors(&run);
    if (drops_running) t.running_mean = t.running_var = NULL;
    if (drops_r) t.saved_r = NULL;
    expect_error(backward ? cubnBatchNormBackward(suite_handle(), run.batch_norm, &t)
                          : cubnBatchNormForward(suite_handle(), run.batch_norm, &t),
                 CUBN_STATUS_BAD_PARAM, backward ? "cubnBatchNormBackward" : "cubnBatchNormForward",
                 argument, "NULL");
    run_close(&run);
  }
  data_destroy(&before);
}

static void test_refusals(void) {
  refuse("train nc f32 n9c7 r_max=2", true, false, "running_mean");
  refuse("train nc f32 n9c7 r_max=2", false, true, "saved_r");
  refuse("train nc f32 n9c7 r_max=2 nosaved", false, true, "saved_r");
  refuse("backward nc f32 n9c7 d_max=2 nosaved", false, true, "saved_r");
  lone_rank_refuse("train nc f32 n9c7 low d_max=1", "renormalization");
  lone_rank_refuse("backward nc f32 n9c7 low d_max=1", "renormalization");
}

/* Given sums are those of dp * x_hat, which dscale is not. */
static void test_given_sums(void) {
  line_problem problem;
  data_set before;
  run_context run;
  CU_ASSERT_PTR_NULL_FATAL(line_parse("backward nc f32 n9c7 sums", &problem));
  CU_ASSERT_FATAL(data_create(&problem, &before));
  if (expect_success(run_open(&run, suite_handle(), &problem, &before), "open")) {
    cubnSetBatchNormAttribute(run.batch_norm, CUBN_BATCHNORM_R_MAX, 2);
    expect_error(run_extended(&run), CUBN_STATUS_NOT_SUPPORTED, "cubnBatchNormBackward",
                 "CUBN_BATCHNORM_SUMS", "CUBN_BATCHNORM_R_MAX");
    run_close(&run);
  }
  data_destroy(&before);
}

/* Backward with an activation takes r and d of a forward call that has running statistics. */
static void test_kit(void) {
  scenario s;
  if (scenario_begin(&s, "kit", "backward nc f32 n9c3 r_max=3 d_max=5 relu") &&
      scenario_run(&s, suite_handle(), 1))
    for (int c = 0; c < 3; ++c) {
      const double r = data_get(&s.before.arrays[DATA_SAVED_R], c);
      SUITE_CHECK(r > 0 && r <= 3, "kit: r[%d] is %g", c, r);
    }
  scenario_end(&s);
}

void test_renorm_suites(void) {
  static const suite_test tests[] = {{"every algorithm", test_algorithms},
                                     {"formulas", test_formulas},
                                     {"r = 1 and d = 0", test_same_bits},
                                     {"refusals", test_refusals},
                                     {"given sums", test_given_sums},
                                     {"kit", test_kit},
                                     {0}};
  suite_add("renorm", SUITE_DEVICES, tests);
}
