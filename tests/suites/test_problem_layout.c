/* Layouts of problem lines, and the order of values. */
#include <stdlib.h>

#include "kit/problem_line.h"
#include "suites/support/suite.h"

static void parse_ok(const char *line, line_problem *problem) {
  const char *const error = line_parse(line, problem);
  SUITE_CHECK(!error, "%s: %s", line, error ? error : "");
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

/* Visits all channels: every element must be visited once, and no two share an offset. */
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

void test_problem_layout_suites(void) {
  static const suite_test tests[] = {{"strides", test_strides},
                                     {"walks visit every value once", test_walks},
                                     {"order of values", test_order_of_values},
                                     {"descriptors", test_descriptors},
                                     {0}};
  suite_add("problem layout", SUITE_HOST, tests);
}
