/* Failures that users reported in public trackers: degenerate sizes, layouts, aliases. Each test is
 * named after its thread, and has the numbers that the thread states. */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "suites/support/api_call.h"
#include "suites/support/scenario.h"

#define F32 CUBN_DATA_FLOAT

/* One value per channel: y is the bias, the running variance gets 0, and nothing is NaN. */
static void test_one_value_per_channel(void) {
  static const char *const lines[] = {"train nc f32 n1c1 factor=0.25",
                                      "train nchw f32 n1c128h1w1 factor=0.25",
                                      "train nhwc f16 n1c128h1w1 factor=0.25",
                                      "train nchw f32 n1c6h5w4 peract factor=0.25",
                                      "train nhwc f64 n1c6h5w4 peract factor=0.25",
                                      "train nc+2 f32 n1c7 factor=0.25",
                                      "train nchw+1 f32 n1c3h1w1 factor=0.25"};
  for (size_t i = 0; i < sizeof lines / sizeof *lines; ++i) {
    scenario s;
    if (scenario_begin(&s, "pytorch#1381 #7716 #77014", lines[i])) {
      scenario_fill(&s, DATA_X, 8);
      scenario_fill(&s, DATA_BIAS, 0.75);
      scenario_fill(&s, DATA_RUNNING_MEAN, 4);
      scenario_fill(&s, DATA_RUNNING_VAR, 16);
      if (scenario_run(&s, suite_handle(), 1)) {
        const int64_t channel_stride = s.problem.strides[LINE_OUTPUT][1];
        const int64_t last = s.problem.mode == CUBN_BATCHNORM_PER_ACTIVATION
                                 ? line_elements(&s.problem) - 1
                                 : (s.problem.dims[1] - 1) * channel_stride;
        scenario_near(&s, DATA_OUTPUT, 0, 0.75, 0);
        scenario_near(&s, DATA_OUTPUT, last, 0.75, 0);
        scenario_all(&s, DATA_RUNNING_MEAN, 5, 0);
        scenario_all(&s, DATA_RUNNING_VAR, 12, 0);
        scenario_all(&s, DATA_SAVED_MEAN, 8, 0);
        scenario_oracle(&s);
      }
    }
    scenario_end(&s);
  }
  scenario_line("torch/nn#1271", "infer nc f32 n1c128");
  scenario_line("tensorflow#34062", "infer nhwc f16 n1c128h1w1");
  scenario_line("Paddle#11445", "backward nchw f32 n1c128h1w1");
  scenario_line("Flux.jl#1992 #2716", "backward nc f32 n1c16 nosaved");
  scenario_line("SparseConvNet#105 #190", "backward nc+1 f32 n1c16");
}

/* Empty tensors: success, statistics untouched, gradients of parameters 0. */
static void test_empty_tensors(void) {
  static const char *const shapes[] = {
      "nchw f32 n0c3h2w2", "ncw f32 n0c5w9",    "nchw f32 n0c4h0w0", "nchw f32 n1c0h100w42",
      "nchw f32 n1c1h0w0", "nchw f32 n2c0h3w3", "nhwc f16 n0c4h8w8"};
  static const char *const passes[] = {"train", "infer", "backward"};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; ++i)
    for (int pass = LINE_TRAIN; pass <= LINE_BACKWARD; ++pass) {
      char line[64];
      snprintf(line, sizeof line, "%s %s", passes[pass], shapes[i]);
      scenario s;
      if (scenario_begin(&s, "pytorch#12013 #8933 #32384 #120882", line) &&
          scenario_run(&s, suite_handle(), 1)) {
        for (int a = DATA_RUNNING_MEAN; a <= DATA_SAVED_INV_STD; ++a)
          if (data_has(&s.before, a))
            CU_ASSERT_EQUAL(memcmp(s.before.arrays[a].block, s.after.arrays[a].block,
                                   s.before.arrays[a].block_bytes),
                            0);
        if (pass == LINE_BACKWARD) {
          scenario_all(&s, DATA_DSCALE, 0, 0);
          scenario_all(&s, DATA_DBIAS, 0, 0);
        }
      }
      scenario_end(&s);
    }
}

