/* Backward from y, for which x need not be kept. */
#include <math.h>
#include <stdio.h>

#include "kit/oracle.h"
#include "kit/oracle_activation.h"
#include "suites/support/all_rows.h"
#include "suites/support/expect_error.h"
#include "suites/support/lone_rank.h"
#include "suites/support/scenario.h"

/* Every algorithm: the formulas, of a y that is given. */
static void test_algorithms(void) {
  static const char *const lines[] = {"backward nchw f32 n4c5h7w9 from_y",
                                      "backward nchw f32 n2c3h40w41 from_y mean=100 data=spread",
                                      "backward nchw f16 n2c12h3w3 from_y inplace_x",
                                      "backward nhwc bf16 n2c65h5w5 from_y pbeta=1 palpha=0.5",
                                      "backward nhwc f32 n2c12h5w5 from_y unbiased epsout eps=0.5",
                                      "backward nhwc f32 n5c3h4w5 from_y peract noscale nobias",
                                      "backward nchw:nhwc f32 n2c3h4w5 from_y alpha=0.5 beta=1",
                                      "backward nchw+1 f64 n2c7h4w5 from_y nodx",
                                      "backward nc f64 n9c7 from_y nodscale data=nan",
                                      "backward nchw f32 n2c3h4w5 from_y data=constant",
                                      "backward nc f32 n0c5 from_y",
                                      "backward nchw f32 n4c5h7w9 from_y leaky",
                                      "backward nchw f32 n2c3h40w41 from_y elu data=spread",
                                      "backward nchw f16 n2c12h3w3 from_y elu coef=3 inplace_x",
                                      "backward nhwc bf16 n2c65h5w5 from_y leaky coef=0.3",
                                      "backward nhwc f64 n2c12h5w5 from_y elu coef=0.7 nodscale",
                                      "backward nhwc f32 n5c3h4w5 from_y elu peract mask",
                                      "backward nchw+1 f64 n2c7h4w5 from_y leaky nodx",
                                      "backward nc f16 n9c7 from_y elu data=nan",
                                      "backward nchw:nhwc f32 n2c3h4w5 from_y leaky coef=20 beta=1",
                                      "backward nc f32 n9c4 from_y elu nodx nodscale",
                                      NULL};
  all_rows_check(lines);
}

/* ---- From the y of a forward call ---- */
enum { VALUES = 16, CHANNELS = 3 };

/* What backward from x would be given, for the oracle, and a call from the y of forward. */
typedef struct round_trip {
  scenario forward, from_x, from_y;
  double roundoff, arithmetic; /* of y's type, and 64 of the arithmetic */
} round_trip;

/* How far an element may be off, and its exact values. */
typedef struct lost {
  double dp, x_hat, p_error, dp_error;
} lost;

static double largest_distance(double low, double middle, double high) {
  return fmax(fabs(low - middle), fabs(high - middle));
}

/* y has been rounded: y (1 + v), v = u + 64 of the arithmetic, and p before it had the error of
 * y without activation. The p that is found is between the inverses of the ends, and the derivative
 * between those there; dp is rounded as y is. */
static lost lost_of(const round_trip *trip, const oracle_channel *channel,
                    const oracle_element *element) {
  const line_problem *problem = &trip->from_y.problem;
  const double u = trip->roundoff, w = trip->arithmetic, v = u + w;
  const double scale = fabs((double)channel->scale), bias = (double)channel->bias;
  const double x_hat = (double)((element->x - channel->mean) * channel->inv_std);
  const double p = (double)channel->scale * x_hat + bias;
  const double before = w * (scale * (fabs(x_hat) + 1) + fabs(bias)), dy = (double)element->dy;
  const double y[2] = {(double)oracle_activate(problem, p - before),
                       (double)oracle_activate(problem, p + before)};
  double found[2];
  for (int i = 0; i < 2; ++i) {
    const double wide = y[i] + (i ? v : -v) * fabs(y[i]);
    const bool is_plain = problem->activation == CUBN_ACTIVATION_IDENTITY;
    found[i] = is_plain ? wide : (double)oracle_inverse(problem, wide);
  }
  const double slope = (double)oracle_slope(problem, p, p > 0);
  const double slope_error =
      largest_distance((double)oracle_slope(problem, found[0], found[0] > 0), slope,
                       (double)oracle_slope(problem, found[1], found[1] > 0));
  return (lost){dy * slope, x_hat, largest_distance(found[0], p, found[1]) / scale,
                fabs(dy) * (slope_error + 2 * u * slope)};
}

