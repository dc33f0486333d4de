/* One operation of any kind, on memory of exactly the sizes that the library reports. It must
 * succeed, agree with the oracle, leave everything else alone, and give the same bits with one
 * thread and with three, whichever interface is called. */
#include <stdio.h>

#include "fuzz/exact.h"
#include "fuzz/handles.h"
#include "fuzz/problem.h"
#include "kit/run_line.h"

int LLVMFuzzerInitialize(int *argument_count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static void fail(const line_problem *problem, const char *what) {
  char line[512];
  line_format(problem, line, sizeof line);
  fprintf(stderr, "strides of x:");
  for (int i = 0; i < problem->rank; ++i)
    fprintf(stderr, " %lld", (long long)problem->strides[LINE_X][i]);
  fuzz_fail("\n%s: %s", line, what);
}

/* By the functions of one of three interfaces. */
static cubnStatus_t call_by(int interface, const run_context *run) {
  /* Of an empty batch the extended interface writes statistics, the others nothing. */
  if (interface == 1 && line_elements(&run->problem) > 0) return run_extended(run);
  return interface == 2 && run_has_normalization(&run->problem) ? run_normalization(run)
                                                                : run_call(run);
}

/* Calls with the content of `before` and stores what it left. */
static void call(cubnHandle_t handle, int interface, const line_problem *problem,
                 const data_set *before, data_set *after) {
  run_context run;
  exact_memory memory;
  char message[512];
  if (run_open(&run, handle, problem, before) != CUBN_STATUS_SUCCESS || !data_copy(before, after))
    fail(problem, "no memory");
  exact_open(&memory, &run, before);
  const cubnStatus_t status = call_by(interface, &run);
  exact_close(&memory, after);
  run_close(&run);
  if (status == CUBN_STATUS_SUCCESS) return;
  cubnGetLastErrorString(message, sizeof message);
  fail(problem, message);
}

static void check(const line_problem *problem, const data_set *before, const data_set *after) {
  char report[512];
  const compare_result result = compare_outputs(problem, before, after, 1);
  if (result.failures) {
    compare_describe(&result, report, sizeof report);
    fail(problem, report);
  }
  if (!compare_untouched(problem, before, after, report, sizeof report)) fail(problem, report);
}

/* Where the kit refuses the simplest problem of each pass it refuses all: nothing is tested. */
int LLVMFuzzerInitialize(int *argument_count, char ***arguments) {
  (void)argument_count, (void)arguments;
  for (uint8_t pass = 0; pass < 3; ++pass) {
    line_problem problem;
    fuzz_input input = {&pass, 1};
    if (!fuzz_problem(&input, &problem)) fuzz_fail("the problem of pass %d is no problem", pass);
  }
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
  fuzz_input input = {bytes, count};
  line_problem problem;
  data_set before, one, three;
  char report[1024];
  const int algo = fuzz_below(&input, FUZZ_ALGOS), target = fuzz_below(&input, FUZZ_TARGETS);
  const int interface = fuzz_below(&input, 3);
  if (!fuzz_problem(&input, &problem)) return 0;
  const cubnHandle_t handle = fuzz_handle(algo, target, 1);
  if (!data_create(&problem, &before)) fail(&problem, "no memory");
  if (!run_fill(handle, &problem, 1, &before, report, sizeof report)) fail(&problem, report);
  call(handle, interface, &problem, &before, &one);
  check(&problem, &before, &one);
  call(fuzz_handle(algo, target, 3), 0, &problem, &before, &three);
  if (!compare_equal(&problem, &one, &problem, &three, report, sizeof report))
    fail(&problem, report);
  data_destroy(&before);
  data_destroy(&one);
  data_destroy(&three);
  return 0;
}
