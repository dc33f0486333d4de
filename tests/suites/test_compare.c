/* The comparison: it sees what it has to see. */
#include <math.h>
#include <string.h>

#include "kit/compare.h"
#include "kit/tolerance.h"
#include "suites/support/suite.h"

static void make(const char *line, line_problem *problem, data_set *before) {
  const char *const error = line_parse(line, problem);
  SUITE_CHECK(!error, "%s: %s", line, error ? error : "");
  SUITE_CHECK(data_create(problem, before), "%s: no data", line);
  oracle_fill_saved(problem, before);
  oracle_fill_y(problem, before);
}

/* The results of a perfect library: the oracle's values, rounded. */
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
      if (line_has_output(p))
        data_set_value(&after->arrays[after->output], w.at[LINE_OUTPUT], (double)y);
      if (line_has_dz(p))
        data_set_value(&after->arrays[after->dz], w.at[LINE_Z], (double)oracle_dp(p, &c, &element));
    }
    for (int array = 0; array < DATA_ARRAYS; ++array) {
      if (!fields[array] || !compare_writes(p, before, array)) continue;
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
      "train nchw f16 n2c3h4w5 add_gelu separate biased beta=1",
      "train nhwc f32 n2c3h4w5 statistics devfactor",
      "infer nchw bf16 n2c3h4w5 add_clipped data=nanz invstd inplace_z reserve",
      "backward nchw:nhwc:cnhw:nchw+1 f32 n2c3h4w5 add_leaky data=ties",
      "backward nhwc f16 n2c3h4w5 add_swish swish_beta=3 inplace_z nodx mean=1e4",
      "backward nchw f64 n2c3h4w5 relu dropnan data=nan nodscale",
      "backward nhwc f32 n2c3h4w5 add_elu frozen invstd inplace_zx inplace noscale",
      "backward nc f32 n9c3 sums count=99 tanh",
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

/* Counts the elements of one tensor for which a change fails. */
static void spoil_elements(const char *line, const line_problem *p, const data_set *before,
                           data_set *after, int array, int tensor) {
  for (int64_t channel = 0; channel < line_channels(p); ++channel) {
    for (line_walk w = line_walk_channel(p, channel); w.valid; line_walk_next(&w)) {
      data_array *const out = &after->arrays[array];
      const double value = data_get(out, w.at[tensor]);
      data_set_value(out, w.at[tensor], value + 1e-3);
      const compare_result result = compare_outputs(p, before, after, 1);
      SUITE_CHECK(result.failures == 1 && result.channel == channel && result.sample == w.sample,
                  "%s: channel %lld, sample %lld", line, (long long)channel, (long long)w.sample);
      data_set_value(out, w.at[tensor], (double)NAN);
      SUITE_CHECK(compare_outputs(p, before, after, 1).failures == 1, "%s: NaN", line);
      data_set_value(out, w.at[tensor], value);
    }
  }
}

/* Every output element, moved by a hundred times the tolerance of the best type, fails. */
static void test_wrong_answers_fail(void) {
  static const char *const lines[] = {"train nchw+1 f32 n2c3h4w5",
                                      "backward nhwc f64 n2c3h4w5",
                                      "infer nc f32 n4c5",
                                      "train nchw f32 n2c3h2w5 add_tanh",
                                      "backward nchw:nhwc:nchw:nchw+1 f32 n2c3h2w5 add_elu",
                                      "backward nhwc f64 n2c3h2w5 frozen add_relu"};
  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; ++i) {
    line_problem p;
    data_set before, after;
    char report[512];
    make(lines[i], &p, &before);
    answer_perfectly(&p, &before, &after);
    spoil_elements(lines[i], &p, &before, &after, after.output, LINE_OUTPUT);
    if (line_has_dz(&p)) spoil_elements(lines[i], &p, &before, &after, after.dz, LINE_Z);
    compare_result result = {0};
    compare_describe(&result, report, sizeof report);
    SUITE_CHECK(!strcmp(report, "nothing was compared"), "%s", report);
    data_destroy(&before);
    data_destroy(&after);
  }
}

/* dz of the least value instead of 0, or of dy instead of coef * dy, fails: that is a decision. */
static void test_decisions_are_exact(void) {
  line_problem p;
  data_set before, after;
  make("backward nchw f32 n2c5h4w5 add_relu data=ties", &p, &before);
  answer_perfectly(&p, &before, &after);
  data_array *const dz = &after.arrays[DATA_DZ];
  int stopped = 0;
  for (int64_t i = 0; i < dz->extent; ++i) {
    const double value = data_get(dz, i);
    const double other = value == 0 ? data_least(p.type) : 0;
    stopped += value == 0;
    data_set_value(dz, i, other);
    SUITE_CHECK(compare_outputs(&p, &before, &after, 1).failures == 1, "dz[%lld] %g for %g passes",
                (long long)i, other, value);
    data_set_value(dz, i, value);
  }
  SUITE_CHECK(stopped > 40 && stopped < 160, "%d of 200 are stopped", stopped);
  data_destroy(&before);
  data_destroy(&after);
}

/* NaN is compared with NaN, and infinity with the same infinity. */
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

/* A change of any byte outside the outputs is seen; a change of a byte of an output is not. */
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

void test_compare_suites(void) {
  static const suite_test tests[] = {{"perfect answers pass", test_perfect_answers_pass},
                                     {"wrong answers fail", test_wrong_answers_fail},
                                     {"decisions are exact", test_decisions_are_exact},
                                     {"NaN and infinity", test_not_finite},
                                     {"touched bytes are seen", test_touched_bytes},
                                     {0}};
  suite_add("compare", SUITE_HOST, tests);
}
