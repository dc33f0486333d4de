/* make traffic: the bytes that every CUDA algorithm moves, relative to the floor: x read once and y
 * written once (2 E, with E the bytes of x), in backward x and dy read and dx written (3 E); with
 * addition also z and the mask (3 E and 4 E + mask). */
#include <stdio.h>
#include <stdlib.h>

#include "emu/control.h"
#include "kit/emulated/traffic.h"

static const char *const default_lines[] = {
    "train nchw f32 n8c4h56w56",
    "train nchw f16 n8c4h56w56",
    "train nchw f16 n16c8h7w7",
    "train nchw f32 n16c8h15w15 offset=1",
    "train nhwc f32 n8c16h14w14",
    "train nhwc f16 n8c64h14w14",
    "train nhwc f16 n16c35h7w7",
    "train nc f32 n512c64",
    "backward nchw f32 n8c4h56w56",
    "backward nchw f16 n8c4h56w56",
    "backward nchw f16 n16c8h7w7",
    "backward nchw f32 n16c8h15w15 offset=1",
    "backward nhwc f32 n8c16h14w14",
    "backward nhwc f16 n8c64h14w14",
    "backward nhwc f16 n16c35h7w7",
    "backward nc f32 n512c64 nosaved",
    "infer nchw f32 n8c4h56w56",
    "infer nchw f16 n16c8h7w7",
    "infer nhwc f16 n8c64h14w14",
    "infer nhwc f16 n16c35h7w7",
    "train nchw f32 n8c4h56w56 relu",
    "train nhwc f16 n8c64h14w14 add_relu",
    "train nchw f16 n16c8h7w7 add_relu",
    "train nchw f32 n8c4h56w56 add_gelu",
    "backward nchw f32 n8c4h56w56 relu",
    "backward nhwc f16 n8c64h14w14 add_relu",
    "backward nchw f16 n16c8h7w7 add_relu",
    "backward nchw f32 n8c4h56w56 add_gelu",
    "infer nhwc f16 n8c64h14w14 add_relu",
};

static double over(int64_t bytes, int64_t tensor_bytes) {
  return (double)bytes / (double)tensor_bytes;
}

static void print_head(void) {
  printf(
      "In E, the bytes of x. Distinct bytes count once per launch, requested ones as often as\n"
      "threads ask. params: the call's per-channel arrays; rest: partial results and the like.\n"
      "over floor: distinct bytes without params, over the least that any algorithm moves: 2 E\n"
      "(forward), 3 E (backward), with addition 3 E and 4 E and the mask.\n\n"
      "%-10s %-42s %8s | %6s %6s %6s %6s | %6s %7s | %6s\n",
      "algorithm", "problem", "launches", "read", "write", "params", "rest", "asks r", "asks w",
      "over floor");
}

static void print_row(const cubn_algo *row, const char *line, const line_problem *problem,
                      const traffic *t) {
  const int64_t e = t->tensor_bytes, params = t->param_read_bytes + t->param_written_bytes;
  const int64_t all = t->distinct_read + t->distinct_written - params;
  /* The remainder after whole passes over tensors. */
  printf("%-10s %-42s %8u | %6.3f %6.3f %6.3f %6.3f | %6.3f %7.3f | %6.3f\n", row->name, line,
         t->launches, over(t->distinct_read, e), over(t->distinct_written, e), over(params, e),
         over(all % e, e), over(t->requested_read, e), over(t->requested_written, e),
         over(all, line_floor_bytes(problem)));
}

/* Returns false if something went wrong. */
static bool measure_line(cubnHandle_t handle, const char *line) {
  line_problem problem;
  char report[512];
  const char *const error = line_parse(line, &problem);
  if (error) {
    fprintf(stderr, "cubn-traffic: %s: %s\n", line, error);
    return false;
  }
  for (const cubn_algo *const *row = handle->backend->algos[problem.pass]; *row; ++row) {
    traffic t;
    if (traffic_measure(handle, &problem, *row, &t, report, sizeof report)) {
      print_row(*row, line, &problem, &t);
    } else if (report[0]) {
      fprintf(stderr, "cubn-traffic: %s: %s: %s\n", (*row)->name, line, report);
      return false;
    }
  }
  return true;
}

int main(int count, char **words) {
  cubnHandle_t handle;
  char message[256];
  if (!emu_is_trace() || cubnCreateOnDevice(&handle, "cuda") != CUBN_STATUS_SUCCESS) {
    cubnGetLastErrorString(message, sizeof message);
    fprintf(stderr, "cubn-traffic: needs the emulator's trace build. %s\n", message);
    return EXIT_FAILURE;
  }
  bool ok = true;
  print_head();
  for (int i = 1; i < count && ok; ++i) ok = measure_line(handle, words[i]);
  const size_t lines = sizeof default_lines / sizeof default_lines[0];
  for (size_t i = 0; i < lines && ok && count == 1; ++i)
    ok = measure_line(handle, default_lines[i]);
  return ok && cubnDestroy(handle) == CUBN_STATUS_SUCCESS ? EXIT_SUCCESS : EXIT_FAILURE;
}
