/* The language of problem lines: reading, writing, layouts, and the order of values. */
#include <stdlib.h>
#include <string.h>

#include "problem_line.h"
#include "suite.h"

static void parse_ok(const char *line, line_problem *problem) {
  const char *const error = line_parse(line, problem);
  SUITE_CHECK(!error, "%s: %s", line, error ? error : "");
}

static void test_lines_come_back(void) {
  static const char *const lines[] = {
      "train nchw f32 n2c3h4w5",
      "infer nc f64 n1c1",
      "backward ncw bf16 n2c3w4",
      "train ncdhw f16 n2c3d2h4w5 peract",
      "train ncgfedhw f16 n2c3g1f2e1d2h1w2 persistent xparams",
      "train nhwc:nchw f32 n2c3h4w5",
      "backward nchw:nchw:nhwc f32 n2c3h4w5",
      "backward cnhw+3:nchw f32 n2c3h4w5 nosaved",
      "backward nhwc f32 n2c3h4w5 inplace alpha=0.5 beta=-0.25 palpha=2 pbeta=0.1",
      "backward nchw f32 n2c3h4w5 inplace_x",
      "backward nchw f32 n2c3h4w5 foreign",
      "train nchw f32 n2c3h4w5 norunning eps=0 factor=1 mean=1e+04 std=1e-20 data=spread",
      "train nchw f32 n2c3h4w5 offset=3 offset_param=1",
      "train nchw f32 n2c3h4w5 offset_x=3 offset_dy=1",
      "train nc f32 n0c4294967296",
  };
  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; ++i) {
    line_problem problem;
    char text[256];
    parse_ok(lines[i], &problem);
    line_format(&problem, text, sizeof text);
    SUITE_CHECK(!strcmp(text, lines[i]), "\"%s\" came back as \"%s\"", lines[i], text);
  }
}

static void test_fields(void) {
  line_problem p;
  parse_ok(
      "  backward nhwc+1:nchw:cnhw f16\tn4c35h7w9 peract nosaved eps=1e-3 pbeta=2 offset_x=5\n",
      &p);
  CU_ASSERT(p.pass == LINE_BACKWARD && p.type == CUBN_DATA_HALF && p.rank == 4);
  CU_ASSERT(p.mode == CUBN_BATCHNORM_PER_ACTIVATION);
  CU_ASSERT(p.dims[0] == 4 && p.dims[1] == 35 && p.dims[2] == 7 && p.dims[3] == 9);
  CU_ASSERT_STRING_EQUAL(p.layout[LINE_X], "nhwc+1");
  CU_ASSERT_STRING_EQUAL(p.layout[LINE_OUTPUT], "nchw");
  CU_ASSERT_STRING_EQUAL(p.layout[LINE_DY], "cnhw");
  CU_ASSERT(p.no_saved && !p.no_running && !p.in_place && !p.in_place_x && !p.params_like_x);
  CU_ASSERT(p.epsilon == 1e-3 && p.param_beta == 2 && p.beta == 0 && p.alpha == 1);
  CU_ASSERT(p.factor == 0.1 && p.mean == 0.5 && p.std == 1 && p.param_alpha == 1);
  CU_ASSERT(p.offset[LINE_X] == 5 && p.offset[LINE_OUTPUT] == 0 && p.offset[LINE_DY] == 0);
  CU_ASSERT_STRING_EQUAL(p.data, "pairs");
}

