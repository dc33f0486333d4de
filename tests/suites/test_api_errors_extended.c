/* The tensors of the extended interface, made wrong one at a time: status and message; nothing was
 * written. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "suites/support/expect_error.h"
#include "suites/support/extended_call.h"

#define BAD CUBN_STATUS_BAD_PARAM
#define MEMBER(name) offsetof(cubnBatchNormTensors_t, name)

typedef struct member_case {
  int calls; /* as bits */
  size_t member;
  const char *name;
} member_case;

enum {
  FORWARD_CALLS = 1 << TRAIN | 1 << STATISTICS | 1 << GIVEN | 1 << GIVEN_INV_STD,
  BACKWARD_CALLS = 1 << BACKWARD | 1 << RELU_BACKWARD | 1 << FROZEN | 1 << SUMS,
  ALL_CALLS = FORWARD_CALLS | BACKWARD_CALLS,
  Y_CALLS = FORWARD_CALLS & ~(1 << STATISTICS),
  FUSED_CALLS = 1 << TRAIN | 1 << GIVEN | 1 << BACKWARD | 1 << RELU_BACKWARD,
  GIVEN_CALLS = 1 << GIVEN | 1 << GIVEN_INV_STD | 1 << FROZEN,
  SAVED_CALLS = 1 << TRAIN | 1 << STATISTICS | 1 << BACKWARD | 1 << RELU_BACKWARD | 1 << SUMS
};

/* Tensors without which the call cannot be made. An output has a descriptor and a pointer, both or
 * none. */
static const member_case required[] = {
    {ALL_CALLS, MEMBER(x_desc), "x_desc"},
    {ALL_CALLS, MEMBER(param_desc), "param_desc"},
    {ALL_CALLS, MEMBER(x), "x"},
    {Y_CALLS, MEMBER(y_desc), "y_desc"},
    {Y_CALLS, MEMBER(y), "y"},
    {1 << TRAIN | 1 << GIVEN, MEMBER(z_desc), "z_desc"},
    {1 << TRAIN | 1 << GIVEN, MEMBER(z), "z"},
    {BACKWARD_CALLS, MEMBER(dy_desc), "dy_desc"},
    {BACKWARD_CALLS, MEMBER(dy), "dy"},
    {BACKWARD_CALLS, MEMBER(dx_desc), "dx_desc"},
    {BACKWARD_CALLS, MEMBER(dx), "dx"},
    {1 << BACKWARD, MEMBER(dz_desc), "dz_desc"},
    {1 << BACKWARD, MEMBER(dz), "dz"},
    {GIVEN_CALLS, MEMBER(mean), "mean"},
    {1 << GIVEN, MEMBER(var), "var"},
    {1 << GIVEN_INV_STD | 1 << FROZEN, MEMBER(inv_std), "inv_std"},
    {SAVED_CALLS, MEMBER(saved_mean), "saved_mean"},
    {SAVED_CALLS, MEMBER(saved_inv_std), "saved_inv_std"},
    {1 << TRAIN | 1 << STATISTICS, MEMBER(running_var), "running_var"},
    {1 << SUMS, MEMBER(dscale), "dscale"},
    {1 << SUMS, MEMBER(dbias), "dbias"},
    {1 << BACKWARD | 1 << RELU_BACKWARD, MEMBER(reserve), "reserve"},
    {0, 0, NULL},
};

/* Arrays that have to be aligned to a float. */
static const member_case aligned[] = {
    {ALL_CALLS, MEMBER(x), "x"},
    {Y_CALLS, MEMBER(y), "y"},
    {1 << TRAIN | 1 << GIVEN, MEMBER(z), "z"},
    {BACKWARD_CALLS, MEMBER(dy), "dy"},
    {BACKWARD_CALLS, MEMBER(dx), "dx"},
    {1 << BACKWARD, MEMBER(dz), "dz"},
    {ALL_CALLS & ~(1 << BACKWARD), MEMBER(scale), "scale"},
    {FORWARD_CALLS | 1 << RELU_BACKWARD, MEMBER(bias), "bias"},
    {GIVEN_CALLS, MEMBER(mean), "mean"},
    {1 << GIVEN, MEMBER(var), "var"},
    {1 << GIVEN_INV_STD | 1 << FROZEN, MEMBER(inv_std), "inv_std"},
    {SAVED_CALLS, MEMBER(saved_mean), "saved_mean"},
    {SAVED_CALLS, MEMBER(saved_inv_std), "saved_inv_std"},
    {1 << GIVEN_INV_STD | 1 << FROZEN, MEMBER(mean_low), "mean_low"},
    {1 << STATISTICS | 1 << SUMS, MEMBER(saved_mean_low), "saved_mean_low"},
    {1 << TRAIN | 1 << STATISTICS, MEMBER(running_mean), "running_mean"},
    {1 << TRAIN | 1 << STATISTICS, MEMBER(running_var), "running_var"},
    {1 << TRAIN, MEMBER(previous_running_mean), "previous_running_mean"},
    {1 << TRAIN, MEMBER(previous_running_var), "previous_running_var"},
    {1 << TRAIN, MEMBER(factor), "factor"},
    {BACKWARD_CALLS, MEMBER(dscale), "dscale"},
    {BACKWARD_CALLS & ~(1 << RELU_BACKWARD), MEMBER(dbias), "dbias"},
    {1 << RELU_BACKWARD, MEMBER(reserve), "reserve"}, /* a value per channel */
    {0, 0, NULL},
};

