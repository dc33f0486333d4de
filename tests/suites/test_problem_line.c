/* The language of problem lines: reading, writing, and what the words ask for. */
#include <math.h>
#include <string.h>

#include "kit/data.h"
#include "suites/support/suite.h"

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
      "train nchw f32 n2c3h4w5 relu",
      "train nchw f32 n2c3h4w5 peract add_clipped coef=0.5 dropnan",
      "infer nchw f32 n2c3h4w5 add",
      "infer nchw f32 n2c3h4w5 leaky coef=0.25 invstd low",
      "infer nchw f32 n2c3h4w5 add_elu reserve",
      "train nhwc f16 n2c3h4w5 add_swish inplace_z noscale nobias swish_beta=-2",
      "train nhwc f16 n2c3h4w5 tanh noreserve",
      "train nchw f32 n2c3h4w5 statistics biased separate devfactor factor=0.25",
      "backward nchw f32 n2c3h4w5 add_gelu inplace_x inplace_z foreign nodbias",
      "backward nchw f32 n2c3h4w5 add_sigmoid inplace inplace_zx frozen invstd",
      "backward nchw f32 n2c3h4w5 add_relu nodx nodz nodscale",
      "backward nchw f32 n2c3h4w5 sums count=999",
      "backward nchw:nchw:nchw:nhwc f32 n2c3h4w5 add",
      "backward nchw f32 n2c3h4w5 add offset_dy=1 offset_z=2",
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
  CU_ASSERT(!line_is_fused(&p) && !line_is_extended(&p) && isnan(p.coef));
  parse_ok("train nchw:nhwc:nchw:cnhw f16 n4c35h7w9 add_elu swish_beta=1 offset_z=7", &p);
  CU_ASSERT_STRING_EQUAL(p.layout[LINE_Z], "cnhw");
  CU_ASSERT(p.adds && p.activation == CUBN_ACTIVATION_ELU && p.coef == 1 && p.offset[LINE_Z] == 7);
  CU_ASSERT(line_is_fused(&p) && !line_is_extended(&p) && line_decides(&p));
  parse_ok("train nhwc+1:nhwc+c2:nhwc:nchw+w3 f32 n2c3h5w7 add", &p);
  static const int64_t strides[LINE_TENSORS][4] = {
      {192, 1, 32, 4}, {175, 1, 35, 5}, {105, 1, 21, 3}, {150, 50, 10, 1}};
  for (int t = 0; t < LINE_TENSORS; ++t)
    SUITE_CHECK(!memcmp(p.strides[t], strides[t], sizeof strides[t]), "strides of tensor %d", t);
  parse_ok("infer nc f32 n2c3 clipped", &p);
  CU_ASSERT(!p.adds && p.activation == CUBN_ACTIVATION_CLIPPED_RELU && p.coef == 1);
  CU_ASSERT(line_is_extended(&p) && !line_needs_forward(&p));
}

/* The reserve space of a call, and the forward call of a backward line. */
static void test_forward_lines(void) {
  static const struct {
    const char *line, *forward;
    line_reserve kind;
  } cases[] = {
      {"backward nc f32 n2c3 relu inplace pbeta=1 beta=2", "train nc f32 n2c3 relu norunning",
       LINE_RESERVE_STATISTICS},
      {"backward nc f32 n2c3 add_leaky coef=0.5 inplace_z nosaved nodx",
       "train nc f32 n2c3 add_leaky coef=0.5 norunning nosaved", LINE_RESERVE_MASK},
      {"backward nc f32 n2c3 add_elu foreign noscale",
       "train nc f32 n2c3 add_elu norunning noscale", LINE_RESERVE_INPUT},
      {"backward nc f32 n2c3 frozen invstd tanh", "infer nc f32 n2c3 tanh invstd",
       LINE_RESERVE_NONE},
      {"backward nc f32 n2c3 frozen add_relu", "infer nc f32 n2c3 add_relu reserve",
       LINE_RESERVE_MASK},
      {"backward nc f32 n2c3 sums count=7 gelu eps=1 mean=3",
       "train nc f32 n2c3 gelu norunning eps=1 mean=3", LINE_RESERVE_STATISTICS},
      {"backward nc f32 n2c3 relu low", "train nc f32 n2c3 relu norunning noreserve low",
       LINE_RESERVE_NONE},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    line_problem p;
    char text[256];
    parse_ok(cases[i].line, &p);
    CU_ASSERT(line_needs_forward(&p) && line_reserve_kind(&p) == cases[i].kind);
    const line_problem forward = line_forward_of(&p);
    line_format(&forward, text, sizeof text);
    SUITE_CHECK(!strcmp(text, cases[i].forward), "%s: forward is \"%s\"", cases[i].line, text);
    CU_ASSERT(line_reserve_kind(&forward) == cases[i].kind);
  }
}

