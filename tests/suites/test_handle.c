/* Handles: devices, environment, streams, version, status names, the last error. */
#include <stdlib.h>
#include <string.h>

#include "kit/run_line.h"
#include "suites/support/expect_error.h"
#ifdef CUBN_TESTS_CUDA
#include <cuda_runtime_api.h>
#endif
#ifdef CUBN_TESTS_EMULATED
#include "emu/control.h"
#endif

static void test_version(void) {
  CU_ASSERT_EQUAL(cubnGetVersion(), CUBN_VERSION);
  CU_ASSERT_EQUAL(cubnGetVersion(),
                  CUBN_VERSION_MAJOR * 10000 + CUBN_VERSION_MINOR * 100 + CUBN_VERSION_PATCH);
}

static void test_status_names(void) {
  static const struct {
    int value;
    const char *name;
  } list[] = {{0, "CUBN_STATUS_SUCCESS"},
              {1001, "CUBN_STATUS_NOT_INITIALIZED"},
              {2000, "CUBN_STATUS_BAD_PARAM"},
              {3000, "CUBN_STATUS_NOT_SUPPORTED"},
              {4000, "CUBN_STATUS_INTERNAL_ERROR"},
              {4003, "CUBN_STATUS_HOST_ALLOCATION_FAILED"},
              {4004, "CUBN_STATUS_DEVICE_ALLOCATION_FAILED"},
              {5000, "CUBN_STATUS_EXECUTION_FAILED"}};
  for (size_t i = 0; i < sizeof list / sizeof *list; ++i)
    CU_ASSERT_STRING_EQUAL(cubnGetErrorString((cubnStatus_t)list[i].value), list[i].name);
  CU_ASSERT_PTR_NOT_NULL(cubnGetErrorString((cubnStatus_t)1));
  CU_ASSERT_PTR_NOT_NULL(cubnGetErrorString((cubnStatus_t)-1));
}

static void test_last_error(void) {
  char first[256], second[256], cut[8];
  CU_ASSERT_EQUAL(cubnCreateOnDevice(NULL, "cpu"), CUBN_STATUS_BAD_PARAM);
  cubnGetLastErrorString(first, sizeof first);
  CU_ASSERT_PTR_NOT_NULL(strstr(first, "cubnCreateOnDevice"));
  /* A success leaves it alone, and the next failure replaces it. */
  cubnHandle_t handle;
  expect_success(cubnCreateOnDevice(&handle, "cpu"), "create");
  expect_success(cubnDestroy(handle), "destroy");
  cubnGetLastErrorString(second, sizeof second);
  CU_ASSERT_STRING_EQUAL(first, second);
  memset(cut, 'x', sizeof cut);
  cubnGetLastErrorString(cut, 5);
  CU_ASSERT_EQUAL(memcmp(cut, "cubn\0xxx", sizeof cut), 0);
  cubnGetLastErrorString(cut, 1);
  CU_ASSERT_EQUAL(memcmp(cut, "\0ubn\0xxx", sizeof cut), 0);
  memset(cut, 'x', sizeof cut);
  cubnGetLastErrorString(cut, 0);
  CU_ASSERT_EQUAL(memcmp(cut, "xxxxxxxx", sizeof cut), 0);
  cubnGetLastErrorString(NULL, 8);
  CU_ASSERT_EQUAL(cubnSynchronize(NULL), CUBN_STATUS_NOT_INITIALIZED);
  cubnGetLastErrorString(second, sizeof second);
  CU_ASSERT_PTR_NOT_NULL(strstr(second, "cubnSynchronize"));
  /* A name of any length: the message is truncated, and nothing is overrun. */
  char name[5000];
  memset(name, 'n', sizeof name);
  name[sizeof name - 1] = '\0';
  CU_ASSERT_EQUAL(cubnCreateOnDevice(&handle, name), CUBN_STATUS_BAD_PARAM);
  cubnGetLastErrorString(second, sizeof second);
  CU_ASSERT_EQUAL(strncmp(second, "cubnCreateOnDevice: device", 26), 0);
}