/* With e of x_hat and d of dp: sums of d, and of d |x_hat| + e |dp| + d e, and what these do to
 * each term of dx. */
static void check_channel(const round_trip *trip, int c) {
  const scenario *s = &trip->from_y;
  const oracle_channel exact = oracle_compute(&trip->from_x.problem, &trip->from_x.before, c);
  oracle_channel channel = exact;
  channel.bias = (long double)data_get(&trip->forward.before.arrays[DATA_BIAS], c);
  const double w = trip->arithmetic, gain = fabs((double)(exact.scale * exact.inv_std));
  double dbias = 0, dscale = 0;
  for (line_walk i = line_walk_channel(&s->problem, c); i.valid; line_walk_next(&i)) {
    const oracle_element element = oracle_load(&trip->from_x.problem, &trip->from_x.before, &i);
    const lost by = lost_of(trip, &channel, &element);
    dbias += by.dp_error + w * fabs(by.dp);
    dscale += by.dp_error * (fabs(by.x_hat) + by.p_error) +
              fabs(by.dp) * (by.p_error + w * fabs(by.x_hat));
  }
  const double dbias_sum = (double)exact.dbias_sum, dscale_sum = (double)exact.dscale_sum;
  scenario_near(s, DATA_DBIAS, c, dbias_sum, dbias);
  scenario_near(s, DATA_DSCALE, c, dscale_sum, dscale);
  for (line_walk i = line_walk_channel(&s->problem, c); i.valid; line_walk_next(&i)) {
    const oracle_element element = oracle_load(&trip->from_x.problem, &trip->from_x.before, &i);
    const lost by = lost_of(trip, &channel, &element);
    const double dx = (double)oracle_output(&trip->from_x.problem, &exact, &element);
    const double terms = fabs(by.dp) + (fabs(dbias_sum) + fabs(by.x_hat * dscale_sum)) / VALUES;
    const double allowed =
        by.dp_error + w * terms +
        (dbias + (fabs(by.x_hat) + by.p_error) * dscale + by.p_error * fabs(dscale_sum)) / VALUES;
    scenario_near(s, DATA_OUTPUT, i.at[LINE_OUTPUT], dx,
                  gain * allowed + trip->roundoff * fabs(dx));
  }
}

static void check_round_trip(const char *type, const char *activation) {
  round_trip trip = {.roundoff = 0};
  char line[3][96];
  snprintf(line[0], sizeof line[0], "train nc %s n16c3 data=spread%s", type, activation);
  snprintf(line[1], sizeof line[1], "backward nc %s n16c3 data=spread%s", type, activation);
  snprintf(line[2], sizeof line[2], "backward nc %s n16c3 data=spread from_y%s", type, activation);
  scenario *const forward = &trip.forward, *const from_x = &trip.from_x, *const s = &trip.from_y;
  const bool good = scenario_begin(forward, line[0], line[0]) &&
                    scenario_begin(from_x, line[1], line[1]) &&
                    scenario_begin(s, line[2], line[2]) && scenario_run(forward, suite_handle(), 1);
  const double bias[] = {0.25, -0.5, 1};
  trip.roundoff = good ? data_roundoff(s->problem.type) : 0;
  trip.arithmetic = good ? 64 * data_roundoff(line_param_type(&s->problem)) : 0;
  for (int64_t i = 0; good && i < VALUES * CHANNELS; ++i)
    data_set_value(&s->before.arrays[DATA_X], i, scenario_get(forward, DATA_OUTPUT, i));
  if (good) {
    oracle_fill_saved(&from_x->problem, &from_x->before);
    oracle_fill_y(&from_x->problem, &from_x->before);
    scenario_set(s, DATA_SAVED_MEAN, CHANNELS, bias); /* is not read */
  }
  for (int c = 0; good && c < CHANNELS; ++c) {
    const double saved = scenario_get(forward, DATA_SAVED_INV_STD, c);
    data_set_value(&s->before.arrays[DATA_BIAS], c,
                   data_get(&forward->before.arrays[DATA_BIAS], c));
    data_set_value(&s->before.arrays[DATA_SAVED_INV_STD], c, saved);
  }
  if (good && scenario_run(s, suite_handle(), 1))
    for (int c = 0; c < CHANNELS; ++c) check_channel(&trip, c);
  scenario_end(forward);
  scenario_end(from_x);
  scenario_end(s);
}

