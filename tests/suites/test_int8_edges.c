/* cubnBatchNormForwardInt8 with epsilon from 0 to 1e300, and variances of about 1 and of 0. */
#include <stdio.h>
#include <string.h>

#include "suites/support/expect_error.h"
#include "suites/support/int8_case.h"

void test_int8_edges_suites(void);

static void check(double epsilon, bool is_constant) {
  const int8_case c = {.dims = {3, 5, 4, 3},
                       .epsilon = epsilon,
                       .x_scale = 0.05,
                       .y_scale = 0.03,
                       .x_zero_point = -7,
                       .y_zero_point = 5,
                       .activation = CUBN_ACTIVATION_IDENTITY,
                       .seed = 1};
  char what[64];
  int8_run run;
  snprintf(what, sizeof what, "epsilon %g, variance 0: %d", epsilon, is_constant);
  int8_open(&run, suite_handle(), &c);
  if (is_constant) {
    const size_t bytes = (size_t)run.channels * sizeof(float);
    memset(run.params[INT8_VAR], 0, bytes);
    CU_ASSERT(!cubnUploadBuffer(run.buffers[INT8_VAR], 0, run.params[INT8_VAR], bytes));
  }
  expect_success(cubnBatchNormForwardInt8(suite_handle(), run.descriptor, &run.call), what);
  CU_ASSERT(int8_check(&run, what));
  int8_close(&run);
}

static void test_epsilons(void) {
  static const double epsilons[] = {0, 1e-300, 1e-78, 1e-45, 1e-12, 1, 1e38, 1e78, 1e300};
  for (size_t i = 0; i < sizeof epsilons / sizeof *epsilons; ++i)
    for (int constant = 0; constant < 2; ++constant) check(epsilons[i], constant);
}

void test_int8_edges_suites(void) {
  static const suite_test tests[] = {{"epsilon and variance", test_epsilons}, {NULL, NULL}};
  suite_add("int8 edges", SUITE_DEVICES, tests);
}
