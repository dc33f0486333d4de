/* Element types, generated data and the comparison: that they see what they have to see. */
#include <math.h>
#include <string.h>

#include "compare.h"
#include "suite.h"
#include "tolerance.h"

static void make(const char *line, line_problem *problem, data_set *before) {
  const char *const error = line_parse(line, problem);
  SUITE_CHECK(!error, "%s: %s", line, error ? error : "");
  SUITE_CHECK(data_create(problem, before), "%s: no data", line);
  oracle_fill_saved(problem, before);
}

/* What a perfect library would leave in memory: the oracle's values, rounded. */
static void answer_perfectly(const line_problem *p, const data_set *before, data_set *after) {
  static const size_t fields[DATA_ARRAYS] = {
      [DATA_RUNNING_MEAN] = offsetof(oracle_channel, running_mean),
      [DATA_RUNNING_VAR] = offsetof(oracle_channel, running_var),
      [DATA_SAVED_MEAN] = offsetof(oracle_channel, saved_mean),
      [DATA_SAVED_INV_STD] = offsetof(oracle_channel, saved_inv_std),
      [DATA_DSCALE] = offsetof(oracle_channel, dscale),
      [DATA_DBIAS] = offsetof(oracle_channel, dbias)};
  SUITE_CHECK(data_copy(before, after), "no memory");
  for (int64_t i = 0; i < line_channels(p); ++i) {
    const oracle_channel c = oracle_compute(p, before, i);
    for (line_walk w = line_walk_channel(p, i); w.valid; line_walk_next(&w)) {
      const oracle_element element = oracle_load(p, before, &w);
      const long double y = oracle_output(p, &c, &element);
      data_set_value(&after->arrays[after->output], w.at[LINE_OUTPUT], (double)y);
    }
    const bool backward = p->pass == LINE_BACKWARD;
    for (int array = 0; array < DATA_ARRAYS; ++array) {
      if (!fields[array] || !data_has(after, array)) continue;
      if (backward && array != DATA_DSCALE && array != DATA_DBIAS) continue;
      long double value;
      memcpy(&value, (const char *)&c + fields[array], sizeof value);
      data_set_value(&after->arrays[array], line_param_index(p, i), (double)value);
    }
  }
}

static void test_perfect_answers_pass(void) {
  static const char *const lines[] = {
      "train nchw f32 n2c3h4w5 mean=1e4",
      "train nhwc f16 n2c3h4w5 beta=0.5 data=large",
      "train nchw+1 bf16 n2c4h3w3 data=nan",
      "train nchw f64 n2c4h3w3 data=inf inplace",
      "train nc f32 n5c3 data=constant",
      "infer nhwc f32 n2c3h4w5 peract xparams",
      "backward nchw:nhwc:cnhw f32 n2c3h4w5 pbeta=1 data=outlier",
      "backward nchw bf16 n2c3h4w5 inplace nosaved data=tiny",
      "backward nc f32 n0c3",
  };
  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; ++i) {
    line_problem p;
    data_set before, after;
    char report[512];
    make(lines[i], &p, &before);
    answer_perfectly(&p, &before, &after);
    const compare_result result = compare_outputs(&p, &before, &after, 1);
    compare_describe(&result, report, sizeof report);
    SUITE_CHECK(result.failures == 0, "%s: %s", lines[i], report);
    SUITE_CHECK(compare_untouched(&p, &before, &after, report, sizeof report), "%s: %s", lines[i],
                report);
    SUITE_CHECK(compare_equal(&p, &after, &p, &after, report, sizeof report), "%s: %s", lines[i],
                report);
    data_destroy(&before);
    data_destroy(&after);
  }
}

