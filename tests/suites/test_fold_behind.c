/* cubnFoldBatchNormBehind: its formula in every type, with groups and in place; that a convolution
 * with padding gives the same with the folded values; and cubnCountNonfinite. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kit/data_types.h"
#include "suites/support/expect_error.h"
#include "suites/support/typed_array.h"

enum { K = 6, C = 4, R = 3 }; /* at most TYPED_MOST weights */
static const double epsilon = 1e-3;

typedef struct fixture {
  cubnTensorDescriptor_t desc, folded_desc;
  typed_array weights, layer_bias, scale, bias, mean, var, folded, folded_bias, padding;
  int groups, inputs; /* per group */
} fixture;

static cubnTensorDescriptor_t describe(cubnTensorFormat_t format, cubnDataType_t type, int inputs) {
  cubnTensorDescriptor_t desc = NULL;
  expect_success(cubnCreateTensorDescriptor(&desc), "create");
  expect_success(cubnSetTensor4dDescriptor(desc, format, type, K, inputs, R, 1), "describe");
  return desc;
}

static fixture open_fixture(cubnDataType_t type, cubnDataType_t folded_type, int groups) {
  const int inputs = C / groups, weights = K * inputs * R;
  const cubnDataType_t param = type == CUBN_DATA_DOUBLE ? CUBN_DATA_DOUBLE : CUBN_DATA_FLOAT;
  return (fixture){.desc = describe(CUBN_TENSOR_NHWC, type, inputs),
                   .folded_desc = describe(CUBN_TENSOR_NCHW, folded_type, inputs),
                   .weights = typed_create(type, weights, 1, 0.3, 1),
                   .layer_bias = typed_create(type, K, 2, 0, 2),
                   .scale = typed_create(param, C, 3, 1, 0.8),
                   .bias = typed_create(param, C, 4, 0.5, 3),
                   .mean = typed_create(param, C, 5, 10, 3),
                   .var = typed_create(param, C, 6, 2, 1.9),
                   .folded = typed_create(folded_type, weights, 7, 0, 1),
                   .folded_bias = typed_create(folded_type, K, 8, 0, 1),
                   .padding = typed_create(param, C, 9, 0, 1),
                   .groups = groups,
                   .inputs = inputs};
}

static void close_fixture(fixture *f) {
  typed_array *const all[] = {&f->weights, &f->layer_bias, &f->scale,       &f->bias,   &f->mean,
                              &f->var,     &f->folded,     &f->folded_bias, &f->padding};
  for (int i = 0; i < 9; ++i) cubnDestroyBuffer(all[i]->buffer);
  cubnDestroyTensorDescriptor(f->desc);
  cubnDestroyTensorDescriptor(f->folded_desc);
}

static double factor_of(const fixture *f, int c) {
  return f->scale.values[c] / sqrt(f->var.values[c] + epsilon);
}

static double addend_of(const fixture *f, int c) {
  return f->bias.values[c] - f->mean.values[c] * factor_of(f, c);
}

static void expect_near(const char *what, int at, double got, double wanted, double size,
                        double roundoff) {
  SUITE_CHECK(fabs(got - wanted) <= 4 * roundoff * size, "%s[%d] is %.9g, wanted %.9g", what, at,
              got, wanted);
}

static double weight_of(const fixture *f, int k, int c, int r) {
  return f->weights.values[(k * R + r) * f->inputs + c];
}

static void check_output(const fixture *f, int k) {
  const double roundoff = data_roundoff(f->folded.type), exact = data_roundoff(f->scale.type);
  const int first = k / (K / f->groups) * f->inputs;
  double sum = f->layer_bias.values[k], size = fabs(sum);
  for (int c = 0; c < f->inputs; ++c)
    for (int r = 0; r < R; ++r) {
      const int at = (k * f->inputs + c) * R + r;
      const double weight = weight_of(f, k, c, r), wanted = weight * factor_of(f, first + c);
      expect_near("folded_weights", at, f->folded.values[at], wanted, fabs(wanted),
                  roundoff + exact);
      sum += weight * addend_of(f, first + c);
      size += fabs(weight * addend_of(f, first + c));
    }
  /* Rounded once: the sum in double has no error that shows. */
  SUITE_CHECK(fabs(f->folded_bias.values[k] - sum) <= roundoff * fabs(sum) + 1e-15 * size,
              "folded_bias[%d] is %.17g, wanted %.17g", k, f->folded_bias.values[k], sum);
}

