/* The CUDA backend under failures: every call of the runtime that it makes fails once. The status
 * and the message say so, nothing leaks, and the handle works afterwards. Also machines without a
 * GPU. Needs the emulator, which fails on request. */
#include "suites/support/suite.h"

void test_cuda_backend_suites(void);

#ifdef CUBN_TESTS_EMULATED
#include <cuda_runtime_api.h>
#include <string.h>

#include "core/check.h"
#include "core/handle.h"
#include "emu/control.h"
#include "kit/run_line.h"
#include "suites/support/expect_error.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* ---- Steps that call the runtime ---- */

/* What a step works on; whatever is not 0 is cleaned up after it. */
typedef struct fixture {
  const char *device, *line;
  cubnHandle_t handle;
  cubnBuffer_t buffer;
  cudaStream_t stream;
  data_set data;
  run_context run;
  char bytes[100];
} fixture;

static cubnStatus_t open_handle(fixture *f) {
  return cubnCreateOnDevice(&f->handle, f->device);
}

static cubnStatus_t open_buffer(fixture *f) {
  CUBN_TRY(open_handle(f));
  return cubnCreateBuffer(f->handle, sizeof f->bytes, &f->buffer);
}

static cubnStatus_t open_stream(fixture *f) {
  CUBN_TRY(open_handle(f));
  cudaSetDevice(f->device[5] - '0'); /* "cuda:N" */
  cudaStreamCreate(&f->stream);
  cudaSetDevice(0);
  return CUBN_STATUS_SUCCESS;
}

static cubnStatus_t open_run(fixture *f) {
  line_problem problem;
  CUBN_TRY(open_handle(f));
  CU_ASSERT_PTR_NULL(line_parse(f->line, &problem));
  CU_ASSERT(data_create(&problem, &f->data));
  oracle_fill_saved(&problem, &f->data);
  return run_open(&f->run, f->handle, &problem, &f->data);
}

static void clean_up(fixture *f) {
  if (f->run.handle) run_close(&f->run);
  data_destroy(&f->data);
  cubnDestroyBuffer(f->buffer);
  cubnDestroy(f->handle);
  if (f->stream) cudaStreamDestroy(f->stream);
}

static cubnStatus_t do_nothing(fixture *f) {
  (void)f;
  return CUBN_STATUS_SUCCESS;
}

static cubnStatus_t do_set_stream(fixture *f) {
  const cubnStatus_t status = cubnSetStream(f->handle, f->stream);
  cubnStream_t current;
  cubnGetStream(f->handle, &current);
  CU_ASSERT_EQUAL(current, status == CUBN_STATUS_SUCCESS ? f->stream : NULL);
  if (status != CUBN_STATUS_SUCCESS) { /* it is not used, so it need not live on */
    cudaStreamDestroy(f->stream);
    f->stream = NULL;
  }
  return status;
}

static cubnStatus_t do_create_buffer(fixture *f) {
  return cubnCreateBuffer(f->handle, sizeof f->bytes, &f->buffer);
}

static cubnStatus_t do_upload(fixture *f) {
  return cubnUploadBuffer(f->buffer, 0, f->bytes, sizeof f->bytes);
}

static cubnStatus_t do_download(fixture *f) {
  return cubnDownloadBuffer(f->buffer, 0, f->bytes, sizeof f->bytes);
}

static cubnStatus_t do_fill(fixture *f) {
  return cubnFillBuffer(f->buffer, 1);
}

static cubnStatus_t do_synchronize(fixture *f) {
  return cubnSynchronize(f->handle);
}

static cubnStatus_t do_run(fixture *f) {
  return run_call(&f->run);
}

typedef struct step {
  const char *name;
  cubnStatus_t (*prepare)(fixture *);
  cubnStatus_t (*perform)(fixture *);
  const char *line; /* of an operation */
} step;

static const step steps[] = {
    {"cubnCreateOnDevice", do_nothing, open_handle, NULL},
    {"cubnSetStream", open_stream, do_set_stream, NULL},
    {"cubnCreateBuffer", open_handle, do_create_buffer, NULL},
    {"cubnUploadBuffer", open_buffer, do_upload, NULL},
    {"cubnDownloadBuffer", open_buffer, do_download, NULL},
    {"cubnFillBuffer", open_buffer, do_fill, NULL},
    {"cubnSynchronize", open_handle, do_synchronize, NULL},
    {"resident", open_run, do_run, "train nchw f32 n8c6h8w8"},
    {"two_pass", open_run, do_run, "train nchw f32 n8c6h8w8"},
    {"strided", open_run, do_run, "train nchw f32 n8c6h8w8"},
    {"inference", open_run, do_run, "infer nhwc f16 n2c3h4w5"},
    {"strided", open_run, do_run, "infer nhwc f16 n2c3h4w5"},
    {"resident", open_run, do_run, "backward nhwc f32 n2c6h8w8 nosaved"},
    {"cluster", open_run, do_run, "backward nhwc f32 n8c6h8w8 nosaved"},
    {"streamed", open_run, do_run, "backward nhwc f32 n8c6h8w8"},
    {"cooperative", open_run, do_run, "backward nhwc f32 n8c6h8w8"},
    {"two_pass", open_run, do_run, "backward nhwc f32 n8c6h8w8 nosaved"},
    {"strided", open_run, do_run, "backward nhwc f32 n8c6h8w8 nosaved"},
    {"strided", open_run, do_run, "backward nc f32 n0c6"},
};

