/* cubn-smoke: the smoke list on a CPU, with every instruction set that the CPU has, also with small
 * caches. For machines and tools on which the whole test program cannot run: other architectures,
 * emulators, race detectors. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/handle.h"
#include "cpu/common/device.h"
#include "kit/cases.h"
#include "kit/run_line.h"

/* Loops run in parallel above a certain size; these problems are above it. */
static const char *const large_lines[] = {
    "train nchw f32 n4c3h128w129",    "backward nchw f32 n4c3h128w129",
    "infer nchw f16 n4c3h128w129",    "train nchw f32 n8c64h24w24",
    "backward nchw bf16 n8c64h24w24", "train nchw f32 n8c256h7w7",
    "backward nchw f32 n8c256h7w7",   "infer nchw f32 n8c256h7w7",
    "train nhwc f32 n8c64h16w17",     "backward nhwc f32 n8c64h16w17",
    "infer nhwc f32 n8c64h16w17",     "train nc f32 n64c1024",
    "train nchw:nhwc f32 n8c32h16w17"};

typedef struct smoke_run {
  cubnHandle_t handle;
  int lines, failures;
} smoke_run;

static void run_one(const char *line, void *context) {
  smoke_run *const run = context;
  char report[1024];
  ++run->lines;
  if (run_text(run->handle, line, report, sizeof report)) return;
  ++run->failures;
  printf("%s\n", report);
}

static void run_all(smoke_run *run) {
  cases_visit(CASES_SMOKE, run_one, run);
  for (size_t i = 0; i < sizeof large_lines / sizeof *large_lines; ++i)
    run_one(large_lines[i], run);
}

/* Runs one target; returns true if nothing failed, or if the machine does not have it. */
static bool run_target(const char *target) {
  smoke_run run = {0};
  setenv("CUBN_CPU_TARGET", target, 1);
  const cubnStatus_t status = cubnCreateOnDevice(&run.handle, "cpu");
  if (status == CUBN_STATUS_NOT_SUPPORTED) return true;
  if (status != CUBN_STATUS_SUCCESS) {
    printf("%s: %s\n", target, cubnGetErrorString(status));
    return false;
  }
  run_all(&run);
  struct cubn_device *const device = run.handle->device;
  device->machine.l2_bytes = device->machine.llc_bytes = 4096;
  run_all(&run);
  printf("%s: %d problems, %d failures\n", target, run.lines, run.failures);
  return run.failures == 0 && cubnDestroy(run.handle) == CUBN_STATUS_SUCCESS;
}

int main(int count, char **words) {
  static const char *const all[] = {"generic", "avx2", "avx512", "neon"};
  bool good = true;
  for (int i = 1; i < count; ++i) good = run_target(words[i]) && good;
  for (size_t i = 0; count == 1 && i < sizeof all / sizeof *all; ++i)
    good = run_target(all[i]) && good;
  return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
