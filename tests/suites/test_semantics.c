/* What the manual says about single calls: blending, running and saved statistics, aliasing,
 * epsilon. The numbers were computed by hand. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "suites/support/scenario.h"

#define F32 CUBN_DATA_FLOAT

static const double one_to_four[] = {1, 2, 3, 4}; /* mean 2.5, variance 1.25 */

/* ---- Blending ---- */
static void test_blending(void) {
  static const char *const factors[] = {"0", "1", "-2", "0.5"};
  static const char *const priors[] = {"0", "1", "-0.25"};
  static const char *const calls[] = {"train nchw f32 n3c5h3w5", "infer nhwc f16 n3c5h3w5",
                                      "backward nhwc f64 n3c5h3w5", "train nchw+1 bf16 n3c5h3w5",
                                      "backward nchw f32 n3c5h3w5 inplace"};
  for (size_t c = 0; c < sizeof calls / sizeof *calls; ++c)
    for (size_t i = 0; i < sizeof factors / sizeof *factors; ++i)
      for (size_t k = 0; k < sizeof priors / sizeof *priors; ++k) {
        char line[128];
        snprintf(line, sizeof line, "%s alpha=%s beta=%s", calls[c], factors[i], priors[k]);
        scenario_line("blending", line);
      }
}

static void test_blending_of_parameters(void) {
  static const char *const factors[] = {"0", "1", "-2", "0.5"};
  static const char *const priors[] = {"0", "1", "-0.25"};
  static const char *const calls[] = {"backward nchw f32 n3c5h3w5", "backward nhwc f16 n3c5h3w5",
                                      "backward nchw+1 f64 n3c5h3w5 inplace_x"};
  for (size_t c = 0; c < sizeof calls / sizeof *calls; ++c)
    for (size_t i = 0; i < sizeof factors / sizeof *factors; ++i)
      for (size_t k = 0; k < sizeof priors / sizeof *priors; ++k) {
        char line[128];
        snprintf(line, sizeof line, "%s palpha=%s pbeta=%s", calls[c], factors[i], priors[k]);
        scenario_line("blending of parameters", line);
      }
}

/* With beta = 0 the prior content is not read: NaN there has no effect. */
static void test_nan_priors(void) {
  scenario s;
  if (scenario_begin(&s, "NaN prior of y", "train nchw f32 n1c1h2w2 eps=0")) {
    scenario_set(&s, DATA_X, 4, one_to_four);
    scenario_fill(&s, DATA_SCALE, 2);
    scenario_fill(&s, DATA_BIAS, 1);
    scenario_fill(&s, DATA_OUTPUT, NAN);
    if (scenario_run(&s, suite_handle(), 1))
      for (int i = 0; i < 4; ++i)
        scenario_near(&s, DATA_OUTPUT, i, 1 + 2 * (i - 1.5) / sqrt(1.25), scenario_slack(F32, 4));
  }
  scenario_end(&s);
  if (scenario_begin(&s, "NaN priors of gradients", "backward nchw f32 n1c1h2w2 eps=0")) {
    static const double dy[] = {1, 0, 0, 2};
    scenario_set(&s, DATA_X, 4, one_to_four);
    scenario_set(&s, DATA_DY, 4, dy);
    scenario_fill(&s, DATA_SCALE, 1);
    scenario_fill(&s, DATA_OUTPUT, NAN);
    scenario_fill(&s, DATA_DSCALE, NAN);
    scenario_fill(&s, DATA_DBIAS, NAN);
    if (scenario_run(&s, suite_handle(), 1)) {
      scenario_near(&s, DATA_DBIAS, 0, 3, 0);
      scenario_near(&s, DATA_DSCALE, 0, 1.5 / sqrt(1.25), scenario_slack(F32, 3));
      /* dx = 0.8 * (1.25 * dy - 1.25 * 0.75 - (x - 2.5) * 1.5 / 4) / sqrt(1.25) */
      static const double dx[] = {0.875, -0.75, -1.125, 1};
      for (int i = 0; i < 4; ++i)
        scenario_near(&s, DATA_OUTPUT, i, 0.8 * dx[i] / sqrt(1.25), scenario_slack(F32, 2));
    }
  }
  scenario_end(&s);
}

