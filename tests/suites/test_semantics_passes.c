/* What the manual says about forward and backward together. The numbers were computed by hand. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "suites/support/expect_error.h"
#include "suites/support/scenario.h"

#define F32 CUBN_DATA_FLOAT

static const double one_to_four[] = {1, 2, 3, 4}; /* mean 2.5, variance 1.25 */

static void test_saved(void) {
  scenario s;
  if (scenario_begin(&s, "saved", "train nchw f32 n1c1h2w2 eps=0.3125")) {
    scenario_set(&s, DATA_X, 4, one_to_four);
    if (scenario_run(&s, suite_handle(), 1)) {
      scenario_near(&s, DATA_SAVED_MEAN, 0, 2.5, 0);
      scenario_near(&s, DATA_SAVED_INV_STD, 0, 0.8, scenario_slack(F32, 0.8)); /* 1.5625^-1/2 */
    }
  }
  scenario_end(&s);
  scenario_line("forward without saved", "train nhwc f32 n2c3h4w5 nosaved norunning");
  scenario_line("backward without saved", "backward nchw f32 n2c3h4w5 nosaved eps=0.1");
  scenario_line("backward without saved", "backward nhwc f16 n2c3h4w5 nosaved eps=0.1");
  scenario_line("backward without saved", "backward nchw+1 f64 n2c3h4w5 nosaved eps=0.1");
}

/* Statistics that are not those of x, such as those of a larger batch that is spread over several
 * devices, are used as they are, and epsilon is not. */
static void test_foreign_saved(void) {
  static const char *const lines[] = {"backward nchw f32 n1c1h2w2 eps=100",
                                      "backward nc f64 n4c1 eps=100",
                                      "backward nchw+1 f16 n1c1h2w2 eps=100"};
  for (int i = 0; i < 3; ++i) {
    scenario s;
    if (scenario_begin(&s, lines[i], lines[i])) {
      static const double x[] = {1, 2, 3, 4}, dy[] = {1, 0, 0, 2};
      const int64_t row = s.problem.rank > 2 ? s.problem.strides[LINE_X][2] : 2; /* 3 if padded */
      for (int k = 0; k < 4; ++k) {
        data_set_value(&s.before.arrays[DATA_X], k / 2 * row + k % 2, x[k]);
        data_set_value(&s.before.arrays[DATA_DY], k / 2 * row + k % 2, dy[k]);
      }
      scenario_fill(&s, DATA_SCALE, 2);
      scenario_fill(&s, DATA_SAVED_MEAN, 2);
      scenario_fill(&s, DATA_SAVED_INV_STD, 0.5); /* x_hat = -0.5, 0, 0.5, 1 */
      if (scenario_run(&s, suite_handle(), 1)) {
        scenario_near(&s, DATA_DBIAS, 0, 3, 0);
        scenario_near(&s, DATA_DSCALE, 0, 1.5, 0);
        static const double dx[] = {0.4375, -0.75, -0.9375, 0.875};
        for (int k = 0; k < 4; ++k) scenario_near(&s, DATA_OUTPUT, k / 2 * row + k % 2, dx[k], 0);
      }
    }
    scenario_end(&s);
  }
}

/* A float cannot represent this mean; the gradients are those of the exact one. */
static void test_rounded_saved_mean(void) {
  scenario s;
  if (scenario_begin(&s, "rounded saved mean", "backward nchw f32 n1c1h2w2 eps=0")) {
    static const double x[] = {16777210, 16777211, 16777212, 16777216}; /* mean 16777212.25 */
    static const double ones[] = {1, 1, 1, 1};
    scenario_set(&s, DATA_X, 4, x);
    scenario_set(&s, DATA_DY, 4, ones);
    scenario_fill(&s, DATA_SCALE, 1);
    scenario_fill(&s, DATA_SAVED_MEAN, 16777212);
    scenario_fill(&s, DATA_SAVED_INV_STD, 1 / sqrt(5.1875));
    if (scenario_run(&s, suite_handle(), 1)) {
      /* The sum of x_hat is 0; with the mean as saved it would be 1 / sqrt(5.1875) = 0.44. */
      scenario_near(&s, DATA_DBIAS, 0, 4, 0);
      scenario_near(&s, DATA_DSCALE, 0, 0, scenario_slack(F32, 4));
      scenario_all(&s, DATA_OUTPUT, 0, scenario_slack(F32, 2));
    }
  }
  scenario_end(&s);
}