static cubnStatus_t fold(const fixture *f, bool in_place) {
  return cubnFoldBatchNormBehind(suite_handle(), f->desc, f->weights.at, f->layer_bias.at,
                                 f->groups, f->scale.at, f->bias.at, f->mean.at, f->var.at, epsilon,
                                 in_place ? NULL : f->folded_desc,
                                 in_place ? f->weights.at : f->folded.at,
                                 in_place ? f->layer_bias.at : f->folded_bias.at, f->padding.at);
}

static void expect_in_place(const fixture *before, double got, int k, int c, int r) {
  const int at = (k * before->inputs + c) * R + r;
  const double wanted = before->folded.values[at], roundoff = data_roundoff(before->folded.type);
  expect_near("weights", at, got, wanted, fabs(wanted), roundoff);
}

static void check_formula(cubnDataType_t type, cubnDataType_t folded_type, int groups) {
  fixture f = open_fixture(type, folded_type, groups);
  expect_success(fold(&f, false), "fold");
  typed_read(&f.folded);
  typed_read(&f.folded_bias);
  typed_read(&f.padding);
  for (int k = 0; k < K; ++k) check_output(&f, k);
  for (int c = 0; c < C; ++c) {
    const double wanted = f.mean.values[c] - f.bias.values[c] / factor_of(&f, c);
    expect_near("padding", c, f.padding.values[c], wanted,
                fabs(f.mean.values[c]) + fabs(f.bias.values[c] / factor_of(&f, c)),
                data_roundoff(f.padding.type));
  }
  /* In place the same comes, in the order of the weights. */
  if (type == folded_type) {
    const fixture before = f;
    expect_success(fold(&f, true), "fold in place");
    typed_read(&f.weights);
    typed_read(&f.layer_bias);
    for (int k = 0; k < K; ++k) {
      CU_ASSERT_EQUAL(f.layer_bias.values[k], before.folded_bias.values[k]);
      for (int c = 0; c < f.inputs; ++c)
        for (int r = 0; r < R; ++r) expect_in_place(&before, weight_of(&f, k, c, r), k, c, r);
    }
  }
  close_fixture(&f);
}

static void test_formula(void) {
  static const cubnDataType_t types[][2] = {
      {CUBN_DATA_FLOAT, CUBN_DATA_FLOAT}, {CUBN_DATA_DOUBLE, CUBN_DATA_DOUBLE},
      {CUBN_DATA_HALF, CUBN_DATA_HALF},   {CUBN_DATA_BFLOAT16, CUBN_DATA_BFLOAT16},
      {CUBN_DATA_HALF, CUBN_DATA_FLOAT},  {CUBN_DATA_BFLOAT16, CUBN_DATA_FLOAT}};
  for (size_t i = 0; i < sizeof types / sizeof *types; ++i)
    for (int groups = 1; groups <= 2; ++groups) check_formula(types[i][0], types[i][1], groups);
}

/* A convolution over R positions of inputs[C][SIZE], which are padded by one value at each end. */
enum { SIZE = 5 };
static double convolve(const typed_array *weights, const typed_array *bias,
                       const double inputs[C][SIZE], const double padding[C], bool channels_last,
                       int k, int at) {
  double sum = bias->values[k];
  for (int c = 0; c < C; ++c)
    for (int r = 0; r < R; ++r) {
      const int from = at + r - 1;
      const double x = from < 0 || from >= SIZE ? padding[c] : inputs[c][from];
      sum += x * weights->values[channels_last ? (k * R + r) * C + c : (k * C + c) * R + r];
    }
  return sum;
}

static void test_same_predictions(void) {
  fixture f = open_fixture(CUBN_DATA_DOUBLE, CUBN_DATA_DOUBLE, 1);
  double x[C][SIZE], normalized[C][SIZE];
  const double zeros[C] = {0};
  for (int c = 0; c < C; ++c)
    for (int i = 0; i < SIZE; ++i) {
      x[c][i] = 9 + 0.7 * c - 0.3 * i * i;
      normalized[c][i] = factor_of(&f, c) * x[c][i] + addend_of(&f, c);
    }
  expect_success(fold(&f, false), "fold");
  typed_read(&f.folded);
  typed_read(&f.folded_bias);
  typed_read(&f.padding);
  for (int k = 0; k < K; ++k)
    for (int i = 0; i < SIZE; ++i) {
      const double wanted = convolve(&f.weights, &f.layer_bias, normalized, zeros, true, k, i);
      const double got = convolve(&f.folded, &f.folded_bias, x, f.padding.values, false, k, i);
      SUITE_CHECK(fabs(got - wanted) <= 1e-12, "output %d at %d is %.17g, wanted %.17g", k, i, got,
                  wanted);
    }
  close_fixture(&f);
}

