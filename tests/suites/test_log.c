/* CUBN_LOG and CUBN_ALGO: what the library reports about its choice, and that the choice can be
 * forced. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kit/run_line.h"
#include "suites/support/capture.h"
#include "suites/support/expect_error.h"

/* Runs a problem on a handle that was created under this environment; returns what it wrote to
 * stderr. */
static void log_of(const char *log, const char *algo, const char *line, char *text,
                   size_t text_bytes) {
  if (log) setenv("CUBN_LOG", log, 1);
  if (algo) setenv("CUBN_ALGO", algo, 1);
  cubnHandle_t handle = NULL;
  char report[512] = "";
  capture c = capture_begin();
  const cubnStatus_t status = cubnCreateOnDevice(&handle, suite_device());
  const bool good = status == CUBN_STATUS_SUCCESS && run_text(handle, line, report, sizeof report);
  cubnDestroy(handle);
  capture_end(&c, text, text_bytes);
  unsetenv("CUBN_LOG");
  unsetenv("CUBN_ALGO");
  expect_success(status, "create");
  SUITE_CHECK(good, "%s", report);
}

static bool expect_contains(const char *text, const char *part) {
  return SUITE_CHECK(strstr(text, part) != NULL, "no \"%s\" in the log:\n%s", part, text);
}

/* ---- Silence ---- */
static void test_silent_by_default(void) {
  static const char *const values[] = {NULL, "", "0"};
  for (int i = 0; i < 3; ++i) {
    char text[4096];
    log_of(values[i], NULL, "train nchw f32 n2c3h4w5", text, sizeof text);
    SUITE_CHECK(text[0] == '\0', "wrote to stderr: %s", text);
  }
}

/* Failures do not write anything either. */
static void test_silent_failures(void) {
  char text[4096];
  capture c = capture_begin();
  cubnHandle_t handle = NULL;
  cubnCreateOnDevice(&handle, "nonsense");
  cubnSynchronize(NULL);
  cubnBuffer_t buffer = NULL;
  cubnCreateBuffer(suite_handle(), SIZE_MAX, &buffer);
  capture_end(&c, text, sizeof text);
  SUITE_CHECK(text[0] == '\0', "wrote to stderr: %s", text);
}

/* ---- The problem ---- */
static void test_problem_lines(void) {
  static const char *const problems[] = {
      "train nchw f32 n2c3h4w5",
      "train nhwc f16 n2c3h4w5 norunning nosaved",
      "train ncdhw f64 n2c3d2h4w5 inplace",
      "infer nc bf16 n7c3",
      "infer nchw:nhwc f32 n2c3h4w5 alpha=2 beta=0.5",
      "backward nchw f32 n2c3h4w5 inplace",
      "backward nhwc f32 n2c3h4w5 inplace_x",
      "backward nchw:nchw:nhwc f32 n2c3h4w5 nosaved",
      "backward nchw f32 n2c3h4w5 peract palpha=2 pbeta=-1",
      "train nchw f32 n2c3h4w5 persistent",
      "train nhwc f16 n2c3h4w5 add_relu",
      "train nchw f64 n2c3h4w5 add_gelu inplace_z",
      "train nchw f32 n2c3h4w5 statistics low biased separate devfactor",
      "infer nchw f32 n2c3h4w5 leaky coef=0.25",
      "infer nhwc f32 n2c3h4w5 noscale nobias invstd low",
      "backward nchw f32 n2c3h4w5 peract clipped coef=0.5 dropnan",
      "backward nchw f32 n2c3h4w5 add_swish swish_beta=2 inplace_z",
      "backward nchw f32 n2c3h4w5 add nodx nodz nodbias",
      "backward nhwc bf16 n2c3h4w5 elu frozen",
      "backward nchw f32 n2c3h4w5 tanh nosaved sums count=1000",
      "backward nchw f32 n2c3h4w5 relu sums low count=1000"};
  for (size_t i = 0; i < sizeof problems / sizeof *problems; ++i) {
    char text[4096], wanted[256];
    log_of("1", NULL, problems[i], text, sizeof text);
    snprintf(wanted, sizeof wanted, "\ncubn: %s -> %s/", problems[i], suite_device());
    expect_contains(text, wanted);
    /* A line of the log can be given to the tests and the benchmark. */
    line_problem problem;
    char *line = strstr(text, problems[i]), *end = line ? strstr(line, " -> ") : NULL;
    if (!end) continue;
    *end = '\0';
    CU_ASSERT_PTR_NULL(line_parse(line, &problem));
  }
}