/* ---- Running statistics ---- */
static void test_factor(void) {
  static const struct {
    const char *line;
    double prior_mean, prior_var, mean, var;
  } cases[] = {
      {"train nchw f32 n1c1h2w2 factor=0", 7, 3, 7, 3},
      {"train nchw f32 n1c1h2w2 factor=1", NAN, NAN, 2.5, 5.0 / 3},
      {"train nchw f32 n1c1h2w2 factor=0.5", 1.5, 1.0 / 3, 2, 1},
      {"train nchw f32 n1c1h2w2 factor=0.1", 1, 1, 1.15, 0.9 + 0.5 / 3},
      {"train nchw f64 n1c1h2w2 factor=1", INFINITY, -INFINITY, 2.5, 5.0 / 3},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    scenario s;
    if (scenario_begin(&s, cases[i].line, cases[i].line)) {
      scenario_set(&s, DATA_X, 4, one_to_four);
      scenario_fill(&s, DATA_RUNNING_MEAN, cases[i].prior_mean);
      scenario_fill(&s, DATA_RUNNING_VAR, cases[i].prior_var);
      if (scenario_run(&s, suite_handle(), 1)) {
        scenario_near(&s, DATA_RUNNING_MEAN, 0, cases[i].mean, scenario_slack(F32, cases[i].mean));
        scenario_near(&s, DATA_RUNNING_VAR, 0, cases[i].var, scenario_slack(F32, cases[i].var));
      }
    }
    scenario_end(&s);
  }
}

/* factor 1 / (1 + k) at call k averages the statistics of all batches. */
static void test_cumulative_average(void) {
  enum { CALLS = 5 };
  double running_mean = NAN, running_var = NAN;
  for (int k = 0; k < CALLS; ++k) {
    scenario s;
    char line[96];
    snprintf(line, sizeof line, "train nc f64 n2c1 factor=%.17g", 1.0 / (1 + k));
    if (scenario_begin(&s, "cumulative average", line)) {
      const double x[] = {10.0 * k - k, 10.0 * k + k}; /* mean 10 k, unbiased variance 2 k^2 */
      scenario_set(&s, DATA_X, 2, x);
      scenario_fill(&s, DATA_RUNNING_MEAN, running_mean);
      scenario_fill(&s, DATA_RUNNING_VAR, running_var);
      if (scenario_run(&s, suite_handle(), 1)) {
        running_mean = scenario_get(&s, DATA_RUNNING_MEAN, 0);
        running_var = scenario_get(&s, DATA_RUNNING_VAR, 0);
      }
    }
    scenario_end(&s);
  }
  SUITE_CHECK(fabs(running_mean - 20) <= CALLS * scenario_slack(CUBN_DATA_DOUBLE, 40), "mean %.17g",
              running_mean);
  SUITE_CHECK(fabs(running_var - 12) <= CALLS * scenario_slack(CUBN_DATA_DOUBLE, 32), "var %.17g",
              running_var);
}

/* scale and bias are in the memory of the running statistics, either way round: y uses their values
 * from before the call. (onnxruntime#29878) */
static void run_aliased(const char *line, bool crossed) {
  line_problem problem;
  data_set before, after;
  CU_ASSERT_PTR_NULL_FATAL(line_parse(line, &problem));
  CU_ASSERT_FATAL(data_create(&problem, &before));
  /* The aliased arrays are one array with two names. */
  const int64_t channels = line_channels(&problem);
  for (int64_t i = 0; i < channels; ++i) {
    const double a = 1.5 + (double)(i % 7), b = 0.25 + (double)(i % 5);
    data_set_value(&before.arrays[DATA_SCALE], i, a);
    data_set_value(&before.arrays[DATA_BIAS], i, b);
    data_set_value(&before.arrays[DATA_RUNNING_VAR], i, crossed ? b : a);
    data_set_value(&before.arrays[DATA_RUNNING_MEAN], i, crossed ? a : b);
  }
  CU_ASSERT_FATAL(data_copy(&before, &after));
  run_context run;
  CU_ASSERT_EQUAL_FATAL(run_open(&run, suite_handle(), &problem, &before), CUBN_STATUS_SUCCESS);
  void *const scale = run.pointers[DATA_SCALE], *const bias = run.pointers[DATA_BIAS];
  run.pointers[DATA_SCALE] = run.pointers[crossed ? DATA_RUNNING_MEAN : DATA_RUNNING_VAR];
  run.pointers[DATA_BIAS] = run.pointers[crossed ? DATA_RUNNING_VAR : DATA_RUNNING_MEAN];
  CU_ASSERT_EQUAL(run_call(&run), CUBN_STATUS_SUCCESS);
  run.pointers[DATA_SCALE] = scale;
  run.pointers[DATA_BIAS] = bias;
  CU_ASSERT_EQUAL(run_download(&run, &after), CUBN_STATUS_SUCCESS);
  run_close(&run);
  const compare_result result = compare_outputs(&problem, &before, &after, 1);
  char report[256] = "";
  compare_describe(&result, report, sizeof report);
  SUITE_CHECK(result.failures == 0, "%s, parameters aliased: %s", line, report);
  data_destroy(&before);
  data_destroy(&after);
}

