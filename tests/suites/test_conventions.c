/* Other libraries' conventions: which variance normalizes, where epsilon stands, and what the
 * running statistics receive. */
#include <math.h>
#include <stdio.h>

#include "suites/support/all_rows.h"
#include "suites/support/expect_error.h"
#include "suites/support/scenario.h"

#define F64 CUBN_DATA_DOUBLE

/* Every algorithm, with epsilons near the deviation, far above it, and 0. */
static void test_algorithms(void) {
  static const char *const lines[] = {
      "train nchw f32 n4c5h7w9 unbiased",
      "train nchw f16 n2c12h1w2 epsout eps=0.5",
      "train nchw f32 n2c3h40w41 unbiased epsout eps=2 mean=100 data=spread",
      "train nhwc bf16 n2c65h5w5 unbiased epsout eps=0.1 add_relu",
      "train nc f64 n3c7 unbiased epsout gelu",
      "train nchw:nhwc f32 n2c3h4w5 unbiased epsout eps=0.1",
      "train nc f32 n1c5 unbiased epsout",
      "train nchw f32 n2c3h4w5 epsout eps=0 data=constant",
      "train nchw f32 n2c3h4w5 epsout data=tiny",
      "infer nhwc f16 n2c12h5w5 epsout eps=0.5 add_tanh",
      "infer nchw f32 n2c3h4w5 epsout eps=0.5",
      "backward nchw f32 n4c5h7w9 unbiased",
      "backward nchw f32 n2c3h40w41 epsout eps=2 data=spread",
      "backward nchw f16 n2c12h3w3 unbiased epsout eps=0.5 nosaved",
      "backward nhwc bf16 n2c65h5w5 unbiased epsout eps=0.1 add_relu",
      "backward nhwc f32 n2c12h5w5 unbiased epsout eps=0.1 relu",
      "backward nc f64 n3c7 unbiased epsout tanh",
      "backward nc f64 n3c7 unbiased epsout sums count=50",
      "backward nchw:nhwc f32 n2c3h4w5 unbiased epsout eps=0.1 nosaved",
      "backward nchw f32 n2c3h4w5 epsout eps=0.5 frozen relu",
      "backward nchw f32 n2c3h4w5 epsout eps=0.01 data=constant",
      "backward nchw f32 n2c3h4w5 epsout eps=1e-5 data=tiny",
      "backward nc f32 n1c5 unbiased epsout",
      NULL};
  all_rows_check(lines);
}

/* Values of the test, mean 5 and biased variance 4, eight of them. */
static const double eight[] = {3, 7, 3, 7, 3, 7, 3, 7};

/* What training makes of them, by the formulas. */
static void test_formulas(void) {
  static const struct {
    const char *words;
    double variance, inside, outside;
  } cases[] = {{"", 4, 0.25, 0},
               {"unbiased", 4 * 8.0 / 7, 0.25, 0},
               {"epsout", 4, 0, 0.25},
               {"unbiased epsout", 4 * 8.0 / 7, 0, 0.25}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    scenario s;
    char line[96];
    snprintf(line, sizeof line, "train nc f64 n8c1 noscale nobias eps=0.25 %s", cases[i].words);
    if (scenario_begin(&s, cases[i].words, line)) {
      const double inv_std = 1 / (sqrt(cases[i].variance + cases[i].inside) + cases[i].outside);
      scenario_set(&s, DATA_X, 8, eight);
      if (scenario_run(&s, suite_handle(), 1)) {
        scenario_near(&s, DATA_OUTPUT, 0, -2 * inv_std, scenario_slack(F64, 1));
        scenario_near(&s, DATA_SAVED_INV_STD, 0, inv_std, scenario_slack(F64, 1));
      }
    }
    scenario_end(&s);
  }
}

/* ---- The libraries, as bench/peers/facts/measured has them ---- */
/* The values of the questions y_variance and running_var: 1 ... 8, mean 4.5. */
#define BIASED 5.25
#define UNBIASED 6.0
/* The answers of the question epsilon: y of x = 1, mean 0, variance 1 and epsilon 0.25. */
#define INSIDE (1 / sqrt(1.25))
#define OUTSIDE (1 / 1.25)
#define NOT_ASKED NAN