/* ---- Choice of the device ---- */
static void has_type(cubnHandle_t handle, cubnDeviceType_t wanted) {
  cubnDeviceType_t type = (cubnDeviceType_t)77;
  int ordinal = 77;
  expect_success(cubnGetDevice(handle, &type, &ordinal), "device");
  expect_success(cubnGetDevice(handle, NULL, NULL), "device");
  CU_ASSERT_EQUAL(type, wanted);
  CU_ASSERT_EQUAL(ordinal, 0);
}

static void test_cubn_device(void) {
  cubnHandle_t handle = NULL;
  setenv("CUBN_DEVICE", "cpu", 1);
  if (expect_success(cubnCreate(&handle), "CUBN_DEVICE=cpu")) has_type(handle, CUBN_DEVICE_CPU);
  expect_success(cubnDestroy(handle), "destroy");
  /* The variable is not read where the device is given. */
  setenv("CUBN_DEVICE", "nonsense", 1);
  if (expect_success(cubnCreateOnDevice(&handle, "cpu"), "cpu")) has_type(handle, CUBN_DEVICE_CPU);
  expect_success(cubnDestroy(handle), "destroy");
  unsetenv("CUBN_DEVICE");
  if (expect_success(cubnCreate(&handle), "any device")) {
    cubnDeviceType_t type;
    expect_success(cubnGetDevice(handle, &type, NULL), "device");
    cubnHandle_t cuda = NULL;
    const bool has_cuda = cubnCreateOnDevice(&cuda, "cuda") == CUBN_STATUS_SUCCESS;
    CU_ASSERT_EQUAL(type, has_cuda ? CUBN_DEVICE_CUDA : CUBN_DEVICE_CPU);
    expect_success(cubnDestroy(cuda), "destroy");
  }
  expect_success(cubnDestroy(handle), "destroy");
  expect_success(cubnDestroy(NULL), "destroy NULL");
}

#ifdef CUBN_TESTS_EMULATED
static void test_without_gpu(void) {
  emu_set_device_count(0);
  cubnHandle_t handle = NULL;
  CU_ASSERT_EQUAL(cubnCreateOnDevice(&handle, "cuda"), CUBN_STATUS_NOT_SUPPORTED);
  CU_ASSERT_PTR_NULL(handle);
  setenv("CUBN_DEVICE", "cuda", 1);
  CU_ASSERT_EQUAL(cubnCreate(&handle), CUBN_STATUS_NOT_SUPPORTED);
  CU_ASSERT_PTR_NULL(handle);
  unsetenv("CUBN_DEVICE");
  /* Falling back to the CPU is not a failure and leaves no message. */
  char before[256], after[256];
  CU_ASSERT_EQUAL(cubnSynchronize(NULL), CUBN_STATUS_NOT_INITIALIZED);
  cubnGetLastErrorString(before, sizeof before);
  if (expect_success(cubnCreate(&handle), "any device")) has_type(handle, CUBN_DEVICE_CPU);
  cubnGetLastErrorString(after, sizeof after);
  CU_ASSERT_STRING_EQUAL(before, after);
  expect_success(cubnDestroy(handle), "destroy");
  emu_set_device_count(1);
}
#endif

static void test_own_device(void) {
  const bool cpu = !strcmp(suite_device(), "cpu");
  has_type(suite_handle(), cpu ? CUBN_DEVICE_CPU : CUBN_DEVICE_CUDA);
  expect_success(cubnSynchronize(suite_handle()), "synchronize");
  cubnHandle_t handle = NULL;
  setenv("CUBN_DEVICE", cpu ? "cpu" : "cuda:0", 1);
  if (expect_success(cubnCreate(&handle), "CUBN_DEVICE"))
    has_type(handle, cpu ? CUBN_DEVICE_CPU : CUBN_DEVICE_CUDA);
  unsetenv("CUBN_DEVICE");
  expect_success(cubnDestroy(handle), "destroy");
}

