/* Compares the oracle with hand-computed numbers and identities; test_oracle_differences.c compares
 * it with finite differences. What judges the library has to be judged first. */
#include <math.h>
#include <string.h>

#include "kit/oracle.h"
#include "suites/support/suite.h"

static void make(const char *line, line_problem *problem, data_set *set) {
  const char *const error = line_parse(line, problem);
  SUITE_CHECK(!error, "%s: %s", line, error ? error : "");
  SUITE_CHECK(data_create(problem, set), "%s: no data", line);
}

static void set_values(data_set *set, int array, const double values[], int count) {
  for (int i = 0; i < count; ++i) data_set_value(&set->arrays[array], i, values[i]);
}

static void check_near(const char *what, long double got, long double want, long double allowed) {
  SUITE_CHECK(fabsl(got - want) <= allowed, "%s: %.20Lg, wanted %.20Lg", what, got, want);
}

/* Output of one element of a forward or backward call. */
static long double output_at(const line_problem *p, const data_set *set, int64_t channel,
                             int64_t sample) {
  const oracle_channel result = oracle_compute(p, set, channel);
  line_walk w = line_walk_channel(p, channel);
  while (w.sample < sample) line_walk_next(&w);
  const oracle_element element = oracle_load(p, set, &w);
  return oracle_output(p, &result, &element);
}

/* x = 1, 2, 3, 4: mean 2.5, var 1.25, unbiased 5/3. */
static void test_forward_by_hand(void) {
  line_problem p;
  data_set set;
  make("train nc f64 n4c1 eps=0 alpha=2 beta=0.5", &p, &set);
  set_values(&set, DATA_X, (const double[]){1, 2, 3, 4}, 4);
  set_values(&set, DATA_OUTPUT, (const double[]){10, 20, 30, 40}, 4);
  set_values(&set, DATA_SCALE, (const double[]){3}, 1);
  set_values(&set, DATA_BIAS, (const double[]){-1}, 1);
  set_values(&set, DATA_RUNNING_MEAN, (const double[]){1}, 1);
  set_values(&set, DATA_RUNNING_VAR, (const double[]){1}, 1);
  const oracle_channel c = oracle_compute(&p, &set, 0);
  check_near("mean", c.saved_mean, 2.5L, 0);
  check_near("inv_std", c.saved_inv_std, 0.89442719099991587856L, 1e-19L);
  check_near("running mean", c.running_mean, 0.9L + 0.25L, 1e-16L); /* 0.1 is rounded */
  check_near("running var", c.running_var, 0.9L + 1 / 6.0L, 1e-16L);
  /* x_hat of 4 is 1.5 / sqrt(1.25) = 1.34164...; y = 2 (3 x_hat - 1) + 0.5 * 40 */
  check_near("y[3]", output_at(&p, &set, 0, 3), 6 * 1.34164078649987381784L - 2 + 20, 1e-17L);
  check_near("y[1]", output_at(&p, &set, 0, 1), -6 * 0.44721359549995793928L - 2 + 10, 1e-17L);
  data_destroy(&set);
}

/* The same x; dy = 1, 0, 0, 0. x_hat = (-3, -1, 1, 3) / sqrt(5); dbias = 1, dscale = -3 / sqrt(5);
 * dx = scale inv_std (dy - 1/4 + 3/20 * (-3, -1, 1, 3)) = 2 * (2 / sqrt(5)) * (.3, -.4, -.1, .2).
 */
static void test_backward_by_hand(void) {
  static const long double want[] = {0.3L, -0.4L, -0.1L, 0.2L};
  line_problem p;
  data_set set;
  make("backward nc f64 n4c1 eps=0 nosaved palpha=2 pbeta=-1", &p, &set);
  set_values(&set, DATA_X, (const double[]){1, 2, 3, 4}, 4);
  set_values(&set, DATA_DY, (const double[]){1, 0, 0, 0}, 4);
  set_values(&set, DATA_SCALE, (const double[]){2}, 1);
  set_values(&set, DATA_DSCALE, (const double[]){5}, 1);
  set_values(&set, DATA_DBIAS, (const double[]){7}, 1);
  const oracle_channel c = oracle_compute(&p, &set, 0);
  check_near("dscale", c.dscale, 2 * -1.34164078649987381784L - 5, 1e-18L);
  check_near("dbias", c.dbias, 2 - 7, 0);
  for (int i = 0; i < 4; ++i)
    check_near("dx", output_at(&p, &set, 0, i), 1.78885438199983175713L * want[i], 1e-18L);
  data_destroy(&set);
}

