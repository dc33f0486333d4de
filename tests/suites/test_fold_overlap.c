/* Arrays of a fold that share memory: refused before anything is written, unless it is in place. */
#include <stdlib.h>
#include <string.h>

#include "suites/support/device_array.h"
#include "suites/support/expect_error.h"
#include "suites/support/suite.h"

void test_fold_overlap_suites(void);

enum { K = 4, C = 4, R = 3, WEIGHTS = K * C * R, ROOM = 3 * WEIGHTS };

/* One buffer of floats; all arrays lie in it, at offsets in elements. */
typedef struct layout {
  int weights, folded, layer_bias, folded_bias, scale, bias, mean, var, padding;
} layout;

static const layout apart = {.weights = 0,
                             .folded = WEIGHTS,
                             .layer_bias = 2 * WEIGHTS,
                             .folded_bias = 2 * WEIGHTS + 4,
                             .scale = 2 * WEIGHTS + 8,
                             .bias = 2 * WEIGHTS + 12,
                             .mean = 2 * WEIGHTS + 16,
                             .var = 2 * WEIGHTS + 20,
                             .padding = 2 * WEIGHTS + 24};

static cubnStatus_t fold(const layout *at, bool behind, float *memory) {
  cubnTensorDescriptor_t desc = NULL;
  expect_success(cubnCreateTensorDescriptor(&desc), "create");
  expect_success(cubnSetTensor4dDescriptor(desc, CUBN_TENSOR_NCHW, CUBN_DATA_FLOAT, K, C, R, 1),
                 "set");
  const cubnStatus_t status =
      behind ? cubnFoldBatchNormBehind(
                   suite_handle(), desc, memory + at->weights, memory + at->layer_bias, 1,
                   memory + at->scale, memory + at->bias, memory + at->mean, memory + at->var, 1e-3,
                   NULL, memory + at->folded, memory + at->folded_bias, memory + at->padding)
             : cubnFoldBatchNorm(suite_handle(), desc, memory + at->weights,
                                 memory + at->layer_bias, memory + at->scale, memory + at->bias,
                                 memory + at->mean, memory + at->var, 1e-3, NULL,
                                 memory + at->folded, memory + at->folded_bias);
  cubnSynchronize(suite_handle());
  cubnDestroyTensorDescriptor(desc);
  return status;
}

static device_array make_memory(float values[ROOM]) {
  for (int i = 0; i < ROOM; ++i) values[i] = 1 + (float)i / 8;
  return device_array_create(ROOM, values);
}

static void accepted(layout at, const char *what) {
  float values[ROOM];
  for (int behind = 0; behind < 2; ++behind) {
    device_array memory = make_memory(values);
    expect_success(fold(&at, behind, memory.pointer), what);
    device_array_destroy(&memory);
  }
}

static void refused(layout at, bool behind, const char *output, const char *other) {
  float values[ROOM];
  device_array memory = make_memory(values);
  expect_error(fold(&at, behind, memory.pointer), CUBN_STATUS_BAD_PARAM,
               behind ? "cubnFoldBatchNormBehind" : "cubnFoldBatchNorm", output, other);
  float *const after = device_array_read(&memory);
  SUITE_CHECK(!memcmp(after, values, sizeof values), "%s: something was written", output);
  free(after);
  device_array_destroy(&memory);
}

#define ACCEPTED(...)           \
  do {                          \
    layout at = apart;          \
    __VA_ARGS__;                \
    accepted(at, #__VA_ARGS__); \
  } while (0)
#define REFUSED(behind, output, other, ...) \
  do {                                      \
    layout at = apart;                      \
    __VA_ARGS__;                            \
    refused(at, behind, output, other);     \
  } while (0)

static void test_in_place(void) {
  ACCEPTED((void)0);
  ACCEPTED(at.folded = at.weights);
  ACCEPTED(at.folded_bias = at.layer_bias);
  ACCEPTED(at.folded = at.weights; at.folded_bias = at.layer_bias);
}

static void test_overlap(void) {
  for (int behind = 0; behind < 2; ++behind) {
    REFUSED(behind, "folded_weights at", "overlaps weights", at.folded = at.weights + 1);
    REFUSED(behind, "folded_weights at", "overlaps weights", at.folded = at.weights + C * R);
    REFUSED(behind, "folded_weights at", "overlaps layer_bias", at.layer_bias = at.folded + 5);
    REFUSED(behind, "folded_weights at", "overlaps var", at.var = at.folded);
    REFUSED(behind, "folded_weights at", "overlaps folded_bias", at.folded_bias = at.folded + 8);
    REFUSED(behind, "folded_bias at", "overlaps weights", at.folded_bias = at.weights);
    REFUSED(behind, "folded_bias at", "overlaps layer_bias", at.folded_bias = at.layer_bias + 1);
    REFUSED(behind, "folded_bias at", "overlaps scale", at.folded_bias = at.scale);
    REFUSED(behind, "folded_bias at", "overlaps mean", at.folded_bias = at.mean - 1;
            at.bias = at.var + 8);
  }
  REFUSED(true, "padding at", "overlaps mean", at.padding = at.mean);
  REFUSED(true, "padding at", "overlaps weights", at.padding = at.weights + 40);
  REFUSED(true, "folded_bias at", "overlaps padding", at.padding = at.folded_bias);
}

void test_fold_overlap_suites(void) {
  static const suite_test tests[] = {
      {"in place", test_in_place}, {"overlap", test_overlap}, {NULL, NULL}};
  suite_add("fold overlap", SUITE_DEVICES, tests);
}
