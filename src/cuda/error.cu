// Errors of the CUDA runtime, and the current device of a thread.
#include <cuda_runtime.h>

#include "core/check.h"
#include "cuda/common/device.h"

cubnStatus_t cubn_cuda_check(cudaError_t error, const char *function) {
  if (error == cudaSuccess) return CUBN_STATUS_SUCCESS;
  cudaGetLastError();
  const cubnStatus_t status = error == cudaErrorMemoryAllocation
                                  ? CUBN_STATUS_DEVICE_ALLOCATION_FAILED
                                  : CUBN_STATUS_EXECUTION_FAILED;
  return cubn_fail(status, function, "%s (%s)", cudaGetErrorName(error), cudaGetErrorString(error));
}

cubn_device_scope::cubn_device_scope(int ordinal) {
  int current = -1;
  status_ = cubn_cuda_check(cudaGetDevice(&current), "cudaGetDevice");
  if (status_ != CUBN_STATUS_SUCCESS || current == ordinal) return;
  status_ = cubn_cuda_check(cudaSetDevice(ordinal), "cudaSetDevice");
  if (status_ == CUBN_STATUS_SUCCESS) previous_ = current;
}

cubn_device_scope::~cubn_device_scope() {
  // The previous device was current a moment ago. If it has been lost since, its owner will notice.
  if (previous_ >= 0 && cudaSetDevice(previous_) != cudaSuccess) cudaGetLastError();
}
