// The context of a device, and the current one of a thread.
#include <cuda.h>
#include <cuda_runtime.h>

#include "core/check.h"
#include "cuda/common/device.h"

namespace {

// Errors of the driver have the numbers of the runtime's.
cubnStatus_t check(CUresult result, const char *function) {
  return cubn_cuda_check(static_cast<cudaError_t>(result), function);
}

// The library is not linked with the driver, because it also works without one.
template <class Function>
cubnStatus_t find_function(const char *name, Function *function) {
  void *found = nullptr;
  cudaDriverEntryPointQueryResult result = cudaDriverEntryPointSuccess;
#if CUDART_VERSION >= 12050
  const cudaError_t error =
      cudaGetDriverEntryPointByVersion(name, &found, 12000, cudaEnableDefault, &result);
#else
  const cudaError_t error = cudaGetDriverEntryPoint(name, &found, cudaEnableDefault, &result);
#endif
  CUBN_TRY(cubn_cuda_check(error, "cudaGetDriverEntryPoint"));
  if (result != cudaDriverEntryPointSuccess)
    return cubn_fail(CUBN_STATUS_EXECUTION_FAILED, "cudaGetDriverEntryPoint",
                     "the driver has no %s, use one for CUDA 12.0 or later", name);
  *function = reinterpret_cast<Function>(found);
  return CUBN_STATUS_SUCCESS;
}

}  // namespace

// If the device is current, its context is the caller's choice, who may have created it. Otherwise
// it is the primary one, which the runtime uses. It is never released, as the runtime does not
// either: memory of the caller may be in it.
cubnStatus_t cubn_cuda_find_context(cubn_device *device) {
  CUresult (*get_current)(CUcontext *) = nullptr;
  CUresult (*retain_primary)(CUcontext *, CUdevice) = nullptr;
  CUBN_TRY(find_function("cuCtxGetCurrent", &get_current));
  CUBN_TRY(find_function("cuDevicePrimaryCtxRetain", &retain_primary));
  CUBN_TRY(find_function("cuCtxPushCurrent", &device->push_current));
  CUBN_TRY(find_function("cuCtxPopCurrent", &device->pop_current));
  int current = -1;
  CUBN_TRY(cubn_cuda_check(cudaGetDevice(&current), "cudaGetDevice"));
  if (current == device->ordinal) CUBN_TRY(check(get_current(&device->context), "cuCtxGetCurrent"));
  if (device->context) return CUBN_STATUS_SUCCESS;
  return check(retain_primary(&device->context, device->ordinal), "cuDevicePrimaryCtxRetain");
}

cubn_device_scope::cubn_device_scope(const cubn_device *device) {
  int current = -1;
  status_ = cubn_cuda_check(cudaGetDevice(&current), "cudaGetDevice");
  if (status_ != CUBN_STATUS_SUCCESS || current == device->ordinal) return;
  status_ = check(device->push_current(device->context), "cuCtxPushCurrent");
  if (status_ == CUBN_STATUS_SUCCESS) pop_current_ = device->pop_current;
}

cubn_device_scope::~cubn_device_scope() {
  CUcontext context;
  if (pop_current_) pop_current_(&context);
}
