/* The threads of a CPU handle, among everything else that a process does: forks, other rounding,
 * threads that the system refuses. */
#include <dirent.h>
#include <errno.h>
#include <fenv.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "suites/support/expect_error.h"
#include "suites/support/suite.h"

void test_pool_suites(void);

/* Values of a call: enough for all threads. */
enum { IMAGES = 32, CHANNELS = 16, SIDE = 32, VALUES = IMAGES * CHANNELS * SIDE * SIDE };

/* ---- Threads that the linker lets through here (tests.mk). */
static atomic_int created, allowed = 1 << 20;

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *argument);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *argument) {
  if (atomic_fetch_add(&created, 1) >= allowed) return EAGAIN;
  return __real_pthread_create(thread, attributes, run, argument);
}

/* ---- A call in inference, x the values of which are all `value` or rise from 0 to 1. */
static float x[VALUES], y[VALUES];

static void fill(float value) {
  for (int i = 0; i < VALUES; ++i) x[i] = value > 0 ? value : (float)i / VALUES;
}

static cubnHandle_t open_with(const char *threads) {
  cubnHandle_t handle = NULL;
  if (threads) setenv("CUBN_THREADS", threads, 1);
  const cubnStatus_t status = cubnCreateOnDevice(&handle, "cpu");
  unsetenv("CUBN_THREADS");
  return status == CUBN_STATUS_SUCCESS ? handle : NULL;
}

static cubnStatus_t call(cubnHandle_t handle) {
  static float scale[CHANNELS], bias[CHANNELS], mean[CHANNELS], var[CHANNELS];
  const float one = 1, zero = 0;
  cubnTensorDescriptor_t image, param;
  for (int c = 0; c < CHANNELS; ++c) scale[c] = var[c] = 1;
  cubnCreateTensorDescriptor(&image);
  cubnCreateTensorDescriptor(&param);
  cubnSetTensor4dDescriptor(image, CUBN_TENSOR_NCHW, CUBN_DATA_FLOAT, IMAGES, CHANNELS, SIDE, SIDE);
  cubnDeriveBNTensorDescriptor(param, image, CUBN_BATCHNORM_SPATIAL);
  memset(y, 0xff, sizeof y);
  const cubnStatus_t status =
      cubnBatchNormalizationForwardInference(handle, CUBN_BATCHNORM_SPATIAL, &one, &zero, image, x,
                                             image, y, param, scale, bias, mean, var, 1e-5);
  cubnDestroyTensorDescriptor(image);
  cubnDestroyTensorDescriptor(param);
  return status;
}

/* y of one thread. */
static float *make_expected(void) {
  cubnHandle_t handle = open_with("1");
  float *expected = malloc(sizeof y);
  expect_success(call(handle), "call on one thread");
  memcpy(expected, y, sizeof y);
  cubnDestroy(handle);
  return expected;
}

static bool is_right(cubnHandle_t handle, const float *expected) {
  return handle && call(handle) == CUBN_STATUS_SUCCESS && memcmp(y, expected, sizeof y) == 0;
}

static int count_threads(void) {
  int threads = -2; /* "." and ".." */
  DIR *tasks = opendir("/proc/self/task");
  while (tasks && readdir(tasks)) ++threads;
  if (tasks) closedir(tasks);
  return threads;
}

/* ---- Tests */
/* Exit status of a child: 0, or what went wrong. It must not wait for threads of the parent, but
 * start its own. */
static int run_child(cubnHandle_t inherited, const float *expected) {
  alarm(60);
  created = 0;
  if (!is_right(inherited, expected) || created != 2) return 1;
  cubnHandle_t own = open_with("3");
  if (!is_right(own, expected)) return 2;
  return cubnDestroy(own) == CUBN_STATUS_SUCCESS && cubnDestroy(inherited) == CUBN_STATUS_SUCCESS
             ? 0
             : 3;
}

static void test_fork(void) {
  fill(0);
  float *expected = make_expected();
  cubnHandle_t handle = open_with("3");
  SUITE_CHECK(is_right(handle, expected), "before the fork");
  const pid_t child = fork();
  if (child == 0) _exit(run_child(handle, expected));
  int status = -1;
  CU_ASSERT(waitpid(child, &status, 0) == child);
  SUITE_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child's status is 0x%x", status);
  SUITE_CHECK(is_right(handle, expected), "after the fork");
  cubnDestroy(handle);
  free(expected);
}

static double processor_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void pause_milliseconds(int count) {
  nanosleep(&(struct timespec){count / 1000, count % 1000 * 1000000L}, NULL);
}

