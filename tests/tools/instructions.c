/* cubn-instructions LINE: calls the problem of a line on the CPU, CALLS times in measured_calls(),
 * the only function in which valgrind counts (instructions.sh). One call before that does
 * everything that happens only once. */
#include <stdio.h>
#include <stdlib.h>

#include "kit/run_line.h"

enum { CALLS = 10 };

bool measured_calls(const run_context *run);

__attribute__((noinline)) bool measured_calls(const run_context *run) {
  bool good = true;
  for (int i = 0; i < CALLS; ++i) good = run_call(run) == CUBN_STATUS_SUCCESS && good;
  return good;
}

int main(int count, char **words) {
  line_problem problem;
  data_set data;
  run_context run;
  cubnHandle_t handle;
  const char *wrong = count == 2 ? line_parse(words[1], &problem) : "cubn-instructions LINE";
  if (wrong) {
    fprintf(stderr, "%s\n", wrong);
    return EXIT_FAILURE;
  }
  if (cubnCreateOnDevice(&handle, "cpu") != CUBN_STATUS_SUCCESS || !data_create(&problem, &data))
    return EXIT_FAILURE;
  if (problem.pass == LINE_BACKWARD) oracle_fill_saved(&problem, &data);
  if (run_open(&run, handle, &problem, &data) != CUBN_STATUS_SUCCESS) return EXIT_FAILURE;
  const bool good = run_call(&run) == CUBN_STATUS_SUCCESS && measured_calls(&run);
  run_close(&run);
  data_destroy(&data);
  cubnDestroy(handle);
  return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
