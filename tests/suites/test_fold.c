/* cubnFoldBatchNorm: its formula, and that a linear layer with folded values computes the same as
 * the layer followed by inference. */
#include <math.h>
#include <stdlib.h>

#include "suites/support/device_array.h"
#include "suites/support/expect_error.h"
#include "suites/support/scenario.h"

enum { K = 6, INNER = 10, CHANNELS = 5, R = 2, S = 1, WEIGHTS = K * INNER };
static const double epsilon = 1e-3;

typedef struct fixture {
  cubnTensorDescriptor_t weights_desc;
  device_array weights, layer_bias, scale, bias, mean, var;
} fixture;

static void open_fixture(fixture *f) {
  CU_ASSERT(cubnCreateTensorDescriptor(&f->weights_desc) == CUBN_STATUS_SUCCESS);
  CU_ASSERT(cubnSetTensor4dDescriptor(f->weights_desc, CUBN_TENSOR_NCHW, CUBN_DATA_FLOAT, K,
                                      CHANNELS, R, S) == CUBN_STATUS_SUCCESS);
  f->weights = device_array_random(WEIGHTS, 1, 0.0f, 1.0f);
  f->layer_bias = device_array_random(K, 2, 0.0f, 2.0f);
  f->scale = device_array_random(K, 3, 1.0f, 0.8f);
  f->bias = device_array_random(K, 4, 0.0f, 3.0f);
  f->mean = device_array_random(K, 5, 10.0f, 3.0f);
  f->var = device_array_random(K, 6, 2.0f, 1.9f);
}

static void close_fixture(fixture *f) {
  device_array *const all[] = {&f->weights, &f->layer_bias, &f->scale, &f->bias, &f->mean, &f->var};
  for (int i = 0; i < 6; ++i) device_array_destroy(all[i]);
  cubnDestroyTensorDescriptor(f->weights_desc);
}

/* Folds those of scale, bias and layer_bias that are there, and checks both results. */
static void check_formula(bool has_scale, bool has_bias, bool has_layer_bias, bool in_place) {
  fixture f;
  open_fixture(&f);
  float *w = device_array_read(&f.weights), *b = device_array_read(&f.layer_bias);
  float *scale = device_array_read(&f.scale), *bias = device_array_read(&f.bias);
  float *mean = device_array_read(&f.mean), *var = device_array_read(&f.var);
  device_array folded = in_place ? f.weights : device_array_create(WEIGHTS, NULL);
  device_array folded_bias =
      in_place && has_layer_bias ? f.layer_bias : device_array_create(K, NULL);
  expect_success(cubnFoldBatchNorm(suite_handle(), f.weights_desc, f.weights.pointer,
                                   has_layer_bias ? f.layer_bias.pointer : NULL,
                                   has_scale ? f.scale.pointer : NULL,
                                   has_bias ? f.bias.pointer : NULL, f.mean.pointer, f.var.pointer,
                                   epsilon, NULL, folded.pointer, folded_bias.pointer),
                 "fold");
  float *got = device_array_read(&folded), *got_bias = device_array_read(&folded_bias);
  for (int k = 0; k < K; ++k) {
    const double factor = (has_scale ? scale[k] : 1.0) / sqrt(var[k] + epsilon);
    const double from = (has_layer_bias ? b[k] : 0.0) - mean[k], to = has_bias ? bias[k] : 0.0;
    const double wanted = from * factor + to;
    SUITE_CHECK(fabs(got_bias[k] - wanted) <=
                    scenario_slack(CUBN_DATA_FLOAT, fabs(from * factor) + fabs(to)),
                "folded_bias[%d] is %.9g, wanted %.9g", k, got_bias[k], wanted);
    for (int i = 0; i < INNER; ++i)
      SUITE_CHECK(fabs(got[k * INNER + i] - w[k * INNER + i] * factor) <=
                      scenario_slack(CUBN_DATA_FLOAT, fabs(w[k * INNER + i] * factor)),
                  "folded_weights[%d][%d] is %.9g, wanted %.9g", k, i, got[k * INNER + i],
                  w[k * INNER + i] * factor);
  }
  float *const read[] = {w, b, scale, bias, mean, var, got, got_bias};
  for (int i = 0; i < 8; ++i) free(read[i]);
  if (!in_place) device_array_destroy(&folded);
  if (!in_place || !has_layer_bias) device_array_destroy(&folded_bias);
  close_fixture(&f);
}

static void test_formula(void) {
  for (int i = 0; i < 16; ++i) check_formula(i & 1, i & 2, i & 4, i & 8);
}

static void refuse(const fixture *f, const void *weights, const void *mean, double with_epsilon,
                   void *folded, void *folded_bias, const char *argument, const char *value) {
  expect_error(cubnFoldBatchNorm(suite_handle(), f->weights_desc, weights, NULL, NULL, NULL, mean,
                                 f->var.pointer, with_epsilon, NULL, folded, folded_bias),
               CUBN_STATUS_BAD_PARAM, "cubnFoldBatchNorm", argument, value);
}

