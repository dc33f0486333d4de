/* Compares the gradients of the oracle with finite differences of its forward pass: every
 * activation, with and without addition, with statistics of the batch and constant ones. */
#include <math.h>
#include <stdio.h>

#include "kit/oracle.h"
#include "suites/support/suite.h"

static void make(const char *line, line_problem *problem, data_set *set) {
  const char *const error = line_parse(line, problem);
  SUITE_CHECK(!error, "%s: %s", line, error ? error : "");
  SUITE_CHECK(data_create(problem, set), "%s: no data", line);
}

static void check_near(const char *line, const char *what, long double got, long double want,
                       long double allowed) {
  SUITE_CHECK(fabsl(got - want) <= allowed, "%s: %s: %.20Lg, wanted %.20Lg", line, what, got, want);
}

/* The loss of the finite differences: sum of dy * y. */
static long double loss(const line_problem *forward, const data_set *f, const data_set *b) {
  long double sum = 0;
  for (int64_t c = 0; c < line_channels(forward); ++c) {
    const oracle_channel result = oracle_compute(forward, f, c);
    for (line_walk w = line_walk_channel(forward, c); w.valid; line_walk_next(&w)) {
      const oracle_element element = oracle_load(forward, f, &w);
      sum += (long double)data_get(&b->arrays[DATA_DY], w.at[LINE_DY]) *
             oracle_output(forward, &result, &element);
    }
  }
  return sum;
}

/* The error of central differences with step h is h^2 / 6 times the third derivative. With |x_hat|,
 * the weights, inv_std and the derivatives of activations near 1, that is below h^2 times the sum
 * of some forty terms, 6e-10. The rounding, 2^-64 / h times the loss, is negligible. A missing term
 * of the formula changes dx by 1 / m. No pre-activation is so near to a kink that a step crosses
 * it. */
static const double step = 0x1p-18;
static const long double allowed = 40 * 0x1p-36L;

static long double slope(const line_problem *forward, data_set *f, const data_set *b, int array,
                         int64_t at) {
  const double old = data_get(&f->arrays[array], at);
  data_set_value(&f->arrays[array], at, old + step);
  const long double above = (long double)data_get(&f->arrays[array], at), up = loss(forward, f, b);
  data_set_value(&f->arrays[array], at, old - step);
  const long double below = (long double)data_get(&f->arrays[array], at),
                    down = loss(forward, f, b);
  data_set_value(&f->arrays[array], at, old);
  return (up - down) / (above - below);
}

/* The forward line of the backward line generates the same values. */
static void check_differences(const char *line) {
  line_problem fp, bp;
  data_set f, b;
  make(line, &bp, &b);
  oracle_fill_saved(&bp, &b);
  oracle_fill_y(&bp, &b);
  fp = line_forward_of(&bp);
  SUITE_CHECK(data_create(&fp, &f), "%s: no data", line);
  for (int64_t c = 0; c < line_channels(&bp); ++c) {
    const oracle_channel result = oracle_compute(&bp, &b, c);
    const int64_t place = line_param_index(&fp, c);
    if (data_has(&f, DATA_SCALE))
      check_near(line, "dscale", result.dscale, slope(&fp, &f, &b, DATA_SCALE, place), allowed);
    if (data_has(&f, DATA_BIAS))
      check_near(line, "dbias", result.dbias, slope(&fp, &f, &b, DATA_BIAS, place), allowed);
    for (line_walk w = line_walk_channel(&bp, c); w.valid; line_walk_next(&w)) {
      const oracle_element element = oracle_load(&bp, &b, &w);
      check_near(line, "dx", oracle_output(&bp, &result, &element),
                 slope(&fp, &f, &b, DATA_X, w.at[LINE_X]), allowed);
      if (bp.adds)
        check_near(line, "dz", oracle_dp(&bp, &result, &element),
                   slope(&fp, &f, &b, DATA_Z, w.at[LINE_Z]), allowed);
    }
  }
  data_destroy(&f);
  data_destroy(&b);
}

static void test_plain(void) {
  check_differences("backward nchw f64 n3c2h2w3");
  check_differences("backward nhwc f64 n3c2h2w3 nosaved");
  check_differences("backward nhwc f64 n5c2h1w2 peract");
  check_differences("backward nc f64 n7c3 eps=0.5 data=spread");
  check_differences("backward nc f64 n7c3 noscale");
  check_differences("backward nhwc:nchw:cnhw:nchw+1 f64 n3c2h2w3 add");
}

/* Which variance normalizes, and where epsilon stands. */
static void test_conventions(void) {
  check_differences("backward nchw f64 n3c2h2w3 unbiased");
  check_differences("backward nc f64 n3c3 epsout eps=0.5 data=spread");
  check_differences("backward nhwc f64 n3c2h2w3 unbiased epsout eps=0.25 nosaved");
  check_differences("backward nc f64 n7c3 unbiased epsout eps=0.25 add_tanh");
  check_differences("backward nc f64 n7c3 epsout eps=0.5 frozen swish");
}

/* r and d are constants for the gradient: those of a forward pass with scale * r in place of scale,
 * and bias + scale * d in place of bias. */
