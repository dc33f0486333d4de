/* Levels and destination of the log, the callback, and errors of enqueued work. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kit/run_line.h"
#include "suites/support/expect_error.h"

/* ---- A callback that remembers ---- */
typedef struct memory {
  int count;
  cubnSeverity_t severity;
  cubnDebug_t debug;
  char first[256], last[256];
} memory;

static void remember(cubnSeverity_t severity, void *user_data, const cubnDebug_t *debug,
                     const char *message) {
  memory *const to = user_data;
  if (to->count++ == 0) snprintf(to->first, sizeof to->first, "%s", message);
  to->severity = severity;
  to->debug = *debug;
  snprintf(to->last, sizeof to->last, "%s", message);
}

static void make_error(void) {
  cubnTensorDescriptor_t descriptor;
  CU_ASSERT_FATAL(cubnCreateTensorDescriptor(&descriptor) == CUBN_STATUS_SUCCESS);
  const int dims[] = {2, -3}, strides[] = {3, 1};
  CU_ASSERT(cubnSetTensorNdDescriptor(descriptor, CUBN_DATA_FLOAT, 2, dims, strides) ==
            CUBN_STATUS_BAD_PARAM);
  cubnDestroyTensorDescriptor(descriptor);
}

static void test_errors_called_back(void) {
  memory seen = {0};
  expect_success(cubnSetCallback(CUBN_SEV_ERROR_EN, &seen, remember), "set");
  unsigned mask;
  void *user_data;
  cubnCallback_t callback;
  expect_success(cubnGetCallback(&mask, &user_data, &callback), "get");
  CU_ASSERT(mask == CUBN_SEV_ERROR_EN && user_data == &seen && callback == remember);
  make_error();
  expect_success(cubnGetCallback(NULL, NULL, NULL), "get nothing");
  expect_success(cubnSetCallback(0, &seen, remember), "end");
  make_error();
  SUITE_CHECK(seen.count == 1, "%d messages for one error while listening", seen.count);
  CU_ASSERT(seen.severity == CUBN_SEV_ERROR);
  CU_ASSERT(seen.debug.cubnStatus == CUBN_STATUS_BAD_PARAM);
  CU_ASSERT(seen.debug.cubn_version == CUBN_VERSION);
  CU_ASSERT(seen.debug.pid == (unsigned long long)getpid());
  CU_ASSERT(seen.debug.time_sec > 1600000000U && seen.debug.time_usec < 1000000U);
  SUITE_CHECK(strstr(seen.last, "CUBN_STATUS_BAD_PARAM: cubnSetTensorNdDescriptor: dims[1] is -3"),
              "message: %s", seen.last);
  expect_success(cubnGetCallback(&mask, &user_data, &callback), "get");
  CU_ASSERT(mask == 0 && user_data == NULL && callback == NULL);
}

/* A failure gives one message, although both backend and host are involved. */
static void test_inner_failures(void) {
  memory seen = {0};
  cubnBuffer_t buffer = NULL;
  cubnSetCallback(CUBN_SEV_ERROR_EN, &seen, remember);
  CU_ASSERT(cubnCreateBuffer(suite_handle(), SIZE_MAX / 4, &buffer) != CUBN_STATUS_SUCCESS);
  cubnSetCallback(0, NULL, NULL);
  SUITE_CHECK(seen.count == 1 && strstr(seen.last, "cubnCreateBuffer: "),
              "%d messages, the last: %s", seen.count, seen.last);
}

static void test_calls_called_back(void) {
  memory seen = {0};
  char report[512] = "";
  cubnSetCallback(CUBN_SEV_INFO_EN, &seen, remember);
  const bool good = run_text(suite_handle(), "train nchw f32 n2c3h4w5", report, sizeof report);
  make_error();
  cubnSetCallback(0, NULL, NULL);
  SUITE_CHECK(good, "%s", report);
  CU_ASSERT(seen.severity == CUBN_SEV_INFO && seen.debug.handle == suite_handle());
  CU_ASSERT((seen.debug.cudaDeviceId == -1) == (strcmp(suite_device(), "cpu") == 0));
  SUITE_CHECK(strncmp(seen.last, "train nchw f32 n2c3h4w5 -> ", 27) == 0, "message: %s", seen.last);
}

