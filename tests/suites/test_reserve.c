/* The reserve space: its size, and that the content that any forward pass leaves serves any
 * backward pass, whichever algorithm or device runs it. */
#include <stdio.h>
#include <string.h>

#include "core/handle.h"
#include "kit/run_line.h"
#include "suites/support/carry_over.h"
#include "suites/support/expect_error.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* ---- Sizes ---- */
static size_t ask_ex(const line_problem *p) {
  cubnTensorDescriptor_t x = NULL;
  cubnActivationDescriptor_t activation = NULL;
  size_t bytes = SIZE_MAX;
  expect_success(cubnCreateTensorDescriptor(&x), "create");
  expect_success(cubnCreateActivationDescriptor(&activation), "create");
  expect_success(line_describe(p, LINE_X, x), "describe");
  expect_success(line_describe_activation(p, activation), "describe");
  expect_success(cubnGetBatchNormalizationTrainingExReserveSpaceSize(
                     suite_handle(), p->mode, line_ops(p), activation, x, &bytes),
                 "reserve space size");
  cubnDestroyTensorDescriptor(x);
  cubnDestroyActivationDescriptor(activation);
  return bytes;
}

/* Both queries give the same size, within these limits. */
static void check_size(const char *line, size_t least, size_t most) {
  line_problem p;
  const char *const wrong = line_parse(line, &p);
  if (!SUITE_CHECK(!wrong, "%s: %s", line, wrong)) return;
  const size_t bytes = line_reserve_bytes(&p);
  SUITE_CHECK(bytes >= least && bytes <= most, "%s: %zu bytes, wanted %zu to %zu", line, bytes,
              least, most);
  if (p.pass != LINE_TRAIN) return;
  SUITE_CHECK(ask_ex(&p) == bytes, "%s: Ex says %zu bytes, wanted %zu", line, ask_ex(&p), bytes);
}

static void test_sizes(void) {
  /* No activation, nothing to keep. */
  check_size("train nchw f32 n2c3h4w5", 0, 0);
  check_size("train nchw f32 n2c3h4w5 add", 0, 0);
  /* Three values per channel, of the parameters' type; none if the statistics are given. */
  check_size("train nchw f32 n2c3h4w5 relu", 9 * 4, 9 * 4);
  check_size("train nhwc f16 n2c3h4w5 gelu", 9 * 4, 9 * 4);
  check_size("train nhwc f64 n2c3h4w5 elu", 9 * 8, 9 * 8);
  check_size("train nhwc bf16 n2c3h4w5 peract clipped", 180 * 4, 180 * 4);
  check_size("infer nchw f32 n2c3h4w5 relu", 0, 0);
  /* The pre-activation. */
  check_size("train nchw f32 n2c3h4w5 add_tanh", 120 * 4, 120 * 4);
  check_size("train nchw+1 f16 n2c3h4w5 add_gelu", 120 * 2, 120 * 2);
  check_size("train nhwc f64 n2c3h4w5 peract add_elu", 120 * 8, 120 * 8);
  check_size("infer nchw bf16 n2c3h4w5 add_swish reserve", 120 * 2, 120 * 2);
  /* A bit per element, in rows of whole bytes; where rows end within a byte they may also begin
   * within one, and touch one more. */
  check_size("train nchw f32 n2c3h4w6 add_relu", 6 * 3, 6 * 3);
  check_size("train nchw f32 n2c3h7w7 add_relu", 6 * 7, 6 * 7);
  check_size("train nchw f32 n2c3h3w5 add_relu", 6 * 2, 6 * 3);
  check_size("train nhwc f16 n2c64h5w5 add_leaky", 50 * 8, 50 * 8);
  check_size("train nhwc f16 n2c35h5w5 add_clipped", 50 * 5, 50 * 5);
  check_size("train nc f64 n9c12 add_relu", 9 * 2, 9 * 2);
  check_size("train cnhw f16 n4c3h2w2 add_relu", 6, 6 * 2);
  check_size("infer nhwc f32 n2c16h3w3 add_relu reserve", 18 * 2, 18 * 2);
  /* An empty tensor needs nothing. */
  check_size("train nchw f32 n0c3h4w5 add_relu", 0, 0);
  check_size("train nchw f32 n2c3h0w5 add_tanh", 0, 0);
}

