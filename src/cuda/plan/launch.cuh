// Kernel launches.
#pragma once
#include <cuda_runtime.h>

#include <cstdint>

#include "core/backend.h"
#include "cuda/common/device.h"

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

// Enqueues a kernel on the device's stream. `blocks` must be less than 2^31.
template <class... Parameters, class... Arguments>
cubnStatus_t launch(const cubn_device *device, void (*kernel)(Parameters...), int64_t blocks,
                    int threads, size_t shared_bytes, const Arguments &...arguments) {
  const cudaLaunchConfig_t config = launch_config(device, blocks, threads, shared_bytes);
  return cubn_cuda_check(cudaLaunchKernelEx(&config, kernel, arguments...), "cudaLaunchKernelEx");
}

// The same as a programmatic dependent launch: the kernel may begin before that of the previous
// launch of this call has ended. Its threads must call wait_on_prior_grid before they access
// memory. This hides the latency of the launch.
template <class... Parameters, class... Arguments>
cubnStatus_t launch_overlapped(const cubn_device *device, void (*kernel)(Parameters...),
                               int64_t blocks, int threads, size_t shared_bytes,
                               const Arguments &...arguments) {
  cudaLaunchAttribute overlap = {};
  overlap.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  overlap.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config = launch_config(device, blocks, threads, shared_bytes);
  config.attrs = &overlap;
  config.numAttrs = device->has_dependent_launch ? 1 : 0;
  return cubn_cuda_check(cudaLaunchKernelEx(&config, kernel, arguments...), "cudaLaunchKernelEx");
}

}  // namespace cubn