static void spoil(const extended_call *f, int which, const member_case *list,
                  ptrdiff_t shift_bytes) {
  for (; list->name; ++list) {
    if (!(list->calls & 1 << which)) continue;
    cubnBatchNormTensors_t t = f->valid;
    char *pointer, address[32] = "NULL";
    memcpy(&pointer, (char *)&t + list->member, sizeof pointer);
    pointer = shift_bytes ? pointer + shift_bytes : NULL;
    memcpy((char *)&t + list->member, &pointer, sizeof pointer);
    if (shift_bytes) snprintf(address, sizeof address, "%p", (void *)pointer);
    extended_refuse(f, &t, list->name, address);
  }
}

static void test_members(void) {
  for (int which = 0; which < CALLS; ++which) {
    extended_call f;
    if (!extended_open(&f, which)) return;
    spoil(&f, which, required, 0);
    spoil(&f, which, aligned, 1);
    spoil(&f, which, aligned, 2);
    if (FUSED_CALLS & 1 << which) {
      cubnBatchNormTensors_t t = f.valid;
      --t.reserve_bytes;
      extended_refuse(&f, &t, "reserve", NULL);
    }
    extended_close(&f);
  }
}

static void test_arguments(void) {
  for (int which = 0; which < CALLS; ++which) {
    extended_call f;
    if (!extended_open(&f, which)) return;
    expect_error(extended_make(&f, NULL, f.run.batch_norm, &f.valid), CUBN_STATUS_NOT_INITIALIZED,
                 extended_function(&f), "handle", "NULL");
    expect_error(extended_make(&f, suite_handle(), NULL, &f.valid), BAD, extended_function(&f),
                 "descriptor", "NULL");
    expect_error(extended_make(&f, suite_handle(), f.run.batch_norm, NULL), BAD,
                 extended_function(&f), "tensors", "NULL");
    extended_close(&f);
  }
}

static void test_nothing_to_compute(void) {
  for (int which = 0; which < CALLS; ++which) {
    extended_call f;
    if (!extended_open(&f, which)) return;
    cubnBatchNormTensors_t t = f.valid;
    t.y_desc = t.dx_desc = t.dz_desc = NULL;
    t.y = t.dx = t.dz = NULL;
    if (which == TRAIN || which == STATISTICS) {
      t.running_mean = t.running_var = t.saved_mean = t.saved_mean_low = t.saved_inv_std = NULL;
    } else if (which != SUMS) {
      t.dscale = t.dbias = NULL;
    }
    extended_refuse(&f, &t, f.run.problem.pass == LINE_BACKWARD ? "dx" : "y", "nothing to compute");
    extended_close(&f);
  }
}

/* Another type, size or memory order than that of x, and in place with other strides. */
static void test_descriptors(void) {
  cubnTensorDescriptor_t other, nhwc;
  CU_ASSERT(!cubnCreateTensorDescriptor(&other) && !cubnCreateTensorDescriptor(&nhwc));
  CU_ASSERT(!cubnSetTensor4dDescriptor(other, CUBN_TENSOR_NCHW, CUBN_DATA_FLOAT, 2, 3, 4, 19));
  CU_ASSERT(!cubnSetTensor4dDescriptor(nhwc, CUBN_TENSOR_NHWC, CUBN_DATA_FLOAT, 2, 3, 4, 5));
  extended_call f;
  if (extended_open(&f, TRAIN)) {
    cubnBatchNormTensors_t t = f.valid;
    t.y_desc = other;
    extended_refuse(&f, &t, "y_desc", "19");
    t = f.valid;
    t.z_desc = other;
    extended_refuse(&f, &t, "z_desc", "19");
    t = f.valid;
    t.param_desc = nhwc;
    extended_refuse(&f, &t, "param_desc", NULL);
    t = f.valid;
    t.y = (void *)(uintptr_t)t.z;
    t.y_desc = nhwc;
    extended_refuse(&f, &t, "y", "z");
    extended_close(&f);
  }
  if (extended_open(&f, BACKWARD)) {
    cubnBatchNormTensors_t t = f.valid;
    t.dz_desc = other;
    extended_refuse(&f, &t, "dz_desc", "19");
    t = f.valid;
    t.dz = t.dx;
    extended_refuse(&f, &t, "dz", "dx");
    t.dz = (void *)(uintptr_t)t.dy;
    t.dz_desc = nhwc;
    extended_refuse(&f, &t, "dz", "dy");
    t = f.valid;
    t.dx = (void *)(uintptr_t)t.x;
    t.dx_desc = nhwc;
    extended_refuse(&f, &t, "dx", "x");
    extended_close(&f);
  }
  cubnDestroyTensorDescriptor(other);
  cubnDestroyTensorDescriptor(nhwc);
}

void test_api_errors_extended_suites(void) {
  static const suite_test tests[] = {{"members", test_members},
                                     {"arguments", test_arguments},
                                     {"nothing to compute", test_nothing_to_compute},
                                     {"descriptors", test_descriptors},
                                     {NULL, NULL}};
  suite_add("api errors of the extended interface", SUITE_DEVICES, tests);
}