static void test_floors(void) {
  static const struct {
    const char *line;
    int64_t tensors, reserve_bytes;
  } cases[] = {
      {"train nchw f32 n2c3h4w6 relu", 2, 0},
      {"train nchw f32 n2c3h4w6 add_relu", 3, 18},
      {"train nchw f32 n2c3h4w6 add_relu noreserve", 3, 0},
      {"train nchw f16 n2c3h4w6 add_tanh", 4, 0},
      {"train nchw f32 n2c3h4w6 statistics", 1, 0},
      {"infer nchw f32 n2c3h4w6 add_relu beta=1", 4, 0},
      {"backward nchw f32 n2c3h4w6 relu", 3, 0},
      {"backward nchw f32 n2c3h4w6 add_relu", 4, 18},
      {"backward nchw f32 n2c3h4w6 add_relu nodz", 3, 18},
      {"backward nchw f64 n2c3h4w6 add_tanh", 5, 0},
      {"backward nchw f32 n2c3h4w6 nodx nodscale", 1, 0},
      {"backward nchw f32 n2c3h4w6 frozen nodscale", 2, 0},
      {"backward nchw f32 n2c3h4w6 sums", 3, 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    line_problem p;
    parse_ok(cases[i].line, &p);
    const int64_t tensor_bytes = 144 * (int64_t)data_type_bytes(p.type);
    SUITE_CHECK(line_floor_bytes(&p) == cases[i].tensors * tensor_bytes + cases[i].reserve_bytes,
                "%s: %lld bytes", cases[i].line, (long long)line_floor_bytes(&p));
  }
}

static const struct {
  const char *line, *error;
} wrong_lines[] = {
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
    {"train nchw+c f32 n1c1h1w1", "layout"},
    {"train nchw+n1 f32 n1c1h1w1", "layout"},
    {"train nchw+d1 f32 n1c1h1w1", "layout"},
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
    {"train nc f32 n1c1 add_", "unknown"},
    {"train nc f32 n1c1 added", "unknown"},
    {"train nc f32 n1c1 sub_relu", "unknown"},
    {"train nc f32 n1c1 relu coef=1", "coef"},
    {"train nc f32 n1c1 elu coef=-1", "negative"},
    {"train nc f16 n1c1 clipped coef=0.1", "ceiling"},
    {"train nc f32 n1c1 gelu swish_beta=2", "swish"},
    {"train nc f32 n1c1 leaky dropnan", "dropnan"},
    {"train nc f32 n1c1 add_gelu data=infz", "infinity"},
    {"backward nc f32 n1c1 frozen swish data=inf", "infinity"},
    {"train nc f32 n1c1 inplace_z", "add"},
    {"train nc f32 n1c1 add inplace_zx", "backward"},
    {"train nc f32 n1c1 add inplace inplace_z", "both"},
    {"backward nc f32 n1c1 add inplace inplace_z", "both"},
    {"backward nc f32 n1c1 add inplace_x inplace_zx", "both"},
    {"backward nc f32 n1c1 add inplace_z inplace_zx", "both"},
    {"backward nc f32 n1c1 add inplace_z nodz", "dz"},
    {"backward nc f32 n1c1 inplace nodx", "output"},
    {"train nc f32 n1c1 inplace statistics", "output"},
    {"train nc:nc:nc:cn f32 n1c1 add inplace_z", "layouts"},
    {"backward nc:nc:nc:cn f32 n1c1 add inplace_z", "layouts"},
    {"backward nc:nc:nc:cn f32 n1c1 add inplace_zx", "layouts"},
    {"backward nc f32 n1c1 relu foreign", "foreign"},
    {"backward nc f32 n1c1 frozen foreign", "foreign"},
    {"infer nc f32 n1c1 biased", "running"},
    {"train nc f32 n1c1 separate norunning", "running"},
    {"backward nc f32 n1c1 devfactor", "running"},
    {"infer nc f32 n1c1 statistics", "train"},
    {"train nc f32 n1c1 statistics norunning nosaved", "statistics"},
    {"train nc f32 n1c1 statistics beta=1", "blending"},
    {"train nc f32 n1c1 noreserve", "noreserve"},
    {"train nc f32 n1c1 add_relu reserve", "reserve"},
    {"train nc f32 n1c1 frozen", "backward"},
    {"backward nc f32 n1c1 nodz", "add"},
    {"train nc f32 n1c1 invstd", "invstd"},
    {"train nc f32 n1c1 low nosaved", "low"},
    {"backward nc f32 n1c1 sums nodbias", "sums"},
    {"backward nc f32 n1c1 sums pbeta=1", "sums"},
    {"backward nc f32 n1c1 nodx beta=1", "blending"},
    {"backward nc f32 n1c1 count=5", "count"},
    {"backward nc f32 n1c1 sums count=1.5", "count"},
    {"backward nc f32 n1c1 nodx nodscale nodbias", "nothing"},
    {"backward nc f32 n1c1 sums nodx", "nothing"},
    {"train nc f32 n1c0 statistics", "no channels"},
};

static void test_wrong_lines(void) {
  for (size_t i = 0; i < sizeof wrong_lines / sizeof wrong_lines[0]; ++i) {
    line_problem problem;
    const char *const error = line_parse(wrong_lines[i].line, &problem);
    SUITE_CHECK(error && strstr(error, wrong_lines[i].error), "\"%s\": %s", wrong_lines[i].line,
                error ? error : "accepted");
  }
}

void test_problem_line_suites(void) {
  static const suite_test tests[] = {{"lines come back as they were", test_lines_come_back},
                                     {"fields", test_fields},
                                     {"wrong lines", test_wrong_lines},
                                     {"forward calls of backward lines", test_forward_lines},
                                     {"floors", test_floors},
                                     {0}};
  suite_add("problem line", SUITE_HOST, tests);
}