/* ---- Levels and destination ---- */
static bool file_holds(const char *path, const char *part) {
  char text[8192] = "";
  FILE *file = fopen(path, "r");
  if (file) text[fread(text, 1, sizeof text - 1, file)] = '\0';
  if (file) fclose(file);
  return strstr(text, part) != NULL;
}

static void test_levels(void) {
  for (int level = 0; level <= 3; ++level) {
    char name[64], path[64], number[2] = {(char)('0' + level), '\0'}, report[512] = "";
    snprintf(name, sizeof name, "cubn-test-%%i.%d.log", level);
    snprintf(path, sizeof path, "cubn-test-%ld.%d.log", (long)getpid(), level);
    setenv("CUBN_LOGLEVEL", number, 1);
    setenv("CUBN_LOGDEST", name, 1);
    cubnHandle_t handle;
    CU_ASSERT_FATAL(cubnCreateOnDevice(&handle, suite_device()) == CUBN_STATUS_SUCCESS);
    SUITE_CHECK(run_text(handle, "train nchw f32 n2c3h4w5", report, sizeof report), "%s", report);
    make_error();
    cubnDestroy(handle);
    SUITE_CHECK(file_holds(path, "cubn: error: CUBN_STATUS_BAD_PARAM: ") == (level >= 1),
                "errors at level %d", level);
    SUITE_CHECK(file_holds(path, "cubn: train nchw f32 n2c3h4w5 -> ") == (level >= 3),
                "calls at level %d", level);
    remove(path);
  }
  unsetenv("CUBN_LOGLEVEL");
  unsetenv("CUBN_LOGDEST");
  cubnHandle_t handle; /* reads that they are gone */
  CU_ASSERT_FATAL(cubnCreateOnDevice(&handle, suite_device()) == CUBN_STATUS_SUCCESS);
  cubnDestroy(handle);
}

static void test_bad_level(void) {
  static const char *const bad[] = {"4", "-1", "much", "11"};
  for (int i = 0; i < 4; ++i) {
    setenv("CUBN_LOGLEVEL", bad[i], 1);
    cubnHandle_t handle = NULL;
    expect_error(cubnCreateOnDevice(&handle, suite_device()), CUBN_STATUS_BAD_PARAM,
                 "cubnCreateOnDevice", "CUBN_LOGLEVEL", bad[i]);
    CU_ASSERT_PTR_NULL(handle);
  }
  unsetenv("CUBN_LOGLEVEL");
}

/* ---- cubnQueryRuntimeError ---- */
static void test_query(void) {
  static const cubnErrQueryMode_t modes[] = {CUBN_ERRQUERY_BLOCKING, CUBN_ERRQUERY_RAWCODE,
                                             CUBN_ERRQUERY_NONBLOCKING};
  char report[512] = "";
  SUITE_CHECK(run_text(suite_handle(), "train nchw f32 n2c3h4w5", report, sizeof report), "%s",
              report);
  for (int i = 0; i < 3; ++i) {
    cubnStatus_t status = CUBN_STATUS_INTERNAL_ERROR;
    expect_success(cubnQueryRuntimeError(suite_handle(), &status, modes[i], NULL), "query");
    CU_ASSERT(status == CUBN_STATUS_SUCCESS);
  }
  cubnStatus_t status = CUBN_STATUS_SUCCESS;
  const char *const name = "cubnQueryRuntimeError";
  expect_error(cubnQueryRuntimeError(NULL, &status, CUBN_ERRQUERY_BLOCKING, NULL),
               CUBN_STATUS_NOT_INITIALIZED, name, "handle", "NULL");
  expect_error(cubnQueryRuntimeError(suite_handle(), NULL, CUBN_ERRQUERY_BLOCKING, NULL),
               CUBN_STATUS_BAD_PARAM, name, "status", "NULL");
  expect_error(cubnQueryRuntimeError(suite_handle(), &status, (cubnErrQueryMode_t)3, NULL),
               CUBN_STATUS_BAD_PARAM, name, "mode", "3");
}

void test_callback_suites(void) {
  static const suite_test tests[] = {{"errors called back", test_errors_called_back},
                                     {"inner failures", test_inner_failures},
                                     {"calls called back", test_calls_called_back},
                                     {"levels", test_levels},
                                     {"bad level", test_bad_level},
                                     {"runtime errors", test_query},
                                     {NULL, NULL}};
  suite_add("callback", SUITE_DEVICES, tests);
}
