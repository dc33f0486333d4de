/* Self-tests of the emulator: correct kernels must compute correctly under every schedule, wrong
 * ones must be reported, and the runtime API must follow its rules. */
#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "selftest_bench.h"
#include "selftest_support.h"

static int add_all_cases(void) {
  if (!add_kernel_cases()) return 0;
  if (!add_function_cases()) return 0;
  if (!add_batchnorm_cases()) return 0;
  if (!add_async_cases()) return 0;
#ifndef EMU_SELFTEST_ON_GPU
  if (!add_bug_cases()) return 0;
  if (!add_stream_cases()) return 0;
  if (!add_runtime_cases()) return 0;
  if (!add_memory_cases()) return 0;
  if (!add_device_cases()) return 0;
#endif
  return 1;
}

int main(int argc, char **argv) {
#ifndef EMU_SELFTEST_ON_GPU
  if (argc > 1 && strcmp(argv[1], "bench") == 0) return selftest_bench();
#else
  (void)argc;
  (void)argv;
#endif
  if (CU_initialize_registry() != CUE_SUCCESS) return 2;
  if (!add_all_cases()) {
    fprintf(stderr, "cannot register the tests: %s\n", CU_get_error_msg());
    return 2;
  }
  CU_basic_set_mode(CU_BRM_VERBOSE);
  CU_basic_run_tests();
  const unsigned failures = CU_get_number_of_failures();
  const unsigned run = CU_get_number_of_tests_run();
  CU_cleanup_registry();
  return failures != 0 || run == 0;
}
