// Folding into the layer behind, and counting what is not finite.
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>

#include "core/check.h"
#include "core/fold_task.h"
#include "cuda/common/device.h"
#include "cuda/device/base/divisor.cuh"
#include "cuda/device/base/dtype.cuh"
#include "cuda/device/base/shared_memory.cuh"
#include "cuda/device/base/team.cuh"
#include "cuda/hooks.h"
#include "cuda/plan/integers.cuh"
#include "cuda/plan/launch.cuh"
#include "cuda/strided/axes.cuh"

namespace cubn {
namespace {

constexpr int FOLD_THREADS = 128, COUNT_THREADS = 256, COUNT_BLOCKS_MAX = 1024;
constexpr int64_t FOLD_BLOCKS_MAX = 1 << 20;

// What the sums are formed of: the task, for kernels.
template <class P>
struct Normalization {
  const P *scale, *bias, *mean, *var;
  double epsilon;
};

template <class P>
__device__ cubn_fold_affine affine_of(const Normalization<P> &n, int64_t c) {
  return cubn_fold_affine_of(
      n.scale ? static_cast<double>(n.scale[c]) : 1, n.bias ? static_cast<double>(n.bias[c]) : 0,
      static_cast<double>(n.mean[c]), static_cast<double>(n.var[c]), n.epsilon);
}

// The weights of one output times addends, on thread 0: each thread takes every FOLD_THREADS-th,
// then a tree.
template <class T, class P>
__device__ double sum_of_output(const Axes &weights_axes, int64_t count, int64_t first,
                                const Normalization<P> &n, const T *row, double *scratch) {
  double sums[1] = {0};
  for (int64_t i = threadIdx.x; i < count; i += FOLD_THREADS) {
    const Offsets at = locate(weights_axes, i);
    sums[0] += static_cast<double>(to_compute(row[at.array[CUBN_ARRAY_X]])) *
               affine_of(n, first + at.array[CUBN_ARRAY_OUTPUT]).addend;
  }
  reduce_team(sums, team_across_channels(1, FOLD_THREADS), scratch);
  return sums[0];
}

// A block computes the bias of one output after another.
template <class T, class P>
__global__ void __launch_bounds__(FOLD_THREADS)
    fold_behind_kernel(const Axes outputs, const Axes weights_axes, int64_t output_count,
                       int64_t count, int64_t outputs_per_group, int64_t inputs,
                       const Normalization<P> n, const T *weights, const T *layer_bias,
                       void *folded_bias, bool is_widened) {
  CUBN_SHARED(double, scratch, [FOLD_THREADS / 2]);
  for (int64_t k = blockIdx.x; k < output_count; k += gridDim.x) {
    const T *const row = weights + locate(outputs, k).array[CUBN_ARRAY_X];
    double sum =
        sum_of_output(weights_axes, count, k / outputs_per_group * inputs, n, row, scratch);
    if (threadIdx.x == 0) {
      if (layer_bias) sum += static_cast<double>(to_compute(layer_bias[k]));
      if (is_widened)
        static_cast<float *>(folded_bias)[k] = static_cast<float>(sum);
      else
        static_cast<T *>(folded_bias)[k] = from_double<T>(sum);
    }
    __syncthreads();
  }
}

template <class P>
__global__ void __launch_bounds__(FOLD_THREADS)
    padding_kernel(int64_t channels, const Normalization<P> n, P *padding) {
  const int64_t c = static_cast<int64_t>(blockIdx.x) * FOLD_THREADS + threadIdx.x;
  if (c >= channels) return;
  const cubn_fold_affine affine = affine_of(n, c);
  padding[c] = static_cast<P>(-affine.addend / affine.factor);
}

template <class T>
__global__ void __launch_bounds__(COUNT_THREADS)
    count_kernel(const Axes channels, const Axes samples, const Divisor by_samples, int64_t count,
                 int64_t elements, const T *x, unsigned long long *found) {
  unsigned long long mine = 0;
  const int64_t step = static_cast<int64_t>(gridDim.x) * COUNT_THREADS;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * COUNT_THREADS + threadIdx.x; i < elements;
       i += step) {
    const int64_t channel = divide(i, by_samples);
    const int64_t at = locate(channels, channel).array[CUBN_ARRAY_X] +
                       locate(samples, i - channel * count).array[CUBN_ARRAY_X];
    mine += !isfinite(to_compute(x[at]));
  }
  if (mine > 0) atomicAdd(found, mine);
}

template <class T, class P>
cubnStatus_t fold(const cubn_device *device, const cubn_fold_task &task) {
  const cubn_problem &problem = task.problem;
  const Normalization<P> n = {static_cast<const P *>(task.scale), static_cast<const P *>(task.bias),
                              static_cast<const P *>(task.mean), static_cast<const P *>(task.var),
                              task.epsilon};
  if (problem.c > 0)
    CUBN_TRY((launch<fold_behind_kernel<T, P>>(
        device, std::min<int64_t>(problem.c, FOLD_BLOCKS_MAX), FOLD_THREADS, 0,
        make_axes(problem.channels), make_axes(problem.samples), problem.c, cubn_count(&problem),
        problem.c / task.groups, task.inputs, n, static_cast<const T *>(task.weights),
        static_cast<const T *>(task.layer_bias), task.folded_bias,
        task.folded_type != problem.type)));
  const int64_t channels = task.inputs * task.groups;
  if (!task.padding || channels == 0) return CUBN_STATUS_SUCCESS;
  return launch<padding_kernel<P>>(device, ceil_div(channels, FOLD_THREADS), FOLD_THREADS, 0,
                                   channels, n, static_cast<P *>(task.padding));
}

template <class T>
cubnStatus_t count(const cubn_device *device, const cubn_problem &problem, const void *x,
                   void *found) {
  const int64_t samples = cubn_count(&problem), elements = problem.c * samples;
  const int64_t blocks = std::min<int64_t>(ceil_div(elements, COUNT_THREADS), COUNT_BLOCKS_MAX);
  return launch<count_kernel<T>>(device, blocks, COUNT_THREADS, 0, make_axes(problem.channels),
                                 make_axes(problem.samples), make_divisor(samples), samples,
                                 elements, static_cast<const T *>(x),
                                 static_cast<unsigned long long *>(found));
}

cubnStatus_t count_type(const cubn_device *device, const cubn_problem &problem, const void *x,
                        void *found) {
  switch (problem.type) {
    case CUBN_DATA_DOUBLE:
      return count<double>(device, problem, x, found);
    case CUBN_DATA_HALF:
      return count<__half>(device, problem, x, found);
    case CUBN_DATA_BFLOAT16:
      return count<__nv_bfloat16>(device, problem, x, found);
    default:
      return count<float>(device, problem, x, found);
  }
}

}  // namespace
}  // namespace cubn