static bool begin(fixture *f, const step *what, const char *device) {
  *f = (fixture){.device = device, .line = what->line};
  if (!expect_success(what->prepare(f), what->name)) return false;
  if (what->line) strcpy(f->handle->forced_algo, what->name);
  return true;
}

/* ---- Failures ---- */

/* Everything that the backend calls, but for cudaFree and cudaStreamDestroy: where these fail,
 * something stays behind whatever the caller does. */
static const char *const runtime_calls[] = {
    "cudaGetDeviceCount",
    "cudaGetDevice",
    "cudaSetDevice",
    "cudaDeviceGetAttribute",
    "cudaFuncGetAttributes",
    "cudaFuncSetAttribute",
    "cudaOccupancyMaxActiveBlocksPerMultiprocessor",
    "cudaMalloc",
    "cudaThreadExchangeStreamCaptureMode",
    "cudaMemsetAsync",
    "cudaMemcpyAsync",
    "cudaStreamCreateWithFlags",
    "cudaStreamSynchronize",
    "cudaLaunchKernelExC",
};

static void expect_failure(cubnStatus_t status, const char *api, const char *what) {
  const bool is_malloc = !strcmp(api, "cudaMalloc");
  /* The C++ name of the same function. */
  const char *const function = strcmp(api, "cudaLaunchKernelExC") ? api : "cudaLaunchKernelEx";
  const cubnStatus_t wanted =
      is_malloc ? CUBN_STATUS_DEVICE_ALLOCATION_FAILED : CUBN_STATUS_EXECUTION_FAILED;
  const char *const error = is_malloc ? "cudaErrorMemoryAllocation" : "cudaErrorUnknown";
  char message[512];
  cubnGetLastErrorString(message, sizeof message);
  SUITE_CHECK(status == wanted, "%s, %s fails: status %s, wanted %s", what, api,
              cubnGetErrorString(status), cubnGetErrorString(wanted));
  SUITE_CHECK(
      strncmp(message, "cubn", 4) == 0 && strstr(message, function) && strstr(message, error),
      "%s, %s fails: message \"%s\" lacks the public function, %s or %s", what, api, message,
      function, error);
  SUITE_CHECK(cudaPeekAtLastError() == cudaSuccess,
              "%s, %s fails: the runtime's last error is left behind", what, api);
}

static void expect_works(cubnHandle_t handle, const char *when) {
  char report[1024];
  handle->forced_algo[0] = '\0';
  SUITE_CHECK(run_text(handle, "train nchw f32 n2c3h4w5", report, sizeof report), "after %s: %s",
              when, report);
  SUITE_CHECK(run_text(handle, "backward nchw+1 f16 n2c3h4w5", report, sizeof report),
              "after %s: %s", when, report);
}

/* The calls with which the backend returns to the caller's device and capture mode: every second
 * one. If these fail, the library's call has succeeded all the same. */
static bool is_return(const char *api, int nth) {
  return nth % 2 == 0 &&
         (!strcmp(api, "cudaSetDevice") || !strcmp(api, "cudaThreadExchangeStreamCaptureMode"));
}

static void return_instead(const char *api) {
  enum cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  if (!strcmp(api, "cudaSetDevice"))
    cudaSetDevice(0);
  else
    cudaThreadExchangeStreamCaptureMode(&mode);
}

static void expect_returned(void) {
  int current = -1;
  cudaGetDevice(&current);
  CU_ASSERT_EQUAL(current, 0);
  enum cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  cudaThreadExchangeStreamCaptureMode(&mode);
  CU_ASSERT_EQUAL(mode, cudaStreamCaptureModeGlobal);
}

static void fail_call(const step *what, const char *device, const char *api, int nth) {
  fixture f;
  const unsigned long long live_bytes = emu_live_bytes();
  if (!begin(&f, what, device)) return;
  const bool is_malloc = !strcmp(api, "cudaMalloc");
  emu_fail_next(api, nth, is_malloc ? cudaErrorMemoryAllocation : cudaErrorUnknown);
  const cubnStatus_t status = what->perform(&f);
  if (is_return(api, nth)) {
    expect_success(status, what->name);
    return_instead(api);
  } else {
    expect_failure(status, api, what->name);
  }
  expect_returned();
  if (f.handle) expect_works(f.handle, what->name);
  clean_up(&f);
  SUITE_CHECK(emu_live_bytes() == live_bytes, "%s, call %d of %s fails: %lld bytes leak",
              what->name, nth, api, (long long)(emu_live_bytes() - live_bytes));
}

