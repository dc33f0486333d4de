/* The CPU's instruction sets: each that this machine has, forced, with caches as they are and with
 * caches so small and so large that every way of cutting a problem is taken. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/handle.h"
#include "cpu/common/device.h"
#include "kit/run_line.h"
#include "suites/support/carry_over.h"
#include "suites/support/expect_error.h"
#include "suites/support/suite.h"

static const char *const targets[] = {"generic", "avx2", "avx512", "neon"};

/* Long and short runs, channels last, folded or not, with rows left over, far from zero, and out of
 * float's range; every type in every pass. */
static const char *const lines[] = {
    "train nchw f32 n3c5h31w33 mean=1e4 data=spread",
    "train nchw f16 n2c9h24w25 offset=3",
    "train nchw bf16 n5c4h23w32 inplace",
    "train nchw f64 n2c33h16w33 data=ramp",
    "train nchw f32 n2c2h200w201 data=onehot0",
    "train nchw f32 n2c3h30w30 data=large",
    "train nchw f32 n2c3h30w30 data=tiny eps=0",
    "train nchw f32 n3c4h25w25 data=inf",
    "train nchw f32 n3c5h51w81 offset_out=1",
    "train nchw bf16 n8c64h7w7 data=outlier",
    "train nchw f32 n37c40h5w5 mean=1e4",
    "train nchw f16 n4c700h1w3",
    "train nchw f64 n6c100h8w9 data=spread",
    "train nhwc f32 n5c33h7w9 mean=1e4 data=ramp",
    "train nhwc f16 n3c64h9w9 data=outlier",
    "train nhwc bf16 n7c3h17w19 offset=1",
    "train nhwc f64 n2c130h11w5",
    "train nhwc f32 n1c600h15w40 data=large",
    "train nc f32 n100c2100 data=spread",
    "train nc f32 n6001c1 data=constant eps=0",
    "train nc bf16 n700c9 data=onehot",
    "backward nchw f32 n3c5h31w33 mean=1e4 alpha=2",
    "backward nchw f16 n2c9h24w25 offset_x=1 offset_out=2 offset_dy=3",
    "backward nchw bf16 n5c4h23w32 inplace",
    "backward nchw f64 n2c33h16w33 pbeta=1",
    "backward nchw bf16 n2c5h51w81 offset_out=3",
    "backward nchw f32 n2c3h30w30 data=large",
    "backward nchw f32 n2c3h30w30 data=tiny eps=0",
    "backward nchw f32 n3c4h25w25 data=nandy",
    "backward nchw f32 n37c40h5w5 foreign",
    "backward nchw bf16 n8c64h7w7 inplace_x",
    "backward nhwc f32 n5c33h7w9 mean=1e4",
    "backward nhwc f16 n3c64h9w9",
    "backward nhwc bf16 n7c3h17w19 offset=1",
    "backward nhwc f64 n2c130h11w5",
    "backward nc f32 n100c2100",
    "backward nhwc f32 n1c600h15w40 data=large",
    "infer nchw f32 n3c5h31w33 mean=1e4",
    "infer nchw f16 n2c9h24w25 offset=3",
    "infer nchw bf16 n8c64h7w7 inplace",
    "infer nchw f64 n6c100h8w9",
    "infer nhwc f32 n5c33h7w9 data=nan",
    "infer nhwc bf16 n7c3h17w19 offset=1",
    "infer nc f16 n100c2100",
    /* Fused: rows of the mask that begin within a byte, pieces of one run, rows that are folded,
     * blocks and slices of columns, and channels that float cannot compute. */
    "train nchw f32 n3c5h31w33 relu mean=1e4 data=spread",
    "train nchw f32 n3c5h31w33 add_relu data=ties",
    "train nchw f16 n2c9h24w25 add_relu offset=3",
    "train nchw bf16 n5c4h23w32 add_leaky inplace_z",
    "train nchw f64 n2c33h16w33 add_relu inplace",
    "train nchw f32 n2c2h200w201 add_clipped offset_out=1",
    "train nchw f32 n1c3h301w333 add_relu",
    "train nchw bf16 n1c3h301w333 add_relu inplace",
    "train nchw f32 n2c3h30w30 relu data=large",
    "train nchw f32 n2c3h30w30 add_relu data=tiny eps=0",
    "train nchw f32 n3c4h25w25 relu data=inf dropnan",
    "train nchw f32 n3c4h25w25 add_relu data=nan",
    "train nchw f32 n3c5h31w33 add beta=0.5 alpha=2",
    "train nchw f32 n3c5h31w33 statistics",
    "train nchw bf16 n8c64h7w7 add_relu data=outlier",
    "train nchw f32 n37c40h5w5 add_relu mean=1e4",
    "train nchw f16 n4c700h1w3 add_relu",
    "train nchw f64 n6c100h8w9 leaky",
    "train nhwc f32 n5c33h7w9 add_relu mean=1e4",
    "train nhwc f16 n3c64h9w9 add_relu",
    "train nhwc bf16 n7c3h17w19 add_relu offset=1",
    "train nhwc f64 n2c130h11w5 clipped",
    "train nhwc f32 n1c600h15w40 add_relu data=large",
    "train nc f32 n100c2101 add_relu",
    "train nc f16 n40c8200 add_leaky",
    "train nc f32 n6001c1 add_relu",
    "backward nchw f32 n3c5h31w33 relu mean=1e4 alpha=2",
    "backward nchw f32 n3c5h31w33 add_relu data=ties",
    "backward nchw f16 n2c9h24w25 add_relu offset_x=1 offset_out=2 offset_dy=3",
    "backward nchw bf16 n5c4h23w32 add_leaky inplace_z",
    "backward nchw f64 n2c33h16w33 add_relu pbeta=1 beta=1",
    "backward nchw f32 n2c2h200w201 add_clipped",
    "backward nchw f32 n1c3h301w333 add_relu inplace",
    "backward nchw bf16 n2c5h51w81 leaky offset_out=3",
    "backward nchw f32 n2c3h30w30 relu data=large",
    "backward nchw f32 n2c3h30w30 add_relu data=tiny eps=0",
    "backward nchw f32 n3c4h25w25 add_relu data=nandy",
    "backward nchw f32 n3c4h25w25 relu data=nan",
    "backward nchw f32 n3c5h31w33 nosaved mean=1e4",
    "backward nchw f32 n3c5h31w33 nosaved add_relu",
    "backward nchw f32 n3c5h31w33 frozen relu data=inf",
    "backward nchw f32 n3c5h31w33 frozen add_relu nodscale nodbias",
    "backward nchw f32 n3c5h31w33 sums add_relu",
    "backward nchw f32 n3c5h31w33 nodx add_relu",
    "backward nchw f32 n3c5h31w33 nodx relu",
    "backward nchw f32 n37c40h5w5 add_relu inplace",
    "backward nchw bf16 n8c64h7w7 relu inplace_x",
    "backward nchw f16 n4c700h1w3 add_relu",
    "backward nhwc f32 n5c33h7w9 add_relu mean=1e4",
    "backward nhwc f16 n3c64h9w9 add_relu",
    "backward nhwc bf16 n7c3h17w19 add_relu offset=1",
    "backward nhwc f64 n2c130h11w5 relu",
    "backward nhwc f32 n5c33h7w9 nosaved mean=1e4",
    "backward nhwc f32 n5c33h7w9 frozen relu",
    "backward nc f32 n100c2101 add_relu nosaved",
    "backward nc f16 n40c8200 add_leaky",
    "backward nhwc f32 n1c600h15w40 add_relu data=large",
    "infer nchw f32 n3c5h31w33 add_relu reserve",
    "infer nchw f16 n1c3h301w333 add_relu reserve inplace",
    "infer nchw bf16 n8c64h7w7 relu inplace",
    "infer nhwc f32 n5c33h7w9 add_clipped data=nan",
    "infer nc f16 n100c2100 leaky beta=1",
    /* Smooth activations: the input kept or computed again, in every walk. */
    "train nchw f32 n3c5h31w33 swish mean=1e4 data=spread",
    "train nchw f16 n2c9h24w25 add_gelu offset=3",
    "train nchw bf16 n5c4h23w32 add_elu inplace_z data=ties",
    "train nchw f64 n2c33h16w33 add_tanh inplace",
    "train nchw f32 n2c2h200w201 sigmoid offset_out=1 alpha=2 beta=0.5",
    "train nchw f32 n2c3h30w30 elu data=large",
    "train nchw f32 n2c3h30w30 add_swish data=tiny eps=0",
    "train nchw f32 n37c40h5w5 add_swish mean=1e4 swish_beta=-2",
    "train nhwc bf16 n7c3h17w19 add_gelu offset=1",
    "train nhwc f64 n2c130h11w5 gelu",
    "train nc f32 n20c2101 add_elu coef=0.3",
    "backward nchw f32 n3c5h31w33 swish mean=1e4 alpha=2",
    "backward nchw f32 n3c5h31w33 elu data=ties coef=0.3",
    "backward nchw f16 n2c9h24w25 add_gelu offset_x=1 offset_out=2 offset_dy=3",
    "backward nchw bf16 n5c4h23w32 add_elu inplace_z data=ties",
    "backward nchw f64 n2c33h16w33 add_swish pbeta=1 beta=1",
    "backward nchw f32 n1c1h301w333 add_tanh inplace",
    "backward nchw f32 n2c3h30w30 sigmoid data=large",
    "backward nchw f32 n2c3h30w30 add_swish data=tiny eps=0",
    "backward nchw f32 n3c4h25w25 add_gelu data=nandy",
    "backward nchw f32 n3c5h31w33 nosaved add_gelu",
    "backward nchw f32 n3c5h31w33 nosaved tanh",
    "backward nchw f32 n3c5h31w33 frozen elu data=inf",
    "backward nchw f32 n3c5h31w33 sums add_swish",
    "backward nchw f32 n3c5h31w33 nodx gelu",
    "backward nhwc f32 n5c33h7w9 add_sigmoid mean=1e4",
    "backward nhwc f64 n2c130h11w5 gelu",
    "backward nhwc bf16 n7c3h17w19 swish offset=1",
    "backward nc f16 n9c8200 add_elu",
    "backward nhwc f32 n1c600h5w8 add_elu data=large",
    "backward nhwc f32 n1c600h5w8 tanh data=large",
    "infer nchw f32 n3c5h31w33 add_gelu reserve",
    "infer nchw f16 n1c1h301w333 add_swish reserve inplace",
    "infer nhwc f64 n5c33h7w9 elu",
    "infer nc bf16 n10c2100 tanh beta=1",
};

