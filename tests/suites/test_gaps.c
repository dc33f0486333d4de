/* Tensors with gaps in memory, or in another order than x, on the CPU: the fast algorithms find the
 * bits of packed tensors with the same values. Gaps are NaN, and stay as they are. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/handle.h"
#include "cpu/common/device.h"
#include "kit/run_line.h"
#include "suites/support/suite.h"

enum { RANK = 4 };

/* Strides of one tensor, all 0 if `step` is: the order of the dimensions, slowest first; by how
 * many elements each is longer in memory than its size, in that order; and the distance of the
 * fastest one's elements. */
typedef struct form {
  const char *order;
  int64_t pads[RANK];
  int64_t step;
} form;

/* The forms of x, output, dy and z. */
typedef struct variant {
  const char *name;
  form forms[LINE_TENSORS];
} variant;

#define PACKED \
  { "nchw", {0, 0, 0, 0}, 1 }
#define LAST \
  { "nhwc", {0, 0, 0, 0}, 1 }
#define ALL(...) \
  { __VA_ARGS__, __VA_ARGS__, __VA_ARGS__, __VA_ARGS__ }

/* The second dimension of a form is padded by whole images: every second one, or a slice of the
 * channels of a wider tensor. */
static const variant rows_variants[] = {
    {"slices of channels", ALL({"nchw", {0, 3, 0, 0}, 1})},
    {"a slice of x", {{"nchw", {0, 3, 0, 0}, 1}, PACKED, PACKED, PACKED}},
    {"slices of different tensors",
     {{"nchw", {0, 3, 0, 0}, 1}, {"nchw", {0, 1, 0, 0}, 1}, PACKED, {"nchw", {0, 2, 0, 0}, 1}}},
    {"every second channel", {PACKED, PACKED, {"nchw", {0, 0, 20, 0}, 1}, PACKED}},
    {"crops", ALL({"nchw", {0, 0, 2, 2}, 1})},
    {"a crop of x", {{"nchw", {0, 0, 0, 5}, 1}, PACKED, PACKED, PACKED}},
    {"crops of different tensors",
     {{"nchw", {0, 0, 2, 2}, 1}, {"nchw", {0, 1, 0, 3}, 1}, {"nchw", {0, 0, 1, 1}, 1}, PACKED}},
    {"every second value", ALL({"nchw", {0, 0, 0, 0}, 2})},
    {"dy channels last", {PACKED, PACKED, LAST, PACKED}},
    {"one dy for all", {PACKED, PACKED, {"nchw", {0, 0, 0, 0}, 0}, PACKED}},
    {"output channels last", {PACKED, LAST, PACKED, PACKED}},
    {"z channels last", {PACKED, PACKED, PACKED, LAST}},
    {"all but x channels last, cropped",
     {{"nchw", {0, 1, 0, 0}, 1}, LAST, {"nhwc", {0, 0, 1, 2}, 1}, {"nhwc", {0, 1, 0, 0}, 1}}},
    {"images are the fastest",
     {PACKED, {"chwn", {0, 0, 0, 0}, 1}, {"hwcn", {0, 0, 0, 1}, 1}, LAST}},
};

static const variant columns_variants[] = {
    {"slices of channels", ALL({"nhwc", {0, 0, 0, 7}, 1})},
    {"a slice of x", {{"nhwc", {0, 0, 0, 7}, 1}, LAST, LAST, LAST}},
    {"slices of different tensors",
     {{"nhwc", {0, 0, 0, 8}, 1}, {"nhwc", {0, 0, 0, 16}, 1}, LAST, {"nhwc", {0, 0, 0, 1}, 1}}},
    {"crops", ALL({"nhwc", {0, 2, 2, 0}, 1})},
    {"a crop of x", {{"nhwc", {0, 0, 1, 0}, 1}, LAST, LAST, LAST}},
    {"every second value", ALL({"nhwc", {0, 0, 0, 0}, 2})},
    {"all but x channels first", {LAST, PACKED, PACKED, PACKED}},
    {"dy channels first", {LAST, LAST, PACKED, LAST}},
    {"one dy for all", {LAST, LAST, {"nchw", {0, 0, 0, 0}, 0}, LAST}},
    {"all but x channels first, cropped",
     {{"nhwc", {0, 1, 0, 1}, 1}, PACKED, {"nchw", {0, 0, 0, 2}, 1}, {"nchw", {0, 1, 0, 0}, 1}}},
};