/* Good values of CUBN_ALGO and CUBN_THREADS; test_log.c tests that an algorithm is forced. */
static void test_environment(void) {
  static const struct {
    const char *variable, *value;
  } good[] = {{"CUBN_ALGO", "strided"}, {"CUBN_ALGO", ""}, {"CUBN_THREADS", "1"},
              {"CUBN_THREADS", "3"},    {"CUBN_LOG", "0"}, {"CUBN_LOG", ""}};
  for (size_t i = 0; i < sizeof good / sizeof *good; ++i) {
    cubnHandle_t handle = NULL;
    char report[512] = "";
    setenv(good[i].variable, good[i].value, 1);
    expect_success(cubnCreateOnDevice(&handle, suite_device()), good[i].variable);
    unsetenv(good[i].variable);
    if (!handle) continue;
    SUITE_CHECK(run_text(handle, "train nchw f32 n3c5h4w4", report, sizeof report), "%s", report);
    expect_success(cubnDestroy(handle), "destroy");
  }
}

/* ---- Streams ---- */
static void test_default_stream(void) {
  cubnStream_t stream = (cubnStream_t)&stream;
  expect_success(cubnGetStream(suite_handle(), &stream), "get");
  CU_ASSERT_PTR_NULL(stream);
  expect_success(cubnSetStream(suite_handle(), NULL), "set");
}

static void test_cpu_has_no_streams(void) {
  cubnStream_t stream = (cubnStream_t)&stream, got = stream;
  expect_error(cubnSetStream(suite_handle(), stream), CUBN_STATUS_BAD_PARAM, "cubnSetStream",
               "stream", NULL);
  expect_success(cubnGetStream(suite_handle(), &got), "get");
  CU_ASSERT_PTR_NULL(got);
}

#ifdef CUBN_TESTS_CUDA
static void test_streams(void) {
  enum { COUNT = 3 };
  cudaStream_t streams[COUNT];
  for (int i = 0; i < COUNT; ++i)
    CU_ASSERT_EQUAL_FATAL(cudaStreamCreateWithFlags(&streams[i], cudaStreamNonBlocking),
                          cudaSuccess);
  /* Sets a stream, another one, and the default stream again. */
  for (int i = 0; i < 2 * COUNT; ++i) {
    cubnStream_t got = NULL, wanted = i % COUNT == 2 ? NULL : streams[i % COUNT];
    char report[512] = "";
    expect_success(cubnSetStream(suite_handle(), wanted), "set");
    expect_success(cubnGetStream(suite_handle(), &got), "get");
    CU_ASSERT_PTR_EQUAL(got, wanted);
    SUITE_CHECK(run_text(suite_handle(), "backward nhwc f32 n3c5h4w4", report, sizeof report), "%s",
                report);
  }
  expect_success(cubnSetStream(suite_handle(), NULL), "set");
  for (int i = 0; i < COUNT; ++i) CU_ASSERT_EQUAL(cudaStreamDestroy(streams[i]), cudaSuccess);
}
#endif

void test_handle_suites(void) {
  static const suite_test host_tests[] = {{"version", test_version},
                                          {"status names", test_status_names},
                                          {"last error", test_last_error},
                                          {"CUBN_DEVICE", test_cubn_device},
                                          {NULL, NULL}};
  static const suite_test device_tests[] = {{"own device", test_own_device},
                                            {"environment", test_environment},
                                            {"default stream", test_default_stream},
                                            {NULL, NULL}};
  static const suite_test cpu_tests[] = {{"CPU has no streams", test_cpu_has_no_streams},
                                         {NULL, NULL}};
  suite_add("handles without a device", SUITE_HOST, host_tests);
  suite_add("handles", SUITE_DEVICES, device_tests);
  suite_add("streams of a CPU", SUITE_CPU, cpu_tests);
#ifdef CUBN_TESTS_CUDA
  static const suite_test stream_tests[] = {{"streams", test_streams}, {NULL, NULL}};
  suite_add("streams", SUITE_CUDA, stream_tests);
#endif
#ifdef CUBN_TESTS_EMULATED
  static const suite_test absent_tests[] = {{"without a GPU", test_without_gpu}, {NULL, NULL}};
  suite_add("without a GPU", SUITE_CUDA, absent_tests);
#endif
}
