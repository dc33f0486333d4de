/* cubnBatchNormDoubleBackward: its results against the formulas in long double. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suites/support/double_case.h"
#include "suites/support/expect_error.h"

static const double_case plain = {.type = CUBN_DATA_FLOAT,
                                  .dims = {3, 4, 5, 2},
                                  .mode = CUBN_BATCHNORM_SPATIAL,
                                  .epsilon = 1e-3,
                                  .means = {2, -1, 0.5},
                                  .seed = 1};

/* ---- Results ---- */
static bool run_case(const double_case *c, const char *what) {
  double_run run;
  double_open(&run, suite_handle(), c);
  const bool good =
      expect_success(cubnBatchNormDoubleBackward(suite_handle(), run.descriptor, &run.call),
                     what) &&
      double_check(&run, what);
  double_close(&run);
  return good;
}

/* Saved statistics with their low part, without it, none, and both kinds of given ones. */
enum { KINDS = 5 };
static void set_statistics(double_case *c, int kind) {
  c->statistics = kind == 3   ? CUBN_STATISTICS_GIVEN
                  : kind == 4 ? CUBN_STATISTICS_GIVEN_INV_STD
                              : CUBN_STATISTICS_BATCH;
  c->absent[DOUBLE_MEAN] = c->absent[DOUBLE_INV_STD] = kind == 2;
  c->absent[DOUBLE_MEAN_LOW] = kind == 1 || kind == 2;
}

static void test_types(void) {
  static const cubnDataType_t types[] = {CUBN_DATA_FLOAT, CUBN_DATA_DOUBLE, CUBN_DATA_HALF,
                                         CUBN_DATA_BFLOAT16};
  for (int i = 0; i < 4 * KINDS * (DOUBLE_ORDERS + 1) * 2; ++i) {
    double_case c = plain;
    char what[96];
    const int kind = i / 4 % KINDS, order = i / 4 / KINDS % (DOUBLE_ORDERS + 1);
    c.type = types[i % 4];
    c.mode = i % 7 < 2 ? CUBN_BATCHNORM_PER_ACTIVATION : CUBN_BATCHNORM_SPATIAL;
    c.seed = (unsigned)i + 1;
    set_statistics(&c, kind);
    for (int a = 0; a < DOUBLE_TENSORS; ++a)
      c.order[a] = (double_order)(order < DOUBLE_ORDERS ? order : (a + i) % DOUBLE_ORDERS);
    snprintf(what, sizeof what, "type %d, statistics %d, order %d, mode %d", (int)c.type, kind,
             order, (int)c.mode);
    if (!run_case(&c, what)) return;
  }
}

static int64_t next(unsigned *state, int64_t below) {
  *state = *state * 1664525U + 1013904223U;
  return (int64_t)(*state >> 8) % below;
}

static void test_random(void) {
  unsigned state = 7;
  for (int i = 0; i < 60; ++i) {
    double_case c = plain;
    char what[96];
    c.seed = state;
    c.type = i % 3 == 0 ? CUBN_DATA_DOUBLE : CUBN_DATA_FLOAT;
    c.dims[0] = 1 + next(&state, i % 5 == 0 ? 40 : 4);
    c.dims[1] = 1 + next(&state, i % 5 == 1 ? 300 : 20);
    c.dims[2] = 1 + next(&state, i % 5 == 2 ? 50 : 4);
    c.dims[3] = 1 + next(&state, i % 5 == 3 ? 90 : 9);
    c.mode = i % 6 == 5 ? CUBN_BATCHNORM_PER_ACTIVATION : CUBN_BATCHNORM_SPATIAL;
    set_statistics(&c, (int)next(&state, KINDS));
    const double_order order = (double_order)next(&state, DOUBLE_ORDERS);
    for (int a = 0; a < DOUBLE_TENSORS; ++a)
      c.order[a] = i % 2 ? order : (double_order)next(&state, DOUBLE_ORDERS);
    if (i % 4 == 3) c.order[i / 4 % DOUBLE_TENSORS] = DOUBLE_WIDE; /* one unlike the others */
    snprintf(what, sizeof what, "random %d: %d x %d x %d x %d", i, (int)c.dims[0], (int)c.dims[1],
             (int)c.dims[2], (int)c.dims[3]);
    if (!run_case(&c, what)) return;
  }
}

