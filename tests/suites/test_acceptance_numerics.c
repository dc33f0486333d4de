/* Failures that users reported in public trackers: range, cancellation, half precision. Each test
 * is named after its thread, and has the numbers that the thread states. */
#include <math.h>
#include <string.h>

#include "suites/support/scenario.h"

#define F32 CUBN_DATA_FLOAT
#define F16 CUBN_DATA_HALF

/* y = x_hat: scale 1, bias 0. */
static void plain(scenario *s) {
  scenario_fill(s, DATA_SCALE, 1);
  scenario_fill(s, DATA_BIAS, 0);
}

/* {1e7, 1e7 + 1}: the squares of these need more digits than a float has. */
static void test_xla_training_large_inputs(void) {
  scenario s;
  if (scenario_begin(&s, "xla TrainingLargeInputs", "train nc f32 n2c1 eps=1e-3 factor=1")) {
    static const double x[] = {1e7, 1e7 + 1};
    scenario_set(&s, DATA_X, 2, x);
    plain(&s);
    if (scenario_run(&s, suite_handle(), 1)) {
      const double y = 0.5 / sqrt(0.25 + 1e-3);
      scenario_near(&s, DATA_OUTPUT, 0, -y, scenario_slack(F32, y));
      scenario_near(&s, DATA_OUTPUT, 1, y, scenario_slack(F32, y));
      scenario_near(&s, DATA_RUNNING_VAR, 0, 0.5, scenario_slack(F32, 0.5));
    }
  }
  scenario_end(&s);
}

static void test_tensorflow_3290_variance_below_0(void) {
  scenario s;
  if (scenario_begin(&s, "tensorflow#3290", "train nc f32 n32c13 factor=0.01")) {
    scenario_fill(&s, DATA_RUNNING_VAR, 0);
    if (scenario_run(&s, suite_handle(), 50))
      for (int c = 0; c < 13; ++c) {
        const double var = scenario_get(&s, DATA_RUNNING_VAR, c);
        SUITE_CHECK(var > 0 && isfinite(var), "running_var[%d] is %g", c, var);
      }
  }
  scenario_end(&s);
  if (scenario_begin(&s, "tensorflow#18334", "train nchw f32 n2c3h4w4 factor=0.01")) {
    scenario_fill(&s, DATA_X, 1000.1f); /* constant: no variance at all */
    scenario_fill(&s, DATA_RUNNING_VAR, 0);
    if (scenario_run(&s, suite_handle(), 50)) scenario_all(&s, DATA_RUNNING_VAR, 0, 0);
  }
  scenario_end(&s);
}

/* A variance that is slightly below 0 but not below -epsilon is used like any other; a smaller one
 * gives NaN. */
static void test_mobilenet_caffe_87_negative_variance(void) {
  scenario s;
  if (scenario_begin(&s, "MobileNet-Caffe#87", "infer nchw f32 n1c2h1w2 eps=1e-5")) {
    static const double var[] = {-9.99990e-06, -1}, x[] = {1e-5, 2e-5, 1, 2};
    scenario_set(&s, DATA_X, 4, x);
    scenario_set(&s, DATA_VAR, 2, var);
    scenario_fill(&s, DATA_MEAN, 0);
    plain(&s);
    if (scenario_run(&s, suite_handle(), 1)) {
      const double inv_std = 1 / sqrt((double)-9.99990e-06f + 1e-5); /* about 1e5 */
      scenario_near(&s, DATA_OUTPUT, 0, 1e-5 * inv_std, scenario_slack(F32, 1e-5 * inv_std));
      scenario_near(&s, DATA_OUTPUT, 1, 2e-5 * inv_std, scenario_slack(F32, 2e-5 * inv_std));
      scenario_near(&s, DATA_OUTPUT, 2, NAN, 0);
      scenario_near(&s, DATA_OUTPUT, 3, NAN, 0);
    }
  }
  scenario_end(&s);
}

static void constant_channels(const char *title, const char *line, const double value[],
                              double scale) {
  scenario s;
  if (scenario_begin(&s, title, line)) {
    const int64_t c = line_channels(&s.problem), plane = line_values_per_channel(&s.problem);
    for (int64_t i = 0; i < c * plane; ++i)
      data_set_value(&s.before.arrays[DATA_X], i, value[i / plane]);
    scenario_fill(&s, DATA_SCALE, scale);
    scenario_fill(&s, DATA_BIAS, 0.3f);
    if (scenario_run(&s, suite_handle(), 1)) scenario_all(&s, DATA_OUTPUT, 0.3f, 0);
  }
  scenario_end(&s);
}

