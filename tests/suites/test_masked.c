/* Padding: what masks and lengths exclude takes no part. In the data it is NaN. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kit/run_algo.h"
#include "suites/support/expect_error.h"
#include "suites/support/masked_lines.h"
#include "suites/support/suite.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* ---- Every algorithm agrees with the oracle ---- */
static void run_rows(const line_problem *problem, const char *line) {
  const cubn_algo *const *row = suite_handle()->backend->algos[problem->pass];
  int passed = 0;
  for (; *row; ++row) {
    data_set before, after;
    char report[1024];
    const algo_outcome outcome =
        run_algo(suite_handle(), *row, problem, &before, &after, NULL, report, sizeof report);
    data_destroy(&before);
    data_destroy(&after);
    passed += outcome == ALGO_PASSED;
    SUITE_CHECK(outcome != ALGO_FAILED, "%s: %s", (*row)->name, report);
  }
  SUITE_CHECK(passed > 0, "no algorithm takes %s", line);
}

static void run_list(const char *const list[], size_t count) {
  for (size_t i = 0; i < count; ++i) {
    line_problem problem;
    const char *const wrong = line_parse(list[i], &problem);
    if (SUITE_CHECK(!wrong, "%s: %s", list[i], wrong)) run_rows(&problem, list[i]);
  }
}

static void test_lines(void) {
  run_list(masked_lines, masked_line_count);
}

static void test_longer_lines(void) {
  run_list(masked_long_lines, masked_long_line_count);
  run_list(masked_scattered_lines, masked_scattered_line_count);
}

/* ---- A call on the batch without its padding ---- */
typedef struct call {
  line_problem problem;
  data_set before, after;
} call;

static bool make_call(call *c, cubnHandle_t handle) {
  run_context run;
  if (!data_copy(&c->before, &c->after) ||
      !expect_success(run_open(&run, handle, &c->problem, &c->before), "open"))
    return false;
  const bool good = expect_success(run_call(&run), "the call") &&
                    expect_success(run_download(&run, &c->after), "download");
  run_close(&run);
  return good;
}

static void destroy(call *c) {
  data_destroy(&c->before);
  data_destroy(&c->after);
}

/* Copies the elements of whole valid samples between a masked call and the one without padding. */
static void copy_samples(const call *masked, data_set *of_masked, const call *dense,
                         data_set *of_dense, int array, bool to_dense) {
  data_array *const a = &of_masked->arrays[array], *const b = &of_dense->arrays[array];
  const int tensor = data_line_tensor(array);
  const int64_t channels = line_channels(&dense->problem);
  for (int64_t c = 0; c < channels && a->block && b->block; ++c) {
    line_walk v = line_walk_channel(&dense->problem, c);
    line_walk w = line_walk_channel(&masked->problem, c);
    for (; w.valid && v.valid; line_walk_next(&w), line_walk_next(&v)) {
      if (to_dense)
        data_set_value(b, v.at[tensor], data_get(a, w.at[tensor]));
      else
        data_set_value(a, w.at[tensor], data_get(b, v.at[tensor]));
    }
    CU_ASSERT(!w.valid && !v.valid);
  }
}

static void copy_params(const data_set *from, data_set *to) {
  for (int a = DATA_TENSORS; a < DATA_CHANNELS_END; ++a)
    if (data_has(from, a) && data_has(to, a))
      memcpy(to->arrays[a].block, from->arrays[a].block, from->arrays[a].block_bytes);
}

/* The results of the dense call, put where the masked one has its valid elements, are right for the
 * oracle of the masked one: so masks mean what they say. */