/* One channel of many values, which several threads or blocks share, and many of few. */
static void test_large(void) {
  static const int64_t dims[][4] = {{5, 2, 90, 70}, {600, 70, 1, 1}, {2, 40, 30, 31}};
  for (int i = 0; i < 6; ++i) {
    double_case c = plain;
    memcpy(c.dims, dims[i / 2], sizeof c.dims);
    set_statistics(&c, i % KINDS);
    for (int a = 0; a < DOUBLE_TENSORS; ++a) c.order[a] = i % 2 ? DOUBLE_NHWC : DOUBLE_NCHW;
    char what[64];
    snprintf(what, sizeof what, "large %d", i);
    if (!run_case(&c, what)) return;
  }
}

/* Deviations of 1 about means, of all three inputs, whose squares leave no digits to them. */
static void test_large_means(void) {
  for (int i = 0; i < 2 * KINDS; ++i) {
    double_case c = plain;
    c.type = i < KINDS ? CUBN_DATA_DOUBLE : CUBN_DATA_FLOAT;
    c.means[DOUBLE_X] = i < KINDS ? 1e9 : 3e4;
    c.means[DOUBLE_DY] = i < KINDS ? 1e8 : 1e5;
    c.means[DOUBLE_DDX] = i < KINDS ? -3e8 : -3e5;
    set_statistics(&c, i % KINDS);
    char what[64];
    snprintf(what, sizeof what, "large means, type %d, statistics %d", (int)c.type, i % KINDS);
    if (!run_case(&c, what)) return;
  }
}

static void test_absent(void) {
  static const int arrays[] = {DOUBLE_DDX, DOUBLE_SCALE, DOUBLE_DDSCALE, DOUBLE_DDBIAS,
                               DOUBLE_GX,  DOUBLE_DDY,   DOUBLE_GSCALE};
  for (int i = 0; i < 256; ++i) {
    double_case c = plain;
    for (int a = 0; a < 7; ++a) c.absent[arrays[a]] = i >> a & 1;
    if ((i >> 4 & 7) == 7) continue; /* nothing wanted */
    const int kind = i >> 7 ? 3 : 0;
    set_statistics(&c, kind);
    char what[64];
    snprintf(what, sizeof what, "absent %02x, statistics %d", (unsigned)i & 127, kind);
    if (!run_case(&c, what)) return;
  }
}

static void test_in_place(void) {
  for (int i = 0; i < 16 * 2; ++i) {
    const int gx = i % 4, ddy = i / 4 % 4; /* DOUBLE_X, DOUBLE_DY, DOUBLE_DDX or none */
    double_case c = plain;
    if (gx == ddy && gx < 3) continue;
    c.dims[2] = 40;
    c.dims[3] = 30;
    c.in_place[DOUBLE_GX] = gx < 3;
    c.in_place[DOUBLE_DDY] = ddy < 3;
    c.home[DOUBLE_GX] = gx;
    c.home[DOUBLE_DDY] = ddy;
    for (int a = 0; a < DOUBLE_TENSORS; ++a) c.order[a] = (double_order)((i / 16 * (a + 1)) % 4);
    char what[64];
    snprintf(what, sizeof what, "gx in %d, ddy in %d", gx, ddy);
    if (!run_case(&c, what)) return;
  }
}

