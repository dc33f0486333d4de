#include "suites/support/giant.h"

#include <math.h>
#include <stdlib.h>

#include "suites/support/suite.h"

enum { LAST_CLASS = GIANT_CLASSES };

static const double last_value = 100;

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
  if (g->line.pass != LINE_BACKWARD) return encode(g, giant_scale * x_hat + giant_bias);
  return encode(g, giant_scale * g->inv_std * (dy - g->dbias / count - x_hat * g->dscale / count));
}

/* The formulas of the manual, for a channel of class `of` whose last element may be last_value. */
static void expect_class(giant *g, int class, int of, bool has_last) {
  const double count = (double)g->count;
  const double extra = has_last ? last_value - x_value(of, GIANT_STEPS - 1) : 0;
  double squares = 0, product = extra * dy_value(GIANT_STEPS - 1);
  g->mean = of + extra / count;
  for (int step = 0; step < GIANT_STEPS; ++step) {
    const double difference = x_value(of, step) - g->mean;
    squares += difference * difference * count / GIANT_STEPS;
    product += dy_value(step) * difference * count / GIANT_STEPS;
  }
  const double usual = x_value(of, GIANT_STEPS - 1) - g->mean;
  squares += (usual + extra) * (usual + extra) - usual * usual;
  g->inv_std = 1 / sqrt(squares / count + g->line.epsilon);
  g->dscale = product * g->inv_std;
  g->dbias = count * (dy_value(0) + dy_value(GIANT_STEPS - 1)) / 2;
  for (int step = 0; step < GIANT_STEPS; ++step)
    g->wanted[class][step] = expect_value(g, x_value(of, step), dy_value(step));
  g->wanted_last = expect_value(g, last_value, dy_value(GIANT_STEPS - 1));
}

giant giant_make(const char *line) {
  giant g = {0};
  const char *const error = line_parse(line, &g.line);
  SUITE_CHECK(!error, "%s: %s", line, error ? error : "");
  g.channels = line_channels(&g.line);
  g.count = line_values_per_channel(&g.line);
  g.total = line_elements(&g.line);
  SUITE_CHECK(g.count % GIANT_STEPS == 0 && g.total > INT32_MAX, "%s: not a size for this test",
              line);
  for (int class = 0; class < GIANT_CLASSES; ++class) {
    for (int step = 0; step < GIANT_STEPS; ++step) {
      g.x[class][step] = encode(&g, x_value(class, step));
      g.dy[class][step] = encode(&g, dy_value(step));
    }
    expect_class(&g, class, class, false);
  }
  g.last_x = encode(&g, last_value);
  expect_class(&g, LAST_CLASS, (int)((g.channels - 1) % GIANT_CLASSES), true);
  return g;
}

/* A position in a packed tensor, in memory order. */
typedef struct giant_walk {
  int64_t inside;  /* position in a run of one channel */
  int64_t channel; /* that of the run */
  int64_t base;    /* position of the run in the channel */
} giant_walk;

static void next_element(const giant *g, giant_walk *w) {
  const int64_t run = g->line.strides[LINE_X][1]; /* 1 in NHWC, H * W in NCHW */
  if (++w->inside < run) return;
  w->inside = 0;
  if (++w->channel < g->channels) return;
  w->channel = 0;
  w->base += run;
}

bool giant_fill(const giant *g, cubnBuffer_t buffer,
                const uint16_t values[GIANT_CLASSES][GIANT_STEPS], uint16_t last, uint16_t *chunk) {
  giant_walk w = {0};
  for (int64_t at = 0; at < g->total; at += GIANT_CHUNK) {
    const int64_t length = g->total - at < GIANT_CHUNK ? g->total - at : GIANT_CHUNK;
    for (int64_t i = 0; i < length; ++i, next_element(g, &w))
      chunk[i] = values[w.channel % GIANT_CLASSES][(w.base + w.inside) % GIANT_STEPS];
    if (at + length == g->total) chunk[length - 1] = last;
    if (cubnUploadBuffer(buffer, (size_t)at * 2, chunk, (size_t)length * 2)) return false;
  }
  return true;
}

/* Every element may be off by one unit in the last place: it was computed in float before it was
 * rounded, and the exact value can be near the middle. */
int64_t giant_count_wrong(const giant *g, cubnBuffer_t buffer, uint16_t *chunk, int64_t *first) {
  giant_walk w = {0};
  int64_t wrong = 0;
  for (int64_t at = 0; at < g->total; at += GIANT_CHUNK) {
    const int64_t length = g->total - at < GIANT_CHUNK ? g->total - at : GIANT_CHUNK;
    if (cubnDownloadBuffer(buffer, (size_t)at * 2, chunk, (size_t)length * 2)) return g->total;
    for (int64_t i = 0; i < length; ++i, next_element(g, &w)) {
      const int64_t class = w.channel == g->channels - 1 ? LAST_CLASS : w.channel % GIANT_CLASSES;
      uint16_t wanted = g->wanted[class][(w.base + w.inside) % GIANT_STEPS];
      if (at + i == g->total - 1) wanted = g->wanted_last;
      if (abs((int)chunk[i] - (int)wanted) > 1 && !wrong++) *first = at + i;
    }
  }
  return wrong;
}