cubnStatus_t cubn_cuda_fold_behind(cubn_device *device, const cubn_fold_task *task) {
  const cubn_device_scope scope(device);
  CUBN_TRY(scope.status());
  switch (task->problem.type) {
    case CUBN_DATA_DOUBLE:
      return cubn::fold<double, double>(device, *task);
    case CUBN_DATA_HALF:
      return cubn::fold<__half, float>(device, *task);
    case CUBN_DATA_BFLOAT16:
      return cubn::fold<__nv_bfloat16, float>(device, *task);
    default:
      return cubn::fold<float, float>(device, *task);
  }
}

cubnStatus_t cubn_cuda_count_nonfinite(cubn_device *device, const cubn_problem *problem,
                                       const void *x, int64_t *count) {
  void *found = nullptr;
  const cubn_device_scope scope(device);
  CUBN_TRY(scope.status());
  CUBN_TRY(cubn_cuda_malloc_cleared(sizeof *count, &found));
  cubnStatus_t status = cubn::count_type(device, *problem, x, found);
  if (status == CUBN_STATUS_SUCCESS)
    status = cubn_cuda_download(device, count, found, sizeof *count);
  const cubnStatus_t freed = cubn_cuda_check(cubn_cuda_free(found), "cudaFree");
  return status == CUBN_STATUS_SUCCESS ? freed : status;
}
