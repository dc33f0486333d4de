/* Several threads with handles of their own at the same time. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "kit/run_line.h"
#include "suites/support/expect_error.h"

enum { THREADS = 4, REPEATS = 24 };

/* The emulator runs all kernels on one thread. */
#ifdef CUBN_TESTS_EMULATED
#define THREADED_DEVICES SUITE_CPU
#else
#define THREADED_DEVICES SUITE_DEVICES
#endif

static const char *const lines[] = {
    "train nchw f32 n4c16h14w14", "train nhwc f32 n8c24h7w7", "backward nchw f32 n4c16h14w14",
    "backward nhwc f16 n8c24h7w7", "infer nchw bf16 n4c16h14w14", "train nchw+1 f64 n3c5h6w7",
    "backward nchw f64 n3c5h6w7", "train nc f32 n64c300", "train nchw f32 n16c32h28w28",
    "backward nhwc f32 n16c32h28w28",
    /* Few channels of many values: their partial results are in the workspace of the handle. */
    "train nhwc f16 n8c24h7w7 add_relu", "backward nchw f32 n4c16h14w14 relu",
    "train nchw f32 n8c3h80w80", "backward nhwc f32 n40c3h30w30"};
enum { LINES = sizeof lines / sizeof lines[0] };

/* The checks of CUnit are for one thread, so the others leave a sentence. */
typedef struct worker {
  int number;
  char failure[512];
} worker;

typedef struct expected_call {
  line_problem problem;
  data_set before, after;
} expected_call;

static expected_call expected[LINES]; /* only read by the threads */

static bool call(cubnHandle_t handle, const expected_call *given, data_set *result) {
  run_context run;
  if (run_open(&run, handle, &given->problem, &given->before) != CUBN_STATUS_SUCCESS) return false;
  const bool good =
      run_call(&run) == CUBN_STATUS_SUCCESS && run_download(&run, result) == CUBN_STATUS_SUCCESS;
  run_close(&run);
  return good;
}

static bool prepare(expected_call *to, const char *line) {
  const char *wrong = line_parse(line, &to->problem);
  if (!SUITE_CHECK(!wrong, "%s: %s", line, wrong)) return false;
  char report[512] = "";
  if (!SUITE_CHECK(run_create(suite_handle(), &to->problem, &to->before, report, sizeof report),
                   "%s", report))
    return false;
  return SUITE_CHECK(data_copy(&to->before, &to->after), "no memory") &&
         SUITE_CHECK(call(suite_handle(), to, &to->after), "%s failed", line);
}

static void compare_with_alone(worker *self, cubnHandle_t handle, const expected_call *wanted) {
  data_set got;
  if (!data_copy(&wanted->before, &got)) return;
  char report[256] = "the call failed";
  if (!call(handle, wanted, &got) ||
      !compare_equal(&wanted->problem, &wanted->after, &wanted->problem, &got, report,
                     sizeof report)) {
    char line[128];
    line_format(&wanted->problem, line, sizeof line);
    snprintf(self->failure, sizeof self->failure, "thread %d: %s: %s", self->number, line, report);
  }
  data_destroy(&got);
}

static void *compute(void *argument) {
  worker *self = argument;
  cubnHandle_t handle;
  if (cubnCreateOnDevice(&handle, suite_device()) != CUBN_STATUS_SUCCESS) {
    snprintf(self->failure, sizeof self->failure, "thread %d: no handle", self->number);
    return NULL;
  }
  for (int i = 0; i < REPEATS && !self->failure[0]; ++i)
    compare_with_alone(self, handle, &expected[(self->number * 3 + i) % LINES]);
  if (cubnDestroy(handle) != CUBN_STATUS_SUCCESS && !self->failure[0])
    snprintf(self->failure, sizeof self->failure, "thread %d: destroy", self->number);
  return NULL;
}

static void in_threads(void *(*run)(void *)) {
  pthread_t threads[THREADS];
  worker workers[THREADS];
  memset(workers, 0, sizeof workers);
  for (int i = 0; i < THREADS; ++i) {
    workers[i].number = i;
    CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, run, &workers[i]), 0);
  }
  for (int i = 0; i < THREADS; ++i) pthread_join(threads[i], NULL);
  for (int i = 0; i < THREADS; ++i) SUITE_CHECK(!workers[i].failure[0], "%s", workers[i].failure);
}

/* The bits are those that one thread computes alone. */
static void test_same_bits(void) {
  bool good = true;
  memset(expected, 0, sizeof expected);
  for (int i = 0; i < LINES && good; ++i) good = prepare(&expected[i], lines[i]);
  if (good) in_threads(compute);
  for (int i = 0; i < LINES; ++i) {
    data_destroy(&expected[i].before);
    data_destroy(&expected[i].after);
  }
}

/* Handles come and go in all threads. */
static void *create_and_destroy(void *argument) {
  worker *self = argument;
  for (int i = 0; i < REPEATS && !self->failure[0]; ++i) {
    cubnHandle_t handle;
    cubnBuffer_t buffer;
    if (cubnCreateOnDevice(&handle, suite_device()) != CUBN_STATUS_SUCCESS ||
        cubnCreateBuffer(handle, 1000, &buffer) != CUBN_STATUS_SUCCESS ||
        cubnFillBuffer(buffer, self->number) != CUBN_STATUS_SUCCESS ||
        cubnDestroyBuffer(buffer) != CUBN_STATUS_SUCCESS ||
        cubnDestroy(handle) != CUBN_STATUS_SUCCESS)
      snprintf(self->failure, sizeof self->failure, "thread %d, round %d", self->number, i);
  }
  return NULL;
}

static void test_handles_come_and_go(void) {
  in_threads(create_and_destroy);
}

/* ---- Messages ---- */
static void *fail_often(void *argument) {
  worker *self = argument;
  char message[256] = "x", wanted[64];
  cubnGetLastErrorString(message, sizeof message);
  if (message[0]) /* a thread in which nothing failed has no message */
    snprintf(self->failure, sizeof self->failure, "message of another thread: %.200s", message);
  if (self->number == THREADS - 1) return NULL;
  snprintf(wanted, sizeof wanted, "device-of-thread-%d", self->number);
  for (int i = 0; i < 1000 && !self->failure[0]; ++i) {
    cubnHandle_t handle = NULL;
    const cubnStatus_t status = cubnCreateOnDevice(&handle, wanted);
    cubnGetLastErrorString(message, sizeof message);
    if (status != CUBN_STATUS_BAD_PARAM || !strstr(message, wanted))
      snprintf(self->failure, sizeof self->failure, "wanted %s, message: %.200s", wanted, message);
  }
  return NULL;
}

static void test_messages(void) {
  char before[256], after[256];
  CU_ASSERT_EQUAL(cubnSynchronize(NULL), CUBN_STATUS_NOT_INITIALIZED);
  cubnGetLastErrorString(before, sizeof before);
  in_threads(fail_often);
  cubnGetLastErrorString(after, sizeof after);
  CU_ASSERT_STRING_EQUAL(before, after);
}

void test_threads_suites(void) {
  static const suite_test host_tests[] = {{"messages", test_messages}, {NULL, NULL}};
  static const suite_test tests[] = {{"same bits", test_same_bits},
                                     {"handles come and go", test_handles_come_and_go},
                                     {NULL, NULL}};
  suite_add("messages of threads", SUITE_HOST, host_tests);
  suite_add("threads", THREADED_DEVICES, tests);
}
