/* Smooth activations in the fused kernels of the CPU, and their derivatives: compared with long
 * double over all numbers, and with the same bits on all instruction sets.
 *
 * The kernels are called as the algorithms call them, with coefficients that leave p as it is.
 * Errors are counted in units of the last place (2^-23, 2^-52) of the sum of the sizes of the
 * terms, which cancel where a derivative crosses 0. A term that underflows on the way may lose
 * STEPS units of the least number. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/handle.h"
#include "cpu/common/device.h"
#include "suites/support/smooth_exact.h"
#include "suites/support/suite.h"

/* The roundings of the longest chain, that of GELU: square, exp, ratio, products. */
#define UNITS 4.0L
#define STEPS 8.0L

enum { COUNT = 4099, TARGETS = 4 };

static const char *const names[] = {"", "elu", "sigmoid", "tanh", "swish", "gelu"};

/* Computes to = activation(x), or its derivative; `ones` is a dy. */
static void apply(const cubn_kernels *kernels, int smooth, const void *ones, const void *x,
                  void *to) {
  const cubn_coefficients coef = {
      .prescale = 1, .dy_prescale = 1, .inv_std = 1, .gain = 1, .preact_gain = 1};
  const cubn_fusion fusion = {.decides = true,
                              .smooth = (cubn_smooth)smooth,
                              .swish_beta = 1,
                              .least = DBL_TRUE_MIN,
                              .most = INFINITY,
                              .ceiling = INFINITY,
                              .coef = 1,
                              .alpha = 1};
  cubn_fusion of_type = fusion;
  if (kernels->real_bytes == sizeof(float)) of_type.least = (double)FLT_TRUE_MIN;
  const cubn_fused it = {.rows = 1,
                         .width = COUNT,
                         .stride = COUNT,
                         .coef = &coef,
                         .fusion = &of_type,
                         .x = x,
                         .dy = ones,
                         .output = to};
  kernels->fused->output(&it);
}

/* Handles on the targets that this machine has; NULL follows the last one. */
typedef struct machines {
  cubnHandle_t handles[TARGETS + 1];
} machines;

static void open_machines(machines *all) {
  static const char *const targets[TARGETS] = {"generic", "avx2", "avx512", "neon"};
  int count = 0;
  memset(all, 0, sizeof *all);
  for (int i = 0; i < TARGETS; ++i) {
    setenv("CUBN_CPU_TARGET", targets[i], 1);
    if (cubnCreateOnDevice(&all->handles[count], "cpu") == CUBN_STATUS_SUCCESS) ++count;
  }
  unsetenv("CUBN_CPU_TARGET");
  CU_ASSERT_FATAL(count > 0);
}

static void close_machines(machines *all) {
  for (int i = 0; all->handles[i]; ++i) cubnDestroy(all->handles[i]);
}

static const cubn_kernels *kernels_of(const machines *all, int i, cubnDataType_t type) {
  return cubn_machine_kernels(&all->handles[i]->device->machine, type);
}

/* Whether the library was built with kernels of the type (CPU_TYPES=). */
static bool has_kernels(const machines *all, cubnDataType_t type) {
  return kernels_of(all, 0, type) != NULL;
}

static long double element(cubnDataType_t type, const void *array, int i) {
  return type == CUBN_DATA_FLOAT ? (long double)((const float *)array)[i]
                                 : (long double)((const double *)array)[i];
}

/* The error in units; infinite where another kind of value was wanted. */
static long double error_of(cubnDataType_t type, smooth_exact wanted, long double p,
                            long double got) {
  const bool is_float = type == CUBN_DATA_FLOAT;
  const long double unit = is_float ? FLT_EPSILON : DBL_EPSILON;
  const long double step = is_float ? FLT_TRUE_MIN : DBL_TRUE_MIN;
  if (isnan(p)) return isnan(got) ? 0 : (long double)INFINITY;
  if (isinf(wanted.value) || !isfinite(got)) return got == wanted.value ? 0 : (long double)INFINITY;
  const long double factor = fminl(fabsl(p), is_float ? 128 : 1024) + STEPS;
  const long double error = fabsl(got - wanted.value) - step * factor;
  return error <= 0 ? 0 : error / (unit * wanted.size);
}

/* Counts elements whose bits differ. Which NaN it is depends on the order of the operands, which
 * compilers choose. */
static int differences(cubnDataType_t type, const void *a, const void *b) {
  const size_t bytes = type == CUBN_DATA_FLOAT ? sizeof(float) : sizeof(double);
  int count = 0;
  for (int i = 0; i < COUNT; ++i) {
    const size_t at = (size_t)i * bytes;
    const bool are_nan = isnan(element(type, a, i)) && isnan(element(type, b, i));
    count += !are_nan && memcmp((const char *)a + at, (const char *)b + at, bytes) != 0;
  }
  return count;
}

/* The worst error of the first target; the others must have the same bits. */
static long double worst_at(const machines *all, cubnDataType_t type, int smooth, const void *ones,
                            const void *x, const char *what) {
  static double first[COUNT], other[COUNT];
  long double worst = 0, at = 0;
  apply(kernels_of(all, 0, type), smooth, ones, x, first);
  for (int i = 0; i < COUNT; ++i) {
    const long double p = element(type, x, i);
    const smooth_exact wanted = ones ? smooth_slope(smooth, p) : smooth_value(smooth, p);
    const long double error = error_of(type, wanted, p, element(type, first, i));
    if (error > worst) worst = error, at = p;
  }
  SUITE_CHECK(worst <= UNITS, "%s of %s at %.20Lg: wrong by %.3Lg units", what, names[smooth], at,
              worst);
  for (int i = 1; all->handles[i]; ++i) {
    apply(kernels_of(all, i, type), smooth, ones, x, other);
    SUITE_CHECK(!differences(type, first, other), "%s of %s: other bits on %s", what, names[smooth],
                kernels_of(all, i, type)->target);
  }
  return worst;
}