static void test_in_place(void) {
  static const char *const lines[] = {"train nchw f32 n3c5h4w5 inplace",
                                      "train nhwc f16 n3c5h4w5 inplace",
                                      "train nchw+1 bf16 n3c5h4w5 inplace",
                                      "infer nchw f64 n3c5h4w5 inplace",
                                      "infer nhwc f32 n3c5h4w5 inplace beta=2",
                                      "backward nchw f32 n3c5h4w5 inplace",
                                      "backward nhwc f32 n3c5h4w5 inplace_x",
                                      "backward nchw f16 n3c5h4w5 inplace_x",
                                      "backward nchw+1 f64 n3c5h4w5 inplace",
                                      "backward nc f32 n40c5 inplace nosaved",
                                      "backward nchw f32 n3c5h4w5 inplace_x nosaved beta=0.5"};
  for (size_t i = 0; i < sizeof lines / sizeof *lines; ++i) scenario_line("in place", lines[i]);
}

static void test_empty_forward(void) {
  static const char *const shapes[] = {
      "nchw f32 n0c3h2w2", "nhwc f16 n2c3h0w2",    "ncw f64 n2c3w0",     "nchw f32 n2c0h3w3",
      "nc bf16 n0c5",      "nchw f32 n1c0h100w42", "nchw+1 f32 n0c3h2w2"};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; ++i)
    for (int pass = 0; pass < 3; ++pass) {
      static const char *const calls[] = {"train %s", "infer %s", "train %s peract inplace"};
      char line[96];
      snprintf(line, sizeof line, calls[pass], shapes[i]);
      scenario s;
      if (scenario_begin(&s, line, line) && scenario_run(&s, suite_handle(), 1)) {
        /* Nothing was written, statistics included. */
        for (int a = 0; a < DATA_ARRAYS; ++a)
          if (data_has(&s.before, a))
            SUITE_CHECK(memcmp(s.before.arrays[a].block, s.after.arrays[a].block,
                               s.before.arrays[a].block_bytes) == 0,
                        "%s: %s was written", line, data_array_name(&s.problem, a));
      }
      scenario_end(&s);
    }
}

static void test_empty_backward(void) {
  static const char *const lines[] = {"backward nchw f32 n0c3h2w2", "backward nhwc f16 n2c3h0w2",
                                      "backward nc f64 n0c3", "backward nchw f32 n0c3h1w2 peract",
                                      "backward nchw bf16 n2c3h2w0 nosaved inplace"};
  for (size_t i = 0; i < sizeof lines / sizeof *lines; ++i)
    for (int blend = 0; blend < 2; ++blend) {
      char line[96];
      snprintf(line, sizeof line, "%s%s", lines[i], blend ? " palpha=3 pbeta=-0.5" : "");
      scenario s;
      if (scenario_begin(&s, line, line)) {
        scenario_fill(&s, DATA_DSCALE, blend ? 6 : NAN);
        scenario_fill(&s, DATA_DBIAS, blend ? 8 : NAN);
        if (scenario_run(&s, suite_handle(), 1)) {
          scenario_all(&s, DATA_DSCALE, blend ? -3 : 0, 0);
          scenario_all(&s, DATA_DBIAS, blend ? -4 : 0, 0);
        }
      }
      scenario_end(&s);
    }
}

/* Buffers of 0 bytes have no address: an empty tensor is described by its descriptor alone. */
static void test_empty_without_memory(void) {
  cubnTensorDescriptor_t x, params;
  expect_success(cubnCreateTensorDescriptor(&x), "create");
  expect_success(cubnCreateTensorDescriptor(&params), "create");
  const float one = 1, zero = 0;
  for (int c = 0; c <= 3; c += 3) {
    cubnHandle_t handle = suite_handle();
    const cubnBatchNormMode_t mode = CUBN_BATCHNORM_SPATIAL;
    expect_success(cubnSetTensor4dDescriptor(x, CUBN_TENSOR_NCHW, F32, c ? 0 : 4, c, 5, 6), "set");
    expect_success(cubnDeriveBNTensorDescriptor(params, x, mode), "derive");
    expect_success(
        cubnBatchNormalizationForwardTraining(handle, mode, &one, &zero, x, NULL, x, NULL, params,
                                              NULL, NULL, 0.1, NULL, NULL, 1e-5, NULL, NULL),
        "empty training");
    expect_success(
        cubnBatchNormalizationForwardInference(handle, mode, &one, &zero, x, NULL, x, NULL, params,
                                               NULL, NULL, NULL, NULL, 1e-5),
        "empty inference");
    if (c > 0) continue; /* there are gradients of parameters to be written then */
    expect_success(
        cubnBatchNormalizationBackward(handle, mode, &one, &zero, &one, &zero, x, NULL, x, NULL, x,
                                       NULL, params, NULL, NULL, NULL, 1e-5, NULL, NULL),
        "empty backward");
  }
  cubnDestroyTensorDescriptor(x);
  cubnDestroyTensorDescriptor(params);
}

