// Kernel launches.
#pragma once
#include <cuda_runtime.h>

#include <cstdint>

#include "core/backend.h"
#include "cuda/common/device.h"
#include "cuda/common/kernels.h"

namespace cubn {

inline cudaLaunchConfig_t launch_config(const cubn_device *device, int64_t blocks, int threads,
                                        size_t shared_bytes) {
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(static_cast<unsigned>(blocks));
  config.blockDim = dim3(static_cast<unsigned>(threads));
  config.dynamicSmemBytes = shared_bytes;
  config.stream = device->stream;
  return config;
}

// Exists, and is in the list of kernels, if something launches the kernel.
template <auto *KERNEL>
static const cubn_kernel LISTED(reinterpret_cast<const void *>(KERNEL));

template <auto *KERNEL, class... Arguments>
cubnStatus_t launch_configured(const cudaLaunchConfig_t &config, const Arguments &...arguments) {
  (void)&LISTED<KERNEL>;
  return cubn_cuda_check(cudaLaunchKernelEx(&config, KERNEL, arguments...), "cudaLaunchKernelEx");
}

// Enqueues a kernel on the device's stream. `blocks` must be less than 2^31.
template <auto *KERNEL, class... Arguments>
cubnStatus_t launch(const cubn_device *device, int64_t blocks, int threads, size_t shared_bytes,
                    const Arguments &...arguments) {
  return launch_configured<KERNEL>(launch_config(device, blocks, threads, shared_bytes),
                                   arguments...);
}

// The same as a programmatic dependent launch: the kernel may begin before that of the previous
// launch of this call has ended. Its threads must call wait_on_prior_grid before they read what
// that kernel writes, or write anything. This hides the latency of the launch.
template <auto *KERNEL, class... Arguments>
cubnStatus_t launch_overlapped(const cubn_device *device, int64_t blocks, int threads,
                               size_t shared_bytes, const Arguments &...arguments) {
  cudaLaunchAttribute overlap = {};
  overlap.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  overlap.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config = launch_config(device, blocks, threads, shared_bytes);
  config.attrs = &overlap;
  config.numAttrs = device->has_dependent_launch ? 1 : 0;
  return launch_configured<KERNEL>(config, arguments...);
}

}  // namespace cubn