/* ---- Shapes that must be refused ---- */
static void test_refused_shapes(void) {
  cubnTensorDescriptor_t tensor;
  if (!expect_success(cubnCreateTensorDescriptor(&tensor), "create")) return;
  const int two = 2, stride = 1;
  expect_error(cubnSetTensorNdDescriptor(tensor, F32, 1, &two, &stride), CUBN_STATUS_BAD_PARAM,
               "cubnSetTensorNdDescriptor", "rank", "1"); /* pytorch#105458 */
  const int64_t negative[2] = {INT64_MIN, 3};
  expect_error(cubnSetTensorNdDescriptor64(tensor, F32, 2, negative, NULL), CUBN_STATUS_BAD_PARAM,
               "cubnSetTensorNdDescriptor64", "dims", NULL); /* pytorch#189828 */
  cubnDestroyTensorDescriptor(tensor);
}

/* Parameters of the wrong length, rank or type. */
static void test_refused_parameters(void) {
  static const struct {
    const char *name;
    cubnDataType_t type;
    int dims[2];
  } bad[] = {{"onnxruntime InvalidScaleDim", F32, {1, 9}},
             {"onnxruntime InvalidBDim", F32, {1, 11}},
             {"pytorch#189828", F32, {2, 3}},
             {"pytorch#189828", F32, {10, 1}},
             {"deeplearning4j#5553 #6951", CUBN_DATA_HALF, {1, 10}}};
  cubnTensorDescriptor_t x, params;
  expect_success(cubnCreateTensorDescriptor(&x), "create");
  expect_success(cubnCreateTensorDescriptor(&params), "create");
  const int x_dims[2] = {2, 10};
  for (int pass = LINE_TRAIN; pass <= LINE_BACKWARD; ++pass) {
    api_fixture f; /* It is refused before its memory, which has another shape, is read. */
    if (!api_open(&f, pass)) break;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; ++i) {
      const cubnDataType_t type = bad[i].type; /* x is half as well then */
      expect_success(cubnSetTensorNdDescriptorEx(x, CUBN_TENSOR_NCHW, type, 2, x_dims), "set");
      expect_success(cubnSetTensorNdDescriptorEx(params, CUBN_TENSOR_NCHW, type, 2, bad[i].dims),
                     "set");
      api_arguments a = f.valid;
      a.x_desc = a.output_desc = a.dy_desc = x;
      a.param_desc = params;
      api_refuse(&f, &a, CUBN_STATUS_BAD_PARAM, "param_desc", NULL);
    }
    api_close(&f, false);
  }
  cubnDestroyTensorDescriptor(x);
  cubnDestroyTensorDescriptor(params);
}

/* ---- Layouts ---- */
/* Inference gives the same bits in both layouts. */
static void test_pytorch_62594_channels_last(void) {
  scenario nchw, nhwc;
  const bool first = scenario_begin(&nchw, "pytorch#62594", "infer nchw f16 n2c16h10w10");
  const bool second = scenario_begin(&nhwc, "pytorch#62594", "infer nhwc f16 n2c16h10w10");
  if (first && second) {
    for (int64_t n = 0; n < 2; ++n)
      for (int64_t c = 0; c < 16; ++c)
        for (int64_t i = 0; i < 100; ++i)
          data_set_value(&nhwc.before.arrays[DATA_X], (n * 100 + i) * 16 + c,
                         data_get(&nchw.before.arrays[DATA_X], (n * 16 + c) * 100 + i));
    for (int a = DATA_SCALE; a <= DATA_VAR; ++a)
      for (int64_t c = 0; c < 16; ++c)
        data_set_value(&nhwc.before.arrays[a], c, data_get(&nchw.before.arrays[a], c));
    if (scenario_run(&nchw, suite_handle(), 1) && scenario_run(&nhwc, suite_handle(), 1))
      for (int64_t n = 0; n < 2; ++n)
        for (int64_t c = 0; c < 16; ++c)
          for (int64_t i = 0; i < 100; ++i)
            CU_ASSERT(scenario_get(&nhwc, DATA_OUTPUT, (n * 100 + i) * 16 + c) ==
                      scenario_get(&nchw, DATA_OUTPUT, (n * 16 + c) * 100 + i));
  }
  scenario_end(&nchw);
  scenario_end(&nhwc);
}