static void one_bad_value(const char *line, double value, bool is_first) {
  scenario s;
  if (scenario_begin(&s, line, line)) {
    /* The first or the last value of the last channel, 4. */
    const int64_t at =
        is_first ? 4 * s.problem.strides[LINE_X][1] : line_extent(&s.problem, LINE_X) - 1;
    data_set_value(&s.before.arrays[DATA_X], at, value);
    if (scenario_run(&s, suite_handle(), 1)) {
      scenario_oracle(&s);
      for (int c = 0; c < 5; ++c) {
        for (int a = DATA_RUNNING_MEAN; a <= DATA_SAVED_INV_STD; ++a) {
          if (!data_has(&s.after, a)) continue;
          SUITE_CHECK(!isnan(scenario_get(&s, a, c)) == (c != 4), "%s: %s[%d] is %g", line,
                      data_array_name(&s.problem, a), c, scenario_get(&s, a, c));
        }
        const double y = scenario_get(&s, DATA_OUTPUT, c * s.problem.strides[LINE_OUTPUT][1]);
        SUITE_CHECK(!isnan(y) == (c != 4), "%s: y of channel %d is %g", line, c, y);
      }
    }
  }
  scenario_end(&s);
}

static void test_nan_stays_in_its_channel(void) {
  static const double bad[] = {NAN, INFINITY, -INFINITY};
  static const char *const lines[] = {"train nchw f32 n3c5h2w3", "train nhwc f16 n3c5h2w3",
                                      "train nc f64 n18c5", "train nchw+1 bf16 n3c5h2w3"};
  for (int b = 0; b < 3; ++b)
    for (size_t i = 0; i < sizeof lines / sizeof *lines; ++i) {
      one_bad_value(lines[i], bad[b], true);
      one_bad_value(lines[i], bad[b], false);
    }
  scenario_line("NaN in x", "backward nchw f32 n3c7h2w3 data=nan");
  scenario_line("infinity in x", "backward nhwc f32 n3c7h2w3 data=inf nosaved");
  scenario_line("NaN in dy", "backward nchw f32 n3c7h2w3 data=nandy");
}

/* Forward on one device, backward on the other with the saved statistics of the first. */
static void carry_statistics(cubnHandle_t first, cubnHandle_t second, const char *problem) {
  char line[96];
  scenario forward, backward;
  snprintf(line, sizeof line, "train %s", problem);
  bool good = scenario_begin(&forward, "forward", line) && scenario_run(&forward, first, 1);
  snprintf(line, sizeof line, "backward %s", problem);
  good = scenario_begin(&backward, "backward on the other device", line) && good;
  if (good) {
    const data_array *x = &forward.before.arrays[DATA_X];
    for (int64_t i = 0; i < x->extent; ++i)
      data_set_value(&backward.before.arrays[DATA_X], i, data_get(x, i));
    backward.has_given_saved = true;
    for (int64_t i = 0; i < line_channels(&forward.problem); ++i)
      for (int a = DATA_SAVED_MEAN; a <= DATA_SAVED_INV_STD; ++a)
        data_set_value(&backward.before.arrays[a], i, data_get(&forward.after.arrays[a], i));
    if (scenario_run(&backward, second, 1)) scenario_oracle(&backward);
  }
  scenario_end(&forward);
  scenario_end(&backward);
}

static void test_two_devices(void) {
  static const char *const problems[] = {"nchw f32 n3c5h4w5", "nhwc f16 n3c5h4w5 mean=10",
                                         "nc f64 n17c6", "nchw f32 n3c5h4w5 peract mean=1e4"};
  cubnHandle_t cpu;
  if (!expect_success(cubnCreateOnDevice(&cpu, "cpu"), "cpu")) return;
  for (size_t i = 0; i < sizeof problems / sizeof *problems; ++i) {
    carry_statistics(cpu, suite_handle(), problems[i]);
    carry_statistics(suite_handle(), cpu, problems[i]);
  }
  expect_success(cubnDestroy(cpu), "destroy");
}

void test_semantics_passes_suites(void) {
  static const suite_test tests[] = {{"saved statistics", test_saved},
                                     {"foreign saved statistics", test_foreign_saved},
                                     {"rounded saved mean", test_rounded_saved_mean},
                                     {"in place", test_in_place},
                                     {"empty forward", test_empty_forward},
                                     {"empty backward", test_empty_backward},
                                     {"empty without memory", test_empty_without_memory},
                                     {"NaN stays in its channel", test_nan_stays_in_its_channel},
                                     {NULL, NULL}};
  static const suite_test cuda_tests[] = {{"both ways", test_two_devices}, {NULL, NULL}};
  suite_add("semantics of the passes", SUITE_DEVICES, tests);
  suite_add("forward and backward on two devices", SUITE_CUDA, cuda_tests);
}
