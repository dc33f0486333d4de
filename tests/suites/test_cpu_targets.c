/* The instruction sets of the CPU: each one that this machine has, forced, with the caches as they
 * are and with caches so small and so large that every partition of a problem occurs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/handle.h"
#include "cpu/common/device.h"
#include "kit/run_line.h"
#include "suites/support/carry_over.h"
#include "suites/support/cpu_lines.h"
#include "suites/support/expect_error.h"
#include "suites/support/suite.h"

static const char *const targets[] = {"generic", "avx2", "avx512", "neon"};

static cubnHandle_t create_with(const char *target, cubnStatus_t *status) {
  cubnHandle_t handle = NULL;
  setenv("CUBN_CPU_TARGET", target, 1);
  *status = cubnCreateOnDevice(&handle, "cpu");
  unsetenv("CUBN_CPU_TARGET");
  return handle;
}

/* Runs all lines, with caches of this size; 0 leaves them as they are. */
static void run_lines(cubnHandle_t handle, const char *target, int64_t cache_bytes) {
  struct cubn_device *const device = handle->device;
  const cubn_machine machine = device->machine;
  SUITE_CHECK(!strcmp(machine.f32->target, target), "%s was asked for, is %s", target,
              machine.f32->target);
  if (cache_bytes) device->machine.l2_bytes = cache_bytes;
  if (cache_bytes) device->machine.llc_bytes = cache_bytes;
  for (size_t i = 0; i < cpu_line_count; ++i) {
    char report[1024];
    SUITE_CHECK(run_text(handle, cpu_lines[i], report, sizeof report),
                "%s, caches of %lld bytes: %s", target, (long long)cache_bytes, report);
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

/* The reserve space that one target leaves serves the others: the decisions are the same, bit for
 * bit. */
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
    "backward nc f32 n8c600 relu data=ties mean=1e4",
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

/* Calls from the threads of a caller's own OpenMP team, with their own handles, on problems that
 * are large enough for threads. */
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
