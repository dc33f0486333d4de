/* The same call gives the same bits: repeated, in place, at other addresses, under every schedule
 * of the emulator, and with every number of CPU threads. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/handle.h"
#include "kit/run_line.h"
#include "suites/support/suite.h"
#ifdef CUBN_TESTS_EMULATED
#include "emu/control.h"
#endif

static const char *const lines[] = {
    "train nchw f32 n4c5h31w33 mean=3 data=spread",
    "train nchw f16 n3c12h7w9 offset=1 data=spread",
    "train nhwc f32 n4c12h9w9 data=spread",
    "train nhwc bf16 n2c65h9w9 data=spread",
    "train nc f64 n100c7 data=spread",
    "train nchw f64 n3c2h95w97 data=spread",
    "backward nhwc f64 n6c35h15w16 data=spread",
    "train nhwc f32 n5c3h4w5 peract data=spread",
    "backward nchw f32 n4c5h31w33 mean=3 data=spread",
    "backward nhwc f16 n4c12h9w9 nosaved data=spread",
    "backward nc f32 n100c7 data=spread",
    "backward nchw f64 n2c3h30w30 data=nan",
    "infer nchw f32 n4c5h7w9 data=spread",
    "train nchw f16 n3c12h7w9 add_relu data=spread",
    "train nhwc f32 n4c12h9w9 gelu data=spread",
    "backward nchw f32 n4c5h31w33 relu mean=3 data=spread",
    "backward nhwc f16 n4c12h9w9 add_relu data=spread",
    "backward nchw bf16 n2c5h9w9 add_tanh data=spread",
    "infer nhwc f16 n2c12h9w9 add_relu data=spread",
    "train nhwc f32 n4c12h9w9 unbiased epsout eps=0.1 data=spread",
    "train nchw f16 n3c12h7w9 guard data=nan",
    "train nhwc bf16 n4c12h9w9 relu r_max=3 d_max=5 data=spread",
    "backward nhwc f16 n4c12h9w9 from_y data=spread",
    "backward nchw f32 n4c5h31w33 relu r_max=3 d_max=5 data=spread",
    "backward nhwc f32 n4c12h9w9 unbiased epsout eps=0.1 data=spread",
};

/* These are large enough that a CPU partitions channels and gives work to all threads. They are
 * f64, where another order of additions shows; the rounding to float would hide it. */
static const char *const large_lines[] = {
    "train nchw f64 n4c3h128w129 data=spread",
    "train nchw f64 n8c64h16w16 data=spread",
    "train nhwc f64 n16c8h64w65 data=spread",
    "train nc f64 n60000c3 data=spread",
    "train nc f64 n8c33001 data=spread",
    "backward nc f64 n4c33001 data=spread",
    "train nchw:nhwc f64 n4c3h128w129 data=spread",
    "backward nchw f64 n4c3h128w129 data=spread",
    "backward nhwc f64 n16c40h32w33 nosaved data=spread",
    "train nhwc f16 n16c8h64w65 data=spread",
    "train nchw f64 n4c3h64w65 add_swish data=spread",
    "backward nhwc f64 n16c12h32w33 relu nosaved data=spread",
};

