/* Activation descriptors, and the descriptors and size queries of fused operations, with each
 * argument made wrong, one at a time. */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "suites/support/expect_error.h"

#define BAD CUBN_STATUS_BAD_PARAM

/* ---- Activations ---- */
static void test_activation(void) {
  static const char set[] = "cubnSetActivationDescriptor",
                    beta[] = "cubnSetActivationDescriptorSwishBeta";
  static const struct {
    int mode, relu_nan;
    double coef;
    const char *argument, *value;
  } wrong[] = {{9, 1, 0, "mode", "9"},          {-1, 1, 0, "mode", "-1"},
               {99, 1, 0, "mode", "99"},        {102, 1, 0, "mode", "102"},
               {1, 2, 0, "relu_nan", "2"},      {1, -1, 0, "relu_nan", "-1"},
               {3, 1, -0.5, "coef", "-0.5"},    {3, 1, NAN, "coef", "nan"},
               {3, 1, INFINITY, "coef", "inf"}, {4, 1, NAN, "coef", "nan"},
               {4, 1, INFINITY, "coef", "inf"}, {100, 1, -INFINITY, "coef", "-inf"},
               {100, 1, NAN, "coef", "nan"}};
  cubnActivationDescriptor_t d;
  expect_error(cubnCreateActivationDescriptor(NULL), BAD, "cubnCreateActivationDescriptor",
               "descriptor", "NULL");
  if (!expect_success(cubnCreateActivationDescriptor(&d), "create")) return;
  cubnActivationMode_t mode;
  cubnNanPropagation_t relu_nan;
  double coef, swish_beta = 0;
  expect_success(cubnGetActivationDescriptor(d, &mode, NULL, NULL), "get");
  expect_success(cubnGetActivationDescriptorSwishBeta(d, &swish_beta), "get");
  CU_ASSERT(mode == CUBN_ACTIVATION_IDENTITY && swish_beta == 1);
  expect_success(cubnSetActivationDescriptor(d, CUBN_ACTIVATION_ELU, CUBN_NOT_PROPAGATE_NAN, -0.75),
                 "set");
  expect_success(cubnSetActivationDescriptorSwishBeta(d, -3), "set");
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; ++i)
    expect_error(
        cubnSetActivationDescriptor(d, (cubnActivationMode_t)wrong[i].mode,
                                    (cubnNanPropagation_t)wrong[i].relu_nan, wrong[i].coef),
        BAD, set, wrong[i].argument, wrong[i].value);
  expect_error(cubnSetActivationDescriptor(NULL, CUBN_ACTIVATION_RELU, CUBN_PROPAGATE_NAN, 0), BAD,
               set, "descriptor", "NULL");
  expect_error(cubnSetActivationDescriptorSwishBeta(NULL, 1), BAD, beta, "descriptor", "NULL");
  expect_error(cubnSetActivationDescriptorSwishBeta(d, NAN), BAD, beta, "swish_beta", "nan");
  expect_error(cubnSetActivationDescriptorSwishBeta(d, -INFINITY), BAD, beta, "swish_beta", "-inf");
  expect_error(cubnGetActivationDescriptor(NULL, &mode, &relu_nan, &coef), BAD,
               "cubnGetActivationDescriptor", "descriptor", "NULL");
  expect_error(cubnGetActivationDescriptorSwishBeta(NULL, &swish_beta), BAD,
               "cubnGetActivationDescriptorSwishBeta", "descriptor", "NULL");
  expect_error(cubnGetActivationDescriptorSwishBeta(d, NULL), BAD,
               "cubnGetActivationDescriptorSwishBeta", "swish_beta", "NULL");
  /* None of that changed it. */
  expect_success(cubnGetActivationDescriptor(d, &mode, &relu_nan, &coef), "get");
  expect_success(cubnGetActivationDescriptorSwishBeta(d, &swish_beta), "get");
  CU_ASSERT(mode == CUBN_ACTIVATION_ELU && relu_nan == CUBN_NOT_PROPAGATE_NAN);
  CU_ASSERT(coef == -0.75 && swish_beta == -3);
  expect_success(cubnSetActivationDescriptor(d, CUBN_ACTIVATION_RELU, CUBN_PROPAGATE_NAN, NAN),
                 "a coef that is ignored");
  expect_success(cubnDestroyActivationDescriptor(d), "destroy");
  expect_success(cubnDestroyActivationDescriptor(NULL), "destroy NULL");
}

/* ---- Attributes ---- */
typedef struct attribute_case {
  cubnBatchNormAttribute_t attribute;
  const char *name;
  double preset, valid, wrong[3]; /* Wrong ones end with 0 where there are fewer than three. */
} attribute_case;

