/* What the manual says about activations: their values and decisions, computed by hand. With mean
 * 0, variance 1, epsilon 0, scale 1 and bias 0 the pre-activation is x itself. */
#include <math.h>
#include <stdio.h>

#include "suites/support/scenario.h"

enum { COUNT = 12 };

typedef struct point {
  double p, y, slope;
} point;

static const char *const types[] = {"f32", "f16", "bf16", "f64"};
static const char *const layouts[] = {"nchw", "nhwc", "nchw+1"};

static bool begin(scenario *s, const char *pass, const char *layout, const char *type,
                  const char *words, double coef) {
  char line[128];
  snprintf(line, sizeof line, "%s %s %s n%dc1h1w1 eps=0 %s", pass, layout, type, COUNT, words);
  if (!scenario_begin(s, words, line)) return false;
  if (!isnan(coef)) s->problem.coef = coef; /* also one that a line cannot express */
  scenario_fill(s, DATA_MEAN, 0);
  scenario_fill(s, DATA_VAR, 1);
  scenario_fill(s, DATA_SCALE, 1);
  if (data_has(&s->before, DATA_BIAS)) scenario_fill(s, DATA_BIAS, 0);
  return true;
}

static void set_inputs(scenario *s, const point points[COUNT]) {
  for (int i = 0; i < COUNT; ++i) {
    const int64_t at = i * s->problem.strides[LINE_X][0];
    data_set_value(&s->before.arrays[DATA_X], at, points[i].p);
    if (data_has(&s->before, DATA_Z)) data_set_value(&s->before.arrays[DATA_Z], at, 0);
    if (data_has(&s->before, DATA_DY)) data_set_value(&s->before.arrays[DATA_DY], at, 1.5);
  }
}

static void expect(const scenario *s, int array, int i, double wanted) {
  const double got = scenario_get(s, array, i * s->problem.strides[LINE_X][0]);
  const double rounded = data_round(s->problem.type, wanted);
  const double allowed = scenario_slack(s->problem.type, wanted);
  SUITE_CHECK(isnan(wanted) ? isnan(got) : got == rounded || fabs(got - wanted) <= allowed,
              "%s, %s, %s: %s[%d] is %.9g, wanted %.9g", s->title, s->problem.layout[LINE_X],
              data_type_name(s->problem.type), data_array_name(&s->problem, array), i, got, wanted);
}

/* Forward and, with constant statistics, backward. */
static void check_points(const char *words, double coef, const point points[COUNT]) {
  for (size_t t = 0; t < sizeof types / sizeof *types; ++t)
    for (size_t l = 0; l < sizeof layouts / sizeof *layouts; ++l)
      for (int adds = 0; adds < 2; ++adds) {
        char all[64];
        scenario s;
        snprintf(all, sizeof all, "%s%s", adds ? "add_" : "", words);
        if (begin(&s, "infer", layouts[l], types[t], all, coef)) {
          set_inputs(&s, points);
          if (scenario_run(&s, suite_handle(), 1))
            for (int i = 0; i < COUNT; ++i) expect(&s, DATA_OUTPUT, i, points[i].y);
        }
        scenario_end(&s);
        snprintf(all, sizeof all, "%s%s frozen", adds ? "add_" : "", words);
        if (begin(&s, "backward", layouts[l], types[t], all, coef)) {
          set_inputs(&s, points);
          if (scenario_run(&s, suite_handle(), 1))
            for (int i = 0; i < COUNT; ++i) {
              const double wanted = points[i].slope == 0 ? 0 : 1.5 * points[i].slope;
              if (!isnan(points[i].p)) expect(&s, DATA_OUTPUT, i, wanted);
              if (adds) expect(&s, DATA_DZ, i, wanted);
            }
        }
        scenario_end(&s);
      }
}

