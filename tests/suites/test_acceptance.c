/* Failures of batch normalization that users reported in public trackers, as problem lines that run
 * against the oracle. Cases with numbers of their own are in test_acceptance_numerics.c,
 * test_acceptance_shapes.c and test_acceptance_running.c.
 *
 * In other files:
 *   onnxruntime#29878             parameters that share memory: test_semantics.c
 *   pytorch#586 #4284 mxnet#9580 xla#913 #3361 cudnn.torch#244 torch/nn#768
 *                                 backward of inference (frozen): test_extended.c
 *   Flux.jl#2071 NNlib.jl#509 pytorch#7999 mxnet#11115 onnxruntime#11010 oneDNN#529
 *                                 fused ReLU: test_fused.c
 *   pytorch#51776 rocm-libraries#10259 benchdnn mb3072ic64ih112 mb1ic512ih65536
 *                                 2^31 elements and more: test_large.c
 *   pytorch#71050 #70901 torch-xpu-ops#3072
 *                                 more than 2^24 values per channel: test_large.c */
#include "suites/support/scenario.h"

typedef struct reported {
  const char *name; /* tracker and number */
  const char *line;
  bool is_big; /* Only with --cases all, and too much for emulated kernels. */
} reported;

static const reported precision[] = {
    {"tensorflow#118701", "train nchw f32 n2c3h5w5 mean=1e4", false},
    {"tensorflow#118701", "train nhwc f32 n2c8h5w5 mean=1e5", false},
    {"tensorflow#118701", "train nhwc f32 n2c1h5w5 mean=1e7", false},
    {"tensorflow#118701, gradient", "backward nchw f32 n2c3h5w5 mean=1e6", false},
    {"tensorflow#118701, gradient", "backward nhwc f32 n2c8h5w5 mean=1e6 nosaved", false},
    {"tt-metal#45968", "train nchw bf16 n2c4h32w32 mean=5 std=0.1", false},
    {"tt-metal#45968", "train nchw bf16 n2c4h32w32 mean=-5 std=0.1", false},
    {"tt-metal#45968", "train nchw bf16 n2c64h32w32 mean=5 std=0.1", true},
    {"flax#1491", "train nhwc f32 n4c3h8w8 mean=1e4 std=1e-3", false},
    {"pytorch#178123", "train nchw f32 n2c3h2w4 data=large", false},
    {"pytorch#178123", "train nhwc f32 n2c3h2w4 data=large", false},
    {"pytorch#178123, gradient", "backward nchw f32 n2c3h2w4 data=large", false},
    {"dlib#3113", "train nchw f32 n4c5h6w6 mean=1e3 std=0.01", false},
    {"dlib#3113", "backward nchw f32 n4c5h6w6 mean=1e3 std=0.01", false},
    {"MIOpen#3900", "train nchw f32 n1c1h100w100 mean=1e3 std=0.01", false},
    {"MIOpen#3900", "train nchw f32 n4c1h512w512 mean=1e3 std=0.01", true},
    {"MIOpen#3900", "train nhwc f32 n4c3h512w512 mean=1e3 std=0.01", true},
    {"pytorch#71050, counts above 2048 in half", "train nchw f16 n1c2h50w50", false},
    {"tensorflow#30230", "train nchw f16 n1c1h257w256", false},
    {"pytorch#147303", "backward nhwc f16 n4c3h16w16 mean=0.5 std=0.3", false},
    {"pytorch#147303", "backward nhwc f16 n16c3h224w224 mean=0.5 std=0.3", true},
    {"pytorch#156513", "backward nchw bf16 n4c8h10w10", false},
    {"pytorch#156513", "backward nhwc bf16 n4c8h10w10", false},
    {"MIOpen PR 2385", "backward nhwc f16 n4c64h7w7", false},
    {"MIOpen PR 2385", "backward nhwc f16 n4c64h28w28", true},
    {"mlpack#2474", "backward nchw f32 n2c2h3w3 mean=1e4 nosaved", false},
    {NULL, NULL, false},
};

