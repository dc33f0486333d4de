// The list of kernels, and loading all of them.
#include "cuda/common/kernels.h"

#include <cuda_runtime.h>

#include "core/log.h"
#include "cuda/common/device.h"
#include "cuda/hooks.h"

const cubn_kernel *cubn_kernels = nullptr;

cubn_kernel::cubn_kernel(const void *kernel) : function(kernel), next(cubn_kernels) {
  cubn_kernels = this;
}

void cubn_cuda_load_kernels(const cubn_device *device) {
  for (const cubn_kernel *kernel = cubn_kernels; kernel; kernel = kernel->next) {
    cudaFuncAttributes attributes;
    const cudaError_t error = cudaFuncGetAttributes(&attributes, kernel->function);
    if (error == cudaSuccess) continue;
    cudaGetLastError();
    cubn_log(nullptr, CUBN_SEV_WARNING, CUBN_STATUS_SUCCESS,
             "cuda:%d: some kernels are loaded by their first call: %s (%s)", device->ordinal,
             cudaGetErrorName(error), cudaGetErrorString(error));
    return;
  }
}