static cubnHandle_t create_with(const char *target, cubnStatus_t *status) {
  cubnHandle_t handle = NULL;
  setenv("CUBN_CPU_TARGET", target, 1);
  *status = cubnCreateOnDevice(&handle, "cpu");
  unsetenv("CUBN_CPU_TARGET");
  return handle;
}

/* Runs all lines, with caches of this size; 0: as they are. */
static void run_lines(cubnHandle_t handle, const char *target, int64_t cache_bytes) {
  struct cubn_device *const device = handle->device;
  const cubn_machine machine = device->machine;
  SUITE_CHECK(!strcmp(machine.f32->target, target), "%s was asked for, is %s", target,
              machine.f32->target);
  if (cache_bytes) device->machine.l2_bytes = cache_bytes;
  if (cache_bytes) device->machine.llc_bytes = cache_bytes;
  for (size_t i = 0; i < sizeof lines / sizeof *lines; ++i) {
    char report[1024];
    SUITE_CHECK(run_text(handle, lines[i], report, sizeof report), "%s, caches of %lld bytes: %s",
                target, (long long)cache_bytes, report);
  }
  device->machine = machine;
}

static void test_each(void) {
  int ran = 0;
  for (size_t i = 0; i < sizeof targets / sizeof *targets; ++i) {
    cubnStatus_t status;
    cubnHandle_t handle = create_with(targets[i], &status);
    if (status != CUBN_STATUS_SUCCESS) {
      expect_error(status, CUBN_STATUS_NOT_SUPPORTED, "cubnCreateOnDevice", "CUBN_CPU_TARGET",
                   targets[i]);
      CU_ASSERT_PTR_NULL(handle);
      continue;
    }
    ++ran;
    run_lines(handle, targets[i], 0);
    run_lines(handle, targets[i], 4096);
    run_lines(handle, targets[i], (int64_t)1 << 30);
    expect_success(cubnDestroy(handle), "destroy");
  }
  SUITE_CHECK(ran > 0, "no target was run");
}

