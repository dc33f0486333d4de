/* Failures that users reported in public trackers: running statistics, epsilon, modes, gradients.
 * Each test is named after its thread, and has the numbers that the thread states. */
#include <math.h>
#include <string.h>

#include "suites/support/api_call.h"
#include "suites/support/scenario.h"

#define F32 CUBN_DATA_FLOAT
#define F64 CUBN_DATA_DOUBLE

/* Four values 1 2 3 4: the running variance takes the unbiased 5/3, not the biased 5/4. */
static void test_mxnet_14357_unbiased(void) {
  static const char *const lines[] = {"train nchw f32 n1c1h2w2 factor=0.1",
                                      "train nc f32 n4c1 factor=0.1",
                                      "train nchw+1 f32 n1c1h2w2 factor=0.1"};
  for (int i = 0; i < 3; ++i) {
    scenario s;
    if (scenario_begin(&s, "mxnet#14357 #18751 #21111 oneDNN#517", lines[i])) {
      const int64_t row = s.problem.rank > 2 ? s.problem.strides[LINE_X][2] : 2;
      for (int k = 0; k < 4; ++k)
        data_set_value(&s.before.arrays[DATA_X], k / 2 * row + k % 2, k + 1);
      scenario_fill(&s, DATA_RUNNING_VAR, 1);
      if (scenario_run(&s, suite_handle(), 1))
        scenario_near(&s, DATA_RUNNING_VAR, 0, 0.9 + 0.5 / 3, scenario_slack(F32, 1)); /* 1.0667 */
    }
    scenario_end(&s);
  }
}

/* A hundred calls on zeros reduce the variance 1 to 0.9^100. */
static void test_mxnet_14357_hundred_calls(void) {
  scenario s;
  if (scenario_begin(&s, "mxnet#14357", "train nchw f32 n1c3h4w4 factor=0.1")) {
    scenario_fill(&s, DATA_X, 0);
    scenario_fill(&s, DATA_RUNNING_VAR, 1);
    if (scenario_run(&s, suite_handle(), 100)) /* each call rounds once */
      scenario_all(&s, DATA_RUNNING_VAR, pow(0.9, 100), 101 * 0x1p-24 * pow(0.9, 100));
  }
  scenario_end(&s);
}

/* The factor is the weight of the new batch. */
static void test_mxnet_1948_weight_of_the_batch(void) {
  scenario s;
  if (scenario_begin(&s, "mxnet#1948 onnxruntime#19742", "train nc f64 n2c1 factor=0.1")) {
    static const double x[] = {10, 12};
    scenario_set(&s, DATA_X, 2, x);
    scenario_fill(&s, DATA_RUNNING_MEAN, 1);
    scenario_fill(&s, DATA_RUNNING_VAR, 5);
    if (scenario_run(&s, suite_handle(), 1)) {
      scenario_near(&s, DATA_RUNNING_MEAN, 0, 2, scenario_slack(F64, 2));
      scenario_near(&s, DATA_RUNNING_VAR, 0, 4.7, scenario_slack(F64, 4.7));
    }
  }
  scenario_end(&s);
}

/* The first call on uninitialized memory, with factor 1: 0 * NaN would be NaN. */
static void test_cudnn_torch_91_first_call(void) {
  scenario s;
  if (scenario_begin(&s, "cudnn.torch#91 caffe#279 DL4J#3066", "train nc f32 n4c2 factor=1")) {
    static const double x[] = {1, 10, 2, 20, 3, 30, 4, 40};
    scenario_set(&s, DATA_X, 8, x);
    scenario_fill(&s, DATA_RUNNING_MEAN, NAN);
    scenario_fill(&s, DATA_RUNNING_VAR, NAN);
    if (scenario_run(&s, suite_handle(), 1)) {
      scenario_near(&s, DATA_RUNNING_MEAN, 0, 2.5, 0);
      scenario_near(&s, DATA_RUNNING_MEAN, 1, 25, 0);
      scenario_near(&s, DATA_RUNNING_VAR, 0, 5.0 / 3, scenario_slack(F32, 5.0 / 3));
      scenario_near(&s, DATA_RUNNING_VAR, 1, 500.0 / 3, scenario_slack(F32, 500.0 / 3));
    }
  }
  scenario_end(&s);
}