/* Batches of numbers: all magnitudes, by their bits; the ends; and the range where the functions
 * are curved, evenly. */
static void fill_floats(int batch, float *x) {
  static const float ends[] = {0.0f, -0.0f, INFINITY, -INFINITY, NAN, FLT_MAX, -FLT_MAX};
  for (int i = 0; i < COUNT; ++i) {
    const int64_t index = (int64_t)batch * COUNT + i;
    const uint32_t bits = (uint32_t)index * 2654435761u;
    memcpy(&x[i], &bits, sizeof bits);
    if (isnan(x[i])) x[i] = NAN;
    if (batch % 2) x[i] = (float)(index * 7919 % 2200001) * 1e-4f - 110;
    if (batch % 4 == 3) x[i] /= 32;
  }
  memcpy(x, ends, sizeof ends);
}

static void fill_doubles(int batch, double *x) {
  static const double ends[] = {0.0,         -0.0,    (double)INFINITY, (double)-INFINITY,
                                (double)NAN, DBL_MAX, -DBL_MAX};
  for (int i = 0; i < COUNT; ++i) {
    const int64_t index = (int64_t)batch * COUNT + i;
    const uint64_t bits = (uint64_t)index * 0x9e3779b97f4a7c15u;
    memcpy(&x[i], &bits, sizeof bits);
    if (isnan(x[i])) x[i] = (double)NAN;
    if (batch % 2) x[i] = (double)(index * 7919 % 15200001) * 1e-4 - 760;
    if (batch % 4 == 3) x[i] /= 64;
  }
  memcpy(x, ends, sizeof ends);
}

static void check_type(cubnDataType_t type) {
  static double x[COUNT], ones[COUNT];
  const int batches = suite_all_cases() ? 400 : 24;
  long double worst[2][CUBN_SMOOTH_GELU + 1] = {{0}};
  machines all;
  open_machines(&all);
  for (int i = 0; i < COUNT; ++i)
    if (type == CUBN_DATA_FLOAT)
      ((float *)ones)[i] = 1;
    else
      ones[i] = 1;
  for (int batch = 0; has_kernels(&all, type) && batch < batches; ++batch) {
    if (type == CUBN_DATA_FLOAT)
      fill_floats(batch, (float *)x);
    else
      fill_doubles(batch, x);
    for (int smooth = CUBN_SMOOTH_ELU; smooth <= CUBN_SMOOTH_GELU; ++smooth) {
      const long double value = worst_at(&all, type, smooth, NULL, x, "value");
      const long double slope = worst_at(&all, type, smooth, ones, x, "slope");
      worst[0][smooth] = fmaxl(worst[0][smooth], value);
      worst[1][smooth] = fmaxl(worst[1][smooth], slope);
    }
  }
  for (int smooth = CUBN_SMOOTH_ELU; suite_verbose() && smooth <= CUBN_SMOOTH_GELU; ++smooth)
    printf("%s: value %.2Lf, slope %.2Lf units\n", names[smooth], worst[0][smooth],
           worst[1][smooth]);
  close_machines(&all);
}

static void test_floats(void) {
  check_type(CUBN_DATA_FLOAT);
}

static void test_doubles(void) {
  check_type(CUBN_DATA_DOUBLE);
}

/* Every 16-bit number: the same bits on all targets. */
static void check_narrow(const machines *all, cubnDataType_t type, uint16_t one) {
  static uint16_t x[COUNT], ones[COUNT], first[COUNT], other[COUNT];
  for (int i = 0; i < COUNT; ++i) ones[i] = one;
  for (int start = 0; start < 65536; start += COUNT)
    for (int task = 0; task < 2 * CUBN_SMOOTH_GELU; ++task) {
      const int smooth = task / 2 + CUBN_SMOOTH_ELU;
      for (int i = 0; i < COUNT; ++i) x[i] = (uint16_t)(start + i);
      apply(kernels_of(all, 0, type), smooth, task % 2 ? ones : NULL, x, first);
      for (int t = 1; all->handles[t]; ++t) {
        int different = 0;
        apply(kernels_of(all, t, type), smooth, task % 2 ? ones : NULL, x, other);
        for (int i = 0; i < COUNT; ++i) {
          const bool is_nan = (x[i] & 0x7fff) > (one == 0x3c00 ? 0x7c00 : 0x7f80);
          different += first[i] != other[i] && !is_nan;
        }
        SUITE_CHECK(!different, "%s %s: %d of %d other bits on %s", names[smooth],
                    task % 2 ? "slope" : "value", different, COUNT,
                    kernels_of(all, t, type)->target);
      }
    }
}

static void test_narrow(void) {
  machines all;
  open_machines(&all);
  if (has_kernels(&all, CUBN_DATA_HALF)) check_narrow(&all, CUBN_DATA_HALF, 0x3c00);
  if (has_kernels(&all, CUBN_DATA_BFLOAT16)) check_narrow(&all, CUBN_DATA_BFLOAT16, 0x3f80);
  close_machines(&all);
}

void test_smooth_activations_suites(void) {
  static const suite_test tests[] = {
      {"float", test_floats}, {"double", test_doubles}, {"16 bits", test_narrow}, {NULL, NULL}};
  suite_add("smooth activations", SUITE_CPU, tests);
}