/* What one target left in the reserve space serves the others: the same decisions, bit for bit. */
static const char *const carried[] = {
    "backward nchw f32 n6c5h31w33 relu data=ties mean=1e4",
    "backward nchw f32 n6c5h31w33 relu data=ties",
    "backward nchw f16 n6c7h24w25 relu data=ties",
    "backward nchw bf16 n6c7h24w25 leaky data=ties mean=100",
    "backward nchw f64 n6c5h31w33 clipped data=ties mean=1e4",
    "backward nchw f32 n6c3h30w30 relu data=large",
    "backward nchw f32 n37c40h5w5 relu data=ties mean=1e4",
    "backward nhwc f32 n5c33h17w9 relu data=ties mean=1e4",
    "backward nhwc f16 n3c64h9w9 clipped data=ties",
    "backward nc bf16 n100c600 relu data=ties",
    "backward nchw f32 n3c5h31w33 frozen relu data=ties",
    "backward nchw f32 n3c5h31w33 add_relu data=ties",
    "backward nchw f32 n6c5h31w33 elu data=ties mean=1e4",
    "backward nhwc bf16 n5c33h17w9 add_swish",
};

static void test_pairs(void) {
  for (size_t i = 0; i < sizeof targets / sizeof *targets; ++i)
    for (size_t j = 0; j < sizeof targets / sizeof *targets; ++j) {
      cubnStatus_t status[2];
      char how[64];
      snprintf(how, sizeof how, "from %s to %s", targets[i], targets[j]);
      cubnHandle_t first = create_with(targets[i], &status[0]);
      cubnHandle_t last = create_with(targets[j], &status[1]);
      for (size_t l = 0; first && last && l < sizeof carried / sizeof *carried; ++l)
        carry_over(carried[l], first, last, how);
      if (first) expect_success(cubnDestroy(first), "destroy");
      if (last) expect_success(cubnDestroy(last), "destroy");
    }
}