/* ---- Any forward pass, any backward pass ---- */
static const char *const lines[] = {
    "backward nchw f32 n4c5h7w9 relu data=ties",
    "backward nchw f16 n3c12h7w7 add_relu data=ties",
    "backward nchw f32 n2c3h4w6 add_relu",
    "backward nhwc f16 n3c24h5w5 add_leaky",
    "backward nhwc bf16 n2c35h5w5 add_relu offset=1",
    "backward nhwc f32 n3c7h5w5 gelu",
    "backward nchw bf16 n3c5h5w7 add_gelu",
    "backward nhwc f16 n3c12h5w5 add_tanh",
    "backward nc f64 n33c12 add_clipped data=ties",
    "backward nc f64 n33c12 elu coef=0.5 data=ties",
    "backward nchw f32 n3c5h9w9 frozen add_relu",
    "backward nhwc f32 n9c3h4w5 peract add_relu",
    "backward nhwc f32 n9c3h4w5 peract xparams relu data=ties",
    "backward nhwc f32 n4c10h5w5 relu nosaved mean=1e4 data=ties",
    "backward nhwc f32 n9c3h4w5 peract xparams gelu mean=1e6",
    "backward nchw f32 n3c3h3w5 add_relu",
    "backward nchw bf16 n2c3h25w25 add_relu",
    "backward nhwc f16 n2c13h5w5 add_relu",
    "backward nc f64 n9c13 add_leaky",
};

/* Whether the algorithm accepts the problem; asks by running it. */
static bool accepts(const char *line, const cubn_algo *algo, int pass) {
  line_problem problem;
  char report[1024];
  data_set before, after;
  const cubnHandle_t handle = suite_handle();
  CU_ASSERT_PTR_NULL_FATAL(line_parse(line, &problem));
  if (pass != LINE_BACKWARD) problem = line_forward_of(&problem);
  snprintf(handle->forced_algo, sizeof handle->forced_algo, "%s", algo->name);
  run_line_keep(handle, &problem, &before, &after, NULL, report, sizeof report);
  handle->forced_algo[0] = '\0';
  data_destroy(&before);
  data_destroy(&after);
  return handle->last_algo == algo;
}

/* The tables, with one row for forward and one for backward. */
static void carry_between(const char *line, const cubn_algo *forward, int forward_pass,
                          const cubn_algo *backward) {
  const cubnHandle_t handle = suite_handle();
  const cubn_backend *const backend = handle->backend;
  const cubn_algo *const forward_row[] = {forward, NULL}, *const backward_row[] = {backward, NULL};
  cubn_backend narrowed = *backend;
  char how[128];
  snprintf(how, sizeof how, "from %s to %s", forward->name, backward->name);
  narrowed.algos[forward_pass] = forward_row;
  narrowed.algos[LINE_BACKWARD] = backward_row;
  handle->backend = &narrowed;
  carry_over(line, handle, handle, how);
  handle->backend = backend;
}

static void test_algorithms(void) {
  const cubn_backend *const backend = suite_handle()->backend;
  for (size_t i = 0; i < COUNT_OF(lines); ++i) {
    line_problem problem;
    CU_ASSERT_PTR_NULL_FATAL(line_parse(lines[i], &problem));
    const int pass = line_forward_of(&problem).pass;
    for (const cubn_algo *const *f = backend->algos[pass]; *f; ++f) {
      if (!accepts(lines[i], *f, pass)) continue;
      for (const cubn_algo *const *b = backend->algos[LINE_BACKWARD]; *b; ++b)
        if (accepts(lines[i], *b, LINE_BACKWARD)) carry_between(lines[i], *f, pass, *b);
    }
  }
}