/* The options of the calls, and the sizes: long runs and short ones, whole vectors and not. */
static const char *const calls[] = {"train %s",
                                    "infer %s",
                                    "backward %s",
                                    "train %s inplace",
                                    "backward %s inplace",
                                    "backward %s inplace_x nosaved",
                                    "train %s relu",
                                    "backward %s relu",
                                    "train %s add_relu",
                                    "backward %s add_relu",
                                    "infer %s add_leaky beta=0.5",
                                    "backward %s add_gelu",
                                    "backward %s swish inplace",
                                    "train %s add_tanh",
                                    "backward %s frozen add alpha=2 beta=1",
                                    "infer %s add_relu beta=0.5 inplace",
                                    "backward %s relu beta=2 inplace",
                                    "backward %s data=outlier mean=1e3 sums",
                                    "train %s std=1e-30 data=spread",
                                    "infer %s std=1e-30 relu"};
static const char *const rows_sizes[] = {"n5c5h24w24", "n9c18h5w7", "n4c3h21w23", "n1c3h48w48"};
static const char *const columns_sizes[] = {"n5c40h5w6", "n3c600h2w3", "n40c5h3w3"};
static const char *const types[] = {"f32", "f16", "f64", "bf16"};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static void set_strides(line_problem *problem, int tensor, const form *form) {
  int64_t stride = form->step;
  for (int i = RANK - 1; i >= 0; --i) {
    const int dimension = (int)(strchr("nchw", form->order[i]) - "nchw");
    problem->strides[tensor][dimension] = stride;
    stride *= problem->dims[dimension] + form->pads[i];
  }
}

/* Tensors in place take the form of the one whose memory they have. What is written is not one
 * element. */
static void set_forms(line_problem *problem, const variant *variant) {
  const bool in_dy = problem->pass == LINE_BACKWARD && problem->in_place;
  const bool in_x = problem->in_place_x || (problem->in_place && !in_dy);
  for (int t = 0; t < LINE_TENSORS; ++t) {
    int from = t == LINE_OUTPUT && in_x ? LINE_X : t == LINE_OUTPUT && in_dy ? LINE_DY : t;
    if (in_dy && variant->forms[from].step == 0) from = LINE_OUTPUT;
    set_strides(problem, t, &variant->forms[from]);
  }
}

static bool has_tensor(const line_problem *problem, int tensor) {
  const bool backward = problem->pass == LINE_BACKWARD;
  if (tensor == LINE_DY) return backward;
  if (tensor == LINE_Z) return backward ? line_has_dz(problem) : problem->adds;
  return tensor == LINE_X || line_has_output(problem);
}

/* Whether all fast algorithms refuse the mask, see docs/CPU_BACKEND.md. */
static bool is_refused(const line_problem *problem) {
  const int64_t run = problem->dims[2] * problem->dims[3];
  if (run % 8 == 0 || run < 384 || line_reserve_kind(problem) != LINE_RESERVE_MASK) return false;
  for (int t = LINE_OUTPUT; t < LINE_TENSORS; ++t)
    if (has_tensor(problem, t) && problem->strides[t][3] != 1) return true;
  return false;
}

static void expect_same(cubnHandle_t handle, const line_problem *packed, const data_set *wanted,
                        const line_problem *problem, const char *name) {
  data_set before, after;
  char report[1024], line[256];
  line_format(problem, line, sizeof line);
  if (SUITE_CHECK(run_line_keep(handle, problem, &before, &after, NULL, report, sizeof report),
                  "%s: %s", name, report)) {
    /* Some values depend on where they are in memory. */
    const bool has_own_prior = problem->beta != 0 && !problem->in_place;
    if (has_own_prior || problem->strides[LINE_DY][0] == 0) {
    } else if (is_refused(problem)) {
      SUITE_CHECK(!strcmp(handle->last_algo->name, "strided"), "%s: %s: accepted", name, line);
    } else {
      SUITE_CHECK(compare_equal(packed, wanted, problem, &after, report, sizeof report),
                  "%s: %s: differs from packed: %s", name, line, report);
      SUITE_CHECK(strcmp(handle->last_algo->name, "strided"), "%s: %s: plain", name, line);
    }
  }
  data_destroy(&before);
  data_destroy(&after);
}

