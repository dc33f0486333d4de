#include "suites/support/suite.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The options of the current pass. The callbacks of CUnit have no argument to carry them. */
static suite_options current;
static int added_count; /* suites of all passes */
static cubnHandle_t handle;

void suite_begin_pass(const suite_options *options) {
  current = *options;
}

int suite_added_count(void) {
  return added_count;
}

const char *suite_device(void) {
  return current.where == SUITE_CPU ? "cpu" : current.where == SUITE_CUDA ? "cuda" : NULL;
}

cubnHandle_t suite_handle(void) {
  return handle;
}

bool suite_all_cases(void) {
  return current.all_cases;
}

bool suite_verbose(void) {
  return current.verbose;
}

const char *suite_algo(void) {
  return current.algo;
}

unsigned suite_seed(void) {
  return current.seed;
}

bool suite_check(bool condition, const char *file, int line, const char *format, ...) {
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  CU_assertImplementation(condition, (unsigned)line, text, file, "", CU_FALSE);
  return condition;
}

static void set_up(void) {
  const char *const device = suite_device();
  handle = NULL;
  if (device)
    SUITE_CHECK(cubnCreateOnDevice(&handle, device) == CUBN_STATUS_SUCCESS, "no handle on %s",
                device);
}

static void tear_down(void) {
  char message[256];
  const cubnStatus_t status = cubnDestroy(handle);
  cubnGetLastErrorString(message, sizeof message);
  SUITE_CHECK(status == CUBN_STATUS_SUCCESS, "the test's handle: %s", message);
  handle = NULL;
}

void suite_add(const char *name, int where, const suite_test *tests) {
  if (!(where & current.where) ||
      (current.only && strncmp(name, current.only, strlen(current.only))))
    return;
  ++added_count;
  CU_pSuite suite = CU_add_suite_with_setup_and_teardown(name, NULL, NULL, set_up, tear_down);
  for (const suite_test *test = tests; suite && test->name; ++test)
    CU_add_test(suite, test->name, test->run);
}