/* With more workers than whole bytes of a mask row: two of them must not write one byte. */
static const char *const wide_lines[] = {
    "backward nc f32 n240c600 add_relu data=spread",
    "backward nhwc bf16 n6c520h7w7 add_relu data=spread",
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Runs the line with one row of the table; returns false if the row refuses. */
static bool run_row(cubnHandle_t handle, const line_problem *problem, const cubn_algo *row,
                    data_set *before, data_set *after) {
  char report[1024];
  strcpy(handle->forced_algo, row->name);
  const bool passed = run_line_keep(handle, problem, before, after, NULL, report, sizeof report);
  SUITE_CHECK(passed, "%s: %s", row->name, report);
  handle->forced_algo[0] = 0;
  return handle->last_algo == row;
}

/* Runs the problem once more and compares with the first result. */
static void expect_same(cubnHandle_t handle, const line_problem *problem, const cubn_algo *row,
                        const line_problem *first_problem, const data_set *first,
                        const char *what) {
  data_set before, after;
  char line[256], report[512];
  line_format(problem, line, sizeof line);
  run_row(handle, problem, row, &before, &after);
  SUITE_CHECK(compare_equal(first_problem, first, problem, &after, report, sizeof report),
              "%s: %s: differs %s: %s", row->name, line, what, report);
  data_destroy(&before);
  data_destroy(&after);
}

typedef void variation(const line_problem *problem, const cubn_algo *row, const data_set *first);

/* Applies the variation to every line and every row that accepts it. */
static void for_each_row_of(const char *const list[], size_t count, variation *vary) {
  const cubnHandle_t handle = suite_handle();
  for (size_t i = 0; i < count; ++i) {
    line_problem problem;
    CU_ASSERT(line_parse(list[i], &problem) == NULL);
    for (const cubn_algo *const *row = handle->backend->algos[problem.pass]; *row; ++row) {
      data_set before, first;
      if (run_row(handle, &problem, *row, &before, &first)) vary(&problem, *row, &first);
      data_destroy(&before);
      data_destroy(&first);
    }
  }
}

static void for_each_row(variation *vary) {
  for_each_row_of(lines, COUNT_OF(lines), vary);
}

static void vary_nothing(const line_problem *problem, const cubn_algo *row, const data_set *first) {
  for (int repeat = 0; repeat < 3; ++repeat)
    expect_same(suite_handle(), problem, row, problem, first, "when repeated");
}

/* The same problem with these tensors in place. */
static void expect_same_in_place(const line_problem *problem, const cubn_algo *row,
                                 const data_set *first, bool is_x, bool is_z, bool is_zx) {
  line_problem other = *problem;
  char line[256];
  other.in_place = !is_x;
  other.in_place_x = is_x;
  other.in_place_z = is_z;
  other.in_place_zx = is_zx;
  if (is_z && problem->pass != LINE_BACKWARD) other.in_place = false;
  line_format(&other, line, sizeof line);
  expect_same(suite_handle(), &other, row, problem, first, line);
}

static void vary_place(const line_problem *problem, const cubn_algo *row, const data_set *first) {
  const bool backward = problem->pass == LINE_BACKWARD;
  expect_same_in_place(problem, row, first, false, false, backward && problem->adds);
  if (backward) expect_same_in_place(problem, row, first, true, problem->adds, false);
  if (!backward && problem->adds) expect_same_in_place(problem, row, first, false, true, false);
}

static void test_repeated(void) {
  for_each_row(vary_nothing);
}

static void test_in_place(void) {
  for_each_row(vary_place);
}

/* Moves the arrays by different multiples of `step_bytes`. */
static void expect_same_at(int64_t step_bytes, const line_problem *problem, const cubn_algo *row,
                           const data_set *first) {
  static const int64_t steps[LINE_TENSORS] = {1, 2, 3, 5};
  line_problem other = *problem;
  char line[256];
  const int64_t step = step_bytes / (int64_t)data_type_bytes(problem->type);
  for (int tensor = 0; tensor < LINE_TENSORS; ++tensor)
    other.offset[tensor] += steps[tensor] * step;
  other.param_offset += step_bytes / (int64_t)data_type_bytes(line_param_type(problem));
  line_format(&other, line, sizeof line);
  expect_same(suite_handle(), &other, row, problem, first, line);
}

/* On a GPU what lies between two multiples of 16 bytes decides how tensors are read. */
static void vary_address(const line_problem *problem, const cubn_algo *row, const data_set *first) {
  expect_same_at(16, problem, row, first);
  expect_same_at(48, problem, row, first);
}

/* A CPU adds alike wherever the arrays are. */
static void vary_element(const line_problem *problem, const cubn_algo *row, const data_set *first) {
  expect_same_at((int64_t)data_type_bytes(problem->type), problem, row, first);
}

static void test_addresses(void) {
  for_each_row(vary_address);
}

static void test_alignments(void) {
  for_each_row(vary_element);
  for_each_row_of(large_lines, COUNT_OF(large_lines), vary_element);
}

/* CUBN_THREADS is read when a handle is created. */
static void expect_same_with(const char *threads, const line_problem *problem, const cubn_algo *row,
                             const data_set *first) {
  cubnHandle_t handle = NULL;
  char what[32];
  snprintf(what, sizeof what, "with %s threads", threads);
  setenv("CUBN_THREADS", threads, 1);
  SUITE_CHECK(cubnCreateOnDevice(&handle, "cpu") == CUBN_STATUS_SUCCESS, "%s", what);
  unsetenv("CUBN_THREADS");
  if (handle) expect_same(handle, problem, row, problem, first, what);
  CU_ASSERT(cubnDestroy(handle) == CUBN_STATUS_SUCCESS);
}

static void vary_threads(const line_problem *problem, const cubn_algo *row, const data_set *first) {
  static const char *const counts[] = {"1", "2", "3", "7"};
  for (size_t i = 0; i < COUNT_OF(counts); ++i) expect_same_with(counts[i], problem, row, first);
}

static void vary_many_threads(const line_problem *problem, const cubn_algo *row,
                              const data_set *first) {
  expect_same_with("1", problem, row, first);
  expect_same_with("64", problem, row, first);
}

static void test_threads(void) {
  char *const old = getenv("CUBN_THREADS") ? strdup(getenv("CUBN_THREADS")) : NULL;
  for_each_row(vary_threads);
  for_each_row_of(large_lines, COUNT_OF(large_lines), vary_threads);
  for_each_row_of(wide_lines, COUNT_OF(wide_lines), vary_many_threads);
  if (old) setenv("CUBN_THREADS", old, 1);
  free(old);
}

#ifdef CUBN_TESTS_EMULATED
enum { DEFAULT_WINDOW = 4 };

static void vary_schedule(const line_problem *problem, const cubn_algo *row,
                          const data_set *first) {
  static const unsigned windows[] = {1, 3, 16};
  for (unsigned i = 0; i < COUNT_OF(windows); ++i) {
    char what[64];
    snprintf(what, sizeof what, "with schedule %u and %u blocks at once", 11 + i, windows[i]);
    emu_set_seed(11 + i);
    emu_set_window(windows[i]);
    expect_same(suite_handle(), problem, row, problem, first, what);
  }
}

static void test_schedules(void) {
  for_each_row(vary_schedule);
  emu_set_window(DEFAULT_WINDOW);
  emu_set_seed(suite_seed());
}
#endif

void test_determinism_suites(void) {
  static const suite_test any[] = {
      {"again", test_repeated}, {"in place", test_in_place}, {"addresses", test_addresses}, {0}};
  static const suite_test cpu[] = {
      {"numbers of threads", test_threads}, {"alignments", test_alignments}, {0}};
  suite_add("determinism", SUITE_DEVICES, any);
  suite_add("determinism on CPUs", SUITE_CPU, cpu);
#ifdef CUBN_TESTS_EMULATED
  static const suite_test emulated[] = {{"schedules", test_schedules}, {0}};
  suite_add("determinism of schedules", SUITE_CUDA, emulated);
#endif
}
