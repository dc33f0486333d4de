/* Folding with epsilon from 0 to 1e300 and variances down to 0: the formula's values, with a factor
 * of 0 where there is nothing to divide by, as in inference. */
#include <math.h>
#include <stdlib.h>

#include "suites/support/device_array.h"
#include "suites/support/expect_error.h"
#include "suites/support/suite.h"

void test_fold_edges_suites(void);

enum { K = 3, WEIGHTS = K * K }; /* as many inputs as outputs */

static const float weights[WEIGHTS] = {0.5f, -1, 2, 0.25f, 3, -0.125f, 1, 1.5f, -2};
static const float layer_bias[K] = {1, -2, 0.5f}, scale[K] = {1.5f, -0.5f, 2};
static const float bias[K] = {0.25f, -3, 1}, mean[K] = {-2, 4, 0.75f};

typedef struct arrays {
  device_array weights, layer_bias, scale, bias, mean, var, folded, folded_bias;
} arrays;

static arrays open_arrays(const float var[K]) {
  return (arrays){.weights = device_array_create(WEIGHTS, weights),
                  .layer_bias = device_array_create(K, layer_bias),
                  .scale = device_array_create(K, scale),
                  .bias = device_array_create(K, bias),
                  .mean = device_array_create(K, mean),
                  .var = device_array_create(K, var),
                  .folded = device_array_create(WEIGHTS, NULL),
                  .folded_bias = device_array_create(K, NULL)};
}

static void close_arrays(arrays *a) {
  device_array *const all[] = {&a->weights, &a->layer_bias, &a->scale,  &a->bias,
                               &a->mean,    &a->var,        &a->folded, &a->folded_bias};
  for (size_t i = 0; i < sizeof all / sizeof *all; ++i) device_array_destroy(all[i]);
}

static cubnStatus_t fold(const arrays *a, bool behind, double epsilon) {
  cubnTensorDescriptor_t desc = NULL;
  expect_success(cubnCreateTensorDescriptor(&desc), "create");
  expect_success(cubnSetTensor4dDescriptor(desc, CUBN_TENSOR_NCHW, CUBN_DATA_FLOAT, K, K, 1, 1),
                 "set");
  const cubnStatus_t status =
      behind ? cubnFoldBatchNormBehind(suite_handle(), desc, a->weights.pointer,
                                       a->layer_bias.pointer, 1, a->scale.pointer, a->bias.pointer,
                                       a->mean.pointer, a->var.pointer, epsilon, NULL,
                                       a->folded.pointer, a->folded_bias.pointer, NULL)
             : cubnFoldBatchNorm(suite_handle(), desc, a->weights.pointer, a->layer_bias.pointer,
                                 a->scale.pointer, a->bias.pointer, a->mean.pointer, a->var.pointer,
                                 epsilon, NULL, a->folded.pointer, a->folded_bias.pointer);
  cubnDestroyTensorDescriptor(desc);
  return status;
}

/* The arithmetic has some roundings of float, of terms whose sizes add up to `size`. */
static void expect_near(const char *what, int at, float got, long double wanted, long double size,
                        double epsilon) {
  const long double slack = 4 * 0x1p-24L * size + 0x1p-149L;
  SUITE_CHECK(fabsl((long double)got - wanted) <= slack, "epsilon %g: %s[%d] is %.9g, wanted %.9Lg",
              epsilon, what, at, (double)got, wanted);
}

static void check(bool behind, double epsilon, const float var[K]) {
  arrays a = open_arrays(var);
  long double factor[K], addend[K];
  for (int c = 0; c < K; ++c) {
    const long double square = (long double)var[c] + (long double)epsilon;
    factor[c] = square == 0 ? 0 : (long double)scale[c] / sqrtl(square);
    addend[c] = (long double)bias[c] - (long double)mean[c] * factor[c];
  }
  expect_success(fold(&a, behind, epsilon), "fold");
  float *const folded = device_array_read(&a.folded);
  float *const folded_bias = device_array_read(&a.folded_bias);
  for (int k = 0; k < K; ++k) {
    long double sum = layer_bias[k], size = fabsl(sum);
    if (!behind) {
      sum = sum * factor[k] + addend[k];
      size = (size + fabsl((long double)mean[k])) * fabsl(factor[k]) + fabsl((long double)bias[k]);
    }
    for (int c = 0; c < K; ++c) {
      const long double weight = weights[k * K + c], exact = weight * factor[behind ? c : k];
      expect_near("folded_weights", k * K + c, folded[k * K + c], exact, fabsl(exact), epsilon);
      if (!behind) continue;
      sum += weight * addend[c];
      size += fabsl(weight * addend[c]);
    }
    expect_near("folded_bias", k, folded_bias[k], sum, size, epsilon);
  }
  free(folded);
  free(folded_bias);
  close_arrays(&a);
}

static void test_epsilons(void) {
  static const double epsilons[] = {0, 1e-70, 1e-45, 1e-12, 1, 1e38, 1e300};
  static const float vars[][K] = {{0, 0, 0}, {0, 1, 1e-45f}, {2, 0, 1e-38f}, {1e38f, 0.5f, 0}};
  for (size_t e = 0; e < sizeof epsilons / sizeof *epsilons; ++e)
    for (size_t v = 0; v < sizeof vars / sizeof *vars; ++v)
      for (int behind = 0; behind < 2; ++behind) check(behind, epsilons[e], vars[v]);
}

void test_fold_edges_suites(void) {
  static const suite_test tests[] = {{"epsilon and variance", test_epsilons}, {NULL, NULL}};
  suite_add("fold edges", SUITE_DEVICES, tests);
}
