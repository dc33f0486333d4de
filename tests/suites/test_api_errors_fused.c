/* Arguments that only the fused functions have: operations, activation and reserve space, made
 * wrong one at a time, and those that they ignore. */
#include <stdio.h>
#include <string.h>

#include "suites/support/api_call.h"

static const int calls[] = {API_CALL_TRAIN_EX, API_CALL_BACKWARD_EX};
enum { CALLS = sizeof calls / sizeof *calls };

static void test_ops(void) {
  for (int i = 0; i < CALLS; ++i) {
    api_fixture f;
    if (!api_open(&f, calls[i])) return;
    api_arguments a = f.valid;
    a.ops = (cubnBatchNormOps_t)3;
    api_refuse(&f, &a, CUBN_STATUS_BAD_PARAM, "ops", "3");
    a.ops = (cubnBatchNormOps_t)-1;
    api_refuse(&f, &a, CUBN_STATUS_BAD_PARAM, "ops", "-1");
    a.ops = CUBN_BATCHNORM_OPS_BN_ACTIVATION;
    a.activation = NULL;
    api_refuse(&f, &a, CUBN_STATUS_BAD_PARAM, "activation_desc", "NULL");
    api_close(&f, false);
  }
}

/* Reserve spaces of each kind that are too small, absent or not aligned. */
static void refuse_reserve(const api_fixture *f, cubnBatchNormOps_t ops, cubnActivationMode_t mode,
                           size_t bytes, size_t alignment_bytes) {
  char needed[32], given[32], address[32];
  api_arguments a = f->valid;
  expect_success(cubnSetActivationDescriptor(a.activation, mode, CUBN_PROPAGATE_NAN, 1), "set");
  a.ops = ops;
  snprintf(needed, sizeof needed, "%zu", bytes);
  snprintf(given, sizeof given, "%zu", bytes - 1);
  a.reserve_bytes = bytes - 1;
  api_refuse(f, &a, CUBN_STATUS_BAD_PARAM, "reserve_space", given);
  api_refuse(f, &a, CUBN_STATUS_BAD_PARAM, "reserve_space", needed);
  a.reserve_bytes = bytes;
  a.reserve = NULL;
  api_refuse(f, &a, CUBN_STATUS_BAD_PARAM, "reserve_space", "NULL");
  api_refuse(f, &a, CUBN_STATUS_BAD_PARAM, "ReserveSpaceSize", needed);
  if (alignment_bytes == 1) return;
  a.reserve = (char *)f->valid.x + alignment_bytes / 2;
  snprintf(address, sizeof address, "%p", a.reserve);
  api_refuse(f, &a, CUBN_STATUS_BAD_PARAM, "reserve_space", address);
}

static void test_reserve(void) {
  for (int i = 0; i < CALLS; ++i) {
    api_fixture f;
    if (!api_open(&f, calls[i])) return;
    /* 2 x 3 rows of 20 elements, whose bits take 3 bytes, or begin 4 bytes apart. */
    refuse_reserve(&f, CUBN_BATCHNORM_OPS_BN_ADD_ACTIVATION, CUBN_ACTIVATION_RELU,
                   f.valid.reserve_bytes, 1);
    refuse_reserve(&f, CUBN_BATCHNORM_OPS_BN_ADD_ACTIVATION, CUBN_ACTIVATION_LEAKY_RELU,
                   f.valid.reserve_bytes, 1);
    refuse_reserve(&f, CUBN_BATCHNORM_OPS_BN_ADD_ACTIVATION, CUBN_ACTIVATION_TANH, 480, 4);
    refuse_reserve(&f, CUBN_BATCHNORM_OPS_BN_ACTIVATION, CUBN_ACTIVATION_RELU, 36, 4);
    refuse_reserve(&f, CUBN_BATCHNORM_OPS_BN_ACTIVATION, CUBN_ACTIVATION_GELU, 36, 4);
    api_close(&f, false);
  }
}

/* With an activation but no addition, backward needs the bias to compute the pre-activation
 * again. */
static void test_bias(void) {
  api_fixture f;
  if (!api_open(&f, API_CALL_BACKWARD_EX)) return;
  api_arguments a = f.valid;
  a.bias = NULL;
  a.ops = CUBN_BATCHNORM_OPS_BN_ACTIVATION;
  a.reserve = a.x;
  a.reserve_bytes = 36;
  api_refuse(&f, &a, CUBN_STATUS_BAD_PARAM, "bias", "NULL");
  a = f.valid;
  a.bias = NULL;
  expect_success(api_call(f.call, &a), "without a bias that is not needed");
  api_close(&f, true);
}

/* Arguments that are ignored may have any value. */
static void test_ignored(void) {
  char nowhere;
  for (int i = 0; i < CALLS; ++i) {
    api_fixture f;
    if (!api_open(&f, calls[i])) return;
    api_arguments a = f.valid;
    a.workspace = &nowhere;
    a.workspace_bytes = 1;
    expect_success(api_call(f.call, &a), "a workspace");
    a.ops = CUBN_BATCHNORM_OPS_BN;
    a.z_desc = NULL;
    a.z = &nowhere;
    a.activation = NULL;
    a.reserve = NULL;
    a.reserve_bytes = 0;
    expect_success(api_call(f.call, &a), "ops of batch normalization alone");
    a = f.valid; /* The identity leaves nothing for backward. */
    a.reserve = NULL;
    expect_success(
        cubnSetActivationDescriptor(a.activation, CUBN_ACTIVATION_IDENTITY, CUBN_PROPAGATE_NAN, 0),
        "set");
    expect_success(api_call(f.call, &a), "no reserve space, of which 0 bytes are needed");
    api_close(&f, true);
  }
}

void test_api_errors_fused_suites(void) {
  static const suite_test tests[] = {{"ops", test_ops},
                                     {"reserve space", test_reserve},
                                     {"bias", test_bias},
                                     {"what is ignored", test_ignored},
                                     {NULL, NULL}};
  suite_add("api errors of fused functions", SUITE_DEVICES, tests);
}