typedef struct library {
  const char *name;
  double y_variance, running_var; /* what was measured */
  double weight;                  /* of the new value, for a momentum argument of 0.25 */
  bool is_inside;                 /* epsilon */
  const char *settings;           /* of cubn */
} library;

static const library libraries[] = {
    {"PyTorch 2.15.0", BIASED, UNBIASED, 0.25, true, "factor=0.25"},
    {"Keras 3.15.1", BIASED, BIASED, 0.75, true, "factor=0.75 biased"},
    {"tf_keras 2.21.0", BIASED, UNBIASED, 0.75, true, "factor=0.75"},
    {"TensorFlow 2.21.0", BIASED, UNBIASED, 0.25, true, "factor=0.25"},
    {"ONNX Runtime 1.32.0", BIASED, BIASED, 0.75, true, "factor=0.75 biased"},
    {"ONNX reference 1.23.2", BIASED, BIASED, 0.75, true, "factor=0.75 biased"},
    {"Flax 0.12.8", BIASED, BIASED, 0.75, true, "factor=0.75 biased"},
    {"Haiku 0.0.17", BIASED, BIASED, 1, true, "factor=1 biased"},
    {"Equinox batch 0.13.8", BIASED, BIASED, 0.75, true, "factor=0.75 biased"},
    {"Equinox ema 0.13.8", BIASED, BIASED, 1, true, "factor=1 biased"},
    {"PaddlePaddle 3.3.1", BIASED, BIASED, 0.75, true, "factor=0.75 biased"},
    {"MindSpore 2.10.0", BIASED, UNBIASED, 0.75, true, "factor=0.75"},
    {"MXNet 1.9.1", BIASED, BIASED, 0.75, true, "factor=0.75 biased"},
    {"Chainer 7.8.1", BIASED, UNBIASED, 0.75, true, "factor=0.75"},
    {"MLX 0.32.4", BIASED, UNBIASED, 0.25, true, "factor=0.25"},
    {"tinygrad 0.14.0", BIASED, UNBIASED, 0.25, true, "factor=0.25"},
    {"TVM 0.27.0.post1", BIASED, BIASED, 0.25, true, "factor=0.25 biased"},
    {"dlib 20.0.1", BIASED, UNBIASED, 0.25, true, "factor=0.25"},
    {"oneDNN 3.13.2", BIASED, NOT_ASKED, NOT_ASKED, true, "norunning"},
    {"darknet git20180914", UNBIASED, UNBIASED, 0.01, false, "factor=0.01 unbiased epsout"},
    {"OpenVINO 2026.4.1", NOT_ASKED, NOT_ASKED, NOT_ASKED, true, NULL},
    {"ncnn 1.0.20261020", NOT_ASKED, NOT_ASKED, NOT_ASKED, true, NULL},
    {"OpenCV dnn 5.0.0.93", NOT_ASKED, NOT_ASKED, NOT_ASKED, true, NULL},
};

/* Questions y_variance, running_var and momentum, with its epsilon. */
static void ask_training(const library *asked) {
  const double within = 5e-3; /* by which an answer is recognized */
  scenario s;
  char line[96];
  snprintf(line, sizeof line, "train nc f32 n8c1 noscale nobias eps=1e-5 %s", asked->settings);
  if (scenario_begin(&s, asked->name, line)) {
    static const double x[] = {1, 2, 3, 4, 5, 6, 7, 8};
    const double weight = asked->weight;
    scenario_set(&s, DATA_X, 8, x);
    if (weight < 1) { /* also not NAN */
      scenario_fill(&s, DATA_RUNNING_MEAN, 0);
      scenario_fill(&s, DATA_RUNNING_VAR, 1);
    }
    if (scenario_run(&s, suite_handle(), 1)) {
      const double step = scenario_get(&s, DATA_OUTPUT, 1) - scenario_get(&s, DATA_OUTPUT, 0);
      SUITE_CHECK(fabs(1 / (step * step) - asked->y_variance) <= within * asked->y_variance,
                  "%s: y by %g, measured %g", asked->name, 1 / (step * step), asked->y_variance);
      if (!isnan(weight)) {
        const double kept = 1 - weight, var = scenario_get(&s, DATA_RUNNING_VAR, 0);
        scenario_near(&s, DATA_RUNNING_MEAN, 0, weight * 4.5, within * weight * 4.5);
        SUITE_CHECK(fabs((var - kept) / weight - asked->running_var) <= within * asked->running_var,
                    "%s: running_var %g", asked->name, var);
      }
    }
  }
  scenario_end(&s);
}