/* 0 .. 5 as 1 x 2 x 3 x 1 with strides 6, 1, 2, 1: channels 0 2 4 and 1 3 5. */
static void test_non_contiguous(void) {
  scenario s;
  if (scenario_begin(&s, "pytorch test_batchnorm_non_contig_cpu",
                     "train nhwc f32 n1c2h3w1 eps=0")) {
    static const double x[] = {0, 1, 2, 3, 4, 5};
    CU_ASSERT(s.problem.strides[LINE_X][1] == 1 && s.problem.strides[LINE_X][2] == 2);
    scenario_set(&s, DATA_X, 6, x);
    scenario_fill(&s, DATA_SCALE, 1);
    scenario_fill(&s, DATA_BIAS, 0);
    if (scenario_run(&s, suite_handle(), 1)) {
      scenario_near(&s, DATA_SAVED_MEAN, 0, 2, 0);
      scenario_near(&s, DATA_SAVED_MEAN, 1, 3, 0);
      for (int i = 0; i < 6; ++i)
        scenario_near(&s, DATA_OUTPUT, i, (i / 2 - 1) * sqrt(1.5), scenario_slack(F32, 2));
    }
  }
  scenario_end(&s);
}

/* In rank 2 there is one layout, whatever the format. */
static void test_paddle_38497_two_dimensions(void) {
  cubnTensorDescriptor_t nc;
  if (!expect_success(cubnCreateTensorDescriptor(&nc), "create")) return;
  const int dims[2] = {6, 4};
  int64_t strides[2] = {0, 0};
  expect_success(cubnSetTensorNdDescriptorEx(nc, CUBN_TENSOR_NHWC, F32, 2, dims), "set");
  expect_success(cubnGetTensorNdDescriptor64(nc, 2, NULL, NULL, NULL, strides), "get");
  CU_ASSERT(strides[0] == 4 && strides[1] == 1);
  cubnDestroyTensorDescriptor(nc);
}

/* x = dy = 1 0 0 0: dx is 0, dscale sqrt(3), dbias 1; wrong if dx is written before all is read. */
static void test_ggml_1519_in_place(void) {
  static const char *const lines[] = {
      "backward nchw f32 n1c1h2w2 eps=0", "backward nchw f32 n1c1h2w2 eps=0 inplace",
      "backward nchw f32 n1c1h2w2 eps=0 inplace_x", "backward nc f32 n4c1 eps=0 inplace",
      "backward nc f32 n4c1 eps=0 inplace_x nosaved"};
  for (size_t i = 0; i < sizeof lines / sizeof *lines; ++i) {
    scenario s;
    if (scenario_begin(&s, "ggml#1519 nntile#371", lines[i])) {
      static const double one_hot[] = {1, 0, 0, 0};
      scenario_set(&s, DATA_X, 4, one_hot);
      scenario_set(&s, DATA_DY, 4, one_hot);
      scenario_fill(&s, DATA_SCALE, 1);
      if (scenario_run(&s, suite_handle(), 1)) {
        scenario_all(&s, DATA_OUTPUT, 0, scenario_slack(F32, 2));
        scenario_near(&s, DATA_DSCALE, 0, sqrt(3), scenario_slack(F32, 2));
        scenario_near(&s, DATA_DBIAS, 0, 1, 0);
      }
    }
    scenario_end(&s);
  }
}

void test_acceptance_shapes_suites(void) {
  static const suite_test tests[] = {
      {"pytorch#1381 #7716 #77014", test_one_value_per_channel},
      {"pytorch#12013 #8933 #32384 #120882 sonnet#125", test_empty_tensors},
      {"pytorch#105458 #189828", test_refused_shapes},
      {"onnxruntime InvalidScaleDim dl4j#5553 pytorch#189828", test_refused_parameters},
      {"pytorch#62594", test_pytorch_62594_channels_last},
      {"pytorch test_batchnorm_non_contig_cpu", test_non_contiguous},
      {"Paddle#38497 #24803", test_paddle_38497_two_dimensions},
      {"ggml#1519 nntile#371", test_ggml_1519_in_place},
      {NULL, NULL}};
  suite_add("reported failures, shapes", SUITE_DEVICES, tests);
}
