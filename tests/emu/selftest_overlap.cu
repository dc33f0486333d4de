// Two launches, of which the second may begin before the first has ended. They never run on a GPU.

#include "selftest_device.cuh"
#include "selftest_kernels.h"

using namespace selftest;

namespace {

__global__ void first_kernel(float *y) {
  y[threadIdx.x] = 1.0f;
}

template <bool WAITS>
__global__ void second_kernel(float *y) {
  if (WAITS) emu::wait_for_launch_before();
  y[threadIdx.x] += 1.0f;
}

}  // namespace

cudaError_t launch_overlap(float *y, int waits, cudaStream_t s) {
  cudaLaunchConfig_t config = launch_config(1, 64, 0, s);
  const cudaError_t error = cudaLaunchKernelEx(&config, first_kernel, y);
  if (error != cudaSuccess) return error;
  cudaLaunchAttribute overlap = {};
  overlap.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  overlap.val.programmaticStreamSerializationAllowed = 1;
  config.attrs = &overlap;
  config.numAttrs = 1;
  return cudaLaunchKernelEx(&config, waits ? second_kernel<true> : second_kernel<false>, y);
}