static void test_round_trip(void) {
  static const char *const types[] = {"f32", "f64", "f16", "bf16"};
  static const char *const activations[] = {"", " leaky", " leaky coef=3", " elu",
                                            " elu coef=0.25"};
  for (int i = 0; i < 4; ++i)
    for (int a = 0; a < 5; ++a) check_round_trip(types[i], activations[a]);
}

/* A channel with scale 0 has lost its x_hat: dscale and dx are 0, dbias is what it always is. */
static void test_scale_0(void) {
  scenario s;
  if (scenario_begin(&s, "scale 0", "backward nc f32 n9c3 from_y")) {
    scenario_fill(&s, DATA_SCALE, 0);
    scenario_fill(&s, DATA_DY, 2);
    if (scenario_run(&s, suite_handle(), 1)) {
      scenario_all(&s, DATA_DSCALE, 0, 0);
      scenario_all(&s, DATA_DBIAS, 18, 0);
      scenario_all(&s, DATA_OUTPUT, 0, 0);
    }
  }
  scenario_end(&s);
}

/* ---- Refusals ---- */
static void refuse(const char *line, cubnStatus_t status, const char *word) {
  line_problem problem;
  data_set before;
  run_context run;
  CU_ASSERT_PTR_NULL_FATAL(line_parse(line, &problem));
  CU_ASSERT_FATAL(data_create(&problem, &before));
  if (expect_success(run_open(&run, suite_handle(), &problem, &before), line)) {
    cubnBatchNormTensors_t t = run_tensors(&run);
    cubnSetBatchNormAttribute(run.batch_norm, CUBN_BATCHNORM_BACKWARD_FROM, CUBN_BACKWARD_FROM_Y);
    if (status == CUBN_STATUS_BAD_PARAM && problem.from_y) t.y = NULL;
    expect_error(cubnBatchNormBackward(suite_handle(), run.batch_norm, &t), status,
                 "cubnBatchNormBackward", word, NULL);
    run_close(&run);
  }
  data_destroy(&before);
}

static void test_refusals(void) {
  refuse("backward nc f32 n9c3 relu low", CUBN_STATUS_NOT_SUPPORTED, "without an inverse");
  refuse("backward nc f32 n9c3 gelu low", CUBN_STATUS_NOT_SUPPORTED, "without an inverse");
  refuse("backward nc f32 n9c3 tanh low", CUBN_STATUS_NOT_SUPPORTED, "lost x to rounding");
  refuse("backward nc f32 n9c3 leaky coef=0 low", CUBN_STATUS_NOT_SUPPORTED, "not above 0");
  refuse("backward nc f32 n9c3 add_leaky", CUBN_STATUS_NOT_SUPPORTED, "addition");
  refuse("backward nc f32 n9c3 add", CUBN_STATUS_NOT_SUPPORTED, "addition");
  refuse("backward nc f32 n9c3 frozen", CUBN_STATUS_NOT_SUPPORTED, "statistics");
  refuse("backward nc f32 n9c3 sums", CUBN_STATUS_NOT_SUPPORTED, "CUBN_SUMS_GIVEN");
  refuse("backward nc f32 n9c3 d_max=1", CUBN_STATUS_NOT_SUPPORTED, "renormalization");
  refuse("backward nc f32 n9c3 nosaved", CUBN_STATUS_BAD_PARAM, "saved_mean");
  refuse("backward nc f32 n9c3", CUBN_STATUS_BAD_PARAM, "y_desc");
  refuse("backward nc f32 n9c3 from_y", CUBN_STATUS_BAD_PARAM, "y");
  lone_rank_refuse("backward nc f32 n9c3 from_y", "CUBN_BACKWARD_FROM_Y");
}

void test_from_y_suites(void) {
  static const suite_test tests[] = {{"every algorithm", test_algorithms},
                                     {"from forward's y", test_round_trip},
                                     {"scale 0", test_scale_0},
                                     {"refusals", test_refusals},
                                     {0}};
  suite_add("from y", SUITE_DEVICES, tests);
}
