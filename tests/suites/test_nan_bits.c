/* NaN and infinity give the same bits, signs of NaN included, with every number of CPU threads; and
 * NaN stays NaN whatever its bits. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/handle.h"
#include "kit/run_line.h"
#include "suites/support/suite.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const char *const types[] = {"f32", "f64", "f16", "bf16"};
static const char *const data[] = {"nan", "inf", "nandy"};
static const char *const shapes[][2] = {
    {"nchw", "n3c6h31w35"}, {"nhwc", "n6c24h13w15"}, {"nhwc", "n2c600h5w5"}};
static const char *const calls[][2] = {{"train", ""},
                                       {"train", "relu"},
                                       {"backward", ""},
                                       {"backward", "leaky"},
                                       {"backward", "add_gelu"}};

/* NaN among the parameters of many channels. */
static const char *const parameters[] = {"train nc f32 n4c3101", "train nc bf16 n4c3101",
                                         "backward nc f32 n4c3101", "infer nc f32 n4c3101",
                                         "infer nc f16 n4c3101"};

/* Columns of 64, of more, of blocks, and of a tail. */
static const char *const payloads[] = {
    "infer nhwc bf16 n3c64h9w9",    "infer nhwc bf16 n9c128h9w9", "infer nhwc bf16 n2c600h5w5",
    "infer nhwc bf16 n5c37h9w9",    "infer nhwc f16 n9c128h9w9",  "infer nc bf16 n40c1040",
    "backward nhwc bf16 n3c64h9w9", "train nhwc bf16 n9c128h9w9", "backward nc bf16 n9c1040"};

/* Strews NaN of both signs, which hardware makes, over an array; and infinities over a tensor. */
static void strew(data_array *array, int which) {
  const int kinds = which < DATA_TENSORS ? 4 : 2;
  static const double values[] = {NAN, -NAN, INFINITY, -INFINITY};
  for (int64_t i = 0; array->block && i < array->extent; ++i) {
    const double random = data_uniform((uint64_t)which, (uint64_t)i) * 1000;
    if (random < kinds) data_set_value(array, i, values[(int)random]);
  }
}

static bool call_with(const char *threads, const cubn_algo *algo, const line_problem *problem,
                      const data_set *before, data_set *after) {
  cubnHandle_t handle = NULL;
  run_context run;
  CU_ASSERT_FATAL(data_copy(before, after));
  setenv("CUBN_THREADS", threads, 1);
  CU_ASSERT_FATAL(cubnCreateOnDevice(&handle, "cpu") == CUBN_STATUS_SUCCESS);
  unsetenv("CUBN_THREADS");
  snprintf(handle->forced_algo, sizeof handle->forced_algo, "%s", algo->name);
  CU_ASSERT_FATAL(run_open(&run, handle, problem, before) == CUBN_STATUS_SUCCESS);
  CU_ASSERT(run_call(&run) == CUBN_STATUS_SUCCESS);
  CU_ASSERT(run_download(&run, after) == CUBN_STATUS_SUCCESS);
  run_close(&run);
  const bool accepted = handle->last_algo == algo;
  CU_ASSERT(cubnDestroy(handle) == CUBN_STATUS_SUCCESS);
  return accepted;
}

/* Whether all outputs of a channel are NaN; `like` counts those with the bits of NAN. */
static bool is_nan_channel(const line_problem *problem, const data_set *set, int64_t channel,
                           int64_t *like) {
  const data_array *const output = &set->arrays[set->output];
  const size_t bytes = data_type_bytes(output->type);
  data_array nan = *output;
  unsigned char block[8];
  nan.block = block;
  nan.begin_bytes = 0;
  data_set_value(&nan, 0, NAN);
  *like = 0;
  for (line_walk w = line_walk_channel(problem, channel); w.valid; line_walk_next(&w)) {
    const int64_t at = w.at[LINE_OUTPUT];
    if (!isnan(data_get(output, at))) return false;
    *like += !memcmp(block, (char *)data_elements(output) + (size_t)at * bytes, bytes);
  }
  return true;
}

/* Outputs of NaN coefficients: which of several NaN an instruction keeps depends on the kernel, so
 * the fast algorithms, which have several, leave none of them. */
static void check_nans(const char *line, const cubn_algo *algo, const line_problem *problem,
                       const data_set *set) {
  const bool is_fast = !strcmp(algo->name, "pipelined") || !strcmp(algo->name, "grid");
  for (int64_t c = 0; is_fast && c < line_channels(problem); ++c) {
    const int64_t count = line_values_per_channel(problem);
    int64_t like;
    if (is_nan_channel(problem, set, c, &like) &&
        !SUITE_CHECK(like == count, "%s: %s: %lld of %lld outputs of channel %lld are NAN", line,
                     algo->name, (long long)like, (long long)count, (long long)c))
      return;
  }
}