/* The same call twice gives the same bits. */
static void test_tileops_1727_twice_the_same(void) {
  scenario a, b;
  const bool first = scenario_begin(&a, "TileOPs#1727", "train nc f32 n4c1024");
  const bool second = scenario_begin(&b, "TileOPs#1727", "train nc f32 n4c1024");
  if (first && second && scenario_run(&a, suite_handle(), 1) &&
      scenario_run(&b, suite_handle(), 1)) {
    scenario_oracle(&a);
    char report[256] = "";
    SUITE_CHECK(compare_equal(&a.problem, &a.after, &b.problem, &b.after, report, sizeof report),
                "TileOPs#1727: %s", report);
  }
  scenario_end(&a);
  scenario_end(&b);
}

/* ---- Epsilon ---- */
/* Exactly 1e-5 as a float, which is less than 1e-5 as a double; and a smaller value. */
static void test_tensorflow_8090_small_epsilons(void) {
  static const double epsilons[] = {(double)1e-5f, 1e-6, 0};
  for (int pass = LINE_TRAIN; pass <= LINE_BACKWARD; ++pass) {
    api_fixture f;
    if (!api_open(&f, pass)) return;
    for (int i = 0; i < 3; ++i) {
      api_arguments a = f.valid;
      a.epsilon = epsilons[i];
      expect_success(api_call(pass, &a), "tensorflow#8090 pytorch#1623 chainer#1955");
    }
    api_close(&f, true);
  }
}

/* -100 would turn a variance of 125 into one of 25. */
static void test_xla_large_epsilon(void) {
  for (int pass = LINE_TRAIN; pass <= LINE_BACKWARD; ++pass) {
    api_fixture f;
    if (!api_open(&f, pass)) return;
    api_arguments a = f.valid;
    a.epsilon = -100;
    api_refuse(&f, &a, CUBN_STATUS_BAD_PARAM, "epsilon", "-100");
    api_close(&f, false);
  }
}

/* Epsilon is added to the variance, not to its root: 0.30 here, not 1.0. */
static void test_darknet_5447_epsilon_inside(void) {
  static const char *const lines[] = {"train nchw f32 n1c1h1w2", "infer nchw f32 n1c1h1w2"};
  for (int i = 0; i < 2; ++i) {
    scenario s;
    if (scenario_begin(&s, "AlexeyAB/darknet#5447", lines[i])) {
      static const double x[] = {1e-3, -1e-3};
      scenario_set(&s, DATA_X, 2, x);
      scenario_fill(&s, DATA_SCALE, 1);
      scenario_fill(&s, DATA_BIAS, 0);
      if (i == 1) scenario_fill(&s, DATA_MEAN, 0);
      if (i == 1) scenario_fill(&s, DATA_VAR, 1e-6);
      if (scenario_run(&s, suite_handle(), 1)) {
        const double y = 1e-3 / sqrt(1.1e-5);
        scenario_near(&s, DATA_OUTPUT, 0, y, scenario_slack(F32, y));
        scenario_near(&s, DATA_OUTPUT, 1, -y, scenario_slack(F32, y));
      }
    }
    scenario_end(&s);
  }
}

/* ---- Arguments that may be missing, and those that may not ---- */
static void test_nnlib_576_no_running_statistics(void) {
  api_fixture f;
  if (!api_open(&f, LINE_INFER)) return;
  api_arguments a = f.valid;
  a.mean = a.var = NULL;
  api_refuse(&f, &a, CUBN_STATUS_BAD_PARAM, "mean", "NULL");
  a = f.valid;
  a.bias = NULL; /* cuTAGI#102 */
  api_refuse(&f, &a, CUBN_STATUS_BAD_PARAM, "bias", "NULL");
  api_close(&f, false);
  scenario_line("NNlib.jl#576", "train nchw f32 n2c3h4w4 norunning");
  scenario_line("NNlib.jl#576", "train nhwc f16 n2c3h4w4 norunning nosaved");
}