/* The edges themselves, their neighbors, and NaN. */
static void test_decisions(void) {
  const double tiny = 0x1p-24, in = (double)INFINITY; /* the least half */
  const point relu[COUNT] = {{-in, 0, 0},   {-3, 0, 0},      {-tiny, 0, 0}, {-0.0, 0, 0},
                             {0, 0, 0},     {tiny, tiny, 1}, {0.5, 0.5, 1}, {1, 1, 1},
                             {300, 300, 1}, {in, in, 1},     {2, 2, 1},     {NAN, NAN, 1}};
  check_points("relu", NAN, relu);
  point dropping[COUNT];
  for (int i = 0; i < COUNT; ++i) dropping[i] = relu[i];
  dropping[COUNT - 1] = (point){NAN, 0, 0};
  check_points("relu dropnan", NAN, dropping);
  const point clipped[COUNT] = {{-in, 0, 0},
                                {-3, 0, 0},
                                {-tiny, 0, 0},
                                {-0.0, 0, 0},
                                {0, 0, 0},
                                {tiny, tiny, 1},
                                {0.5, 0.5, 1},
                                {0.75, 0.75, 0},
                                {300, 0.75, 0},
                                {in, 0.75, 0},
                                {0.7421875, 0.7421875, 1},
                                {NAN, NAN, 1}};
  check_points("clipped", 0.75, clipped);
  const point leaky[COUNT] = {{-in, -in, 0.25}, {-4, -1, 0.25},  {-1, -0.25, 0.25}, {-0.0, 0, 0.25},
                              {0, 0, 0.25},     {tiny, tiny, 1}, {0.5, 0.5, 1},     {1, 1, 1},
                              {300, 300, 1},    {in, in, 1},     {2, 2, 1},         {NAN, NAN, 1}};
  check_points("leaky", 0.25, leaky);
  const point rising[COUNT] = {{-in, in, -0.5}, {-4, 2, -0.5},   {-1, 0.5, -0.5}, {-0.0, 0, -0.5},
                               {0, 0, -0.5},    {tiny, tiny, 1}, {0.5, 0.5, 1},   {1, 1, 1},
                               {300, 300, 1},   {in, in, 1},     {2, 2, 1},       {NAN, NAN, 1}};
  check_points("leaky", -0.5, rising);
}

/* A ceiling that no half is equal to: 0.1 is between two, and p is compared as a half. */
static void test_ceiling_between_values(void) {
  const double below = data_round(CUBN_DATA_HALF, 0.1), above = below + 0x1p-14;
  SUITE_CHECK(below < 0.1 && above > 0.1 && data_round(CUBN_DATA_HALF, above) == above,
              "%.17g and %.17g are no neighbours of 0.1", below, above);
  static const char *const words[] = {"clipped frozen", "add_clipped frozen"};
  for (int adds = 0; adds < 2; ++adds) {
    scenario s;
    if (begin(&s, "backward", "nchw", "f16", words[adds], 0.1)) {
      point points[COUNT];
      for (int i = 0; i < COUNT; ++i)
        points[i] = (point){i % 2 ? above : below, below, i % 2 ? 0 : 1};
      set_inputs(&s, points);
      /* The oracle, which takes the decision from y, cannot know; it is computed here. */
      if (scenario_run(&s, suite_handle(), 1))
        for (int i = 0; i < COUNT; ++i) expect(&s, DATA_OUTPUT, i, 1.5 * points[i].slope);
    }
    scenario_end(&s);
  }
}

static double squared(double value) {
  return value * value;
}

/* Far from 0 nothing overflows into NaN, and near 0 nothing cancels. */
static void test_sigmoid_and_tanh(void) {
  const double e = exp(-1), e20 = exp(-20), e120 = exp(-120), in = (double)INFINITY;
  const point sigmoid[COUNT] = {{-1e4, 0, 0},
                                {-120, e120, e120},
                                {-20, e20 / (1 + e20), e20 / squared(1 + e20)},
                                {-0.0, 0.5, 0.25},
                                {0x1p-20, 0.5 + 0x1p-22, 0.25 - 0x1p-44},
                                {1, 1 / (1 + e), e / squared(1 + e)},
                                {20, 1 / (1 + e20), e20 / squared(1 + e20)},
                                {120, 1, e120},
                                {1e4, 1, 0},
                                {-in, 0, 0},
                                {in, 1, 0},
                                {NAN, NAN, NAN}};
  check_points("sigmoid", NAN, sigmoid);
  const double t = tanh(1), slope = squared(1 / cosh(1)), far = 4 * exp(-60);
  const point tanh_points[COUNT] = {{-1e4, -1, 0},
                                    {-30, -1, far},
                                    {-1, -t, slope},
                                    {-0x1p-20, -tanh(0x1p-20), 1 - 0x1p-40},
                                    {-0.0, 0, 1},
                                    {0, 0, 1},
                                    {0x1p-20, tanh(0x1p-20), 1 - 0x1p-40},
                                    {1, t, slope},
                                    {1e4, 1, 0},
                                    {-in, -1, 0},
                                    {in, 1, 0},
                                    {NAN, NAN, NAN}};
  check_points("tanh", NAN, tanh_points);
}