static void test_unknown(void) {
  cubnStatus_t status;
  CU_ASSERT_PTR_NULL(create_with("sse9", &status));
  expect_error(status, CUBN_STATUS_BAD_PARAM, "cubnCreateOnDevice", "CUBN_CPU_TARGET", "sse9");
  cubnHandle_t handle = create_with("", &status); /* as if it were not set */
  expect_success(status, "create");
  expect_success(cubnDestroy(handle), "destroy");
}

/* Calls from threads of a caller's own OpenMP team, with handles of their own, on problems that are
 * large enough for threads. */
static void test_nested(void) {
  enum { TEAM = 3 };
  static const char *const large[TEAM] = {
      "train nchw f32 n4c64h40w40", "backward nhwc f32 n8c64h25w25", "train nchw f32 n8c256h9w9"};
  char reports[TEAM][512];
  bool good[TEAM] = {false};
#pragma omp parallel for num_threads(TEAM) schedule(static, 1)
  for (int i = 0; i < TEAM; ++i) {
    cubnHandle_t handle = NULL;
    snprintf(reports[i], sizeof reports[i], "no handle");
    if (cubnCreateOnDevice(&handle, "cpu") != CUBN_STATUS_SUCCESS) continue;
    good[i] = run_text(handle, large[i], reports[i], sizeof reports[i]);
    cubnDestroy(handle);
  }
  for (int i = 0; i < TEAM; ++i) SUITE_CHECK(good[i], "%s: %s", large[i], reports[i]);
}

void test_cpu_targets_suites(void) {
  static const suite_test tests[] = {{"each target", test_each},
                                     {"from target to target", test_pairs},
                                     {"unknown target", test_unknown},
                                     {"nested parallelism", test_nested},
                                     {NULL, NULL}};
  suite_add("cpu targets", SUITE_CPU, tests);
}