static void check_renormalized(const char *line, const char *forward_line) {
  line_problem fp, bp;
  data_set f, b;
  make(line, &bp, &b);
  make(forward_line, &fp, &f);
  oracle_fill_saved(&bp, &b);
  oracle_fill_y(&bp, &b);
  for (int64_t c = 0; c < line_channels(&bp); ++c) {
    const double r = data_get(&b.arrays[DATA_SAVED_R], c), d = data_get(&b.arrays[DATA_SAVED_D], c);
    const double scale = data_get(&b.arrays[DATA_SCALE], c);
    const double bias = data_has(&b, DATA_BIAS) ? data_get(&b.arrays[DATA_BIAS], c) : 0;
    data_set_value(&f.arrays[DATA_SCALE], c, scale * r);
    data_set_value(&f.arrays[DATA_BIAS], c, bias + scale * d);
  }
  for (int64_t c = 0; c < line_channels(&bp); ++c) {
    const oracle_channel result = oracle_compute(&bp, &b, c);
    const long double r = (long double)data_get(&b.arrays[DATA_SAVED_R], c);
    const long double d = (long double)data_get(&b.arrays[DATA_SAVED_D], c);
    const long double by_scale = slope(&fp, &f, &b, DATA_SCALE, c);
    const long double by_bias = slope(&fp, &f, &b, DATA_BIAS, c);
    check_near(line, "dscale", result.dscale, r * by_scale + d * by_bias, 3 * allowed);
    check_near(line, "dbias", result.dbias, by_bias, allowed);
    for (line_walk w = line_walk_channel(&bp, c); w.valid; line_walk_next(&w)) {
      const oracle_element element = oracle_load(&bp, &b, &w);
      check_near(line, "dx", oracle_output(&bp, &result, &element),
                 slope(&fp, &f, &b, DATA_X, w.at[LINE_X]), allowed);
    }
  }
  data_destroy(&f);
  data_destroy(&b);
}

static void test_renormalization(void) {
  check_renormalized("backward nchw f64 n3c2h2w3 r_max=2 d_max=1", "train nchw f64 n3c2h2w3");
  check_renormalized("backward nc f64 n7c3 d_max=1 tanh", "train nc f64 n7c3 tanh");
  check_renormalized("backward nc f64 n7c3 r_max=2 unbiased epsout eps=0.5 nosaved",
                     "train nc f64 n7c3 unbiased epsout eps=0.5");
}

static void test_activations(void) {
  static const char *const activations[] = {
      "relu",         "clipped", "clipped coef=0.25",     "leaky",
      "leaky coef=2", "elu",     "elu coef=0.3",          "sigmoid",
      "tanh",         "swish",   "swish swish_beta=-1.7", "gelu"};
  static const char *const lines[] = {"backward nchw f64 n3c2h2w3 %s%s",
                                      "backward nhwc f64 n5c2h1w2 peract %s%s",
                                      "backward nc f64 n7c3 eps=0.5 data=spread frozen %s%s",
                                      "backward nc f64 n7c3 frozen invstd nobias %s%s"};
  for (size_t i = 0; i < sizeof activations / sizeof *activations; ++i)
    for (size_t k = 0; k < sizeof lines / sizeof *lines; ++k)
      for (int adds = 0; adds < 2; ++adds) {
        char line[128];
        snprintf(line, sizeof line, lines[k], adds ? "add_" : "", activations[i]);
        check_differences(line);
      }
}

static void test_frozen(void) {
  check_differences("backward nchw f64 n3c2h2w3 frozen");
  check_differences("backward nhwc f64 n5c2h1w2 peract frozen invstd");
  check_differences("backward nc f64 n7c3 eps=0.5 frozen add");
}

/* Given the sums that another call computed, dx is the same; and the count is m. */
static void test_given_sums(void) {
  line_problem computes, given;
  data_set c, g;
  make("backward nchw f64 n3c2h2w3 nosaved add_tanh", &computes, &c);
  make("backward nchw f64 n3c2h2w3 nosaved add_tanh sums", &given, &g);
  for (int half = 0; half < 2; ++half) { /* half of m with half of the sums */
    given.count = half ? 9 : 0;
    for (int64_t i = 0; i < 2; ++i) {
      const oracle_channel result = oracle_compute(&computes, &c, i);
      const double share = half ? 0.5 : 1;
      data_set_value(&g.arrays[DATA_DSCALE], i, share * (double)result.dscale);
      data_set_value(&g.arrays[DATA_DBIAS], i, share * (double)result.dbias);
      const oracle_channel again = oracle_compute(&given, &g, i);
      for (line_walk w = line_walk_channel(&given, i); w.valid; line_walk_next(&w)) {
        const oracle_element element = oracle_load(&given, &g, &w);
        check_near("sums", "dx", oracle_output(&given, &again, &element),
                   oracle_output(&computes, &result, &element), 1e-15L);
      }
    }
  }
  data_destroy(&c);
  data_destroy(&g);
}

void test_oracle_differences_suites(void) {
  static const suite_test tests[] = {{"plain", test_plain},
                                     {"conventions", test_conventions},
                                     {"renormalization", test_renormalization},
                                     {"activations", test_activations},
                                     {"frozen", test_frozen},
                                     {"given sums", test_given_sums},
                                     {0}};
  suite_add("oracle by finite differences", SUITE_HOST, tests);
}