static void test_swish_gelu_and_elu(void) {
  const double e = exp(-1), small = 0x1p-20, in = (double)INFINITY;
  const point swish[COUNT] = {
      {-1e4, 0, 0},
      {-1, -e / (1 + e), 1 - 1 / (1 + e) - e / squared(1 + e)},
      {-small, -small / 2 + squared(small) / 4, 0.5 - small / 2},
      {-0.0, 0, 0.5},
      {0, 0, 0.5},
      {small, small / 2 + squared(small) / 4, 0.5 + small / 2},
      {1, 1 / (1 + e), 1 / (1 + e) + e / squared(1 + e)},
      {2, 2 / (1 + squared(e)), 1 / (1 + squared(e)) + 2 * squared(e / (1 + squared(e)))},
      {300, 300, 1},
      {1e4, 1e4, 1},
      {0, 0, 0.5},
      {NAN, NAN, NAN}};
  check_points("swish", NAN, swish);
  /* The distribution function of the normal distribution at -1 and 1, and the density there and at
   * 0. */
  const double below = 0.15865525393145705142, above = 0.84134474606854294859;
  const double density = 0.24197072451914334980, top = 0.39894228040143267794;
  const point gelu[COUNT] = {{-1e4, 0, 0},
                             {-300, 0, 0},
                             {-1, -below, below - density},
                             {-small, -small / 2 + squared(small) * top, 0.5 - 2 * small * top},
                             {-0.0, 0, 0.5},
                             {0, 0, 0.5},
                             {small, small / 2 + squared(small) * top, 0.5 + 2 * small * top},
                             {1, above, above + density},
                             {300, 300, 1},
                             {1e4, 1e4, 1},
                             {0, 0, 0.5},
                             {NAN, NAN, NAN}};
  check_points("gelu", NAN, gelu);
  const point elu[COUNT] = {{-1e4, -0.5, 0},
                            {-1, 0.5 * expm1(-1), 0.5 * e},
                            {-small, 0.5 * expm1(-small), 0.5 * exp(-small)},
                            {-0.0, 0, 0.5},
                            {0, 0, 0.5},
                            {small, small, 1},
                            {1, 1, 1},
                            {300, 300, 1},
                            {1e4, 1e4, 1},
                            {-in, -0.5, 0},
                            {in, in, 1},
                            {NAN, NAN, NAN}};
  check_points("elu", 0.5, elu);
}

/* Gradients that are accumulated, call after call: dscale and dbias as in darknet, dx as in dlib.
 * Each call adds the rounding of the sum. */
static void test_accumulation(void) {
  static const char *const lines[] = {"backward nchw f32 n3c5h3w5 add_relu pbeta=1 beta=1",
                                      "backward nhwc f32 n3c5h3w5 relu pbeta=1 beta=1",
                                      "backward nchw+1 f64 n3c5h3w5 add_gelu pbeta=1 beta=1"};
  static const int arrays[] = {DATA_OUTPUT, DATA_DSCALE, DATA_DBIAS};
  enum { CALLS = 3 };
  for (size_t l = 0; l < sizeof lines / sizeof *lines; ++l) {
    scenario once, more;
    const bool good = scenario_begin(&once, "once", lines[l]) &&
                      scenario_run(&once, suite_handle(), 1) && scenario_oracle(&once);
    if (scenario_begin(&more, "more than once", lines[l]) && good &&
        scenario_run(&more, suite_handle(), CALLS))
      for (int a = 0; a < 3; ++a)
        for (int64_t i = 0; i < line_channels(&once.problem); ++i) {
          const double prior = data_get(&once.before.arrays[arrays[a]], i);
          const double wanted = prior + CALLS * (scenario_get(&once, arrays[a], i) - prior);
          const double size = fabs(wanted) + fabs(prior) + 1;
          scenario_near(&more, arrays[a], i, wanted,
                        CALLS * scenario_slack(more.problem.type, size));
        }
    scenario_end(&once);
    scenario_end(&more);
  }
}

void test_fused_suites(void) {
  static const suite_test tests[] = {{"decisions", test_decisions},
                                     {"a ceiling between values", test_ceiling_between_values},
                                     {"sigmoid and tanh", test_sigmoid_and_tanh},
                                     {"swish, gelu and elu", test_swish_gelu_and_elu},
                                     {"gradients that are added up", test_accumulation},
                                     {NULL, NULL}};
  suite_add("fused operations", SUITE_DEVICES, tests);
}
