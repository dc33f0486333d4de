// Device memory and page-locked memory: allocation, also while a stream is being captured; copies.
#include <cuda_runtime.h>
#include <stddef.h>
#include <string.h>

#include "core/backend.h"
#include "core/check.h"
#include "cuda/common/device.h"
#include "cuda/hooks.h"

cubn_capture_bypass::cubn_capture_bypass() {
  status_ = cubn_cuda_check(cudaThreadExchangeStreamCaptureMode(&mode_),
                            "cudaThreadExchangeStreamCaptureMode");
}

cubn_capture_bypass::~cubn_capture_bypass() {
  if (status_ == CUBN_STATUS_SUCCESS && cudaThreadExchangeStreamCaptureMode(&mode_) != cudaSuccess)
    cudaGetLastError();
}

namespace {

cubnStatus_t allocate(size_t bytes, void **pointer) {
  *pointer = nullptr;
  const cudaError_t error = cudaMalloc(pointer, bytes);
  if (error != cudaErrorMemoryAllocation) return cubn_cuda_check(error, "cudaMalloc");
  cudaGetLastError();
  return cubn_fail(CUBN_STATUS_DEVICE_ALLOCATION_FAILED, "cudaMalloc", "%zu bytes: %s (%s)", bytes,
                   cudaGetErrorName(error), cudaGetErrorString(error));
}

// Sets memory to 0 before it returns. It uses a stream of its own, because the stream that the
// memory is for may be in capture, and would then clear it only when the graph is launched.
cubnStatus_t clear(void *memory, size_t bytes) {
  cudaStream_t stream;
  CUBN_TRY(cubn_cuda_check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking),
                           "cudaStreamCreateWithFlags"));
  cubnStatus_t status =
      cubn_cuda_check(cudaMemsetAsync(memory, 0, bytes, stream), "cudaMemsetAsync");
  if (status == CUBN_STATUS_SUCCESS)
    status = cubn_cuda_check(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
  const cudaError_t destroyed = cudaStreamDestroy(stream);
  if (status == CUBN_STATUS_SUCCESS) return cubn_cuda_check(destroyed, "cudaStreamDestroy");
  cudaGetLastError();
  return status;
}

cubnStatus_t copy(cubn_device *device, void *to, const void *from, size_t bytes,
                  cudaMemcpyKind kind) {
  const cubn_device_scope scope(device);
  CUBN_TRY(scope.status());
  CUBN_TRY(
      cubn_cuda_check(cudaMemcpyAsync(to, from, bytes, kind, device->stream), "cudaMemcpyAsync"));
  return cubn_cuda_check(cudaStreamSynchronize(device->stream), "cudaStreamSynchronize");
}

}  // namespace

cubnStatus_t cubn_cuda_malloc_cleared(size_t bytes, void **memory) {
  const cubn_capture_bypass bypass;
  CUBN_TRY(bypass.status());
  CUBN_TRY(allocate(bytes, memory));
  const cubnStatus_t status = clear(*memory, bytes);
  if (status != CUBN_STATUS_SUCCESS) cubn_cuda_free(*memory);
  return status;
}

cudaError_t cubn_cuda_free(void *memory) {
  const cudaError_t error = cudaFree(memory);
  if (error != cudaSuccess) cudaGetLastError();
  return error;
}

cubnStatus_t cubn_cuda_allocate(cubn_device *device, size_t bytes, void **pointer) {
  const cubn_device_scope scope(device);
  CUBN_TRY(scope.status());
  const cubn_capture_bypass bypass;
  CUBN_TRY(bypass.status());
  return allocate(bytes, pointer);
}

cubnStatus_t cubn_cuda_release(cubn_device *device, void *pointer) {
  const cubn_device_scope scope(device);
  const cubn_capture_bypass bypass;
  CUBN_TRY(cubn_cuda_check(cubn_cuda_free(pointer), "cudaFree"));
  CUBN_TRY(bypass.status());
  return scope.status();
}

cubnStatus_t cubn_cuda_upload(cubn_device *device, void *to, const void *from, size_t bytes) {
  return copy(device, to, from, bytes, cudaMemcpyHostToDevice);
}

cubnStatus_t cubn_cuda_download(cubn_device *device, void *to, const void *from, size_t bytes) {
  return copy(device, to, from, bytes, cudaMemcpyDeviceToHost);
}

cubnStatus_t cubn_cuda_fill(cubn_device *device, void *pointer, int value, size_t bytes) {
  const cubn_device_scope scope(device);
  CUBN_TRY(scope.status());
  return cubn_cuda_check(cudaMemsetAsync(pointer, value, bytes, device->stream), "cudaMemsetAsync");
}

cubnStatus_t cubn_cuda_allocate_host(cubn_device *device, size_t bytes, void **pointer) {
  const cubn_device_scope scope(device);
  CUBN_TRY(scope.status());
  const cubn_capture_bypass bypass;
  CUBN_TRY(bypass.status());
  *pointer = nullptr;
  const cudaError_t error = cudaHostAlloc(pointer, bytes, cudaHostAllocDefault);
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    return cubn_fail(CUBN_STATUS_HOST_ALLOCATION_FAILED, "cudaHostAlloc", "%zu bytes: %s (%s)",
                     bytes, cudaGetErrorName(error), cudaGetErrorString(error));
  }
  CUBN_TRY(cubn_cuda_check(error, "cudaHostAlloc"));
  memset(*pointer, 0, bytes);
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t cubn_cuda_release_host(cubn_device *device, void *pointer) {
  const cubn_device_scope scope(device);
  const cubn_capture_bypass bypass;
  CUBN_TRY(cubn_cuda_check(cudaFreeHost(pointer), "cudaFreeHost"));
  CUBN_TRY(bypass.status());
  return scope.status();
}