static void ask_epsilon(const library *asked) {
  scenario s;
  char line[96];
  snprintf(line, sizeof line, "infer nc f32 n1c1 noscale nobias eps=0.25 %s",
           asked->settings && expect_word(asked->settings, "epsout") ? "epsout" : "");
  if (scenario_begin(&s, asked->name, line)) {
    scenario_fill(&s, DATA_X, 1);
    scenario_fill(&s, DATA_MEAN, 0);
    scenario_fill(&s, DATA_VAR, 1);
    if (scenario_run(&s, suite_handle(), 1))
      scenario_near(&s, DATA_OUTPUT, 0, asked->is_inside ? INSIDE : OUTSIDE, 1e-6);
  }
  scenario_end(&s);
}

static void test_libraries(void) {
  for (size_t i = 0; i < sizeof libraries / sizeof *libraries; ++i) {
    if (libraries[i].settings) ask_training(&libraries[i]);
    ask_epsilon(&libraries[i]);
  }
}

/* Two steps from mean 0 and variance 1 with weight 0.1: of eight values with mean 5 and variance 4,
 * and of twice these. The numbers are those that the libraries gave. */
static void test_two_steps(void) {
  static const struct {
    const char *name, *words[2];
    double mean[2], var[2];
  } cases[] = {
      {"Haiku", {"factor=1 biased", "factor=0.52631578947368418 biased"}, {5, 7.632}, {4, 10.316}},
      {"Equinox ema", {"factor=1 biased", "factor=0.1 biased"}, {5, 5.5}, {4, 5.2}},
      {"Flax", {"factor=0.1 biased", NULL}, {0.5, 0}, {1.3, 0}},
      {"Equinox batch", {"factor=0.1 biased", NULL}, {0.5, 0}, {1.3, 0}},
      {"dlib", {"factor=0.1", NULL}, {0.5, 0}, {1.35714, 0}},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    double mean = 0, var = 1;
    for (int step = 0; step < 2 && cases[i].words[step]; ++step) {
      scenario s;
      char line[96];
      snprintf(line, sizeof line, "train nc f32 n8c1 %s", cases[i].words[step]);
      if (scenario_begin(&s, cases[i].name, line)) {
        double x[8];
        for (int k = 0; k < 8; ++k) x[k] = (step + 1) * eight[k];
        scenario_set(&s, DATA_X, 8, x);
        scenario_fill(&s, DATA_RUNNING_MEAN, mean);
        scenario_fill(&s, DATA_RUNNING_VAR, var);
        if (scenario_run(&s, suite_handle(), 1)) {
          scenario_near(&s, DATA_RUNNING_MEAN, 0, cases[i].mean[step], 5e-4);
          scenario_near(&s, DATA_RUNNING_VAR, 0, cases[i].var[step], 5e-4);
          mean = scenario_get(&s, DATA_RUNNING_MEAN, 0);
          var = scenario_get(&s, DATA_RUNNING_VAR, 0);
        }
      }
      scenario_end(&s);
    }
  }
}

/* darknet trains on two values to the loss log(1 + exp(-sqrt(2))) = 0.217622: y is 1 / sqrt(2). */
static void test_darknet_loss(void) {
  scenario s;
  if (scenario_begin(&s, "darknet", "train nc f32 n2c1 noscale nobias unbiased epsout eps=1e-6")) {
    static const double x[] = {1, 3};
    scenario_set(&s, DATA_X, 2, x);
    if (scenario_run(&s, suite_handle(), 1)) {
      const double step = scenario_get(&s, DATA_OUTPUT, 1) - scenario_get(&s, DATA_OUTPUT, 0);
      SUITE_CHECK(fabs(log(1 + exp(-step)) - 0.217622) <= 1e-6, "loss %.7g", log(1 + exp(-step)));
    }
  }
  scenario_end(&s);
}

void test_conventions_suites(void) {
  static const suite_test tests[] = {
      {"every algorithm", test_algorithms},  {"formulas", test_formulas},
      {"libraries", test_libraries},         {"two steps", test_two_steps},
      {"darknet's loss", test_darknet_loss}, {0}};
  suite_add("conventions", SUITE_DEVICES, tests);
}
