// Preparation of the kernels of tiles when a device is opened, which also loads them. kernel_of(
// VectorTag<V>{}, op) returns the kernel for these.
#pragma once
#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>

#include "cuda/common/device.h"
#include "cuda/plan/run_tiled.cuh"
#include "cuda/plan/tile_plan.cuh"

namespace cubn {

constexpr const char *NOT_PREPARED =
    "its kernels could not be prepared when the handle was created";

// The most static shared memory of the kernels. It is the compiler's choice, at run time if the
// driver translates PTX.
template <class KernelOf>
cudaError_t static_smem_bytes(const KernelOf &kernel_of, size_t *bytes) {
  *bytes = 0;
  return visit_tiled_kernels([&](auto vector, const auto &op) {
    cudaFuncAttributes attributes = {};
    const cudaError_t error = cudaFuncGetAttributes(&attributes, kernel_of(vector, op));
    *bytes = std::max(*bytes, attributes.sharedSizeBytes);
    return error;
  });
}

// Lets a kernel have so much dynamic shared memory, and SMs as many such blocks as fit.
template <class Kernel>
cudaError_t allow_smem(Kernel *kernel, size_t bytes) {
  const cudaError_t error = cudaFuncSetAttribute(
      kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes));
  if (error != cudaSuccess) return error;
  return cudaFuncSetAttribute(kernel, cudaFuncAttributePreferredSharedMemoryCarveout,
                              cudaSharedmemCarveoutMaxShared);
}

// For resident and cluster, whose limit is the same: what the static memory of both leaves.
template <class KernelOf>
cudaError_t prepare_tiled(cubn_device *device, const KernelOf &kernel_of) {
  size_t static_bytes = 0;
  const cudaError_t error = static_smem_bytes(kernel_of, &static_bytes);
  if (error != cudaSuccess) return error;
  device->tile_smem_bytes =
      std::min(device->tile_smem_bytes, device->shared_bytes_per_block - static_bytes);
  return visit_tiled_kernels([&](auto vector, const auto &op) {
    return allow_smem(kernel_of(vector, op), device->tile_smem_bytes);
  });
}

}  // namespace cubn
