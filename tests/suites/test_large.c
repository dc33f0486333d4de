/* Sizes at which 32-bit arithmetic, counts in float and grid limits give way. Runs only with
 * --large; needs up to 10 GB of memory, and skips with a line what does not fit. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kit/run_line.h"
#include "suites/support/suite.h"

/* Tensors of more than 2^31 elements are checked without an oracle that walks them: position k of a
 * channel decides by k % 4 which of four pairs (x, dy) it holds, in five classes of channels. Only
 * the very last element is different. So the exact statistics follow from counting. */
enum { CLASSES = 5, LAST_CLASS = CLASSES, STEPS = 4, CHUNK = 1 << 24 };

typedef struct giant {
  line_problem line;
  int64_t channels, count, total;
  uint16_t x[CLASSES][STEPS], dy[CLASSES][STEPS], last_x;
  /* Of the output. LAST_CLASS is the channel with the last element. */
  uint16_t wanted[CLASSES + 1][STEPS], wanted_last;
  double mean, inv_std, dscale, dbias; /* of the last channel */
} giant;

static const double scale = 1.5, bias = 0.25, last_value = 100;

static double x_value(int class, int step) {
  return class + (step % 2 ? -1.0 : 1.0);
}

static double dy_value(int step) {
  return step < 2 ? 0.75 : -0.25;
}

static uint16_t encode(const giant *g, double value) {
  uint16_t bits;
  data_store(g->line.type, &bits, 0, value);
  return bits;
}

static uint16_t expect_value(const giant *g, double x, double dy) {
  const double count = (double)g->count, x_hat = (x - g->mean) * g->inv_std;
  if (g->line.pass != LINE_BACKWARD) return encode(g, scale * x_hat + bias);
  return encode(g, scale * g->inv_std * (dy - g->dbias / count - x_hat * g->dscale / count));
}

/* The formulas of the manual, on a channel of class `of` whose last element may be last_value. */
static void expect_class(giant *g, int class, int of, bool has_last) {
  const double count = (double)g->count;
  const double extra = has_last ? last_value - x_value(of, STEPS - 1) : 0;
  double squares = 0, product = extra * dy_value(STEPS - 1);
  g->mean = of + extra / count;
  for (int step = 0; step < STEPS; ++step) {
    const double difference = x_value(of, step) - g->mean;
    squares += difference * difference * count / STEPS;
    product += dy_value(step) * difference * count / STEPS;
  }
  const double usual = x_value(of, STEPS - 1) - g->mean;
  squares += (usual + extra) * (usual + extra) - usual * usual;
  g->inv_std = 1 / sqrt(squares / count + g->line.epsilon);
  g->dscale = product * g->inv_std;
  g->dbias = count * (dy_value(0) + dy_value(STEPS - 1)) / 2;
  for (int step = 0; step < STEPS; ++step)
    g->wanted[class][step] = expect_value(g, x_value(of, step), dy_value(step));
  g->wanted_last = expect_value(g, last_value, dy_value(STEPS - 1));
}

static giant make_giant(const char *line) {
  giant g = {0};
  const char *const error = line_parse(line, &g.line);
  SUITE_CHECK(!error, "%s: %s", line, error ? error : "");
  g.channels = line_channels(&g.line);
  g.count = line_values_per_channel(&g.line);
  g.total = line_elements(&g.line);
  SUITE_CHECK(g.count % STEPS == 0 && g.total > INT32_MAX, "%s: not a size for this test", line);
  for (int class = 0; class < CLASSES; ++class) {
    for (int step = 0; step < STEPS; ++step) {
      g.x[class][step] = encode(&g, x_value(class, step));
      g.dy[class][step] = encode(&g, dy_value(step));
    }
    expect_class(&g, class, class, false);
  }
  g.last_x = encode(&g, last_value);
  expect_class(&g, LAST_CLASS, (int)((g.channels - 1) % CLASSES), true);
  return g;
}

/* Walks a packed tensor in memory order. */
typedef struct giant_walk {
  int64_t inside, channel,
      base; /* position in a run of one channel, and of the run in the channel */
} giant_walk;