static void compare_threads(const char *line, const cubn_algo *algo, const line_problem *problem,
                            const data_set *before) {
  static const char *const counts[] = {"2", "3", "4", "7"};
  data_set alone, shared;
  const bool accepted = call_with("1", algo, problem, before, &alone);
  if (accepted) check_nans(line, algo, problem, &alone);
  for (size_t i = 0; accepted && i < COUNT_OF(counts); ++i) {
    char report[256] = "";
    call_with(counts[i], algo, problem, before, &shared);
    SUITE_CHECK(compare_equal(problem, &alone, problem, &shared, report, sizeof report),
                "%s: %s: with %s threads: %s", line, algo->name, counts[i], report);
    data_destroy(&shared);
  }
  data_destroy(&alone);
}

/* Strews NaN over the arrays from `first` to `last`, which are as in data.h. */
static void check_line(const char *line, int first, int last) {
  line_problem problem;
  data_set before;
  char report[512] = "";
  CU_ASSERT_PTR_NULL_FATAL(line_parse(line, &problem));
  if (!SUITE_CHECK(run_create(suite_handle(), &problem, &before, report, sizeof report), "%s: %s",
                   line, report))
    return;
  for (int array = first; array <= last; ++array)
    if (array != DATA_OUTPUT) strew(&before.arrays[array], array);
  for (const cubn_algo *const *algo = suite_handle()->backend->algos[problem.pass]; *algo; ++algo)
    compare_threads(line, *algo, &problem, &before);
  data_destroy(&before);
}

/* Sets all bits of every `step`-th element, so that rounding one unit up would make it a number. */
static void set_all_bits(data_array *array, int64_t step) {
  const size_t bytes = data_type_bytes(array->type);
  for (int64_t i = step / 2; array->block && i < array->extent; i += step)
    memset((char *)data_elements(array) + (size_t)i * bytes, 0xff, bytes);
}

/* Whether the same outputs are NaN. */
static bool are_alike(const line_problem *problem, const data_set *a, const data_set *b) {
  for (int64_t c = 0; c < line_channels(problem); ++c)
    for (line_walk w = line_walk_channel(problem, c); w.valid; line_walk_next(&w)) {
      const int64_t at = w.at[LINE_OUTPUT];
      if (!isnan(data_get(&a->arrays[a->output], at)) !=
          !isnan(data_get(&b->arrays[b->output], at)))
        return false;
    }
  return true;
}

/* No NaN becomes a number, whatever its bits: all algorithms agree with the last one, which is
 * plain. */
static void check_payload(const char *line) {
  line_problem problem;
  data_set before, plain, fast;
  char report[512] = "";
  const cubn_algo *const *algo, *const *last;
  CU_ASSERT_PTR_NULL_FATAL(line_parse(line, &problem));
  CU_ASSERT_FATAL(run_create(suite_handle(), &problem, &before, report, sizeof report));
  if (problem.pass == LINE_INFER) set_all_bits(&before.arrays[DATA_X], 997);
  for (int array = DATA_SCALE; array <= DATA_SAVED_INV_STD; ++array)
    set_all_bits(&before.arrays[array], 17 + array);
  for (last = suite_handle()->backend->algos[problem.pass]; last[1];) ++last;
  CU_ASSERT(call_with("2", *last, &problem, &before, &plain));
  for (algo = suite_handle()->backend->algos[problem.pass]; algo < last; ++algo) {
    call_with("2", *algo, &problem, &before, &fast);
    SUITE_CHECK(are_alike(&problem, &plain, &fast), "%s: %s: NaN became a number", line,
                (*algo)->name);
    data_destroy(&fast);
  }
  data_destroy(&plain);
  data_destroy(&before);
}

static void test_payloads(void) {
  for (size_t i = 0; i < COUNT_OF(payloads); ++i) check_payload(payloads[i]);
}

static void test_threads(void) {
  char *const old = getenv("CUBN_THREADS") ? strdup(getenv("CUBN_THREADS")) : NULL;
  char line[160];
  size_t turn = 0;
  for (size_t s = 0; s < COUNT_OF(shapes); ++s)
    for (size_t t = 0; t < COUNT_OF(types); ++t)
      for (size_t c = 0; c < COUNT_OF(calls); ++c)
        for (size_t d = 0; d < COUNT_OF(data); ++d) {
          if (!suite_all_cases() && d != (s + t + c) % COUNT_OF(data)) continue;
          snprintf(line, sizeof line, "%s %s %s %s %s data=%s", calls[c][0], shapes[s][0], types[t],
                   shapes[s][1], calls[c][1], data[d]);
          check_line(line, DATA_X, turn++ % 2 ? DATA_Z : DATA_X - 1);
        }
  for (size_t i = 0; i < COUNT_OF(parameters); ++i) check_line(parameters[i], DATA_SCALE, DATA_VAR);
  if (old) setenv("CUBN_THREADS", old, 1);
  free(old);
}

void test_nan_bits_suites(void) {
  static const suite_test tests[] = {
      {"numbers of threads", test_threads}, {"payloads", test_payloads}, {NULL, NULL}};
  suite_add("bits of NaN", SUITE_CPU, tests);
}