static void test_refusals(void) {
  fixture f;
  open_fixture(&f);
  device_array to = device_array_create(WEIGHTS, NULL), to_bias = device_array_create(K, NULL);
  void *const w = f.weights.pointer, *const m = f.mean.pointer;
  refuse(&f, NULL, m, epsilon, to.pointer, to_bias.pointer, "weights", "NULL");
  refuse(&f, w, NULL, epsilon, to.pointer, to_bias.pointer, "mean", "NULL");
  refuse(&f, w, m, epsilon, NULL, to_bias.pointer, "folded_weights", "NULL");
  refuse(&f, w, m, epsilon, to.pointer, NULL, "folded_bias", "NULL");
  refuse(&f, w, m, -1, to.pointer, to_bias.pointer, "epsilon", "-1");
  refuse(&f, w, m, NAN, to.pointer, to_bias.pointer, "epsilon", NULL);
  refuse(&f, (char *)w + 1, m, epsilon, to.pointer, to_bias.pointer, "weights", NULL);
  expect_error(cubnFoldBatchNorm(NULL, f.weights_desc, w, NULL, NULL, NULL, m, f.var.pointer,
                                 epsilon, NULL, to.pointer, to_bias.pointer),
               CUBN_STATUS_NOT_INITIALIZED, "cubnFoldBatchNorm", "handle", "NULL");
  CU_ASSERT(!cubnSetTensor4dDescriptorEx(f.weights_desc, CUBN_DATA_FLOAT, 2, 2, 2, 2, 8, 4, -2, 1));
  expect_error(cubnFoldBatchNorm(suite_handle(), f.weights_desc, w, NULL, NULL, NULL, m,
                                 f.var.pointer, epsilon, NULL, to.pointer, to_bias.pointer),
               CUBN_STATUS_NOT_SUPPORTED, "cubnFoldBatchNorm", "weights_desc", "stride -2");
  float *untouched = device_array_read(&to);
  for (int i = 0; i < WEIGHTS; ++i) CU_ASSERT(isnan(untouched[i]));
  free(untouched);
  device_array_destroy(&to);
  device_array_destroy(&to_bias);
  close_fixture(&f);
}

/* Computes y = W v + b on the host, with K values for each of `rows` inputs. */
static void linear(const float *weights, const float *bias, const float *inputs, int rows,
                   float *y) {
  for (int r = 0; r < rows; ++r)
    for (int k = 0; k < K; ++k) {
      double sum = bias[k];
      for (int i = 0; i < INNER; ++i) sum += (double)weights[k * INNER + i] * inputs[r * INNER + i];
      y[r * K + k] = (float)sum;
    }
}

static void test_same_predictions(void) {
  enum { ROWS = 9 };
  fixture f;
  open_fixture(&f);
  device_array inputs = device_array_random(ROWS * INNER, 7, 0.0f, 1.0f);
  float *v = device_array_read(&inputs), *w = device_array_read(&f.weights);
  float *b = device_array_read(&f.layer_bias), y[ROWS * K], folded_y[ROWS * K];
  linear(w, b, v, ROWS, y);
  device_array normalized = device_array_create(ROWS * K, y);
  cubnTensorDescriptor_t y_desc, param_desc;
  CU_ASSERT(cubnCreateTensorDescriptor(&y_desc) == CUBN_STATUS_SUCCESS);
  CU_ASSERT(cubnCreateTensorDescriptor(&param_desc) == CUBN_STATUS_SUCCESS);
  CU_ASSERT(cubnSetTensor4dDescriptor(y_desc, CUBN_TENSOR_NCHW, CUBN_DATA_FLOAT, ROWS, K, 1, 1) ==
            CUBN_STATUS_SUCCESS);
  expect_success(cubnDeriveBNTensorDescriptor(param_desc, y_desc, CUBN_BATCHNORM_SPATIAL),
                 "derive");
  const float one = 1, zero = 0;
  expect_success(cubnBatchNormalizationForwardInference(
                     suite_handle(), CUBN_BATCHNORM_SPATIAL, &one, &zero, y_desc,
                     normalized.pointer, y_desc, normalized.pointer, param_desc, f.scale.pointer,
                     f.bias.pointer, f.mean.pointer, f.var.pointer, epsilon),
                 "infer");
  expect_success(
      cubnFoldBatchNorm(suite_handle(), f.weights_desc, f.weights.pointer, f.layer_bias.pointer,
                        f.scale.pointer, f.bias.pointer, f.mean.pointer, f.var.pointer, epsilon,
                        NULL, f.weights.pointer, f.layer_bias.pointer),
      "fold");
  float *folded = device_array_read(&f.weights), *folded_bias = device_array_read(&f.layer_bias);
  float *wanted = device_array_read(&normalized);
  linear(folded, folded_bias, v, ROWS, folded_y);
  /* Means of 10, scaled by up to 1.8 / sqrt(0.1), cancel in both: their magnitude is at most
   * 100. */
  for (int i = 0; i < ROWS * K; ++i)
    SUITE_CHECK(fabs(folded_y[i] - wanted[i]) <= scenario_slack(CUBN_DATA_FLOAT, 100.0),
                "output %d is %.9g folded and %.9g not", i, folded_y[i], wanted[i]);
  float *const read[] = {v, w, b, folded, folded_bias, wanted};
  for (int i = 0; i < 6; ++i) free(read[i]);
  cubnDestroyTensorDescriptor(y_desc);
  cubnDestroyTensorDescriptor(param_desc);
  device_array_destroy(&inputs);
  device_array_destroy(&normalized);
  close_fixture(&f);
}

void test_fold_suites(void) {
  static const suite_test tests[] = {{"formula", test_formula},
                                     {"refusals", test_refusals},
                                     {"same predictions", test_same_predictions},
                                     {NULL, NULL}};
  suite_add("fold", SUITE_DEVICES, tests);
}
