/* Results are rounded once, to nearest, ties to even, to the 16-bit types, also at the limits of
 * these. With mean 0, variance 1, epsilon 0 and bias 0, inference is a product, exact before that
 * rounding. */
#include <math.h>

#include "suites/support/scenario.h"

typedef struct half_type {
  const char *name;
  double ulp;      /* of 1 */
  double largest;  /* finite */
  double smallest; /* above 0 */
} half_type;

static const half_type types[] = {{"f16", 0x1p-10, 65504, 0x1p-24},
                                  {"bf16", 0x1p-7, 0x1.fep127, 0x1p-133}};

enum { COUNT = 16 };

/* y = scale * x, for 16 values in each layout. */
static void check_products(const half_type *type, const char *layout, double scale,
                           const double x[COUNT], const double wanted[COUNT]) {
  char line[64];
  scenario s;
  snprintf(line, sizeof line, "infer %s %s n2c2h2w2 eps=0", layout, type->name);
  if (scenario_begin(&s, "rounding", line)) {
    scenario_set(&s, DATA_X, COUNT, x);
    scenario_fill(&s, DATA_SCALE, scale);
    scenario_fill(&s, DATA_BIAS, 0);
    scenario_fill(&s, DATA_MEAN, 0);
    scenario_fill(&s, DATA_VAR, 1);
    if (scenario_run(&s, suite_handle(), 1))
      for (int i = 0; i < COUNT; ++i) {
        const double got = scenario_get(&s, DATA_OUTPUT, i);
        SUITE_CHECK(got == wanted[i], "%s: %a * %a is %a, wanted %a", line, scale, x[i], got,
                    wanted[i]);
      }
  }
  scenario_end(&s);
}

static void check_layouts(const half_type *type, double scale, const double x[COUNT],
                          const double wanted[COUNT]) {
  check_products(type, "nchw", scale, x, wanted);
  check_products(type, "nhwc", scale, x, wanted);
}

/* 1.5 * (1 + k ulp) = 1.5 + 1.5 k ulp: a tie for each odd k. */
static void test_ties(void) {
  for (size_t t = 0; t < sizeof types / sizeof *types; ++t) {
    double x[COUNT], wanted[COUNT];
    for (int i = 0; i < COUNT; ++i) {
      const int halves = 3 * i, down = halves / 2;
      const int rounded = halves % 2 == 0 || down % 2 == 0 ? down : down + 1;
      x[i] = (i % 3 ? 1 : -1) * (1 + i * types[t].ulp);
      wanted[i] = (i % 3 ? 1 : -1) * (1.5 + rounded * types[t].ulp);
    }
    check_layouts(&types[t], 1.5, x, wanted);
  }
}

/* Multiples of the smallest value, halved; and the largest value, enlarged. */
static void test_limits(void) {
  for (size_t t = 0; t < sizeof types / sizeof *types; ++t) {
    double x[COUNT], wanted[COUNT];
    for (int i = 0; i < COUNT; ++i) {
      const int down = i / 2;
      x[i] = i * types[t].smallest;
      wanted[i] = (i % 2 == 0 || down % 2 == 0 ? down : down + 1) * types[t].smallest;
    }
    check_layouts(&types[t], 0.5, x, wanted);
    for (int i = 0; i < COUNT; ++i) {
      x[i] = i % 2 ? -types[t].largest : types[t].largest;
      wanted[i] = i % 2 ? -INFINITY : INFINITY;
    }
    check_layouts(&types[t], 1.5, x, wanted);
    for (int i = 0; i < COUNT; ++i) wanted[i] = x[i];
    check_layouts(&types[t], 1, x, wanted);
  }
}

void test_rounding_suites(void) {
  static const suite_test tests[] = {
      {"ties to even", test_ties}, {"limits of the types", test_limits}, {NULL, NULL}};
  suite_add("rounding", SUITE_DEVICES, tests);
}
