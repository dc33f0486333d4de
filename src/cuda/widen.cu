// Conversion of half and bfloat16 to float, which is exact.
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <cstdint>

#include "core/backend.h"
#include "core/check.h"
#include "cuda/common/device.h"
#include "cuda/device/base/divisor.cuh"
#include "cuda/device/base/dtype.cuh"
#include "cuda/hooks.h"
#include "cuda/plan/integers.cuh"
#include "cuda/plan/launch.cuh"
#include "cuda/strided/axes.cuh"

namespace cubn {
namespace {

constexpr int WIDEN_THREADS = 256;

// A thread converts one element. They are numbered channel by channel.
template <class T>
__global__ void __launch_bounds__(WIDEN_THREADS)
    widen_kernel(const Axes channels, const Axes samples, const Divisor by_samples, int64_t count,
                 int64_t elements, const T *from, float *to) {
  const int64_t index = static_cast<int64_t>(blockIdx.x) * WIDEN_THREADS + threadIdx.x;
  if (index >= elements) return;
  const int64_t channel = divide(index, by_samples);
  const Offsets origin = locate(channels, channel);
  const Offsets sample = locate(samples, index - channel * count);
  to[origin.array[CUBN_ARRAY_OUTPUT] + sample.array[CUBN_ARRAY_OUTPUT]] =
      to_compute(from[origin.array[CUBN_ARRAY_X] + sample.array[CUBN_ARRAY_X]]);
}

template <class T>
cubnStatus_t widen(const cubn_device *device, const cubn_problem &problem, const void *from,
                   void *to) {
  const int64_t count = cubn_count(&problem), elements = problem.c * count;
  return launch<widen_kernel<T>>(device, ceil_div(elements, WIDEN_THREADS), WIDEN_THREADS, 0,
                                 make_axes(problem.channels), make_axes(problem.samples),
                                 make_divisor(count), count, elements, static_cast<const T *>(from),
                                 static_cast<float *>(to));
}

}  // namespace
}  // namespace cubn

cubnStatus_t cubn_cuda_widen(cubn_device *device, const cubn_problem *problem, const void *x,
                             void *to) {
  const cubn_device_scope scope(device);
  CUBN_TRY(scope.status());
  return problem->type == CUBN_DATA_HALF ? cubn::widen<__half>(device, *problem, x, to)
                                         : cubn::widen<__nv_bfloat16>(device, *problem, x, to);
}
