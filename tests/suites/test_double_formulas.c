/* The formulas of double backward, which its tests use, against finite differences of backward's;
 * and what cubnBatchNormDoubleBackward refuses. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "suites/support/double_case.h"
#include "suites/support/double_exact.h"
#include "suites/support/expect_error.h"
#include "suites/support/wrapped.h"

/* ---- Formulas ---- */
enum { VALUES = 5 };
typedef struct small_channel {
  long double x[VALUES], dy[VALUES], ddx[VALUES];
  double_channel of;
} small_channel;

static void set_small(small_channel *c, bool is_given) {
  static const long double values[3][VALUES] = {{1.5L, -0.25L, 2.0L, 0.75L, -1.0L},
                                                {0.5L, 1.0L, -2.0L, 0.25L, 1.25L},
                                                {-1.0L, 0.5L, 0.75L, 2.0L, -0.5L}};
  memcpy(c->x, values[0], sizeof c->x);
  memcpy(c->dy, values[1], sizeof c->dy);
  memcpy(c->ddx, values[2], sizeof c->ddx);
  c->of = (double_channel){VALUES, c->x, c->dy, c->ddx, 1.25L, -0.75L, 0.5L, 0.3L, 0.9L, is_given};
}

static long double objective(small_channel *c) {
  if (!c->of.is_given) double_statistics(&c->of, 0.125L);
  return double_objective(&c->of);
}

/* The central difference of the objective, whose error is about step^2. */
static long double slope(small_channel *c, long double *at) {
  const long double step = 1e-6L, before = *at;
  *at = before + step;
  const long double above = objective(c);
  *at = before - step;
  const long double below = objective(c);
  *at = before;
  return (above - below) / (2 * step);
}

static void check_slope(long double got, long double wanted, const char *what, int i) {
  SUITE_CHECK(fabsl(got - wanted) <= 1e-9L, "%s[%d] is %.12Lg, the difference quotient %.12Lg",
              what, i, got, wanted);
}

static void test_differences(void) {
  for (int given = 0; given < 2; ++given) {
    small_channel c;
    long double gx[VALUES], ddy[VALUES], terms[2][VALUES];
    double_results to = {.gx = gx, .ddy = ddy, .gx_terms = terms[0], .ddy_terms = terms[1]};
    set_small(&c, given);
    objective(&c);
    double_exact(&c.of, &to);
    for (int i = 0; i < VALUES; ++i) {
      check_slope(gx[i], slope(&c, &c.x[i]), "gx", i);
      check_slope(ddy[i], slope(&c, &c.dy[i]), "ddy", i);
    }
    check_slope(to.gscale, slope(&c, &c.of.scale), "gscale", 0);
  }
}

/* ---- Refusals ---- */
static const char function[] = "cubnBatchNormDoubleBackward";

/* Makes the call with these tensors and expects the error. */
static void refuse(const double_run *run, const cubnBatchNormDoubleBackwardTensors_t *tensors,
                   cubnStatus_t status, const char *argument, const char *value) {
  expect_error(cubnBatchNormDoubleBackward(suite_handle(), run->descriptor, tensors), status,
               function, argument, value);
}

static void open_valid(double_run *run) {
  const double_case c = {.type = CUBN_DATA_FLOAT,
                         .dims = {3, 4, 5, 2},
                         .mode = CUBN_BATCHNORM_SPATIAL,
                         .epsilon = 1e-3,
                         .seed = 1};
  double_open(run, suite_handle(), &c);
}

/* The refused calls wrote nothing, and the valid one succeeds. */
static void close_valid(double_run *run) {
  for (int a = DOUBLE_GX; a <= DOUBLE_DDY; ++a) {
    unsigned char *const now = double_download(run, a);
    CU_ASSERT(memcmp(now, run->arrays[a].values, (size_t)run->arrays[a].extent * 4) == 0);
    free(now);
  }
  expect_success(cubnBatchNormDoubleBackward(suite_handle(), run->descriptor, &run->call),
                 function);
  double_close(run);
}

/* Spoils one member of the call. */
#define REFUSE(member, to, status, argument, value)          \
  do {                                                       \
    cubnBatchNormDoubleBackwardTensors_t spoiled = run.call; \
    spoiled.member = (to);                                   \
    refuse(&run, &spoiled, status, argument, value);         \
  } while (0)