static void check_dense(const char *line, const char *dense_line) {
  call masked = {0}, dense = {0};
  char report[512] = "";
  CU_ASSERT_FATAL(!line_parse(line, &masked.problem) && !line_parse(dense_line, &dense.problem));
  const int64_t images = line_valid_values(&masked.problem, 0) /
                         (line_values_per_channel(&dense.problem) / dense.problem.dims[0]);
  dense.problem.dims[0] = images;
  CU_ASSERT_FATAL(images > 1);
  if (SUITE_CHECK(
          run_create(suite_handle(), &masked.problem, &masked.before, report, sizeof report),
          "%s: %s", line, report) &&
      data_create(&dense.problem, &dense.before)) {
    for (int a = 0; a < DATA_TENSORS; ++a)
      copy_samples(&masked, &masked.before, &dense, &dense.before, a, true);
    copy_params(&masked.before, &dense.before);
    if (make_call(&masked, suite_handle()) && make_call(&dense, suite_handle())) {
      copy_samples(&masked, &masked.after, &dense, &dense.after, DATA_OUTPUT, false);
      copy_params(&dense.after, &masked.after);
      const compare_result result =
          compare_outputs(&masked.problem, &masked.before, &masked.after, 1);
      compare_describe(&result, report, sizeof report);
      SUITE_CHECK(!result.failures, "%s: %s", line, report);
    }
  }
  destroy(&masked);
  destroy(&dense);
}

static void test_dense(void) {
  check_dense("train nchw f32 n9c5h6w7 maskn", "train nchw f32 n9c5h6w7");
  check_dense("train nhwc f64 n9c5h6w7 maskn mean=1e3", "train nhwc f64 n9c5h6w7");
  check_dense("train nc f32 n99c5 mask", "train nc f32 n99c5");
  check_dense("train ncw f32 n9c5w1 lengths=2", "train ncw f32 n9c5w1");
  check_dense("backward nchw f32 n9c5h6w7 maskn", "backward nchw f32 n9c5h6w7");
  check_dense("backward nc f64 n99c5 mask nosaved", "backward nc f64 n99c5 nosaved");
}

/* ---- The number of threads does not matter ---- */
static void test_threads(void) {
  static const char *const large[] = {"train nchw f64 n8c3h64w65 mask data=spread",
                                      "train nhwc f64 n8c40h32w33 lengths=3 data=spread",
                                      "backward nhwc f64 n16c12h32w33 mask nosaved data=spread",
                                      "backward ncw f64 n16c3w999 lengths=2 keep data=spread",
                                      "train nchw f32 n4c64h64w65 mask data=spread low",
                                      "train nhwc f32 n16c40h32w33 mask data=spread low",
                                      "train nhwc f32 n64c600h4w4 mask data=spread low",
                                      "train nhwc f32 n64c600h4w4 mask valid=0.95 data=spread low",
                                      "backward nchw f32 n16c12h32w33 mask keep nosaved",
                                      "train nchw bf16 n16c3h64w65 mask data=spread",
                                      "train nchw f32 n64c64h7w7 mask data=spread low",
                                      "train nchw f32 n64c5h7w7 mask data=spread low",
                                      "backward nhwc f32 n16c64h32w33 mask data=spread"};
  for (size_t i = 0; i < COUNT_OF(large); ++i) {
    call calls[2] = {{.problem.rank = 0}};
    char report[512] = "";
    bool good = true;
    for (int k = 0; k < 2; ++k) {
      cubnHandle_t handle;
      setenv("CUBN_THREADS", k ? "3" : "1", 1);
      CU_ASSERT(!line_parse(large[i], &calls[k].problem));
      expect_success(cubnCreateOnDevice(&handle, "cpu"), "create");
      unsetenv("CUBN_THREADS");
      good = run_create(handle, &calls[k].problem, &calls[k].before, report, sizeof report) &&
             make_call(&calls[k], handle) && good;
      expect_success(cubnDestroy(handle), "destroy");
    }
    SUITE_CHECK(good && compare_equal(&calls[0].problem, &calls[0].after, &calls[1].problem,
                                      &calls[1].after, report, sizeof report),
                "%s: %s", large[i], report);
    destroy(&calls[0]);
    destroy(&calls[1]);
  }
}

void test_masked_suites(void) {
  static const suite_test tests[] = {
      {"every algorithm", test_lines}, {"a batch without its padding", test_dense}, {NULL, NULL}};
  static const suite_test cpu_tests[] = {
      {"spans", test_longer_lines}, {"threads", test_threads}, {NULL, NULL}};
  suite_add("masked", SUITE_DEVICES, tests);
  suite_add("masked on the CPU", SUITE_CPU, cpu_tests);
}
