/* Epsilon and standard deviations at the edges of their types: y is the formula's value, or the one
 * that docs/NUMERICS.md names for an inverse deviation beyond float; a constant channel is exactly
 * activation(bias); and nothing in forward or backward becomes NaN. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "core/handle.h"
#include "suites/support/scenario.h"

enum { N = 4, C = 3, S = 12, COUNT = N * C * S };
#define BIAS 0.75
#define CONSTANT 1.5

static const double epsilons[] = {0,    1e-300, 1e-78, 1e-45, 1e-38, 1e-12,
                                  1e-5, 1,      1e38,  1e78,  1e300};
enum { EPSILONS = sizeof epsilons / sizeof epsilons[0] };
/* A spread of 0 stands for the least positive value of the type. */
static const double spreads[] = {0, 1e-310, 1e-160, 1e-100, 1e-42, 1e-38, 1e-20, 1e-3, 1, 1e30};
enum { SPREADS = sizeof spreads / sizeof spreads[0] };
static const char *const types[] = {"f32", "f64", "f16", "bf16"};
static const cubnDataType_t type_codes[] = {CUBN_DATA_FLOAT, CUBN_DATA_DOUBLE, CUBN_DATA_HALF,
                                            CUBN_DATA_BFLOAT16};
static const char *const layouts[] = {"nchw", "nhwc"};
static const char *const forward[] = {"", "relu", "add", "add_leaky"};
static const char *const infer[] = {"", "invstd", "relu", "add_leaky"};
static const char *const backward[] = {"", "nosaved", "relu", "relu nosaved", "add_leaky"};

typedef struct edge {
  const char *type, *layout, *options;
  double epsilon, spread;
  cubnDataType_t param_type;
  bool is_given; /* inference: the statistics are given */
} edge;

static int64_t place(const edge *e, int n, int c, int s) {
  return strcmp(e->layout, "nchw") == 0 ? (n * C + c) * S + s : (n * S + s) * C + c;
}

/* Channel 0 is constant; the values of the others are multiples of the spread around 0. */
static double value_at(const edge *e, int c, int s) {
  return c == 0 ? CONSTANT : (s % 2 ? -1 : 1) * (1 + s / 2 % 3) * e->spread;
}

/* Parameters round the variance where it is given. */
static long double variance(const edge *e, int c) {
  long double squares = 0;
  for (int s = 0; c > 0 && s < S; ++s) squares += powl((long double)value_at(e, c, s), 2);
  return e->is_given ? data_round(e->param_type, (double)(squares / S)) : squares / S;
}

static long double inverse(const edge *e, int c) {
  const line_problem conventions = {.epsilon = e->epsilon};
  const long double inv_std = oracle_inverse_std(&conventions, variance(e, c));
  if (strcmp(e->options, "invstd") != 0) return inv_std;
  return data_round(e->param_type, fmin((double)inv_std, data_largest(e->param_type)));
}

/* Gives the statistics of inference. */
static void give(scenario *scene, const edge *e) {
  double mean[C] = {CONSTANT}, var[C];
  const bool is_inverse = strcmp(e->options, "invstd") == 0;
  for (int c = 0; c < C; ++c) var[c] = (double)(is_inverse ? inverse(e, c) : variance(e, c));
  scenario_set(scene, DATA_MEAN, C, mean);
  scenario_set(scene, DATA_VAR, C, var);
}

static bool begin(scenario *scene, const edge *e, const char *pass) {
  char line[128];
  snprintf(line, sizeof line, "%s %s %s n4c3h3w4 eps=%g %s", pass, e->layout, e->type, e->epsilon,
           e->options);
  if (!scenario_begin(scene, "edges", line)) return false;
  double x[COUNT];
  for (int i = 0; i < N * C * S; ++i)
    x[place(e, i / (C * S), i / S % C, i % S)] = value_at(e, i / S % C, i % S);
  scenario_set(scene, DATA_X, COUNT, x);
  scenario_fill(scene, DATA_SCALE, 1);
  if (data_has(&scene->before, DATA_BIAS)) scenario_fill(scene, DATA_BIAS, BIAS);
  if (data_has(&scene->before, DATA_Z)) scenario_fill(scene, DATA_Z, 0);
  if (e->is_given) give(scene, e);
  return true;
}

static long double activated(const edge *e, long double p) {
  if (p < 0 && strstr(e->options, "relu")) return 0;
  return p < 0 && strstr(e->options, "leaky") ? 0.1L * p : p;
}

/* Beyond the largest number of the type comes infinity. */
static bool is_near(const scenario *scene, double got, long double wanted) {
  if (fabsl(wanted) > data_largest(scene->problem.type))
    return isinf(got) && (got > 0) == (wanted > 0);
  const double slack = scenario_slack(scene->problem.type, (double)fabsl(wanted) + 2);
  return fabsl(got - wanted) <= slack;
}

