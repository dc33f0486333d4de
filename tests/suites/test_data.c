/* Element types and generated data. */
#include <math.h>
#include <string.h>

#include "kit/oracle.h"
#include "suites/support/suite.h"

static void make(const char *line, line_problem *problem, data_set *before) {
  const char *const error = line_parse(line, problem);
  SUITE_CHECK(!error, "%s: %s", line, error ? error : "");
  SUITE_CHECK(data_create(problem, before), "%s: no data", line);
}

/* All bit patterns read and write back; a value rounds to the nearer neighbour, ties to even. */
static void check_small_type(cubnDataType_t type, unsigned infinity) {
  int wrong = 0;
  for (unsigned bits = 0; bits < infinity; ++bits) {
    const uint16_t here = (uint16_t)bits, next = (uint16_t)(bits + 1), minus = here | 0x8000u;
    uint16_t back[5];
    const double low = data_load(type, &here, 0);
    double high = data_load(type, &next, 0);
    if (isinf(high)) high = 2 * low - data_load(type, &(uint16_t){(uint16_t)(bits - 1)}, 0);
    const double middle = (low + high) / 2;
    data_store(type, back, 0, low);
    data_store(type, back, 1, data_load(type, &minus, 0));
    data_store(type, back, 2, nextafter(middle, 0));
    data_store(type, back, 3, nextafter(middle, 2 * high));
    data_store(type, back, 4, middle);
    wrong += low >= high || back[0] != here || back[1] != minus || back[2] != here ||
             back[3] != next || back[4] != (bits % 2 ? next : here);
  }
  SUITE_CHECK(wrong == 0, "%s: %d wrong roundings", data_type_name(type), wrong);
}

static void test_types(void) {
  check_small_type(CUBN_DATA_HALF, 0x7c00);
  check_small_type(CUBN_DATA_BFLOAT16, 0x7f80);
  CU_ASSERT(data_round(CUBN_DATA_HALF, 1 + 0x1p-10) == 1 + 0x1p-10);
  CU_ASSERT(data_round(CUBN_DATA_HALF, 65519) == 65504 && isinf(data_round(CUBN_DATA_HALF, 65520)));
  CU_ASSERT(data_round(CUBN_DATA_HALF, -1e300) == -(double)INFINITY);
  CU_ASSERT(data_round(CUBN_DATA_HALF, 0x1p-24) == 0x1p-24);
  CU_ASSERT(data_round(CUBN_DATA_BFLOAT16, 1.00390625) == 1);
  CU_ASSERT(data_round(CUBN_DATA_BFLOAT16, 1e30) != 1e30);
  CU_ASSERT(data_round(CUBN_DATA_FLOAT, 16777217) == 16777216);
  const cubnDataType_t types[] = {CUBN_DATA_FLOAT, CUBN_DATA_DOUBLE, CUBN_DATA_HALF,
                                  CUBN_DATA_BFLOAT16};
  for (int i = 0; i < 4; ++i) {
    const cubnDataType_t t = types[i];
    unsigned char poison[8];
    memset(poison, 0xff, sizeof poison);
    CU_ASSERT(isnan(data_load(t, poison, 0)) && isnan(data_round(t, (double)NAN)));
    CU_ASSERT(isinf(data_round(t, (double)INFINITY)) && signbit(data_round(t, -0.0)));
    CU_ASSERT(data_round(t, data_largest(t)) == data_largest(t));
    CU_ASSERT(data_round(t, data_least(t)) == data_least(t));
    CU_ASSERT(data_round(t, data_least(t) * 0.5) == 0);
    CU_ASSERT(data_round(t, 1 + 2 * data_roundoff(t)) == 1 + 2 * data_roundoff(t));
    CU_ASSERT(data_round(t, 1 + data_roundoff(t)) == 1);
  }
}

/* The values have the mean and std of the line, and are the same on every machine. */
static void test_data(void) {
  line_problem p;
  data_set set;
  make("train nchw f64 n8c64h8w8 mean=100 std=2", &p, &set);
  long double mean = 0, var = 0;
  for (int64_t c = 0; c < 64; ++c) {
    const oracle_channel channel = oracle_compute(&p, &set, c);
    mean += channel.mean / 64;
    var += channel.var / 64;
  }
  /* channels: center within +-1, width 1.5 to 2.5, mean square 4.08; both averaged over 64 */
  SUITE_CHECK(fabsl(mean - 100) < 0.5L && fabsl(var - 4.08L) < 0.5L, "mean %Lg, var %Lg", mean,
              var);
  data_destroy(&set);
  CU_ASSERT(data_uniform(0, 0) != data_uniform(0, 1) && data_uniform(0, 0) != data_uniform(1, 0));
  CU_ASSERT(data_uniform(3, 5) == data_uniform(3, 5) && data_uniform(3, 5) < 1);
  CU_ASSERT(line_parse("train nc f32 n2c2 data=nonsense", &p) == NULL && !data_create(&p, &set));
}

/* Ties: pre-activations nearer to the edge of a decision than the rounding of their terms. */
static void test_ties(void) {
  static const char *const lines[] = {"train nchw f32 n4c10h5w5 relu data=ties",
                                      "infer nhwc bf16 n4c10h5w5 clipped data=ties invstd",
                                      "train nhwc f64 n4c10h5w5 add_clipped data=ties noscale"};
  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; ++i) {
    line_problem p;
    data_set set;
    int ties[2] = {0, 0}; /* at 0, at the ceiling */
    make(lines[i], &p, &set);
    const double roundoff = data_roundoff(line_param_type(&p));
    for (int64_t c = 0; c < line_channels(&p); ++c) {
      const oracle_channel channel = oracle_compute(&p, &set, c);
      for (line_walk w = line_walk_channel(&p, c); w.valid; line_walk_next(&w)) {
        const oracle_element element = oracle_load(&p, &set, &w);
        const long double input = oracle_preact(&channel, &element);
        ties[0] += fabsl(input) <= 2 * roundoff;
        ties[1] += p.coef > 0 && fabsl(input - p.coef) <= 2 * roundoff;
      }
    }
    const bool clips = p.activation == CUBN_ACTIVATION_CLIPPED_RELU;
    SUITE_CHECK(ties[0] > 100 && (!clips || ties[1] > 100), "%s: %d and %d ties", lines[i], ties[0],
                ties[1]);
    data_destroy(&set);
  }
}

void test_data_suites(void) {
  static const suite_test tests[] = {
      {"element types", test_types}, {"generated data", test_data}, {"ties", test_ties}, {0}};
  suite_add("data", SUITE_HOST, tests);
}