static const attribute_case attributes[] = {
    {CUBN_BATCHNORM_MODE, "CUBN_BATCHNORM_MODE", CUBN_BATCHNORM_SPATIAL, 0, {-1, 3, 1.5}},
    {CUBN_BATCHNORM_STATISTICS, "CUBN_BATCHNORM_STATISTICS", 0, 2, {-1, 3, 0.5}},
    {CUBN_BATCHNORM_EPSILON, "CUBN_BATCHNORM_EPSILON", 1e-5, 0.5, {-1e-300, NAN, INFINITY}},
    {CUBN_BATCHNORM_FACTOR, "CUBN_BATCHNORM_FACTOR", 0.1, 0.3, {-0.25, 1.5, NAN}},
    {CUBN_BATCHNORM_RUNNING_VAR, "CUBN_BATCHNORM_RUNNING_VAR", 0, 1, {-1, 2, 0.5}},
    {CUBN_BATCHNORM_SUMS, "CUBN_BATCHNORM_SUMS", 0, 1, {-1, 2, 0.5}},
    {CUBN_BATCHNORM_COUNT, "CUBN_BATCHNORM_COUNT", 0, 4096, {-1, 1.5, INFINITY}},
    {CUBN_BATCHNORM_ALPHA, "CUBN_BATCHNORM_ALPHA", 1, -0.3, {NAN, INFINITY, -INFINITY}},
    {CUBN_BATCHNORM_BETA, "CUBN_BATCHNORM_BETA", 0, 7, {NAN, INFINITY, -INFINITY}},
    {CUBN_BATCHNORM_PARAM_ALPHA, "CUBN_BATCHNORM_PARAM_ALPHA", 1, 8, {NAN, INFINITY, -INFINITY}},
    {CUBN_BATCHNORM_PARAM_BETA, "CUBN_BATCHNORM_PARAM_BETA", 0, 9, {NAN, INFINITY, -INFINITY}},
    {CUBN_BATCHNORM_PARAM_SUMS, "CUBN_BATCHNORM_PARAM_SUMS", 0, 1, {-1, 2, 0.5}},
    {CUBN_BATCHNORM_VARIANCE, "CUBN_BATCHNORM_VARIANCE", 0, 1, {-1, 2, 0.5}},
    {CUBN_BATCHNORM_EPSILON_PLACE, "CUBN_BATCHNORM_EPSILON_PLACE", 0, 1, {-1, 2, 0.5}},
    {CUBN_BATCHNORM_RUNNING_GUARD, "CUBN_BATCHNORM_RUNNING_GUARD", 0, 1, {-1, 2, 0.5}},
    {CUBN_BATCHNORM_R_MAX, "CUBN_BATCHNORM_R_MAX", 1, 3, {0.5, NAN, INFINITY}},
    {CUBN_BATCHNORM_D_MAX, "CUBN_BATCHNORM_D_MAX", 0, 0.5, {-1, NAN, INFINITY}},
    {CUBN_BATCHNORM_BACKWARD_FROM, "CUBN_BATCHNORM_BACKWARD_FROM", 0, 1, {-1, 2, 0.5}},
    {CUBN_BATCHNORM_PADDING, "CUBN_BATCHNORM_PADDING", 0, 1, {-1, 2, 0.5}},
    {CUBN_BATCHNORM_LENGTHS_DIM, "CUBN_BATCHNORM_LENGTHS_DIM", 2, 4, {1, 8, 2.5}}};
enum { ATTRIBUTES = sizeof attributes / sizeof *attributes };

static void expect_attribute(cubnBatchNormDescriptor_t d, const attribute_case *it, double wanted) {
  double value = 77;
  expect_success(cubnGetBatchNormAttribute(d, it->attribute, &value), it->name);
  SUITE_CHECK(value == wanted, "%s is %g, wanted %g", it->name, value, wanted);
}

static void test_attributes(void) {
  static const char set[] = "cubnSetBatchNormAttribute", get[] = "cubnGetBatchNormAttribute";
  cubnBatchNormDescriptor_t d;
  double value = 77;
  expect_error(cubnCreateBatchNormDescriptor(NULL), BAD, "cubnCreateBatchNormDescriptor",
               "descriptor", "NULL");
  if (!expect_success(cubnCreateBatchNormDescriptor(&d), "create")) return;
  for (int i = 0; i < ATTRIBUTES; ++i) expect_attribute(d, &attributes[i], attributes[i].preset);
  for (int i = 0; i < ATTRIBUTES; ++i) {
    const attribute_case *it = &attributes[i];
    expect_success(cubnSetBatchNormAttribute(d, it->attribute, it->valid), it->name);
    for (int k = 0; k < 3; ++k) {
      char text[32];
      snprintf(text, sizeof text, "%g", it->wrong[k]);
      expect_error(cubnSetBatchNormAttribute(d, it->attribute, it->wrong[k]), BAD, set, it->name,
                   text);
    }
  }
  for (int i = 0; i < ATTRIBUTES; ++i) expect_attribute(d, &attributes[i], attributes[i].valid);
  const int beyond = (int)attributes[ATTRIBUTES - 1].attribute + 1;
  for (int unknown = -1; unknown <= beyond; unknown += beyond + 1) {
    char text[32];
    snprintf(text, sizeof text, "%d", unknown);
    const cubnBatchNormAttribute_t attribute = (cubnBatchNormAttribute_t)unknown;
    expect_error(cubnSetBatchNormAttribute(d, attribute, 0), BAD, set, "attribute", text);
    expect_error(cubnGetBatchNormAttribute(d, attribute, &value), BAD, get, "attribute", text);
  }
  expect_error(cubnSetBatchNormAttribute(NULL, CUBN_BATCHNORM_MODE, 0), BAD, set, "descriptor",
               "NULL");
  expect_error(cubnGetBatchNormAttribute(NULL, CUBN_BATCHNORM_MODE, &value), BAD, get, "descriptor",
               "NULL");
  expect_error(cubnGetBatchNormAttribute(d, CUBN_BATCHNORM_MODE, NULL), BAD, get, "value", "NULL");
  CU_ASSERT(value == 77);
  expect_success(cubnDestroyBatchNormDescriptor(d), "destroy");
  expect_success(cubnDestroyBatchNormDescriptor(NULL), "destroy NULL");
}

