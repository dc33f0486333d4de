/* Sizes at which 32-bit arithmetic, counts in float and grid limits fail. Runs only with --large;
 * needs up to 10 GB of memory, and skips, with a line, what does not fit. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kit/run_line.h"
#include "suites/support/giant.h"
#include "suites/support/suite.h"

static void check_param(const giant *g, const run_context *run, int array, double wanted) {
  float got;
  if (!run->buffers[array]) return;
  CU_ASSERT(!cubnDownloadBuffer(run->buffers[array], (size_t)(g->channels - 1) * 4, &got, 4));
  /* The rounding to float, and float arithmetic on up to 32 values at a time. */
  const double allowed = 40 * 0x1p-24 * (fabs(wanted) + (array == DATA_DSCALE ? g->dbias : 0));
  SUITE_CHECK(fabs((double)got - wanted) <= allowed, "%s is %.9g, wanted %.9g",
              data_array_name(&g->line, array), (double)got, wanted);
}

static bool create(const giant *g, run_context *run, int array, double value, float *params) {
  const size_t bytes = (size_t)g->channels * sizeof(float);
  for (int64_t i = 0; i < g->channels; ++i) params[i] = (float)value;
  return !cubnCreateBuffer(run->handle, bytes, &run->buffers[array]) &&
         !cubnGetBufferPointer(run->buffers[array], &run->pointers[array]) &&
         !cubnUploadBuffer(run->buffers[array], 0, params, bytes);
}

/* Creates the buffers of the call; returns false where the device has no memory for them. */
static bool open_giant(const giant *g, run_context *run, float *params) {
  const bool backward = g->line.pass == LINE_BACKWARD;
  for (int tensor = 0; tensor < LINE_TENSORS; ++tensor) {
    CU_ASSERT(!cubnCreateTensorDescriptor(&run->tensors[tensor]));
    CU_ASSERT(!line_describe(&g->line, tensor, run->tensors[tensor]));
  }
  CU_ASSERT(!cubnCreateTensorDescriptor(&run->params));
  CU_ASSERT(!line_describe_params(&g->line, run->params));
  for (int array = DATA_X; array <= DATA_DY; array += DATA_DY) {
    if (array == DATA_DY && !backward) continue;
    if (cubnCreateBuffer(run->handle, (size_t)g->total * 2, &run->buffers[array])) return false;
    CU_ASSERT(!cubnGetBufferPointer(run->buffers[array], &run->pointers[array]));
  }
  run->pointers[DATA_OUTPUT] = run->pointers[backward ? DATA_DY : DATA_X];
  if (!create(g, run, DATA_SCALE, giant_scale, params)) return false;
  if (backward)
    return create(g, run, DATA_DSCALE, 0, params) && create(g, run, DATA_DBIAS, 0, params);
  return create(g, run, DATA_BIAS, giant_bias, params) &&
         create(g, run, DATA_SAVED_MEAN, 0, params) &&
         create(g, run, DATA_SAVED_INV_STD, 0, params);
}

static void run_giant(const giant *g, uint16_t *chunk, float *params) {
  const bool backward = g->line.pass == LINE_BACKWARD;
  run_context run = {.handle = suite_handle(), .problem = g->line};
  char line[256], message[256];
  int64_t first = 0;
  line_format(&g->line, line, sizeof line);
  if (!open_giant(g, &run, params)) {
    printf("(%s: skipped, the device has too little memory) ", line);
  } else {
    CU_ASSERT(giant_fill(g, run.buffers[DATA_X], g->x, g->last_x, chunk));
    if (backward)
      CU_ASSERT(giant_fill(g, run.buffers[DATA_DY], g->dy, g->dy[0][GIANT_STEPS - 1], chunk));
    const cubnStatus_t status = run_call(&run);
    cubnGetLastErrorString(message, sizeof message);
    SUITE_CHECK(status == CUBN_STATUS_SUCCESS, "%s: %s", line, message);
    CU_ASSERT(cubnSynchronize(run.handle) == CUBN_STATUS_SUCCESS);
    const int64_t wrong =
        giant_count_wrong(g, run.buffers[backward ? DATA_DY : DATA_X], chunk, &first);
    SUITE_CHECK(wrong == 0, "%s: %lld elements are wrong, the first is %lld", line,
                (long long)wrong, (long long)first);
    check_param(g, &run, DATA_SAVED_MEAN, g->mean);
    check_param(g, &run, DATA_SAVED_INV_STD, g->inv_std);
    check_param(g, &run, DATA_DSCALE, g->dscale);
    check_param(g, &run, DATA_DBIAS, g->dbias);
  }
  run_close(&run);
}

static void test_giant(const char *line) {
  const giant g = giant_make(line);
  const double bytes = (double)g.total * 2 * (g.line.pass == LINE_BACKWARD ? 2 : 1) + 1e9;
  const double available = (double)sysconf(_SC_AVPHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
  if (!strcmp(suite_device(), "cpu") && available < bytes) {
    printf("(%s: skipped, needs %.1f GB of memory, %.1f are free) ", line, bytes / 1e9,
           available / 1e9);
    return;
  }
  uint16_t *const chunk = malloc(GIANT_CHUNK * sizeof *chunk);
  float *const params = malloc((size_t)g.channels * sizeof *params);
  if (SUITE_CHECK(chunk && params, "no memory")) run_giant(&g, chunk, params);
  free(chunk);
  free(params);
}

/* pytorch#51776: 2.24e9 elements; 7e7 values per channel. */
static void test_giant_rows(void) {
  test_giant("train nchw f16 n70c32h1000w1000 inplace norunning");
}

static void test_giant_columns(void) {
  test_giant("train nhwc bf16 n2c65h4096w4100 inplace norunning");
}

static void test_giant_features(void) {
  test_giant("train nc f16 n32768c70000 inplace norunning");
}

/* One image has more than 2^30 elements: the wrap-around shows only in the last one
 * (rocm-libraries#10259). */
static void test_giant_backward(void) {
  test_giant("backward nchw f16 n2c3h20000w20000 inplace nosaved");
}

static void test_giant_backward_columns(void) {
  test_giant("backward nhwc f16 n2c3h20000w20000 inplace nosaved");
}

/* Small enough for the oracle. */
static void test_counts(void) {
  static const char *const lines[] = {
      "train nc f32 n20000001c1 mean=1e4 data=spread", /* more than 2^24 values */
      "train nchw f16 n1c1h5000w5001 data=onehot",
      "backward nchw f32 n1c2h4500w4001",
      "train nc f32 n2c3000000",
      "backward nchw bf16 n2c1000000h1w3",
      "infer nchw f16 n2c3000000h1w1",
      "train nchw f32 n70000c1h3w5",
      "train nchw f32 n2c70000h3w3 peract",
      "infer nchw f32 n1000000c1h1w2",
      "backward nhwc f16 n900000c2h1w2",
  };
  char report[512];
  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; ++i)
    SUITE_CHECK(run_text(suite_handle(), lines[i], report, sizeof report), "%s", report);
}

void test_large_suites(void) {
  static const suite_test tests[] = {
      {"counts and limits", test_counts},
      {"2.24e9 elements, rows", test_giant_rows},
      {"2.18e9 elements, columns", test_giant_columns},
      {"2.29e9 elements, features", test_giant_features},
      {"2.4e9 elements, backward, rows", test_giant_backward},
      {"2.4e9 elements, backward, columns", test_giant_backward_columns},
      {0}};
#ifdef CUBN_TESTS_EMULATED
  suite_add("large", SUITE_CPU, tests);
#else
  suite_add("large", SUITE_DEVICES, tests);
#endif
}