/* Every output element, moved by a hundred times the tolerance of the best type, fails. */
static void test_wrong_answers_fail(void) {
  static const char *const lines[] = {"train nchw+1 f32 n2c3h4w5", "backward nhwc f64 n2c3h4w5",
                                      "infer nc f32 n4c5"};
  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; ++i) {
    line_problem p;
    data_set before, after;
    char report[512];
    make(lines[i], &p, &before);
    answer_perfectly(&p, &before, &after);
    for (int64_t channel = 0; channel < line_channels(&p); ++channel) {
      for (line_walk w = line_walk_channel(&p, channel); w.valid; line_walk_next(&w)) {
        data_array *const out = &after.arrays[after.output];
        const double value = data_get(out, w.at[LINE_OUTPUT]);
        data_set_value(out, w.at[LINE_OUTPUT], value + 1e-3);
        const compare_result result = compare_outputs(&p, &before, &after, 1);
        SUITE_CHECK(result.failures == 1 && result.channel == channel && result.sample == w.sample,
                    "%s: channel %lld, sample %lld", lines[i], (long long)channel,
                    (long long)w.sample);
        data_set_value(out, w.at[LINE_OUTPUT], (double)NAN);
        SUITE_CHECK(compare_outputs(&p, &before, &after, 1).failures == 1, "%s: NaN", lines[i]);
        data_set_value(out, w.at[LINE_OUTPUT], value);
      }
    }
    compare_result result = {0};
    compare_describe(&result, report, sizeof report);
    SUITE_CHECK(!strcmp(report, "nothing was compared"), "%s", report);
    data_destroy(&before);
    data_destroy(&after);
  }
}

/* NaN wants NaN, and infinity the same infinity. */
static void test_not_finite(void) {
  line_problem p;
  data_set before, after;
  make("infer nc f32 n4c1 data=inf", &p, &before);
  const double values[] = {(double)INFINITY, (double)NAN, 1.0, -(double)INFINITY};
  for (int i = 0; i < 4; ++i) data_set_value(&before.arrays[DATA_X], i, values[i]);
  data_set_value(&before.arrays[DATA_SCALE], 0, 1.0);
  answer_perfectly(&p, &before, &after);
  CU_ASSERT(compare_outputs(&p, &before, &after, 1).failures == 0);
  data_array *const y = &after.arrays[DATA_OUTPUT];
  for (int i = 0; i < 4; ++i) {
    const double right = data_get(y, i);
    const double wrong[] = {i == 1 ? (double)INFINITY : (double)NAN, -right, 0.5,
                            i == 2 ? (double)INFINITY : 0.25};
    for (int k = 0; k < 4; ++k) {
      if (i == 1 && k == 1) continue; /* -NaN is NaN */
      data_set_value(y, i, wrong[k]);
      SUITE_CHECK(compare_outputs(&p, &before, &after, 1).failures == 1, "%g for %g passed",
                  wrong[k], right);
    }
    data_set_value(y, i, right);
  }
  data_destroy(&before);
  data_destroy(&after);
}

/* Any byte outside the outputs that changes is seen, any byte of an output is not. */
static void test_touched_bytes(void) {
  line_problem p;
  data_set before, after;
  char report[256];
  make("train nchw+1 f16 n2c3h4w5", &p, &before);
  answer_perfectly(&p, &before, &after);
  for (int array = 0; array < DATA_ARRAYS; ++array) {
    data_array *const a = &after.arrays[array];
    if (!a->block) continue;
    size_t seen = 0;
    for (size_t i = 0; i < a->block_bytes; ++i) {
      a->block[i] ^= 1;
      seen += !compare_untouched(&p, &before, &after, report, sizeof report);
      a->block[i] ^= 1;
    }
    const bool is_input = array == DATA_X || array == DATA_SCALE || array == DATA_BIAS;
    const size_t elements = (size_t)(array == DATA_OUTPUT ? line_elements(&p) : line_channels(&p));
    const size_t output_bytes = is_input ? 0 : elements * data_type_bytes(a->type);
    SUITE_CHECK(seen == a->block_bytes - output_bytes, "%s: %zu of %zu bytes are watched",
                data_array_name(&p, array), seen, a->block_bytes);
  }
  data_destroy(&before);
  data_destroy(&after);
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

/* The values have the mean and std that the line says, and are the same on every machine. */
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

void test_compare_suites(void) {
  static const suite_test tests[] = {{"perfect answers pass", test_perfect_answers_pass},
                                     {"wrong answers fail", test_wrong_answers_fail},
                                     {"NaN and infinity", test_not_finite},
                                     {"touched bytes are seen", test_touched_bytes},
                                     {"element types", test_types},
                                     {"generated data", test_data},
                                     {0}};
  suite_add("compare", SUITE_HOST, tests);
}