/* What a forward pass leaves in a reserve space that was filled with `value`. */
static bool leave(const line_problem *problem, const data_set *before, int value, data_set *after) {
  run_context run;
  const bool opened = run_open(&run, suite_handle(), problem, before) == CUBN_STATUS_SUCCESS;
  const bool good = opened && data_copy(before, after) &&
                    cubnFillBuffer(run.buffers[DATA_RESERVE], value) == CUBN_STATUS_SUCCESS &&
                    run_call(&run) == CUBN_STATUS_SUCCESS &&
                    run_download(&run, after) == CUBN_STATUS_SUCCESS;
  if (opened) run_close(&run);
  return good;
}

/* All bytes follow from the call, those bits of a mask included that no element has. */
static void test_bytes(void) {
  const cubnHandle_t handle = suite_handle();
  for (size_t i = 0; i < COUNT_OF(lines); ++i) {
    line_problem problem;
    data_set before, zeros, ones;
    char report[512];
    CU_ASSERT_PTR_NULL_FATAL(line_parse(lines[i], &problem));
    problem = line_forward_of(&problem);
    if (line_reserve_kind(&problem) == LINE_RESERVE_NONE) continue;
    CU_ASSERT_FATAL(run_create(handle, &problem, &before, report, sizeof report));
    for (const cubn_algo *const *f = handle->backend->algos[problem.pass]; *f; ++f) {
      snprintf(handle->forced_algo, sizeof handle->forced_algo, "%s", (*f)->name);
      SUITE_CHECK(leave(&problem, &before, 0, &zeros) && leave(&problem, &before, 255, &ones),
                  "%s: %s failed", (*f)->name, lines[i]);
      handle->forced_algo[0] = '\0';
      SUITE_CHECK(
          memcmp(data_elements(&zeros.arrays[DATA_RESERVE]),
                 data_elements(&ones.arrays[DATA_RESERVE]), line_reserve_bytes(&problem)) == 0,
          "%s: forward of %s leaves bits as they were", handle->last_algo->name, lines[i]);
      data_destroy(&zeros);
      data_destroy(&ones);
    }
    data_destroy(&before);
  }
}

/* A pre-activation that another device computes again may be on the other side of a tie: there the
 * stored decision must count. */
static void test_devices(void) {
  static const char *const carried[] = {
      "backward nchw f16 n3c12h7w7 add_relu data=ties",
      "backward nchw f32 n2c3h4w6 add_relu",
      "backward nhwc f16 n3c24h5w5 add_leaky",
      "backward nchw bf16 n3c5h5w7 add_gelu",
      "backward nc f64 n33c12 add_clipped data=ties",
      "backward nchw f32 n4c5h7w9 relu mean=1e4",
      "backward nhwc f32 n3c7h5w5 gelu mean=100",
      "backward nchw f32 n3c5h9w9 frozen add_relu",
      "backward nhwc f32 n9c3h4w5 peract add_relu",
      "backward nhwc f32 n9c3h4w5 peract gelu mean=1e6" /* the order of channels */};
  cubnHandle_t cpu;
  if (!expect_success(cubnCreateOnDevice(&cpu, "cpu"), "cpu")) return;
  for (size_t i = 0; i < COUNT_OF(carried); ++i) {
    carry_over(carried[i], cpu, suite_handle(), "from the CPU");
    carry_over(carried[i], suite_handle(), cpu, "to the CPU");
  }
  expect_success(cubnDestroy(cpu), "destroy");
}

void test_reserve_suites(void) {
  static const suite_test tests[] = {{"sizes", test_sizes},
                                     {"any algorithm after any other", test_algorithms},
                                     {"every byte is written", test_bytes},
                                     {NULL, NULL}};
  static const suite_test cuda[] = {{"from device to device", test_devices}, {NULL, NULL}};
  suite_add("reserve space", SUITE_DEVICES, tests);
  suite_add("reserve space of two devices", SUITE_CUDA, cuda);
}
