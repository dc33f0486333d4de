/* Synchronized batch normalization: a batch that is divided into shares of different sizes, some of
 * them empty, gives what one call gives. The results of all ranks together are judged by the
 * oracle, with the tolerances of that call. */
#include <string.h>

#include "core/handle.h"
#include "suites/support/ranks.h"
#include "suites/support/suite.h"

static void judge(const ranks_batch *b, const ranks_part *whole, const char *algo) {
  char line[256], text[320];
  const compare_result result = compare_outputs(&whole->problem, &whole->before, &whole->after, 1);
  line_format(&whole->problem, line, sizeof line);
  compare_describe(&result, text, sizeof text);
  SUITE_CHECK(result.failures == 0, "%s: %s on %d ranks: %s", algo, line, b->count, text);
}

static const ranks_case cases[] = {
    {"nchw", "f32", "", 0},           {"nchw", "f32", "", 1e4},
    {"nhwc", "f32", "", 1e6},         {"nchw+1", "f32", "", 1e4},
    {"nchw", "f32", "relu", 1e4},     {"nhwc", "f32", "gelu", 10},
    {"nhwc", "f32", "add_relu", 1e6}, {"nchw+1", "f32", "relu", 1e6},
    {"nchw", "f16", "", 10},          {"nhwc", "f16", "add_relu", 0},
    {"nhwc", "bf16", "relu", 10},     {"nchw", "bf16", "add_tanh", 0},
    {"nchw", "f64", "", 1e6},         {"nhwc", "f64", "relu", 1e4},
};

static void check(const ranks_case *what, const int shares[], int count, const char *algo) {
  ranks_batch b;
  if (ranks_create(&b, what, shares, count) && ranks_run(&b)) {
    judge(&b, &b.forward, algo);
    judge(&b, &b.backward, algo);
  }
  ranks_destroy(&b);
}

/* Every case with every algorithm of backward first in all tables, and those of the other tables
 * where they have its name. */
static void check_all(const int shares[], int count) {
  const cubnHandle_t handle = suite_handle();
  for (const cubn_algo *const *row = handle->backend->algos[CUBN_PASS_BACKWARD]; *row; ++row) {
    strcpy(handle->forced_algo, (*row)->name);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i)
      check(&cases[i], shares, count, (*row)->name);
  }
  handle->forced_algo[0] = 0;
}

static void test_one(void) {
  check_all((const int[]){RANKS_IMAGES}, 1);
}

static void test_three(void) {
  check_all((const int[]){5, 0, 2}, 3);
}

static void test_five(void) {
  check_all((const int[]){0, 1, 3, 1, 2}, 5);
}

/* Variances pass through the parameters' type, which in double takes nothing from them. On one rank
 * the statistics then are those of one call of the same algorithm, and so is y with an activation,
 * for which all algorithms compute the pre-activation alike. */
static void test_same_bits(void) {
  static const ranks_case same[] = {
      {"nchw", "f64", "relu", 1e4}, {"nhwc", "f64", "gelu", 10}, {"nchw+1", "f64", "tanh", 1e6}};
  static const int arrays[] = {DATA_OUTPUT, DATA_SAVED_MEAN, DATA_SAVED_MEAN_LOW,
                               DATA_SAVED_INV_STD};
  strcpy(suite_handle()->forced_algo, "strided");
  for (size_t i = 0; i < sizeof same / sizeof *same; ++i) {
    ranks_batch b;
    data_set merged = {0};
    if (ranks_create(&b, &same[i], (const int[]){RANKS_IMAGES}, 1) && ranks_run(&b) &&
        data_copy(&b.forward.after, &merged) && ranks_run_part(&b.forward))
      for (size_t k = 0; k < sizeof arrays / sizeof *arrays; ++k) {
        const data_array *const got = &merged.arrays[arrays[k]];
        SUITE_CHECK(!memcmp(got->block, b.forward.after.arrays[arrays[k]].block, got->block_bytes),
                    "%s %s: %s differs from that of one call", same[i].layout, same[i].words,
                    data_array_name(&b.forward.problem, arrays[k]));
      }
    data_destroy(&merged);
    ranks_destroy(&b);
  }
  suite_handle()->forced_algo[0] = 0;
}

void test_synchronized_suites(void) {
  static const suite_test tests[] = {{"one rank", test_one},
                                     {"three ranks", test_three},
                                     {"five ranks", test_five},
                                     {"bits of one rank", test_same_bits},
                                     {NULL, NULL}};
  suite_add("synchronized", SUITE_DEVICES, tests);
}