/* ---- Gradients ---- */
/* L = sum(w * y) for the y of a training call, in double. */
static double loss(scenario *s, const double w[]) {
  double sum = 0;
  if (!scenario_run(s, suite_handle(), 1)) return NAN;
  for (int64_t i = 0; i < line_elements(&s->problem); ++i)
    sum += w[i] * scenario_get(s, DATA_OUTPUT, i);
  return sum;
}

/* The central difference of L when one input moves by h in both directions. */
static double slope(scenario *s, int array, int64_t at, double h, const double w[]) {
  const double value = data_get(&s->before.arrays[array], at);
  data_set_value(&s->before.arrays[array], at, value + h);
  const double above = loss(s, w);
  data_set_value(&s->before.arrays[array], at, value - h);
  const double below = loss(s, w);
  data_set_value(&s->before.arrays[array], at, value);
  return (above - below) / (2 * h);
}

/* Backward is the derivative of forward, all three terms of it; the reference is central
 * differences of the library's own forward pass. With h = 1e-4 their error is h^2 / 6 * L''' and
 * 2^-53 * L / h. L and its derivatives are below 100 here, since x has a deviation of at least 0.75
 * and |w| <= 1: 1e-6 is allowed. */
static void test_mlpack_2474_gradient_check(void) {
  enum { COUNT = 24, CHANNELS = 2 };
  scenario forward, backward;
  const bool first = scenario_begin(&forward, "mlpack#2474", "train nchw f64 n3c2h2w2");
  const bool second = scenario_begin(&backward, "mlpack#2474", "backward nchw f64 n3c2h2w2");
  if (first && second) {
    double w[COUNT];
    for (int i = 0; i < COUNT; ++i) {
      w[i] = 2 * data_uniform(2474, (uint64_t)i) - 1;
      const double x = data_get(&forward.before.arrays[DATA_X], i);
      data_set_value(&backward.before.arrays[DATA_X], i, x);
    }
    scenario_set(&backward, DATA_DY, COUNT, w);
    for (int c = 0; c < CHANNELS; ++c)
      data_set_value(&backward.before.arrays[DATA_SCALE], c,
                     data_get(&forward.before.arrays[DATA_SCALE], c));
    if (scenario_run(&backward, suite_handle(), 1)) {
      for (int i = 0; i < COUNT; ++i)
        scenario_near(&backward, DATA_OUTPUT, i, slope(&forward, DATA_X, i, 1e-4, w), 1e-6);
      for (int c = 0; c < CHANNELS; ++c) {
        scenario_near(&backward, DATA_DSCALE, c, slope(&forward, DATA_SCALE, c, 1e-4, w), 1e-6);
        scenario_near(&backward, DATA_DBIAS, c, slope(&forward, DATA_BIAS, c, 1e-4, w), 1e-6);
      }
    }
  }
  scenario_end(&forward);
  scenario_end(&backward);
}

void test_acceptance_running_suites(void) {
  static const suite_test tests[] = {
      {"mxnet#14357 #18751 #21111", test_mxnet_14357_unbiased},
      {"mxnet#14357, 100 calls", test_mxnet_14357_hundred_calls},
      {"mxnet#1948 onnxruntime#19742", test_mxnet_1948_weight_of_the_batch},
      {"cudnn.torch#91 caffe#279 DL4J#3066", test_cudnn_torch_91_first_call},
      {"TileOPs#1727", test_tileops_1727_twice_the_same},
      {"tensorflow#8090 #37768 pytorch#1623", test_tensorflow_8090_small_epsilons},
      {"xla LargeEpsilonTest", test_xla_large_epsilon},
      {"AlexeyAB/darknet#5447", test_darknet_5447_epsilon_inside},
      {"NNlib.jl#576 cuTAGI#102", test_nnlib_576_no_running_statistics},
      {"mlpack#2474", test_mlpack_2474_gradient_check},
      {NULL, NULL}};
  suite_add("reported failures, running statistics and gradients", SUITE_DEVICES, tests);
}
