/* Runs the program of the README, examples/minimal.c, as built beside the tests. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "suites/support/suite.h"

/* .../tests/cubn-tests -> .../examples/minimal */
static bool find_example(char *path, size_t path_bytes) {
  const char example[] = "/examples/minimal";
  const ssize_t length = readlink("/proc/self/exe", path, path_bytes - sizeof example);
  if (length < 0) return false;
  path[length] = '\0';
  for (int level = 0; level < 2; ++level) {
    char *slash = strrchr(path, '/');
    if (!slash) return false;
    *slash = '\0';
  }
  strcat(path, example);
  return access(path, X_OK) == 0;
}

/* Whether the example is there. If not, the first test fails, and the others do nothing. */
static bool has_example(char *path, size_t path_bytes) {
  static bool is_reported;
  if (is_reported) return false;
  const bool found = find_example(path, path_bytes);
  is_reported = !found;
  return SUITE_CHECK(found, "%s is not built; make test builds it", path);
}

/* Output and exit code of the example on the device of that name. */
static int run_example(const char *path, const char *device, char *output, size_t output_bytes) {
  char command[1100];
  output[0] = '\0';
  snprintf(command, sizeof command, "'%s' 2>&1", path);
  setenv("CUBN_DEVICE", device, 1);
  FILE *pipe = popen(command, "r");
  unsetenv("CUBN_DEVICE");
  if (!SUITE_CHECK(pipe != NULL, "popen %s", command)) return -1;
  output[fread(output, 1, output_bytes - 1, pipe)] = '\0';
  const int status = pclose(pipe);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The number that follows `label` in the line that begins with `name`. */
static double number_of(const char *output, const char *name, const char *label) {
  const char *line = strstr(output, name);
  const char *at = line ? strstr(line, label) : NULL;
  return at ? strtod(at + strlen(label), NULL) : (double)NAN;
}

static void is_near(const char *output, const char *name, const char *label, double wanted,
                    double allowed) {
  const double got = number_of(output, name, label);
  SUITE_CHECK(fabs(got - wanted) <= allowed, "%s %s is %g, wanted %g, in\n%s", name + 1, label, got,
              wanted, output);
}

static void test_minimal(void) {
  char path[1024], output[4096];
  if (!has_example(path, sizeof path)) return;
  const int code = run_example(path, suite_device(), output, sizeof output);
  SUITE_CHECK(code == 0, "exit code %d:\n%s", code, output);
  CU_ASSERT_EQUAL(
      strncmp(output, strcmp(suite_device(), "cpu") ? "device: GPU\n" : "device: CPU\n", 12), 0);
  const double printed = 0.5e-4; /* four digits after the point */
  is_near(output, "\ny ", " mean", 1, printed);
  is_near(output, "\ny ", " std", 1, printed);
  is_near(output, "\nx ", " norm", 87.2442, printed + 1e-4); /* sinf may differ in its last bit */
  is_near(output, "\ndx ", " mean", 0, printed);
  CU_ASSERT(number_of(output, "\ndscale ", " norm") > 1);
  CU_ASSERT(number_of(output, "\ndbias ", " norm") > 1);
  /* Running mean 0.9 + 0.1 * 5.022 = 1.402 and variance 0.9 + 0.1 * 4.52 = 1.352. */
  is_near(output, "\ny, inference ", " mean", 4.11, 0.01);
}

static void test_failure(void) {
  char path[1024], output[4096];
  if (!has_example(path, sizeof path)) return;
  CU_ASSERT_EQUAL(run_example(path, "nonsense", output, sizeof output), 1);
  CU_ASSERT_PTR_NOT_NULL(strstr(output, "CUBN_STATUS_BAD_PARAM: cubnCreate: CUBN_DEVICE"));
}

void test_example_suites(void) {
#ifndef CUBN_TESTS_EMULATED /* the example is built for this machine only */
  static const suite_test tests[] = {{"minimal", test_minimal}, {NULL, NULL}};
  static const suite_test host_tests[] = {{"failure", test_failure}, {NULL, NULL}};
  suite_add("example", SUITE_DEVICES, tests);
  suite_add("example without a device", SUITE_HOST, host_tests);
#else
  (void)test_minimal;
  (void)test_failure;
#endif
}