static void next_element(const giant *g, giant_walk *w) {
  const int64_t run = g->line.strides[LINE_X][1]; /* 1 in NHWC, H * W in NCHW */
  if (++w->inside < run) return;
  w->inside = 0;
  if (++w->channel < g->channels) return;
  w->channel = 0;
  w->base += run;
}

static bool fill(const giant *g, cubnBuffer_t buffer, const uint16_t values[CLASSES][STEPS],
                 uint16_t last, uint16_t *chunk) {
  giant_walk w = {0};
  for (int64_t at = 0; at < g->total; at += CHUNK) {
    const int64_t length = g->total - at < CHUNK ? g->total - at : CHUNK;
    for (int64_t i = 0; i < length; ++i, next_element(g, &w))
      chunk[i] = values[w.channel % CLASSES][(w.base + w.inside) % STEPS];
    if (at + length == g->total) chunk[length - 1] = last;
    if (cubnUploadBuffer(buffer, (size_t)at * 2, chunk, (size_t)length * 2)) return false;
  }
  return true;
}

/* Every element may be off by one unit in the last place: it was computed in float before it was
 * rounded, and the exact value can lie near the middle. */
static int64_t count_wrong(const giant *g, cubnBuffer_t buffer, uint16_t *chunk, int64_t *first) {
  giant_walk w = {0};
  int64_t wrong = 0;
  for (int64_t at = 0; at < g->total; at += CHUNK) {
    const int64_t length = g->total - at < CHUNK ? g->total - at : CHUNK;
    if (cubnDownloadBuffer(buffer, (size_t)at * 2, chunk, (size_t)length * 2)) return g->total;
    for (int64_t i = 0; i < length; ++i, next_element(g, &w)) {
      const int64_t class = w.channel == g->channels - 1 ? LAST_CLASS : w.channel % CLASSES;
      uint16_t wanted = g->wanted[class][(w.base + w.inside) % STEPS];
      if (at + i == g->total - 1) wanted = g->wanted_last;
      if (abs((int)chunk[i] - (int)wanted) > 1 && !wrong++) *first = at + i;
    }
  }
  return wrong;
}

static void check_param(const giant *g, const run_context *run, int array, double wanted) {
  float got;
  if (!run->buffers[array]) return;
  CU_ASSERT(!cubnDownloadBuffer(run->buffers[array], (size_t)(g->channels - 1) * 4, &got, 4));
  /* a float's rounding, and float arithmetic on up to 32 values at a time */
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

/* Buffers of the call; false where the device has no memory for them. */
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
  if (!create(g, run, DATA_SCALE, scale, params)) return false;
  if (backward)
    return create(g, run, DATA_DSCALE, 0, params) && create(g, run, DATA_DBIAS, 0, params);
  return create(g, run, DATA_BIAS, bias, params) && create(g, run, DATA_SAVED_MEAN, 0, params) &&
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
    CU_ASSERT(fill(g, run.buffers[DATA_X], g->x, g->last_x, chunk));
    if (backward) CU_ASSERT(fill(g, run.buffers[DATA_DY], g->dy, g->dy[0][STEPS - 1], chunk));
    const cubnStatus_t status = run_call(&run);
    cubnGetLastErrorString(message, sizeof message);
    SUITE_CHECK(status == CUBN_STATUS_SUCCESS, "%s: %s", line, message);
    CU_ASSERT(cubnSynchronize(run.handle) == CUBN_STATUS_SUCCESS);
    const int64_t wrong = count_wrong(g, run.buffers[backward ? DATA_DY : DATA_X], chunk, &first);
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
  const giant g = make_giant(line);
  const double bytes = (double)g.total * 2 * (g.line.pass == LINE_BACKWARD ? 2 : 1) + 1e9;
  const double available = (double)sysconf(_SC_AVPHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
  if (!strcmp(suite_device(), "cpu") && available < bytes) {
    printf("(%s: skipped, needs %.1f GB of memory, %.1f are free) ", line, bytes / 1e9,
           available / 1e9);
    return;
  }
  uint16_t *const chunk = malloc(CHUNK * sizeof *chunk);
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

/* One image holds more than 2^30 elements: the wrap shows only in the last (rocm-libraries#10259).
 */
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