static void test_tensors(void) {
  double_run run;
  open_valid(&run);
  char *const ddx = run.arrays[DOUBLE_DDX].pointer, *const gscale =
                                                        run.arrays[DOUBLE_GSCALE].pointer;
  REFUSE(x, NULL, CUBN_STATUS_BAD_PARAM, "x", "NULL");
  REFUSE(dy, NULL, CUBN_STATUS_BAD_PARAM, "dy", "NULL");
  REFUSE(ddx, NULL, CUBN_STATUS_BAD_PARAM, "ddx", "NULL");
  REFUSE(gx, NULL, CUBN_STATUS_BAD_PARAM, "gx", "NULL");
  REFUSE(ddy, NULL, CUBN_STATUS_BAD_PARAM, "ddy", "NULL");
  REFUSE(x_desc, NULL, CUBN_STATUS_BAD_PARAM, "x_desc", "NULL");
  REFUSE(dy_desc, NULL, CUBN_STATUS_BAD_PARAM, "dy_desc", "NULL");
  REFUSE(ddx_desc, NULL, CUBN_STATUS_BAD_PARAM, "ddx_desc", "NULL");
  REFUSE(gx_desc, NULL, CUBN_STATUS_BAD_PARAM, "gx_desc", "NULL");
  REFUSE(ddy_desc, NULL, CUBN_STATUS_BAD_PARAM, "ddy_desc", "NULL");
  REFUSE(param_desc, NULL, CUBN_STATUS_BAD_PARAM, "param_desc", "NULL");
  REFUSE(ddx_desc, run.params, CUBN_STATUS_BAD_PARAM, "ddx_desc", "size 1");
  REFUSE(saved_inv_std, NULL, CUBN_STATUS_BAD_PARAM, "saved_inv_std", "NULL");
  REFUSE(saved_mean, NULL, CUBN_STATUS_BAD_PARAM, "saved_mean", "NULL");
  REFUSE(ddx, ddx + 1, CUBN_STATUS_BAD_PARAM, "ddx", NULL);
  REFUSE(gscale, gscale + 1, CUBN_STATUS_BAD_PARAM, "gscale", NULL);
  REFUSE(ddy, run.call.gx, CUBN_STATUS_BAD_PARAM, "ddy", "gx");
  REFUSE(gx, ddx + 8, CUBN_STATUS_BAD_PARAM, "gx", "ddx");
  REFUSE(ddy, (char *)run.call.gx + 8, CUBN_STATUS_BAD_PARAM, "ddy", "gx");
  REFUSE(gscale, (void *)run.arrays[DOUBLE_SCALE].pointer, CUBN_STATUS_BAD_PARAM, "gscale",
         "scale");
  REFUSE(gscale, (void *)run.arrays[DOUBLE_DDBIAS].pointer, CUBN_STATUS_BAD_PARAM, "gscale",
         "ddbias");
  cubnBatchNormDoubleBackwardTensors_t nothing = run.call;
  nothing.gx = nothing.ddy = nothing.gscale = NULL;
  nothing.gx_desc = nothing.ddy_desc = NULL;
  refuse(&run, &nothing, CUBN_STATUS_BAD_PARAM, "gx", "NULL");
  refuse(&run, NULL, CUBN_STATUS_BAD_PARAM, "tensors", "NULL");
  expect_error(cubnBatchNormDoubleBackward(NULL, run.descriptor, &run.call),
               CUBN_STATUS_NOT_INITIALIZED, function, "handle", "NULL");
  expect_error(cubnBatchNormDoubleBackward(suite_handle(), NULL, &run.call), CUBN_STATUS_BAD_PARAM,
               function, "descriptor", "NULL");
  close_valid(&run);
}

static void test_attributes(void) {
  static const struct {
    cubnBatchNormAttribute_t attribute;
    double value, before;
    const char *name;
  } all[] = {{CUBN_BATCHNORM_ALPHA, 2, 1, "CUBN_BATCHNORM_ALPHA"},
             {CUBN_BATCHNORM_BETA, 1, 0, "CUBN_BATCHNORM_BETA"},
             {CUBN_BATCHNORM_PARAM_ALPHA, -1, 1, "CUBN_BATCHNORM_PARAM_ALPHA"},
             {CUBN_BATCHNORM_PARAM_BETA, 1, 0, "CUBN_BATCHNORM_PARAM_BETA"},
             {CUBN_BATCHNORM_SUMS, CUBN_SUMS_GIVEN, 0, "CUBN_BATCHNORM_SUMS"},
             {CUBN_BATCHNORM_COUNT, 7, 0, "CUBN_BATCHNORM_COUNT"}};
  double_run run;
  open_valid(&run);
  for (size_t i = 0; i < sizeof all / sizeof *all; ++i) {
    CU_ASSERT(!cubnSetBatchNormAttribute(run.descriptor, all[i].attribute, all[i].value));
    refuse(&run, &run.call, CUBN_STATUS_NOT_SUPPORTED, "descriptor", all[i].name);
    CU_ASSERT(!cubnSetBatchNormAttribute(run.descriptor, all[i].attribute, all[i].before));
  }
  cubnActivationDescriptor_t relu;
  CU_ASSERT(!cubnCreateActivationDescriptor(&relu));
  CU_ASSERT(!cubnSetActivationDescriptor(relu, CUBN_ACTIVATION_RELU, CUBN_PROPAGATE_NAN, 0));
  CU_ASSERT(!cubnSetBatchNormActivation(run.descriptor, CUBN_BATCHNORM_OPS_BN_ACTIVATION, relu));
  refuse(&run, &run.call, CUBN_STATUS_NOT_SUPPORTED, "descriptor", "CUBN_ACTIVATION_RELU");
  CU_ASSERT(!cubnSetBatchNormActivation(run.descriptor, CUBN_BATCHNORM_OPS_BN, NULL));
  CU_ASSERT(!cubnDestroyActivationDescriptor(relu));
  close_valid(&run);
}

/* A call neither allocates nor reads the environment. */
static void test_host_path(void) {
  double_run run;
  open_valid(&run);
  wrapped_reset();
  const cubnStatus_t status =
      cubnBatchNormDoubleBackward(suite_handle(), run.descriptor, &run.call);
  const int allocations = wrapped_counts[WRAPPED_ALLOCATIONS];
  const int looks = wrapped_counts[WRAPPED_ENVIRONMENT];
  expect_success(status, function);
  SUITE_CHECK(allocations == 0 && looks == 0, "%d allocations, %d looks", allocations, looks);
  double_close(&run);
}

void test_double_formulas_suites(void) {
  static const suite_test host[] = {{"differences", test_differences}, {NULL, NULL}};
  static const suite_test tests[] = {
      {"tensors", test_tensors}, {"attributes", test_attributes}, {NULL, NULL}};
  suite_add("double_backward formulas", SUITE_HOST, host);
  static const suite_test path[] = {{"no allocation", test_host_path}, {NULL, NULL}};
  suite_add("double_backward refusals", SUITE_DEVICES, tests);
  suite_add("double_backward host path", SUITE_CPU, path);
}
