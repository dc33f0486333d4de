/* Functions of handles, buffers and descriptors with each argument made wrong, one at a time:
 * status and message; outputs stay as they were. */
#include <limits.h>
#include <stdlib.h>

#include "suites/support/expect_error.h"

#define BAD CUBN_STATUS_BAD_PARAM
#define NO_HANDLE CUBN_STATUS_NOT_INITIALIZED

/* ---- Handles ---- */
static void test_device_names(void) {
  static const char *const names[] = {"",      "gpu",    "CPU",     "cpu:0",   "cpu ",
                                      "cuda:", "cuda:x", "cuda:-1", "cuda:1x", "cuda: 1"};
  cubnHandle_t handle = NULL;
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
    expect_error(cubnCreateOnDevice(&handle, names[i]), BAD, "cubnCreateOnDevice", "device",
                 *names[i] ? names[i] : "\"\"");
    setenv("CUBN_DEVICE", names[i], 1);
    if (*names[i]) /* an empty variable counts as none */
      expect_error(cubnCreate(&handle), BAD, "cubnCreate", "CUBN_DEVICE", names[i]);
    unsetenv("CUBN_DEVICE");
    CU_ASSERT_PTR_NULL(handle);
  }
  expect_error(cubnCreateOnDevice(NULL, "cpu"), BAD, "cubnCreateOnDevice", "handle", "NULL");
  expect_error(cubnCreateOnDevice(&handle, NULL), BAD, "cubnCreateOnDevice", "device", "NULL");
  expect_error(cubnCreate(NULL), BAD, "cubnCreate", "handle", "NULL");
  /* Well-formed names of devices that no machine has. */
  CU_ASSERT_EQUAL(cubnCreateOnDevice(&handle, "cuda:60000"), CUBN_STATUS_NOT_SUPPORTED);
  CU_ASSERT_PTR_NULL(handle);
}

static void test_environment(void) {
  static const struct {
    const char *variable, *value;
  } bad[] = {
      {"CUBN_ALGO", "fastest"}, {"CUBN_ALGO", "a name longer than any algorithm will ever have"},
      {"CUBN_THREADS", "0"},    {"CUBN_THREADS", "-2"},
      {"CUBN_THREADS", "two"},  {"CUBN_THREADS", "3x"}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; ++i) {
    cubnHandle_t handle = NULL;
    setenv(bad[i].variable, bad[i].value, 1);
    setenv("CUBN_DEVICE", "cpu", 1);
    const cubnStatus_t status = cubnCreate(&handle);
    unsetenv("CUBN_DEVICE");
    unsetenv(bad[i].variable);
    expect_error(status, BAD, "cubnCreate", bad[i].variable, bad[i].value);
    if (i < 2) expect_error(status, BAD, "cubnCreate", "grid", "strided"); /* what it may be */
    CU_ASSERT_PTR_NULL(handle);
  }
}

static void test_handles(void) {
  cubnDeviceType_t type = (cubnDeviceType_t)77;
  int ordinal = 77;
  expect_error(cubnGetDevice(NULL, &type, &ordinal), NO_HANDLE, "cubnGetDevice", "handle", "NULL");
  CU_ASSERT(type == (cubnDeviceType_t)77 && ordinal == 77);
  expect_error(cubnSetStream(NULL, NULL), NO_HANDLE, "cubnSetStream", "handle", "NULL");
  cubnStream_t stream = NULL;
  expect_error(cubnGetStream(NULL, &stream), NO_HANDLE, "cubnGetStream", "handle", "NULL");
  expect_error(cubnGetStream(suite_handle(), NULL), BAD, "cubnGetStream", "stream", "NULL");
  expect_error(cubnSynchronize(NULL), NO_HANDLE, "cubnSynchronize", "handle", "NULL");
}

static void test_handle_with_buffers(void) {
  cubnHandle_t handle;
  cubnBuffer_t buffers[2];
  if (!expect_success(cubnCreateOnDevice(&handle, suite_device()), "create")) return;
  for (int i = 0; i < 2; ++i) expect_success(cubnCreateBuffer(handle, 16, &buffers[i]), "buffer");
  expect_error(cubnDestroy(handle), BAD, "cubnDestroy", "handle", "2");
  expect_success(cubnDestroyBuffer(buffers[0]), "destroy buffer");
  expect_error(cubnDestroy(handle), BAD, "cubnDestroy", "handle", "1");
  expect_success(cubnDestroyBuffer(buffers[1]), "destroy buffer");
  expect_success(cubnDestroy(handle), "destroy");
}