/* Performs each step once as it is, and then once for each runtime call that it made. */
static void fail_each_call(const char *device) {
  for (size_t s = 0; s < COUNT_OF(steps); ++s) {
    fixture f;
    int calls[COUNT_OF(runtime_calls)];
    if (!begin(&f, &steps[s], device)) continue;
    for (size_t i = 0; i < COUNT_OF(runtime_calls); ++i)
      calls[i] = -(int)emu_api_calls(runtime_calls[i]);
    expect_success(steps[s].perform(&f), steps[s].name);
    for (size_t i = 0; i < COUNT_OF(runtime_calls); ++i)
      calls[i] += (int)emu_api_calls(runtime_calls[i]);
    expect_returned();
    if (steps[s].line) CU_ASSERT_STRING_EQUAL(f.handle->last_algo->name, steps[s].name);
    clean_up(&f);
    for (size_t i = 0; i < COUNT_OF(runtime_calls); ++i)
      for (int nth = 1; nth <= calls[i]; ++nth) fail_call(&steps[s], device, runtime_calls[i], nth);
  }
}

static void test_failing_calls(void) {
  fail_each_call("cuda:0");
}

/* On a device that the caller has not made current, and finds not current afterwards. */
static void test_failing_calls_elsewhere(void) {
  emu_set_device_count(2);
  fail_each_call("cuda:1");
  emu_set_device_count(1);
}

/* ---- Devices that are not there ---- */

static void test_no_kernel_image(void) {
  static const cudaError_t errors[] = {cudaErrorNoKernelImageForDevice,
                                       cudaErrorInvalidDeviceFunction,
                                       cudaErrorUnsupportedPtxVersion};
  const unsigned long long live_bytes = emu_live_bytes();
  for (size_t i = 0; i < COUNT_OF(errors); ++i) {
    cubnHandle_t handle = NULL;
    emu_fail_next("cudaFuncGetAttributes", 1, (int)errors[i]);
    expect_error(cubnCreateOnDevice(&handle, "cuda"), CUBN_STATUS_NOT_SUPPORTED,
                 "cubnCreateOnDevice", "compute capability", "cuda:0");
    CU_ASSERT_PTR_NULL(handle);
  }
  CU_ASSERT_EQUAL(emu_live_bytes(), live_bytes);
  CU_ASSERT_EQUAL(cudaPeekAtLastError(), cudaSuccess);
}

/* A missing driver is no error for those who take any device; a driver that fails is one, and
 * nobody is sent to the CPU without a word. */
static void test_no_driver(void) {
  static const cudaError_t errors[] = {cudaErrorNoDevice, cudaErrorInsufficientDriver,
                                       cudaErrorSystemDriverMismatch};
  cubnHandle_t handle = NULL;
  for (size_t i = 0; i < COUNT_OF(errors); ++i) {
    cubnDeviceType_t type = CUBN_DEVICE_CUDA;
    emu_fail_next("cudaGetDeviceCount", 1, (int)errors[i]);
    expect_error(cubnCreateOnDevice(&handle, "cuda"), CUBN_STATUS_NOT_SUPPORTED,
                 "cubnCreateOnDevice", "GPU", cudaGetErrorName(errors[i]));
    emu_fail_next("cudaGetDeviceCount", 1, (int)errors[i]);
    expect_success(cubnCreate(&handle), "cubnCreate without a GPU");
    expect_success(cubnGetDevice(handle, &type, NULL), "cubnGetDevice");
    CU_ASSERT_EQUAL(type, CUBN_DEVICE_CPU);
    cubnDestroy(handle);
  }
  CU_ASSERT_EQUAL(cudaPeekAtLastError(), cudaSuccess);
  emu_fail_next("cudaGetDeviceCount", 1, cudaErrorUnknown);
  expect_error(cubnCreate(&handle), CUBN_STATUS_EXECUTION_FAILED, "cubnCreate",
               "cudaGetDeviceCount", "cudaErrorUnknown");
  expect_error(cubnCreateOnDevice(&handle, "cuda:7"), CUBN_STATUS_NOT_SUPPORTED,
               "cubnCreateOnDevice", "device", "cuda:7");
}
#endif

void test_cuda_backend_suites(void) {
#ifdef CUBN_TESTS_EMULATED
  static const suite_test tests[] = {
      {"each runtime call fails once", test_failing_calls},
      {"each fails, on another device", test_failing_calls_elsewhere},
      {"no kernels for the device", test_no_kernel_image},
      {"no driver, no such device", test_no_driver},
      {NULL, NULL},
  };
  suite_add("cuda backend", SUITE_CUDA, tests);
#endif
}