static const reported sizes[] = {
    {"pytorch#1004", "infer nc f32 n1025c5 peract", false},
    {"pytorch#19911", "infer nchw f32 n65536c1h1w1", false},
    {"pytorch#29744", "infer ncw f32 n70000c1w2", false},
    {"onnxruntime#7095", "infer nchw f16 n65536c1h1w1", false},
    {"pytorch#2917", "train nc f32 n140000c1 peract", false},
    {"pytorch#16998", "train nchw f32 n131072c1h1w1", false},
    {"pytorch#16998", "infer nc f32 n147000c2", false},
    {"pytorch#16998", "infer nc f32 n147000c100", true},
    {"Normalization.cpp, N > 880801", "train nchw f32 n880802c1h1w1", true},
    {"Normalization.cpp, N > 880801", "backward nchw f32 n880802c1h1w1", true},
    {"Normalization.cpp, N > 131070", "train nchw f32 n131071c1h1w1 peract", false},
    {"Normalization.cpp, N > 262136", "infer nchw f32 n262137c1h1w1 peract", true},
    {"LBANN#1610", "train nc f32 n2c65536", false},
    {"LBANN#1610", "train nchw f32 n2c65536h1w1", false},
    {"LBANN#1610", "train nc f32 n100c65536", true},
    {"apex#411", "train ncw f32 n1c65536w2", false},
    {"MIOpen#1109", "backward nchw f32 n1024c64h1w1", false},
    {"MIOpen#1109", "backward nchw f32 n769c2h1w1", false},
    {"MIOpen#2024", "backward nchw f32 n1c2h35w35", false},
    {"MIOpen#2024", "backward nchw f32 n1c2h73w73", false},
    {"MIOpen#2024", "backward nchw f32 n16c2h147w147", true},
    {"MIOpen#2024", "backward nchw f32 n16c10h73w73", true},
    {"MIOpen#2024", "backward nhwc f32 n16c12h35w35", true},
    {"MIOpen#248", "train nchw f32 n64c512h1w1 peract", false},
    {"pytorch#13765", "train nchw f32 n2c3h1w5", false},
    {"pytorch#13765", "backward nchw f32 n2c3h1w5", false},
    {"pjreddie/darknet, one batchnorm layer", "train nchw f32 n1c2h4w4", false},
    {"pjreddie/darknet, one batchnorm layer", "backward nchw f32 n1c2h4w4", false},
    {"pjreddie/darknet, one batchnorm layer", "infer nchw f32 n1c2h4w4", false},
    {NULL, NULL, false},
};

static const reported layouts[] = {
    {"pytorch#107199", "backward ncdhw:ndhwc:ncdhw f32 n2c3d4h4w4", false},
    {"pytorch#107199", "backward ndhwc:ncdhw:ndhwc f32 n2c3d4h4w4", false},
    {"pytorch#107199", "backward ncdhw:ncdhw:ndhwc f32 n2c3d4h4w4", false},
    {"pytorch#107199", "train ndhwc:ncdhw f32 n2c3d4h4w4", false},
    {"pytorch#42588", "backward nhwc:nhwc:nhcw f32 n2c8h8w1", false},
    {"pytorch#42588", "backward nchw:nhwc:nwhc f32 n2c8h1w8", false},
    {"pytorch#42588", "backward nchw:nhwc:nchw f32 n2c8h1w1", false},
    {"pytorch#42588", "backward nhwc:nchw:nwhc f32 n2c1h8w8", false},
    {"Paddle#54703", "backward nhwc f32 n3c4h5w6", false},
    {"Paddle#37020", "backward nc f32 n6c4", false},
    {"nnabla#1169", "backward nhwc f32 n2c3h3w3", false},
    {"nnabla#1169", "train nhwc f32 n2c3h3w3", false},
    {"mahout#1107", "train nchw f32 n2c3h1w7", false},
    {"mahout#1107", "train nchw f32 n2c3h1w7 offset=1", false},
    {"flashinfer#634", "train nhwc f16 n2c16h2w2 offset=1", false},
    {"onnxruntime#15054", "infer nchw f16 n2c3h4w4 offset_x=1", false},
    {"onnxruntime#15054", "infer nchw f16 n2c3h4w4 offset_out=3", false},
    {"TensorRT-LLM#17987", "backward nchw bf16 n2c3h4w4 offset_dy=1 offset_x=2", false},
    {"TensorRT-LLM#17987", "backward nhwc f64 n2c8h2w2 offset_out=1", false},
    {"Paddle, inplace_abn", "backward nchw f32 n2c3h4w4 inplace", false},
    {"Paddle, inplace_abn", "backward nhwc f32 n2c3h4w4 inplace", false},
    {"Paddle, inplace_abn", "backward nhwc f16 n2c3h4w4 inplace_x", false},
    {NULL, NULL, false},
};

static bool runs_big_cases(void) {
#ifdef CUBN_TESTS_EMULATED
  return false;
#else
  return suite_all_cases();
#endif
}

static void run_all(const reported *list) {
  for (; list->name; ++list)
    if (!list->is_big || runs_big_cases()) scenario_line(list->name, list->line);
}

static void test_precision(void) {
  run_all(precision);
}

static void test_sizes(void) {
  run_all(sizes);
}

static void test_layouts(void) {
  run_all(layouts);
}

void test_acceptance_suites(void) {
  static const suite_test tests[] = {{"precision", test_precision},
                                     {"sizes", test_sizes},
                                     {"layouts, addresses, aliases", test_layouts},
                                     {NULL, NULL}};
  suite_add("reported failures, as problem lines", SUITE_DEVICES, tests);
}