/* Whatever epsilon is, down to 0. */
static void test_epsilons(void) {
  static const double epsilons[] = {0, 1e-300, 1e-78, 1e-45, 1e-12, 1, 1e38, 1e78, 1e300};
  for (int i = 0; i < 9 * 2 * KINDS; ++i) {
    double_case c = plain;
    char what[64];
    c.epsilon = epsilons[i % 9];
    c.type = i / 9 % 2 ? CUBN_DATA_DOUBLE : CUBN_DATA_FLOAT;
    set_statistics(&c, i / 18);
    snprintf(what, sizeof what, "epsilon %g, type %d, statistics %d", c.epsilon, (int)c.type,
             i / 18);
    if (!run_case(&c, what)) return;
  }
}

/* gscale of no values is 0. */
static void test_empty(void) {
  double_case c = plain;
  double_run run;
  c.dims[0] = 0;
  double_open(&run, suite_handle(), &c);
  expect_success(cubnBatchNormDoubleBackward(suite_handle(), run.descriptor, &run.call), "empty");
  float *const gscale = (float *)(void *)double_download(&run, DOUBLE_GSCALE);
  for (int64_t i = 0; i < run.channels; ++i)
    SUITE_CHECK(gscale[i] == 0, "gscale[%d] is %g", (int)i, (double)gscale[i]);
  free(gscale);
  run.call.gscale = NULL;
  expect_success(cubnBatchNormDoubleBackward(suite_handle(), run.descriptor, &run.call), "nothing");
  double_close(&run);
}

/* ---- The same bits ---- */
static void compare_with(const char *threads, const double_case *c, unsigned char *const *wanted) {
  cubnHandle_t handle;
  double_run run;
  setenv("CUBN_THREADS", threads, 1);
  const cubnStatus_t created = cubnCreateOnDevice(&handle, suite_device());
  unsetenv("CUBN_THREADS");
  if (!expect_success(created, "a handle")) return;
  double_open(&run, handle, c);
  expect_success(cubnBatchNormDoubleBackward(handle, run.descriptor, &run.call), threads);
  static const int outputs[] = {DOUBLE_GX, DOUBLE_DDY, DOUBLE_GSCALE};
  for (int i = 0; i < 3; ++i) {
    const double_array *const array = &run.arrays[outputs[i]];
    unsigned char *const got = double_download(&run, outputs[i]);
    SUITE_CHECK(memcmp(got, wanted[i], (size_t)array->extent * sizeof(float)) == 0,
                "array %d differs with %s threads", outputs[i], threads);
    free(got);
  }
  double_close(&run);
  CU_ASSERT(!cubnDestroy(handle));
}

static void test_same_bits(void) {
  static const int64_t dims[][4] = {{4, 3, 150, 100}, {9, 130, 12, 12}};
  for (int i = 0; i < 4; ++i) {
    double_case c = plain;
    double_run run;
    unsigned char *wanted[3];
    memcpy(c.dims, dims[i / 2], sizeof c.dims);
    set_statistics(&c, 2);
    for (int a = 0; a < DOUBLE_TENSORS; ++a) c.order[a] = i % 2 ? DOUBLE_NHWC : DOUBLE_NCHW;
    double_open(&run, suite_handle(), &c);
    expect_success(cubnBatchNormDoubleBackward(suite_handle(), run.descriptor, &run.call), "call");
    wanted[0] = double_download(&run, DOUBLE_GX);
    wanted[1] = double_download(&run, DOUBLE_DDY);
    wanted[2] = double_download(&run, DOUBLE_GSCALE);
    double_close(&run);
    compare_with("1", &c, wanted);
    compare_with("3", &c, wanted);
    compare_with("64", &c, wanted);
    for (int k = 0; k < 3; ++k) free(wanted[k]);
  }
}

void test_double_backward_suites(void) {
  static const suite_test tests[] = {{"types, orders and statistics", test_types},
                                     {"random shapes", test_random},
                                     {"large", test_large},
                                     {"large means", test_large_means},
                                     {"absent", test_absent},
                                     {"in place", test_in_place},
                                     {"epsilons", test_epsilons},
                                     {"empty", test_empty},
                                     {"same bits", test_same_bits},
                                     {NULL, NULL}};
  suite_add("double_backward", SUITE_DEVICES, tests);
}