static void test_wrong_lines(void) {
  static const struct {
    const char *line, *error;
  } cases[] = {
      {"", "at least"},
      {"train nchw f32", "at least"},
      {"forward nchw f32 n1c1h1w1", "pass"},
      {"train nchw f8 n1c1h1w1", "type"},
      {"train nchw f32 n1c1w1", "layout"},
      {"train ncw f32 n1c1h1", "order"},
      {"train nchw f32 n1", "fewer"},
      {"train nc f32 n1c", "number"},
      {"train nc f32 n1c-1", "number"},
      {"train nc f32 n1c99999999999999999999", "number"},
      {"train nc f32 c1n1", "order"},
      {"train nchw f32 n1c1w1h1", "order"},
      {"train ncgfedhw f32 n1c1g1f1e1d1h1w1x1", "more than 8"},
      {"train nchh f32 n1c1h1w1", "layout"},
      {"train nchw+ f32 n1c1h1w1", "layout"},
      {"train nchw+0 f32 n1c1h1w1", "layout"},
      {"train nchw-1 f32 n1c1h1w1", "layout"},
      {"train nc:nc:nc:nc:nc f32 n1c1", "more than 4"},
      {"train nc f32 n1c1 bogus", "unknown"},
      {"train nc f32 n1c1 bogus=1", "unknown"},
      {"train nc f32 n1c1 alpha=", "number"},
      {"train nc f32 n1c1 alpha=1x", "number"},
      {"train nc f32 n1c1 offset=-1", "count"},
      {"train nc f32 n1c1 offset_x=1.5", "count"},
      {"train nc f32 n1c1 data=", "data"},
      {"train nc f32 n1c1 inplace_x", "backward"},
      {"train nc f32 n1c1 foreign", "saved"},
      {"backward nc f32 n1c1 nosaved foreign", "saved"},
      {"backward nc f32 n1c1 inplace inplace_x", "both"},
      {"train nc:cn f32 n1c1 inplace", "layouts"},
      {"backward nc:nc:cn f32 n1c1 inplace", "layouts"},
      {"train nc f32 n4294967296c4294967296", "large"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    line_problem problem;
    const char *const error = line_parse(cases[i].line, &problem);
    SUITE_CHECK(error && strstr(error, cases[i].error), "\"%s\": %s", cases[i].line,
                error ? error : "accepted");
  }
}

static void test_strides(void) {
  static const struct {
    const char *line;
    int64_t strides[4], extent;
  } cases[] = {
      {"train nchw f32 n2c3h4w5", {60, 20, 5, 1}, 120},
      {"train nhwc f32 n2c3h4w5", {60, 1, 15, 3}, 120},
      {"train cnhw f32 n2c3h4w5", {20, 40, 5, 1}, 120},
      /* h is padded to 5, c to 4, w to 6 elements; n, the slowest, is not */
      {"train nchw+1 f32 n2c3h4w5", {120, 30, 6, 1}, 120 + 2 * 30 + 3 * 6 + 4 + 1},
      {"train nhwc+2 f32 n2c3h4w5", {6 * 7 * 5, 1, 35, 5}, 210 + 2 + 3 * 35 + 4 * 5 + 1},
      {"train nchw f32 n2c0h4w5", {20, 20, 5, 1}, 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    line_problem p;
    parse_ok(cases[i].line, &p);
    for (int d = 0; d < 4; ++d)
      SUITE_CHECK(p.strides[LINE_X][d] == cases[i].strides[d], "%s: stride %d is %lld",
                  cases[i].line, d, (long long)p.strides[LINE_X][d]);
    SUITE_CHECK(line_extent(&p, LINE_X) == cases[i].extent, "%s: extent %lld", cases[i].line,
                (long long)line_extent(&p, LINE_X));
  }
}

/* Walks over all channels; every element must be visited once, and no two at one place. */
static void check_walk(const char *line) {
  line_problem p;
  parse_ok(line, &p);
  const int64_t extent = line_extent(&p, LINE_X), channels = line_channels(&p);
  unsigned char *const seen = calloc((size_t)extent + 1, 1);
  unsigned char *const places = calloc((size_t)channels + 1, 1);
  int64_t visits = 0;
  for (int64_t c = 0; c < channels; ++c) {
    const int64_t place = line_param_index(&p, c);
    SUITE_CHECK(place >= 0 && place < channels && !places[place]++, "%s: place %lld", line,
                (long long)place);
    int64_t sample = 0;
    for (line_walk w = line_walk_channel(&p, c); w.valid; line_walk_next(&w)) {
      const int64_t at = w.at[LINE_X];
      const bool is_new = at >= 0 && at < extent && !seen[at];
      if (is_new) seen[at] = 1;
      SUITE_CHECK(is_new && w.sample == sample, "%s: channel %lld visits %lld", line, (long long)c,
                  (long long)at);
      ++sample;
    }
    visits += sample;
    SUITE_CHECK(sample == line_values_per_channel(&p), "%s: %lld values", line, (long long)sample);
  }
  SUITE_CHECK(visits == line_elements(&p), "%s: %lld visits", line, (long long)visits);
  free(seen);
  free(places);
}

static void test_walks(void) {
  check_walk("train nchw f32 n2c3h4w5");
  check_walk("train nhwc+1 f32 n2c3h4w5");
  check_walk("train nhwc f32 n2c3h4w5 peract");
  check_walk("train nhwc f32 n2c3h4w5 peract xparams");
  check_walk("train whcn f32 n2c3h4w5 peract xparams");
  check_walk("train ncgfedhw f32 n2c3g1f2e1d2h1w2");
  check_walk("train nc f32 n1c1");
  check_walk("train nchw f32 n0c3h4w5");
  check_walk("train nchw f32 n2c0h4w5");
  check_walk("train nchw f32 n2c3h4w0 peract");
}

static void test_order_of_values(void) {
  line_problem p;
  parse_ok("train nhwc:nchw f32 n2c3h2w2", &p);
  /* channel 1: n0 h0 w0, n0 h0 w1, ... */
  static const int64_t in_x[] = {1, 4, 7, 10, 13, 16, 19, 22};
  static const int64_t in_y[] = {4, 5, 6, 7, 16, 17, 18, 19};
  int i = 0;
  for (line_walk w = line_walk_channel(&p, 1); w.valid; line_walk_next(&w), ++i)
    CU_ASSERT(i < 8 && w.at[LINE_X] == in_x[i] && w.at[LINE_OUTPUT] == in_y[i]);
  CU_ASSERT(i == 8);
  parse_ok("train nhwc f32 n2c3h2w2 peract", &p);
  CU_ASSERT(line_channels(&p) == 12 && line_values_per_channel(&p) == 2);
  CU_ASSERT(line_param_index(&p, 5) == 5); /* c1 h0 w1, in NCHW order */
  parse_ok("train nhwc f32 n2c3h2w2 peract xparams", &p);
  CU_ASSERT(line_param_index(&p, 5) == 1 + 1 * 3);
}

static void test_descriptors(void) {
  line_problem p;
  cubnTensorDescriptor_t descriptor;
  int64_t dims[4], strides[4];
  cubnDataType_t type;
  int rank;
  CU_ASSERT(cubnCreateTensorDescriptor(&descriptor) == CUBN_STATUS_SUCCESS);
  parse_ok("train nhwc f16 n2c3h4w5 peract", &p);
  CU_ASSERT(line_describe(&p, LINE_X, descriptor) == CUBN_STATUS_SUCCESS);
  CU_ASSERT(cubnGetTensorNdDescriptor64(descriptor, 4, &type, &rank, dims, strides) ==
            CUBN_STATUS_SUCCESS);
  CU_ASSERT(type == CUBN_DATA_HALF && rank == 4 && dims[3] == 5 && strides[3] == 3);
  CU_ASSERT(line_describe_params(&p, descriptor) == CUBN_STATUS_SUCCESS);
  CU_ASSERT(cubnGetTensorNdDescriptor64(descriptor, 4, &type, &rank, dims, strides) ==
            CUBN_STATUS_SUCCESS);
  CU_ASSERT(type == CUBN_DATA_FLOAT && dims[0] == 1 && dims[3] == 5 && strides[3] == 1);
  p.params_like_x = true;
  CU_ASSERT(line_describe_params(&p, descriptor) == CUBN_STATUS_SUCCESS);
  CU_ASSERT(cubnGetTensorNdDescriptor64(descriptor, 4, &type, &rank, dims, strides) ==
            CUBN_STATUS_SUCCESS);
  CU_ASSERT(dims[0] == 1 && dims[1] == 3 && strides[1] == 1 && strides[3] == 3 && strides[2] == 15);
  CU_ASSERT(cubnDestroyTensorDescriptor(descriptor) == CUBN_STATUS_SUCCESS);
}

void test_problem_line_suites(void) {
  static const suite_test tests[] = {{"lines come back as they were", test_lines_come_back},
                                     {"fields", test_fields},
                                     {"wrong lines", test_wrong_lines},
                                     {"strides", test_strides},
                                     {"walks visit every value once", test_walks},
                                     {"order of values", test_order_of_values},
                                     {"descriptors", test_descriptors},
                                     {0}};
  suite_add("problem line", SUITE_HOST, tests);
}