/* With epsilon 0: y has mean bias and std |scale|; dx is orthogonal to 1 and to x. */
static void test_identities(void) {
  line_problem p;
  data_set set;
  make("train nhwc+1 f64 n4c3h5w7 eps=0 mean=1e4 data=spread", &p, &set);
  for (int64_t c = 0; c < 3; ++c) {
    const oracle_channel result = oracle_compute(&p, &set, c);
    long double sum = 0, squares = 0;
    for (int64_t i = 0; i < result.count; ++i) {
      const long double y = output_at(&p, &set, c, i) - result.bias;
      sum += y;
      squares += y * y;
    }
    check_near("mean of y", sum / 140, 0, 1e-14L);
    check_near("variance of y", squares / 140, result.scale * result.scale, 1e-14L);
  }
  data_destroy(&set);
  make("backward nchw:nhwc:cnhw f64 n4c3h5w7 eps=0", &p, &set);
  oracle_fill_saved(&p, &set);
  for (int64_t c = 0; c < 3; ++c) {
    long double sum = 0, product = 0;
    for (line_walk w = line_walk_channel(&p, c); w.valid; line_walk_next(&w)) {
      const long double dx = output_at(&p, &set, c, w.sample);
      sum += dx;
      product += dx * (long double)data_get(&set.arrays[DATA_X], w.at[LINE_X]);
    }
    check_near("sum of dx", sum, 0, 1e-13L);
    check_near("sum of dx * x", product, 0, 1e-12L); /* saved inv_std is rounded to 2^-53 */
  }
  data_destroy(&set);
}

/* Saved statistics that differ from those of x by more than a rounding are used as they are. */
static void test_foreign_statistics(void) {
  line_problem p;
  data_set set;
  make("backward nc f32 n4c1", &p, &set);
  set_values(&set, DATA_X, (const double[]){1, 2, 3, 4}, 4);
  set_values(&set, DATA_SAVED_INV_STD, (const double[]){2}, 1);
  set_values(&set, DATA_SAVED_MEAN, (const double[]){2.25}, 1);
  check_near("foreign mean", oracle_compute(&p, &set, 0).mean, 2.25L, 0);
  set_values(&set, DATA_SAVED_MEAN, (const double[]){2.5 + 0x1p-22}, 1);
  check_near("rounded mean", oracle_compute(&p, &set, 0).mean, 2.5L, 0);
  set_values(&set, DATA_SAVED_MEAN, (const double[]){2.5 + 0x1p-21}, 1);
  check_near("foreign mean", oracle_compute(&p, &set, 0).mean, 2.5L + 0x1p-21L, 0);
  check_near("inv_std", oracle_compute(&p, &set, 0).inv_std, 2, 0);
  data_destroy(&set);
}

static void test_inference(void) {
  line_problem p;
  data_set set;
  make("infer nc f32 n2c1 eps=0.25 alpha=-1", &p, &set);
  set_values(&set, DATA_X, (const double[]){1, 5}, 2);
  set_values(&set, DATA_MEAN, (const double[]){3}, 1);
  set_values(&set, DATA_VAR, (const double[]){2}, 1);
  set_values(&set, DATA_SCALE, (const double[]){6}, 1);
  set_values(&set, DATA_BIAS, (const double[]){0.5}, 1);
  check_near("y[0]", output_at(&p, &set, 0, 0), -(6 * -2 / 1.5L + 0.5L), 1e-18L);
  check_near("y[1]", output_at(&p, &set, 0, 1), -(6 * 2 / 1.5L + 0.5L), 1e-18L);
  set_values(&set, DATA_VAR, (const double[]){-0.25}, 1); /* var + epsilon = 0 */
  check_near("y without variance", output_at(&p, &set, 0, 1), -0.5L, 0);
  data_destroy(&set);
}

void test_oracle_suites(void) {
  static const suite_test tests[] = {
      {"forward by hand", test_forward_by_hand}, {"backward by hand", test_backward_by_hand},
      {"identities", test_identities},           {"foreign statistics", test_foreign_statistics},
      {"inference by hand", test_inference},     {0}};
  suite_add("oracle", SUITE_HOST, tests);
}
