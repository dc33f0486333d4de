/* Backward from y, for which x need not be kept. */
#include <math.h>
#include <stdio.h>

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
                                      NULL};
  all_rows_check(lines);
}

/* ---- From the y of a forward call ---- */
static double get(const scenario *s, int array, int64_t at) {
  return data_get(&s->before.arrays[array], at);
}

/* What x_hat loses to the rounding of y is u |y / scale|, with u of y's type and, where that is
 * less, of the arithmetic: (4 u |x_hat| + u |bias|) of y, and in all x_hat's error e is below
 * 8 u (|x_hat| + |bias / scale|). In dx, over scale inv_std: e |dscale| / m + |x_hat| e' / m, where
 * e' is the sum of e |dp|; and the bound of dx from x, by its tolerance. */
static void check_round_trip(const char *type) {
  enum { VALUES = 16 };
  scenario forward, from_x, from_y;
  char line[3][96];
  snprintf(line[0], sizeof line[0], "train nc %s n16c3 data=spread", type);
  snprintf(line[1], sizeof line[1], "backward nc %s n16c3 data=spread", type);
  snprintf(line[2], sizeof line[2], "backward nc %s n16c3 data=spread from_y", type);
  const bool good =
      scenario_begin(&forward, type, line[0]) && scenario_begin(&from_x, type, line[1]) &&
      scenario_begin(&from_y, type, line[2]) && scenario_run(&forward, suite_handle(), 1) &&
      scenario_run(&from_x, suite_handle(), 1);
  for (int64_t i = 0; good && i < VALUES * 3; ++i)
    data_set_value(&from_y.before.arrays[DATA_X], i, scenario_get(&forward, DATA_OUTPUT, i));
  for (int c = 0; good && c < 3; ++c) {
    const double bias[] = {0.25, -0.5, 1};
    data_set_value(&from_y.before.arrays[DATA_BIAS], c, get(&forward, DATA_BIAS, c));
    scenario_set(&from_y, DATA_SAVED_MEAN, 3, bias); /* is not read */
  }
  for (int c = 0; good && c < 3; ++c)
    data_set_value(&from_y.before.arrays[DATA_SAVED_INV_STD], c,
                   scenario_get(&forward, DATA_SAVED_INV_STD, c));
  if (good && scenario_run(&from_y, suite_handle(), 1))
    for (int c = 0; c < 3; ++c) {
      const cubnDataType_t of = forward.problem.type;
      const double u = fmax(data_roundoff(of), of == CUBN_DATA_DOUBLE ? 0x1p-53 : 0x1p-24);
      const double scale = fabs(get(&forward, DATA_SCALE, c));
      const double x_hat = 3, offset = fabs(get(&forward, DATA_BIAS, c)) / scale;
      const double e = 8 * u * (x_hat + offset), gain = scale * get(&from_y, DATA_SAVED_INV_STD, c);
      double sum = 0;
      for (int i = 0; i < VALUES; ++i) sum += fabs(get(&from_x, DATA_DY, 3 * i + c));
      scenario_near(&from_y, DATA_DSCALE, c, scenario_get(&from_x, DATA_DSCALE, c),
                    (e + 64 * u) * sum);
      scenario_near(&from_y, DATA_DBIAS, c, scenario_get(&from_x, DATA_DBIAS, c), 64 * u * sum);
      for (int i = 0; i < VALUES; ++i)
        scenario_near(&from_y, DATA_OUTPUT, 3 * i + c,
                      scenario_get(&from_x, DATA_OUTPUT, 3 * i + c),
                      gain * 2 * x_hat * (e + 8 * u) * (1 + sum / VALUES));
    }
  scenario_end(&forward);
  scenario_end(&from_x);
  scenario_end(&from_y);
}

static void test_round_trip(void) {
  static const char *const types[] = {"f32", "f64", "f16", "bf16"};
  for (int i = 0; i < 4; ++i) check_round_trip(types[i]);
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
  refuse("backward nc f32 n9c3 relu low", CUBN_STATUS_NOT_SUPPORTED, "activation");
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