/* Threads that wait take no processor. Threads of other libraries may: the least counts. */
static void test_asleep(void) {
  cubnHandle_t handle = open_with("4");
  double least = 1;
  fill(0);
  for (int i = 0; i < 10 && least > 0.001; ++i) {
    expect_success(call(handle), "call");
    pause_milliseconds(1);
    const double before = processor_seconds();
    pause_milliseconds(50);
    const double used = processor_seconds() - before;
    if (used < least) least = used;
  }
  SUITE_CHECK(least <= 0.001, "idle threads took %g of 0.05 s", least);
  cubnDestroy(handle);
}

/* Threads compute in the mode that the caller has at the time of the call. */
static void test_rounding(void) {
  static const int modes[] = {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
  cubnHandle_t handle = open_with("4");
  fill(0);
  expect_success(call(handle), "call");
  for (int i = 0; i < 3; ++i) {
    fesetround(modes[i]);
    float *expected = make_expected();
    const bool right = is_right(handle, expected);
    fesetround(FE_TONEAREST);
    SUITE_CHECK(right, "rounding mode %d: 4 threads give other bits than one", modes[i]);
    free(expected);
  }
  cubnDestroy(handle);
}

/* Likewise subnormals, which some frameworks flush. */
static void test_subnormals(void) {
#ifdef __SSE2__
  enum { FLUSH = 0x8040 };
  cubnHandle_t handle = open_with("4");
  fill(1e-39f);
  expect_success(call(handle), "call");
  const unsigned before = __builtin_ia32_stmxcsr();
  __builtin_ia32_ldmxcsr(before | FLUSH);
  expect_success(call(handle), "call that flushes");
  __builtin_ia32_ldmxcsr(before);
  int flushed = 0;
  for (int i = 0; i < VALUES; ++i) flushed += y[i] == 0;
  SUITE_CHECK(flushed == VALUES, "%d of %d subnormals are flushed", flushed, (int)VALUES);
  expect_success(call(handle), "call that does not flush");
  for (int i = flushed = 0; i < VALUES; ++i) flushed += y[i] == 0;
  SUITE_CHECK(flushed == 0, "%d of %d subnormals are flushed afterwards", flushed, (int)VALUES);
  cubnDestroy(handle);
#endif
}

static void test_refused(void) {
  fill(0);
  float *expected = make_expected();
  for (int some = 0; some <= 2; ++some) {
    cubnHandle_t handle = open_with("5");
    created = 0;
    allowed = some;
    SUITE_CHECK(is_right(handle, expected), "with %d more threads", some);
    SUITE_CHECK(created == some + 1, "%d threads were tried, not %d", created, some + 1);
    SUITE_CHECK(is_right(handle, expected), "with %d more threads, again", some);
    allowed = 1 << 20;
    cubnDestroy(handle);
  }
  free(expected);
}

/* Who asks for one thread gets no other; who asks for none gets at most one for each processor. */
static void test_number(void) {
  static const char *const asked[] = {"1", "3", NULL};
  const int processors = (int)sysconf(_SC_NPROCESSORS_ONLN);
  const int most[] = {0, 2, processors - 1};
  fill(0);
  for (int i = 0; i < 3; ++i) {
    cubnHandle_t handle = open_with(asked[i]);
    created = 0;
    expect_success(call(handle), "call");
    SUITE_CHECK(created <= most[i], "%d threads for %s", created, asked[i] ? asked[i] : "nothing");
    if (asked[i]) CU_ASSERT(created == most[i]);
    cubnDestroy(handle);
  }
}

/* Threads end with their handle. */
static void test_end(void) {
  const int before = count_threads();
  fill(0);
  float *expected = make_expected();
  for (int i = 0; i < 200; ++i) {
    cubnHandle_t handle = open_with(i % 2 ? "2" : "7");
    for (int calls = 0; calls < i % 4; ++calls)
      SUITE_CHECK(is_right(handle, expected), "handle %d", i);
    CU_ASSERT(cubnDestroy(handle) == CUBN_STATUS_SUCCESS);
  }
  const int after = count_threads();
  SUITE_CHECK(after == before, "%d threads before, %d after", before, after);
  free(expected);
}

void test_pool_suites(void) {
  static const suite_test tests[] = {{"fork", test_fork},
                                     {"asleep between calls", test_asleep},
                                     {"rounding of the caller", test_rounding},
                                     {"subnormals as the caller wants", test_subnormals},
                                     {"threads that are refused", test_refused},
                                     {"number of threads", test_number},
                                     {"end of a handle", test_end},
                                     {NULL, NULL}};
  suite_add("pool", SUITE_CPU, tests);
}
