/* Machines without a GPU or a driver, and drivers and devices that the library cannot use.
 * Needs the emulator. */
#include "suites/support/suite.h"

void test_cuda_driver_suites(void);

#ifdef CUBN_TESTS_EMULATED
#include <cuda_runtime_api.h>
#include <stdio.h>

#include "emu/control.h"
#include "suites/support/expect_error.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

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

/* A missing driver or device is no error for a caller who takes any device. */
static void test_no_driver(void) {
  cubnHandle_t handle = NULL;
  for (int has_driver = 0; has_driver < 2; ++has_driver) {
    cubnDeviceType_t type = CUBN_DEVICE_CUDA;
    if (has_driver)
      emu_set_device_count(0);
    else
      emu_set_driver_version(0);
    expect_error(cubnCreateOnDevice(&handle, "cuda"), CUBN_STATUS_NOT_SUPPORTED,
                 "cubnCreateOnDevice", "GPU",
                 has_driver ? "cudaErrorNoDevice" : "cudaErrorInsufficientDriver");
    expect_success(cubnCreate(&handle), "cubnCreate without a GPU");
    expect_success(cubnGetDevice(handle, &type, NULL), "cubnGetDevice");
    CU_ASSERT_EQUAL(type, CUBN_DEVICE_CPU);
    cubnDestroy(handle);
    emu_set_device_count(1);
    emu_set_driver_version(CUDART_VERSION);
  }
  CU_ASSERT_EQUAL(cudaPeekAtLastError(), cudaSuccess);
}

/* A driver that fails is an error, and no caller falls back to the CPU: he may have pointers to
 * memory of a GPU. */
static void test_bad_driver(void) {
  cubnHandle_t handle = NULL;
  char version[32];
  snprintf(version, sizeof version, "%d.%d", CUDART_VERSION / 1000, CUDART_VERSION % 1000 / 10);
  emu_set_driver_version(11080);
  expect_error(cubnCreate(&handle), CUBN_STATUS_EXECUTION_FAILED, "cubnCreate", "11.8", version);
  expect_error(cubnCreateOnDevice(&handle, "cuda"), CUBN_STATUS_EXECUTION_FAILED,
               "cubnCreateOnDevice", "11.8", version);
  emu_set_driver_version(CUDART_VERSION);
  static const cudaError_t errors[] = {cudaErrorSystemDriverMismatch, cudaErrorUnknown};
  for (size_t i = 0; i < COUNT_OF(errors); ++i) {
    emu_fail_next("cudaGetDeviceCount", 1, (int)errors[i]);
    expect_error(cubnCreate(&handle), CUBN_STATUS_EXECUTION_FAILED, "cubnCreate",
                 "cudaGetDeviceCount", cudaGetErrorName(errors[i]));
  }
  expect_error(cubnCreateOnDevice(&handle, "cuda:7"), CUBN_STATUS_NOT_SUPPORTED,
               "cubnCreateOnDevice", "device", "cuda:7");
  CU_ASSERT_PTR_NULL(handle);
  CU_ASSERT_EQUAL(cudaPeekAtLastError(), cudaSuccess);
}
#endif

void test_cuda_driver_suites(void) {
#ifdef CUBN_TESTS_EMULATED
  static const suite_test tests[] = {
      {"no kernels for the device", test_no_kernel_image},
      {"no driver, no device", test_no_driver},
      {"a driver that does not work, no such device", test_bad_driver},
      {NULL, NULL},
  };
  suite_add("cuda driver", SUITE_CUDA, tests);
#endif
}