static void expect_count(const fixture *f, int64_t wanted) {
  int64_t count = -1;
  expect_success(cubnCountNonfinite(suite_handle(), f->desc, f->weights.at, &count), "count");
  SUITE_CHECK(count == wanted, "%lld values are not finite, wanted %lld", (long long)count,
              (long long)wanted);
}

static void test_count(void) {
  static const cubnDataType_t types[] = {CUBN_DATA_FLOAT, CUBN_DATA_DOUBLE, CUBN_DATA_HALF,
                                         CUBN_DATA_BFLOAT16};
  for (size_t i = 0; i < sizeof types / sizeof *types; ++i) {
    fixture f = open_fixture(types[i], types[i], 1);
    const size_t bytes = data_type_bytes(types[i]);
    const double values[] = {INFINITY, NAN, data_largest(types[i]), -INFINITY};
    double memory[4];
    expect_count(&f, 0);
    for (int k = 0; k < 4; ++k) data_store(types[i], memory, k, values[k]);
    expect_success(cubnUploadBuffer(f.weights.buffer, 5 * bytes, memory, 4 * bytes), "upload");
    expect_count(&f, 3);
    close_fixture(&f);
  }
}

static void test_refusals(void) {
  static const char *const name = "cubnFoldBatchNormBehind";
  fixture f = open_fixture(CUBN_DATA_FLOAT, CUBN_DATA_FLOAT, 1);
  const cubnStatus_t bad = CUBN_STATUS_BAD_PARAM;
  int64_t count;
  f.groups = 4;
  expect_error(fold(&f, false), bad, name, "groups", "4");
  f.groups = 0;
  expect_error(fold(&f, false), bad, name, "groups", "0");
  f.groups = 1;
  void *const var = f.var.at;
  f.var.at = NULL;
  expect_error(fold(&f, false), bad, name, "var", "NULL");
  f.var.at = var;
  f.padding.at = (char *)f.padding.at + 1;
  expect_error(fold(&f, false), bad, name, "padding", NULL);
  expect_error(cubnCountNonfinite(suite_handle(), f.desc, NULL, &count), bad, "cubnCountNonfinite",
               "tensor", "NULL");
  expect_error(cubnCountNonfinite(suite_handle(), f.desc, f.weights.at, NULL), bad,
               "cubnCountNonfinite", "count", "NULL");
  expect_error(cubnCountNonfinite(NULL, f.desc, f.weights.at, &count), CUBN_STATUS_NOT_INITIALIZED,
               "cubnCountNonfinite", "handle", "NULL");
  close_fixture(&f);
}

/* Weights without inputs leave the bias as it is. */
static void test_no_inputs(void) {
  fixture f = open_fixture(CUBN_DATA_FLOAT, CUBN_DATA_FLOAT, 1);
  const int dims[] = {K, 0};
  CU_ASSERT(!cubnSetTensorNdDescriptorEx(f.desc, CUBN_TENSOR_NCHW, CUBN_DATA_FLOAT, 2, dims));
  CU_ASSERT(
      !cubnSetTensorNdDescriptorEx(f.folded_desc, CUBN_TENSOR_NCHW, CUBN_DATA_FLOAT, 2, dims));
  expect_success(fold(&f, false), "fold");
  typed_read(&f.folded_bias);
  CU_ASSERT(!memcmp(f.folded_bias.values, f.layer_bias.values, sizeof(double) * K));
  close_fixture(&f);
}

void test_fold_behind_suites(void) {
  static const suite_test tests[] = {
      {"formula", test_formula},     {"same predictions", test_same_predictions},
      {"no inputs", test_no_inputs}, {"count", test_count},
      {"refusals", test_refusals},   {NULL, NULL}};
  suite_add("fold behind", SUITE_DEVICES, tests);
}