/* Runs the packed line, and some of its variants, `first` and every step-th. */
static void run_variants(cubnHandle_t handle, const char *text, const variant *variants,
                         size_t count, size_t first, size_t step) {
  line_problem packed;
  data_set before, after;
  char report[1024];
  const char *wrong = line_parse(text, &packed);
  if (!SUITE_CHECK(!wrong, "%s: %s", text, wrong)) return;
  if (SUITE_CHECK(run_line_keep(handle, &packed, &before, &after, NULL, report, sizeof report),
                  "%s", report))
    for (size_t v = first; v < count; v += step) {
      line_problem problem = packed;
      set_forms(&problem, &variants[v]);
      expect_same(handle, &packed, &after, &problem, variants[v].name);
    }
  data_destroy(&before);
  data_destroy(&after);
}

/* All calls with all variants; sizes and types take turns, or every combination occurs. */
static void run_all(cubnHandle_t handle, const char *layout, const char *const sizes[],
                    size_t size_count, const variant *variants, size_t count) {
  for (size_t i = 0; i < COUNT_OF(calls); ++i)
    for (size_t t = 0; t < COUNT_OF(types); ++t)
      for (size_t k = 0; k < size_count; ++k) {
        char tensors[64], text[128];
        const bool all = suite_all_cases();
        if (!all && ((i + t) % size_count != k || (i + t / 2) % 2)) continue;
        snprintf(tensors, sizeof tensors, "%s %s %s", layout, types[t], sizes[k]);
        snprintf(text, sizeof text, calls[i], tensors);
        run_variants(handle, text, variants, count, all ? 0 : (i + t) % COUNT_OF(types),
                     all ? 1 : COUNT_OF(types));
      }
}

static void test_rows(void) {
  run_all(suite_handle(), "nchw", rows_sizes, COUNT_OF(rows_sizes), rows_variants,
          COUNT_OF(rows_variants));
}

static void test_columns(void) {
  run_all(suite_handle(), "nhwc", columns_sizes, COUNT_OF(columns_sizes), columns_variants,
          COUNT_OF(columns_variants));
}

/* Large enough for several threads. */
static const char *const rows_lines[] = {"train nchw f64 n9c40h20w20 data=spread",
                                         "backward nchw f64 n4c3h100w120 data=spread",
                                         "infer nchw f32 n4c66h16w32 add_relu data=spread",
                                         "backward nchw f64 n40c80h6w7 nosaved data=spread"};
static const char *const columns_lines[] = {"train nhwc f64 n9c40h20w20 add_relu data=spread",
                                            "backward nhwc f64 n4c600h8w8 data=spread"};

/* Three threads against one: packed tensors have the same bits on both. */
static void test_threads(void) {
  cubnHandle_t handle = NULL;
  setenv("CUBN_THREADS", "3", 1);
  CU_ASSERT_EQUAL(cubnCreateOnDevice(&handle, suite_device()), CUBN_STATUS_SUCCESS);
  unsetenv("CUBN_THREADS");
  if (!handle) return;
  for (size_t i = 0; i < COUNT_OF(rows_lines); ++i)
    run_variants(handle, rows_lines[i], rows_variants, COUNT_OF(rows_variants), i,
                 COUNT_OF(rows_lines));
  for (size_t i = 0; i < COUNT_OF(columns_lines); ++i)
    run_variants(handle, columns_lines[i], columns_variants, COUNT_OF(columns_variants), i,
                 2 * COUNT_OF(columns_lines));
  CU_ASSERT_EQUAL(cubnDestroy(handle), CUBN_STATUS_SUCCESS);
}

/* Runs in parts whose masks are whole bytes, or not. */
static const char *const large_sizes[] = {"n5c2h40w56", "n5c17h13w40", "n1c2h13w600"};

/* Small tensors as if they were larger than the caches: non-temporal stores, and prefetching. */
static void test_large(void) {
  cubnHandle_t handle = NULL;
  CU_ASSERT_EQUAL(cubnCreateOnDevice(&handle, suite_device()), CUBN_STATUS_SUCCESS);
  if (!handle) return;
  handle->device->machine.llc_bytes = 4096;
  run_all(handle, "nchw", large_sizes, COUNT_OF(large_sizes), rows_variants,
          COUNT_OF(rows_variants));
  CU_ASSERT_EQUAL(cubnDestroy(handle), CUBN_STATUS_SUCCESS);
}

void test_gaps_suites(void) {
  static const suite_test tests[] = {{"rows with gaps", test_rows},
                                     {"columns with gaps", test_columns},
                                     {"threads with gaps", test_threads},
                                     {"large tensors with gaps", test_large},
                                     {NULL, NULL}};
  suite_add("gaps", SUITE_CPU, tests);
}