static void test_aliased_parameters(void) {
  static const char *const lines[] = {"train nchw f32 n4c20h5w5",  "train nhwc f32 n4c20h5w5",
                                      "train nc f32 n40c300",      "train nchw+1 f32 n4c20h5w5",
                                      "train nchw f64 n2c3h40w40", "train nhwc f16 n2c3h40w40"};
  for (size_t i = 0; i < sizeof lines / sizeof *lines; ++i) {
    run_aliased(lines[i], false);
    run_aliased(lines[i], true);
  }
}

/* ---- Epsilon ---- */
static void test_epsilon(void) {
  /* The least and other small values, and the float 1e-5 that is below the double 1e-5. */
  static const double epsilons[] = {0, (double)1e-5f, 1e-6, 1e-12, DBL_MIN, 0.5, 1e6};
  for (size_t i = 0; i < sizeof epsilons / sizeof *epsilons; ++i) {
    scenario s;
    if (scenario_begin(&s, "epsilon", "train nchw f32 n1c1h2w2")) {
      s.problem.epsilon = epsilons[i];
      scenario_set(&s, DATA_X, 4, one_to_four);
      scenario_fill(&s, DATA_SCALE, 1);
      scenario_fill(&s, DATA_BIAS, 0);
      const double inv_std = 1 / sqrt(1.25 + epsilons[i]);
      if (scenario_run(&s, suite_handle(), 1)) {
        scenario_near(&s, DATA_SAVED_INV_STD, 0, inv_std, scenario_slack(F32, inv_std));
        for (int k = 0; k < 4; ++k)
          scenario_near(&s, DATA_OUTPUT, k, (k - 1.5) * inv_std, scenario_slack(F32, inv_std * 2));
      }
    }
    scenario_end(&s);
  }
}

/* Nothing divides by zero where variance and epsilon are 0: the channel is as if normalized to 0.
 */
static void test_epsilon_0_of_constant_channels(void) {
  scenario s;
  if (scenario_begin(&s, "constant, training", "train nchw f32 n2c3h2w2 eps=0 data=constant")) {
    scenario_fill(&s, DATA_X, 0.1f);
    scenario_fill(&s, DATA_BIAS, 0.7f);
    if (scenario_run(&s, suite_handle(), 1)) {
      scenario_all(&s, DATA_OUTPUT, 0.7f, 0);
      scenario_all(&s, DATA_SAVED_INV_STD, 0, 0);
      scenario_all(&s, DATA_SAVED_MEAN, 0.1f, 0);
      scenario_oracle(&s);
    }
  }
  scenario_end(&s);
  if (scenario_begin(&s, "var 0, inference", "infer nhwc f32 n2c3h2w2 eps=0")) {
    scenario_fill(&s, DATA_VAR, 0);
    scenario_fill(&s, DATA_BIAS, 0.7f);
    if (scenario_run(&s, suite_handle(), 1)) scenario_all(&s, DATA_OUTPUT, 0.7f, 0);
  }
  scenario_end(&s);
  if (scenario_begin(&s, "constant, backward", "backward nchw f32 n2c3h2w2 eps=0 nosaved")) {
    scenario_fill(&s, DATA_X, 0.1f);
    scenario_fill(&s, DATA_DY, 0.5);
    if (scenario_run(&s, suite_handle(), 1)) {
      scenario_all(&s, DATA_OUTPUT, 0, 0);
      scenario_all(&s, DATA_DSCALE, 0, 0);
      scenario_all(&s, DATA_DBIAS, 4, 0);
    }
  }
  scenario_end(&s);
}

void test_semantics_suites(void) {
  static const suite_test tests[] = {
      {"blending", test_blending},
      {"blending of parameters", test_blending_of_parameters},
      {"NaN priors", test_nan_priors},
      {"factor", test_factor},
      {"cumulative average", test_cumulative_average},
      {"aliased parameters", test_aliased_parameters},
      {"epsilon", test_epsilon},
      {"epsilon 0 of constant channels", test_epsilon_0_of_constant_channels},
      {NULL, NULL}};
  suite_add("semantics", SUITE_DEVICES, tests);
}