/* ---- Buffers ---- */
static void test_buffers(void) {
  cubnBuffer_t buffer = NULL;
  expect_error(cubnCreateBuffer(NULL, 8, &buffer), NO_HANDLE, "cubnCreateBuffer", "handle", "NULL");
  expect_error(cubnCreateBuffer(suite_handle(), 8, NULL), BAD, "cubnCreateBuffer", "buffer",
               "NULL");
  expect_error(cubnCreateBuffer(suite_handle(), SIZE_MAX, &buffer),
               CUBN_STATUS_DEVICE_ALLOCATION_FAILED, "cubnCreateBuffer", "bytes",
               "18446744073709551615");
  CU_ASSERT_PTR_NULL(buffer);
  void *pointer = &buffer;
  size_t bytes = 77;
  unsigned char data[16] = {0};
  expect_error(cubnGetBufferPointer(NULL, &pointer), BAD, "cubnGetBufferPointer", "buffer", "NULL");
  expect_error(cubnGetBufferSize(NULL, &bytes), BAD, "cubnGetBufferSize", "buffer", "NULL");
  expect_error(cubnUploadBuffer(NULL, 0, data, 1), BAD, "cubnUploadBuffer", "buffer", "NULL");
  expect_error(cubnDownloadBuffer(NULL, 0, data, 1), BAD, "cubnDownloadBuffer", "buffer", "NULL");
  expect_error(cubnFillBuffer(NULL, 0), BAD, "cubnFillBuffer", "buffer", "NULL");
  CU_ASSERT(pointer == &buffer && bytes == 77);
  if (!expect_success(cubnCreateBuffer(suite_handle(), 16, &buffer), "create")) return;
  expect_error(cubnGetBufferPointer(buffer, NULL), BAD, "cubnGetBufferPointer", "pointer", "NULL");
  expect_error(cubnGetBufferSize(buffer, NULL), BAD, "cubnGetBufferSize", "bytes", "NULL");
  expect_error(cubnUploadBuffer(buffer, 0, NULL, 1), BAD, "cubnUploadBuffer", "source", "NULL");
  expect_error(cubnDownloadBuffer(buffer, 0, NULL, 1), BAD, "cubnDownloadBuffer", "destination",
               "NULL");
  expect_error(cubnFillBuffer(buffer, -1), BAD, "cubnFillBuffer", "value", "-1");
  expect_error(cubnFillBuffer(buffer, 256), BAD, "cubnFillBuffer", "value", "256");
  expect_success(cubnDestroyBuffer(buffer), "destroy");
}

static void test_buffer_ranges(void) {
  static const struct {
    size_t offset, bytes;
    const char *argument, *value;
  } bad[] = {{0, 17, "bytes", "17"},
             {16, 1, "offset", "16"},
             {17, 0, "offset", "17"},
             {SIZE_MAX, 1, "offset", "18446744073709551615"},
             {8, SIZE_MAX, "bytes", "18446744073709551615"},
             {8, SIZE_MAX - 4, "bytes", "18446744073709551611"}};
  cubnBuffer_t buffer;
  if (!expect_success(cubnCreateBuffer(suite_handle(), 16, &buffer), "create")) return;
  expect_success(cubnFillBuffer(buffer, 0x5a), "fill");
  unsigned char data[32] = {0};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; ++i) {
    expect_error(cubnUploadBuffer(buffer, bad[i].offset, data, bad[i].bytes), BAD,
                 "cubnUploadBuffer", bad[i].argument, bad[i].value);
    expect_error(cubnDownloadBuffer(buffer, bad[i].offset, data, bad[i].bytes), BAD,
                 "cubnDownloadBuffer", bad[i].argument, bad[i].value);
    for (size_t k = 0; k < sizeof data; ++k) CU_ASSERT_EQUAL(data[k], 0);
  }
  expect_success(cubnDownloadBuffer(buffer, 0, data, 16), "download");
  for (int k = 0; k < 16; ++k) CU_ASSERT_EQUAL(data[k], 0x5a);
  expect_success(cubnDestroyBuffer(buffer), "destroy");
}

void test_api_errors_setup_suites(void) {
  static const suite_test host_tests[] = {
      {"device names", test_device_names}, {"environment", test_environment}, {NULL, NULL}};
  static const suite_test device_tests[] = {{"handles", test_handles},
                                            {"handle with buffers", test_handle_with_buffers},
                                            {"buffers", test_buffers},
                                            {"buffer ranges", test_buffer_ranges},
                                            {NULL, NULL}};
  suite_add("api errors without a handle", SUITE_HOST, host_tests);
  suite_add("api errors of handles and buffers", SUITE_DEVICES, device_tests);
}
