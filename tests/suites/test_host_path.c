/* What the host does in a call: it does not allocate, read the environment or open a file; and on a
 * GPU it makes only the runtime calls that a launch needs.
 *
 * The calls of the library, the tests and the emulator are counted (support/wrapped.h). The
 * emulator allocates in a launch, so it does nothing while calls are counted. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kit/run_line.h"
#include "suites/support/expect_error.h"
#include "suites/support/wrapped.h"
#ifdef CUBN_TESTS_EMULATED
#include "emu/control.h"
#endif

void test_host_path_suites(void);

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define CALLS 3

static const char *const count_names[WRAPPED_COUNTS] = {
    "allocations", "releases", "looks into the environment", "files opened"};

/* The counters count; otherwise the other tests would prove nothing. */
static void test_counters(void) {
  void *(*volatile allocate)(size_t) = malloc;
  void *(*volatile resize)(void *, size_t) = realloc;
  wrapped_reset();
  void *memory = resize(allocate(8), 16);
  CU_ASSERT_PTR_NOT_NULL(memory);
  free(memory);
  CU_ASSERT_PTR_NULL(getenv("CUBN_NO_SUCH_VARIABLE"));
  CU_ASSERT_PTR_NULL(fopen("/no/such/file", "r"));
  CU_ASSERT_EQUAL(wrapped_counts[WRAPPED_ALLOCATIONS], 2);
  CU_ASSERT_EQUAL(wrapped_counts[WRAPPED_RELEASES], 1);
  CU_ASSERT_EQUAL(wrapped_counts[WRAPPED_ENVIRONMENT], 1);
  CU_ASSERT_EQUAL(wrapped_counts[WRAPPED_FILES], 1);
}

/* ---- Calls ---- */

/* Every pass, layout and algorithm, on small problems. */
static const char *const lines[] = {
    "train nchw f32 n4c6h8w9",
    "train nhwc f16 n4c16h5w7",
    "train nchw+1 bf16 n3c2h33w33",
    "train nchw f32 n8c1h49w57",
    "train nc f32 n33c20",
    "infer nchw f32 n4c6h8w9 beta=.5",
    "infer nhwc+1 f64 n2c5h3w3",
    "backward nchw f32 n4c6h8w9",
    "backward nhwc f16 n4c16h5w7",
    "backward nchw+1:nhwc f32 n6c2h33w33 nosaved",
    "backward ncdhw bf16 n2c3d4h4w4",
    "train nchw f32 n8c64h56w56",
    "backward nhwc f32 n16c256h14w14",
    "train nchw f32 n4c6h8w9 relu",
    "train nhwc f16 n4c16h5w7 add_relu",
    "infer nchw f32 n4c6h8w9 add_swish",
    "backward nchw f32 n4c6h8w9 relu",
    "backward nhwc f16 n4c16h5w7 add_relu",
    "backward nchw f32 n4c6h8w9 frozen nodbias",
};

typedef struct call {
  line_problem problem;
  data_set data;
  run_context run;
} call;

static bool open_call(call *c, const char *line) {
  *c = (call){0};
  const char *const wrong = line_parse(line, &c->problem);
  if (!SUITE_CHECK(!wrong, "%s: %s", line, wrong)) return false;
  char report[512];
  if (!SUITE_CHECK(run_create(suite_handle(), &c->problem, &c->data, report, sizeof report), "%s",
                   report))
    return false;
  if (!expect_success(run_open(&c->run, suite_handle(), &c->problem, &c->data), line)) return false;
  return expect_success(run_call(&c->run), line); /* the first call may start threads */
}

static void close_call(call *c) {
  run_close(&c->run);
  data_destroy(&c->data);
}

static void set_null_device(int on) {
#ifdef CUBN_TESTS_EMULATED
  emu_set_null_device(on);
#else
  (void)on;
#endif
}

static void test_nothing_is_allocated(void) {
  for (size_t i = 0; i < COUNT_OF(lines); ++i) {
    call c;
    if (!open_call(&c, lines[i])) continue;
    set_null_device(1);
    wrapped_reset();
    bool good = true;
    for (int k = 0; k < CALLS; ++k) good = run_call(&c.run) == CUBN_STATUS_SUCCESS && good;
    int found[WRAPPED_COUNTS];
    for (int k = 0; k < WRAPPED_COUNTS; ++k) found[k] = wrapped_counts[k];
    set_null_device(0);
    SUITE_CHECK(good, "%s: a repeated call failed", lines[i]);
    for (int k = 0; k < WRAPPED_COUNTS; ++k)
      SUITE_CHECK(found[k] == 0, "%s: %d %s in %d calls", lines[i], found[k], count_names[k],
                  CALLS);
    close_call(&c);
  }
}

#ifdef CUBN_TESTS_EMULATED
/* A launch needs the current device, and the launch itself; everything else that the runtime can be
 * asked is known since the handle was opened. */
static const char *const runtime_calls[] = {"cudaGetDevice", "cudaLaunchKernelExC",
                                            "cudaMemsetAsync"};

static unsigned long long allowed_runtime_calls(void) {
  unsigned long long sum = 0;
  for (size_t i = 0; i < COUNT_OF(runtime_calls); ++i) sum += emu_api_calls(runtime_calls[i]);
  return sum;
}

static void test_runtime_calls(void) {
  for (size_t i = 0; i < COUNT_OF(lines); ++i) {
    call c;
    if (!open_call(&c, lines[i])) continue;
    const unsigned long long before = emu_api_calls(NULL), allowed = allowed_runtime_calls();
    const unsigned long long launches = emu_api_calls("cudaLaunchKernelExC");
    const bool good = run_call(&c.run) == CUBN_STATUS_SUCCESS;
    const unsigned long long calls = emu_api_calls(NULL) - before;
    SUITE_CHECK(good, "%s: a repeated call failed", lines[i]);
    SUITE_CHECK(emu_api_calls("cudaLaunchKernelExC") > launches, "%s: nothing was launched",
                lines[i]);
    SUITE_CHECK(allowed_runtime_calls() - allowed == calls,
                "%s: %llu calls of the runtime, of which %llu are needed", lines[i], calls,
                allowed_runtime_calls() - allowed);
    close_call(&c);
  }
}
#endif

void test_host_path_suites(void) {
  static const suite_test host[] = {{"the counters count", test_counters}, {NULL, NULL}};
  static const suite_test devices[] = {{"calls allocate nothing", test_nothing_is_allocated},
                                       {NULL, NULL}};
  suite_add("host path", SUITE_HOST, host);
  suite_add("host path of calls", SUITE_DEVICES, devices);
#ifdef CUBN_TESTS_EMULATED
  static const suite_test emulated[] = {{"runtime calls are few", test_runtime_calls},
                                        {NULL, NULL}};
  suite_add("host path on the emulator", SUITE_CUDA, emulated);
#endif
}