/* Squares of the smallest f64 deviations leave the range of double. */
static bool has_no_squares(const edge *e) {
  return strcmp(e->type, "f64") == 0 && e->spread < 1e-150 && e->epsilon < 1e-290;
}

/* Whether y is right. */
static bool is_right(const edge *e, const scenario *scene, int c, int s, double y) {
  const long double x = value_at(e, c, s), inv = inverse(e, c);
  if (c == 0) return y == BIAS;
  if (is_near(scene, y, activated(e, x * inv + BIAS))) return true;
  if (has_no_squares(e)) return fabsl(y - (long double)BIAS) <= 3;
  const bool keeps = strcmp(suite_device(), "cuda") == 0 || e->options[0];
  return keeps && inv > FLT_MAX && is_near(scene, y, activated(e, x * FLT_MAX + BIAS));
}

static void run_forward(cubnHandle_t handle, const edge *e, const cubn_algo *row) {
  scenario scene;
  strcpy(handle->forced_algo, row->name);
  if (begin(&scene, e, e->is_given ? "infer" : "train") && scenario_run(&scene, handle, 1) &&
      handle->last_algo == row)
    for (int i = 0; i < N * C * S; ++i) {
      const int n = i / (C * S), c = i / S % C, s = i % S;
      const double y = scenario_get(&scene, DATA_OUTPUT, place(e, n, c, s));
      if (!SUITE_CHECK(is_right(e, &scene, c, s, y),
                       "%s: %s %s %s%s eps %g spread %g channel %d: %g", row->name,
                       e->is_given ? "infer " : "", e->type, e->layout, e->options, e->epsilon,
                       e->spread, c, y))
        break;
    }
  scenario_end(&scene);
  handle->forced_algo[0] = 0;
}

static void run_backward(cubnHandle_t handle, const edge *e, const cubn_algo *row) {
  scenario scene;
  strcpy(handle->forced_algo, row->name);
  if (begin(&scene, e, "backward") && !has_no_squares(e)) {
    scenario_fill(&scene, DATA_DY, 1);
    if (scenario_run(&scene, handle, 1) && handle->last_algo == row && scenario_oracle(&scene))
      for (int i = 0; i < COUNT; ++i)
        if (!SUITE_CHECK(!isnan(scenario_get(&scene, DATA_OUTPUT, i)) &&
                             !isnan(scenario_get(&scene, DATA_DSCALE, i % C)),
                         "%s: %s %s %s eps %g spread %g: NaN", row->name, e->type, e->layout,
                         e->options, e->epsilon, e->spread))
          break;
  }
  scenario_end(&scene);
  handle->forced_algo[0] = 0;
}

static void run_rows(int pass, const edge *e) {
  const cubn_algo *const *row = suite_handle()->backend->algos[pass];
  for (; *row; ++row) (pass == LINE_BACKWARD ? run_backward : run_forward)(suite_handle(), e, *row);
}

/* The emulator takes every third pair of epsilon and spread. */
static void run_pass(int pass, const char *const options[], int option_count) {
  const int step = strcmp(suite_device(), "cuda") == 0 && !suite_all_cases() ? 3 : 1;
  for (int i = 0; i < 8; ++i)
    for (int o = 0; o < option_count; ++o)
      for (int k = (i + o) % step; k < EPSILONS * SPREADS; k += step) {
        edge e = {types[i / 2],
                  layouts[i % 2],
                  options[o],
                  epsilons[k / SPREADS],
                  spreads[k % SPREADS],
                  type_codes[i / 2] == CUBN_DATA_DOUBLE ? CUBN_DATA_DOUBLE : CUBN_DATA_FLOAT,
                  pass == LINE_INFER};
        if (e.spread == 0) e.spread = data_least(type_codes[i / 2]);
        e.spread = data_round(type_codes[i / 2], e.spread);
        if (e.spread != 0 && isfinite(3 * e.spread) &&
            3 * e.spread <= data_largest(type_codes[i / 2]))
          run_rows(pass, &e);
      }
}

static void test_forward(void) {
  run_pass(LINE_TRAIN, forward, sizeof forward / sizeof forward[0]);
}

static void test_inference(void) {
  run_pass(LINE_INFER, infer, sizeof infer / sizeof infer[0]);
}

static void test_backward(void) {
  run_pass(LINE_BACKWARD, backward, sizeof backward / sizeof backward[0]);
}

void test_edges_suites(void) {
  static const suite_test tests[] = {
      {"forward", test_forward}, {"inference", test_inference}, {"backward", test_backward}, {0}};
  suite_add("edges", SUITE_DEVICES, tests);
}
