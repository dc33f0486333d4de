// Errors of the CUDA runtime.
#include <cuda_runtime.h>

#include "core/check.h"
#include "core/log.h"
#include "cuda/common/device.h"

cubnStatus_t cubn_cuda_check(cudaError_t error, const char *function) {
  if (error == cudaSuccess) return CUBN_STATUS_SUCCESS;
  cudaGetLastError();
  const cubnStatus_t status = error == cudaErrorMemoryAllocation
                                  ? CUBN_STATUS_DEVICE_ALLOCATION_FAILED
                                  : CUBN_STATUS_EXECUTION_FAILED;
  return cubn_fail(status, function, "%s (%s)", cudaGetErrorName(error), cudaGetErrorString(error));
}

void cubn_cuda_disable(const cubn_device *device, const char *algo, const char **refusal,
                       const char *reason, cudaError_t error) {
  cudaGetLastError();
  *refusal = reason;
  cubn_log(nullptr, CUBN_SEV_WARNING, CUBN_STATUS_SUCCESS,
           "cuda:%d: %s is not used, because %s: %s (%s)", device->ordinal, algo, reason,
           cudaGetErrorName(error), cudaGetErrorString(error));
}
