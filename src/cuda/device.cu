// Opens and closes a device: what the algorithms need to know of it, and the attributes of kernels.
#include <cuda_runtime.h>
#include <stddef.h>
#include <stdlib.h>

#include "core/backend.h"
#include "core/check.h"
#include "cuda/common/algos.h"
#include "cuda/common/device.h"
#include "cuda/hooks.h"

namespace {

// The driver's version, as 1000 * major + 10 * minor; 0 if there is no driver.
cubnStatus_t read_driver_version(int *version) {
  return cubn_cuda_check(cudaDriverGetVersion(version), "cudaDriverGetVersion");
}

cubnStatus_t refuse_old_driver(int version) {
  return cubn_fail(CUBN_STATUS_EXECUTION_FAILED, "cuda",
                   "the driver is for CUDA %d.%d, which is too old for this library, built with "
                   "CUDA %d.%d: install a newer driver, or take the device \"cpu\"",
                   version / 1000, version % 1000 / 10, CUDART_VERSION / 1000,
                   CUDART_VERSION % 1000 / 10);
}

// Returns NOT_SUPPORTED if there is no device or no driver, so that the caller can use a CPU
// instead. Anything else that keeps a device from working is an error: the caller may have pointers
// to its memory. A missing driver is one of version 0 that is insufficient.
cubnStatus_t count_devices(int *count) {
  const cudaError_t error = cudaGetDeviceCount(count);
  int version = 0;
  if (error == cudaErrorInsufficientDriver) CUBN_TRY(read_driver_version(&version));
  if (version > 0) {
    cudaGetLastError();
    return refuse_old_driver(version);
  }
  switch (error) {
    case cudaErrorNoDevice:
    case cudaErrorInsufficientDriver:
    case cudaErrorStubLibrary:  // In the place of a missing driver.
      cudaGetLastError();
      return cubn_fail(CUBN_STATUS_NOT_SUPPORTED, "cuda", "there is no usable GPU: %s (%s)",
                       cudaGetErrorName(error), cudaGetErrorString(error));
    default:
      return cubn_cuda_check(error, "cudaGetDeviceCount");
  }
}

cubnStatus_t read_attribute(cudaDeviceAttr attribute, int ordinal, int *value) {
  return cubn_cuda_check(cudaDeviceGetAttribute(value, attribute, ordinal),
                         "cudaDeviceGetAttribute");
}

cubnStatus_t read_attributes(cubn_device *device) {
  const int ordinal = device->ordinal;
  int major = 0, minor = 0, shared = 0, l2 = 0;
  CUBN_TRY(read_attribute(cudaDevAttrMultiProcessorCount, ordinal, &device->sm_count));
  CUBN_TRY(read_attribute(cudaDevAttrComputeCapabilityMajor, ordinal, &major));
  CUBN_TRY(read_attribute(cudaDevAttrComputeCapabilityMinor, ordinal, &minor));
  CUBN_TRY(read_attribute(cudaDevAttrMaxThreadsPerBlock, ordinal, &device->max_threads_per_block));
  CUBN_TRY(read_attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin, ordinal, &shared));
  CUBN_TRY(read_attribute(cudaDevAttrL2CacheSize, ordinal, &l2));
  device->compute_capability = 10 * major + minor;
  device->shared_bytes_per_block = device->tile_smem_bytes = static_cast<size_t>(shared);
  device->l2_bytes = static_cast<size_t>(l2);
  return CUBN_STATUS_SUCCESS;
}

// Checks that the library contains machine code for the device, or PTX that the driver can
// translate.
cubnStatus_t check_kernel_image(cubn_device *device) {
  cudaFuncAttributes attributes;
  const cudaError_t error = cudaFuncGetAttributes(&attributes, cubn_strided_sample_kernel());
  switch (error) {
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorInvalidDeviceFunction:
    case cudaErrorUnsupportedPtxVersion:
      cudaGetLastError();
      return cubn_fail(CUBN_STATUS_NOT_SUPPORTED, "cuda",
                       "device cuda:%d has compute capability %d.%d, for which this library was "
                       "not built: %s (%s)",
                       device->ordinal, device->compute_capability / 10,
                       device->compute_capability % 10, cudaGetErrorName(error),
                       cudaGetErrorString(error));
    default:
      break;
  }
  CUBN_TRY(cubn_cuda_check(error, "cudaFuncGetAttributes"));
  device->kernel_capability = attributes.ptxVersion < device->compute_capability
                                  ? attributes.ptxVersion
                                  : device->compute_capability;
  // Older drivers cannot capture dependent launches into a graph.
  constexpr int DRIVER_MIN = 12030;
  int driver = 0;
  CUBN_TRY(read_driver_version(&driver));
  device->has_dependent_launch =
      device->kernel_capability >= 90 && driver >= DRIVER_MIN && CUDART_VERSION >= DRIVER_MIN;
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t prepare(cubn_device *device) {
  const cubn_device_scope scope(device);
  CUBN_TRY(scope.status());
  CUBN_TRY(read_attributes(device));
  CUBN_TRY(check_kernel_image(device));
  cubn_resident_prepare(device);
  cubn_cluster_prepare(device);
  cubn_cooperative_prepare(device);
  cubn_cuda_load_kernels(device);
  return cubn_cuda_set_stream(device, nullptr);
}

// Sets no message, see cubn_cuda_free.
cudaError_t free_device(cubn_device *device) {
  const cudaError_t error = cubn_cuda_free_workspaces(device);
  free(device);
  return error;
}

}  // namespace

cubnStatus_t cubn_cuda_open(int ordinal, cubn_device **device) {
  int count = 0;
  CUBN_TRY(count_devices(&count));
  if (ordinal < 0) CUBN_TRY(cubn_cuda_check(cudaGetDevice(&ordinal), "cudaGetDevice"));
  if (ordinal >= count)
    return cubn_fail(CUBN_STATUS_NOT_SUPPORTED, "cuda",
                     "device cuda:%d does not exist, the number of devices is %d", ordinal, count);
  cubn_device *opened = static_cast<cubn_device *>(calloc(1, sizeof *opened));
  if (!opened)
    return cubn_fail(CUBN_STATUS_HOST_ALLOCATION_FAILED, "cuda", "no memory for a device");
  opened->ordinal = ordinal;
  cubnStatus_t status = cubn_cuda_find_context(opened);
  if (status == CUBN_STATUS_SUCCESS) status = prepare(opened);
  if (status != CUBN_STATUS_SUCCESS) {
    free(opened);
    return status;
  }
  *device = opened;
  return CUBN_STATUS_SUCCESS;
}

// Waits for the device's work, because freeing device memory does.
cubnStatus_t cubn_cuda_close(cubn_device *device) {
  const cubn_device_scope scope(device);
  const cubn_capture_bypass bypass;
  CUBN_TRY(cubn_cuda_check(free_device(device), "cudaFree"));
  CUBN_TRY(bypass.status());
  return scope.status();
}