/* ---- Fusing, and the reserve space's size ---- */
static size_t reserve_bytes_of(cubnBatchNormDescriptor_t d, cubnTensorDescriptor_t x) {
  size_t bytes = SIZE_MAX;
  expect_success(cubnGetBatchNormReserveSize(d, x, &bytes), "cubnGetBatchNormReserveSize");
  return bytes;
}

static void test_fusing(void) {
  static const char set[] = "cubnSetBatchNormActivation", size[] = "cubnGetBatchNormReserveSize";
  cubnBatchNormDescriptor_t d;
  cubnActivationDescriptor_t tanh_desc;
  cubnTensorDescriptor_t x, unset;
  size_t bytes = 77;
  expect_success(cubnCreateBatchNormDescriptor(&d), "create");
  expect_success(cubnCreateActivationDescriptor(&tanh_desc), "create");
  expect_success(cubnCreateTensorDescriptor(&x), "create");
  expect_success(cubnCreateTensorDescriptor(&unset), "create");
  expect_success(cubnSetTensor4dDescriptor(x, CUBN_TENSOR_NCHW, CUBN_DATA_HALF, 2, 3, 4, 5), "set");
  expect_success(
      cubnSetActivationDescriptor(tanh_desc, CUBN_ACTIVATION_TANH, CUBN_PROPAGATE_NAN, 0), "set");
  CU_ASSERT_EQUAL(reserve_bytes_of(d, x), 0);
  expect_success(cubnSetBatchNormActivation(d, CUBN_BATCHNORM_OPS_BN_ADD_ACTIVATION, tanh_desc),
                 set);
  const cubnBatchNormOps_t unknown = (cubnBatchNormOps_t)3;
  expect_error(cubnSetBatchNormActivation(NULL, CUBN_BATCHNORM_OPS_BN, NULL), BAD, set,
               "descriptor", "NULL");
  expect_error(cubnSetBatchNormActivation(d, unknown, tanh_desc), BAD, set, "ops", "3");
  expect_error(cubnSetBatchNormActivation(d, CUBN_BATCHNORM_OPS_BN_ACTIVATION, NULL), BAD, set,
               "activation", "NULL");
  expect_error(cubnSetBatchNormActivation(d, CUBN_BATCHNORM_OPS_BN_ADD_ACTIVATION, NULL), BAD, set,
               "activation", "NULL");
  expect_error(cubnGetBatchNormReserveSize(NULL, x, &bytes), BAD, size, "descriptor", "NULL");
  expect_error(cubnGetBatchNormReserveSize(d, x, NULL), BAD, size, "bytes", "NULL");
  expect_error(cubnGetBatchNormReserveSize(d, NULL, &bytes), BAD, size, "x_desc", "NULL");
  expect_error(cubnGetBatchNormReserveSize(d, unset, &bytes), BAD, size, "x_desc", "never set");
  expect_success(cubnSetTensor4dDescriptor(unset, CUBN_TENSOR_NCHW, CUBN_DATA_INT8, 2, 3, 4, 5),
                 "set");
  expect_error(cubnGetBatchNormReserveSize(d, unset, &bytes), CUBN_STATUS_NOT_SUPPORTED, size,
               "x_desc", "CUBN_DATA_INT8");
  CU_ASSERT_EQUAL(bytes, 77);
  /* The activation was copied, and is unchanged. */
  expect_success(cubnDestroyActivationDescriptor(tanh_desc), "destroy");
  CU_ASSERT_EQUAL(reserve_bytes_of(d, x), 2 * 120);
  expect_success(cubnSetBatchNormActivation(d, CUBN_BATCHNORM_OPS_BN, NULL), set);
  CU_ASSERT_EQUAL(reserve_bytes_of(d, x), 0);
  cubnDestroyTensorDescriptor(x);
  cubnDestroyTensorDescriptor(unset);
  cubnDestroyBatchNormDescriptor(d);
}

void test_api_errors_activation_suites(void) {
  static const suite_test tests[] = {{"activation descriptors", test_activation},
                                     {"attributes", test_attributes},
                                     {"fusing", test_fusing},
                                     {NULL, NULL}};
  suite_add("api errors of fused descriptors", SUITE_HOST, tests);
}