static void test_handle_line(void) {
  char text[4096], wanted[96];
  log_of("1", NULL, "train nchw f32 n2c3h4w5", text, sizeof text);
  snprintf(wanted, sizeof wanted, "cubn: version %d.%d.%d, handle on %s:0\n", CUBN_VERSION_MAJOR,
           CUBN_VERSION_MINOR, CUBN_VERSION_PATCH, suite_device());
  SUITE_CHECK(strncmp(text, wanted, strlen(wanted)) == 0, "the log begins: %s", text);
}

/* ---- Refusals: the last algorithm takes padded tensors, and all others say why they do not
 * ---- */
static void test_refusals(void) {
  static const char *const passes[] = {"train", "infer", "backward"};
  for (int pass = 0; pass < 3; ++pass) {
    char text[4096], line[64], wanted[128];
    snprintf(line, sizeof line, "%s nhwc f32 n2c3h4w5 peract", passes[pass]);
    log_of("1", NULL, line, text, sizeof text);
    snprintf(wanted, sizeof wanted, "\ncubn: %s nhwc f32 n2c3h4w5 peract -> %s/strided\n",
             passes[pass], suite_device());
    expect_contains(text, wanted);
    char *at = text;
    int refusals = 0;
    for (char *line_end; (line_end = strchr(at, '\n')); at = line_end + 1) {
      *line_end = '\0';
      char *reason = strstr(at, " refused: ");
      if (!reason) continue;
      ++refusals;
      snprintf(wanted, sizeof wanted, "cubn:   %s/", suite_device());
      SUITE_CHECK(strncmp(at, wanted, strlen(wanted)) == 0, "refusal: %s", at);
      SUITE_CHECK(strlen(reason) > strlen(" refused: "), "refusal without a reason: %s", at);
    }
    SUITE_CHECK(refusals > 0, "no refusals for %s", line);
  }
}

/* Nothing is chosen for an empty tensor. */
static void test_empty(void) {
  char text[4096];
  log_of("1", NULL, "train nchw f32 n0c3h4w5", text, sizeof text);
  CU_ASSERT_PTR_NULL(strstr(text, " -> "));
}

/* ---- Force ---- */
static void test_forced(void) {
  char text[4096], wanted[64];
  snprintf(wanted, sizeof wanted, " -> %s/strided\n", suite_device());
  log_of("1", NULL, "train nchw f32 n2c3h4w5", text, sizeof text);
  CU_ASSERT_PTR_NULL(strstr(text, wanted));
  log_of("1", "strided", "train nchw f32 n2c3h4w5", text, sizeof text);
  expect_contains(text, wanted);
  /* Where the forced algorithm refuses or does not exist, the choice is as without it. */
  const bool cpu = !strcmp(suite_device(), "cpu");
  log_of("1", "rows", "train nhwc f32 n2c3h4w5", text, sizeof text);
  if (cpu) expect_contains(text, "cubn:   cpu/rows refused: ");
  if (cpu) expect_contains(text, " -> cpu/grid\n");
  if (!cpu) expect_contains(text, " -> cuda/");
}

void test_log_suites(void) {
  static const suite_test tests[] = {{"silent by default", test_silent_by_default},
                                     {"silent failures", test_silent_failures},
                                     {"problem lines", test_problem_lines},
                                     {"handle", test_handle_line},
                                     {"refusals", test_refusals},
                                     {"empty", test_empty},
                                     {"forced algorithm", test_forced},
                                     {NULL, NULL}};
  suite_add("log", SUITE_DEVICES, tests);
}