static void test_constant_channels(void) {
  static const double hundred[] = {100}, large[] = {1e10, -3e10, 7.7e9, 1.1e10, 0.1},
                      floor_value[] = {-15.942385};
  constant_channels("caffe#3963", "train nchw f32 n1c1h3w3", hundred, 1);
  constant_channels("pytorch#5410", "train nchw f32 n1c5h10w10", large, 1);
  constant_channels("pytorch#5410", "train nchw f32 n1c5h10w10", large, 1e10);
  constant_channels("sherpa-onnx#3857", "train ncw f32 n1c1w100", floor_value, 1);
}

/* All values but one equal the least one: the variance is 2.5e-5, and |y| is below sqrt(m - 1) in
 * any case. */
static void test_sherpa_onnx_3857_floor(void) {
  scenario s;
  if (scenario_begin(&s, "sherpa-onnx#3857", "train ncw f32 n1c1w100")) {
    scenario_fill(&s, DATA_X, -15.942385);
    data_set_value(&s.before.arrays[DATA_X], 37, -15.892385);
    plain(&s);
    if (scenario_run(&s, suite_handle(), 1)) {
      for (int i = 0; i < 100; ++i) CU_ASSERT(fabs(scenario_get(&s, DATA_OUTPUT, i)) < sqrt(99));
      scenario_oracle(&s);
    }
  }
  scenario_end(&s);
}

static void test_pytorch_178123_variance_beyond_float(void) {
  static const char *const lines[] = {"train nchw f32 n2c1h2w2", "train nc f32 n8c1"};
  for (int i = 0; i < 2; ++i) {
    scenario s;
    if (scenario_begin(&s, "pytorch#178123", lines[i])) {
      static const double x[] = {1e30, -1e30, 1e30, -1e30, -1e30, 1e30, -1e30, 1e30};
      scenario_set(&s, DATA_X, 8, x);
      plain(&s);
      if (scenario_run(&s, suite_handle(), 1))
        for (int k = 0; k < 8; ++k)
          scenario_near(&s, DATA_OUTPUT, k, x[k] > 0 ? 1 : -1, scenario_slack(F32, 1));
    }
    scenario_end(&s);
  }
}

static void test_onnxruntime_28463_40000(void) {
  scenario s;
  if (scenario_begin(&s, "onnxruntime#28463", "train ncw f32 n1c1w4 eps=1e-5")) {
    static const double x[] = {40000, 40001, 40002, 40003};
    scenario_set(&s, DATA_X, 4, x);
    plain(&s);
    if (scenario_run(&s, suite_handle(), 1))
      for (int i = 0; i < 4; ++i)
        scenario_near(&s, DATA_OUTPUT, i, (i - 1.5) / sqrt(1.25001), scenario_slack(F32, 2));
  }
  scenario_end(&s);
}

/* dy is constant: dscale and dx are 0 except for rounding, in proportion to the sum of |dy *
 * x_hat|. */
static void test_pytorch_82493_constant_dy(void) {
  static const char *const lines[] = {"backward nchw f32 n4c3h9w9 mean=5 std=2.9",
                                      "backward nhwc f32 n4c3h9w9 mean=5 std=2.9 nosaved"};
  for (int i = 0; i < 2; ++i) {
    scenario s;
    if (scenario_begin(&s, "pytorch#82493", lines[i])) {
      scenario_fill(&s, DATA_DY, 1);
      scenario_fill(&s, DATA_SCALE, 1);
      if (scenario_run(&s, suite_handle(), 1)) {
        const double count = 4 * 9 * 9; /* sum of |x_hat|: at most the count */
        scenario_all(&s, DATA_DSCALE, 0, scenario_slack(F32, count));
        scenario_all(&s, DATA_DBIAS, count, 0);
        scenario_all(&s, DATA_OUTPUT, 0, scenario_slack(F32, 2)); /* inv_std < 0.5, |x_hat| < 2 */
        scenario_oracle(&s);
      }
    }
    scenario_end(&s);
  }
}

/* ---- Half precision ---- */
static void half_of_two_values(const char *title, const char *line, double a, double b) {
  scenario s;
  if (scenario_begin(&s, title, line)) {
    const int64_t count = line_elements(&s.problem);
    for (int64_t i = 0; i < count; ++i) data_set_value(&s.before.arrays[DATA_X], i, i % 2 ? b : a);
    plain(&s);
    if (scenario_run(&s, suite_handle(), 1)) {
      const double mean = (a + b) / 2, var = (a - b) * (a - b) / 4;
      const double x_hat = (a - mean) / sqrt(var + s.problem.epsilon);
      for (int64_t i = 0; i < count; ++i)
        if (!scenario_near(&s, DATA_OUTPUT, i, i % 2 ? -x_hat : x_hat, scenario_slack(F16, 1)))
          break;
      const double unbiased = var * (double)count / (double)(count - 1);
      scenario_near(&s, DATA_RUNNING_VAR, 0, unbiased, scenario_slack(F32, unbiased));
      scenario_near(&s, DATA_SAVED_MEAN, 0, mean, scenario_slack(F32, mean));
    }
  }
  scenario_end(&s);
}

static void test_half_sums(void) {
  half_of_two_values("pytorch#126525", "train nchw f16 n1c1h16w16 factor=1", 16, -16);
  half_of_two_values("tensorflow-directml-plugin#321", "train nhwc f16 n2c1h4w4 factor=1", 300,
                     -300);
  half_of_two_values("tensorflow#30230, count times value", "train nchw f16 n1c1h65w64 factor=1",
                     30000, 29968);
}

static void test_coreai_torch_54_wide_variance(void) {
  scenario s;
  if (scenario_begin(&s, "coreai-torch#54", "infer nchw f16 n1c1h2w2")) {
    static const double x[] = {1024, -512, 2048, 0};
    scenario_set(&s, DATA_X, 4, x);
    scenario_fill(&s, DATA_VAR, 131072); /* more than a half can represent */
    scenario_fill(&s, DATA_MEAN, 0);
    plain(&s);
    if (scenario_run(&s, suite_handle(), 1))
      for (int i = 0; i < 4; ++i)
        scenario_near(&s, DATA_OUTPUT, i, x[i] / sqrt(131072), scenario_slack(F16, 5.7));
  }
  scenario_end(&s);
}

/* Statistics of half tensors are float: half has no 1000.75. */
static void test_chainer_6323_float_statistics(void) {
  scenario s;
  if (scenario_begin(&s, "chainer#6323", "train nchw f16 n1c1h2w2 factor=1")) {
    static const double x[] = {1000, 1001, 1000, 1002};
    scenario_set(&s, DATA_X, 4, x);
    if (scenario_run(&s, suite_handle(), 1)) {
      scenario_near(&s, DATA_SAVED_MEAN, 0, 1000.75, 0);
      scenario_near(&s, DATA_RUNNING_MEAN, 0, 1000.75, 0);
      scenario_near(&s, DATA_RUNNING_VAR, 0, 2.75 / 3, scenario_slack(F32, 1));
    }
  }
  scenario_end(&s);
}

void test_acceptance_numerics_suites(void) {
  static const suite_test tests[] = {
      {"xla TrainingLargeInputs", test_xla_training_large_inputs},
      {"tensorflow#3290 #18334", test_tensorflow_3290_variance_below_0},
      {"MobileNet-Caffe#87", test_mobilenet_caffe_87_negative_variance},
      {"caffe#3963 pytorch#5410 sherpa-onnx#3857", test_constant_channels},
      {"sherpa-onnx#3857", test_sherpa_onnx_3857_floor},
      {"pytorch#178123 #162489 #184151", test_pytorch_178123_variance_beyond_float},
      {"onnxruntime#28463", test_onnxruntime_28463_40000},
      {"pytorch#82493 #34546", test_pytorch_82493_constant_dy},
      {"pytorch#126525 directml#321 tensorflow#30230", test_half_sums},
      {"coreai-torch#54", test_coreai_torch_54_wide_variance},
      {"chainer#6323 cupy#2060", test_chainer_6323_float_statistics},
      {NULL, NULL}};
  suite_add("reported failures, numbers", SUITE_DEVICES, tests);
}
