// int8: inference of quantized tensors, every problem.
//
// Idea. A first launch computes the coefficients of the channels, which are then in the L2 cache; a
// second one the elements. core/int8.h has the arithmetic, whose operations are all rounded here as
// they are on the CPU: none is contracted.
//
// Kernels. Packed tensors that are aligned are moved 16 elements at a time, which a thread assigns
// to their channels as it goes; all others element by element. If there are more channels than the
// workspace has room for, they are processed in slices.
//
// Synchronization. None between blocks, so there is no deadlock.
//
// Reproducibility. An output depends on its own input and its channel's parameters alone.
//
// Bytes. x is read once, and y is written once.
#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "core/backend.h"
#include "core/check.h"
#include "core/int8.h"
#include "core/refusal.h"
#include "cuda/common/algos.h"
#include "cuda/common/device.h"
#include "cuda/device/base/divisor.cuh"
#include "cuda/plan/integers.cuh"
#include "cuda/plan/launch.cuh"
#include "cuda/strided/axes.cuh"
#include "cuda/strided/tiling.cuh"

namespace cubn {
namespace {

constexpr int THREADS = 256;
constexpr int VECTOR = 16;  // Elements of the widest access.
constexpr int64_t SLICE_MAX =
    static_cast<int64_t>((CUBN_WORKSPACE_BYTES - CUBN_COUNTER_BYTES) / sizeof(cubn_int8_affine));
// A grid has fewer than 2^31 blocks.
constexpr int64_t BLOCKS_MAX = 1 << 30;

struct Int8Params {
  Axes channels, samples;
  Divisor by_count, by_channels;  // Samples of a channel; channels of the slice.
  Divisor by_run, by_all;         // Packed: elements of a run; channels.
  int64_t count, all_channels, run;
  int64_t first_channel, slice_channels;
  int64_t first_unit;     // Of this launch: an element, or a vector.
  bool channels_fastest;  // Neighboring threads have neighboring channels.
  cubn_quantization quantization;
  cubn_int8_range range;
  cubn_normalizer normalizer;
  bool var_is_inv_std;
  const float *scale, *bias, *mean, *mean_low, *var;
  const int8_t *x;
  int8_t *y;
  cubn_int8_affine *affine;  // Of the slice's channels.
};

__device__ int64_t own_index() {
  return static_cast<int64_t>(blockIdx.x) * THREADS + threadIdx.x;
}

__device__ double load_or(const float *array, int64_t offset, double otherwise) {
  return array ? static_cast<double>(array[offset]) : otherwise;
}

__global__ void __launch_bounds__(THREADS)
    int8_affine_kernel(const __grid_constant__ Int8Params params) {
  const int64_t index = own_index();
  if (index >= params.slice_channels) return;
  const int64_t offset =
      locate(params.channels, params.first_channel + index).array[CUBN_ARRAY_PARAM];
  const double var = static_cast<double>(params.var[offset]);
  const double inv_std =
      params.var_is_inv_std ? var : cubn_inverse_deviation(&params.normalizer, var);
  params.affine[index] = cubn_int8_affine_of(
      &params.quantization, load_or(params.scale, offset, 1.0), load_or(params.bias, offset, 0.0),
      static_cast<double>(params.mean[offset]), load_or(params.mean_low, offset, 0.0), inv_std);
}

__device__ int8_t quantize(int8_t x, const cubn_int8_affine &affine, const cubn_int8_range &range) {
  float v = __fadd_rn(__fmul_rn(affine.gain, static_cast<float>(x)), affine.shift);
  v = v > range.least ? v : range.least;
  v = v < range.largest ? v : range.largest;
  return static_cast<int8_t>(__float2int_rn(v) + range.y_zero);
}

// A thread computes one element.
__global__ void __launch_bounds__(THREADS)
    int8_strided_kernel(const __grid_constant__ Int8Params params) {
  const int64_t index = params.first_unit + own_index();
  if (index >= params.slice_channels * params.count) return;
  const int64_t quotient =
      divide(index, params.channels_fastest ? params.by_channels : params.by_count);
  const int64_t channel =
      params.channels_fastest ? index - quotient * params.slice_channels : quotient;
  const int64_t sample = params.channels_fastest ? quotient : index - quotient * params.count;
  const Offsets origin = locate(params.channels, params.first_channel + channel);
  const Offsets at = locate(params.samples, sample);
  params.y[origin.array[CUBN_ARRAY_OUTPUT] + at.array[CUBN_ARRAY_OUTPUT]] =
      quantize(params.x[origin.array[CUBN_ARRAY_X] + at.array[CUBN_ARRAY_X]],
               params.affine[channel], params.range);
}

// A thread computes a vector; one has those elements that are no whole vector.
__global__ void __launch_bounds__(THREADS)
    int8_packed_kernel(const __grid_constant__ Int8Params params) {
  const int64_t elements = params.all_channels * params.count;
  const int64_t first = (params.first_unit + own_index()) * VECTOR;
  if (first >= elements) return;
  const int valid = static_cast<int>(min(elements - first, static_cast<int64_t>(VECTOR)));
  alignas(16) int8_t values[VECTOR] = {};  // In registers: every index is a constant.
  if (valid == VECTOR) {
    const uint4 bits = *reinterpret_cast<const uint4 *>(params.x + first);
    memcpy(values, &bits, sizeof bits);
  } else {
#pragma unroll
    for (int i = 0; i < VECTOR; ++i)
      if (i < valid) values[i] = params.x[first + i];
  }
  const int64_t run = divide(first, params.by_run);
  int64_t channel = run - divide(run, params.by_all) * params.all_channels;
  int64_t left = params.run - (first - run * params.run);  // Elements to the end of the run.
  cubn_int8_affine affine = params.affine[channel];
#pragma unroll
  for (int i = 0; i < VECTOR; ++i) {
    if (left == 0) {
      channel = channel + 1 < params.all_channels ? channel + 1 : 0;
      left = params.run;
      affine = params.affine[channel];
    }
    --left;
    values[i] = quantize(values[i], affine, params.range);
  }
  if (valid == VECTOR) {
    uint4 bits;
    memcpy(&bits, values, sizeof bits);
    *reinterpret_cast<uint4 *>(params.y + first) = bits;
  } else {
#pragma unroll
    for (int i = 0; i < VECTOR; ++i)
      if (i < valid) params.y[first + i] = values[i];
  }
}

Int8Params make_params(const cubn_problem &problem, const cubn_args &args) {
  Int8Params params = {};
  params.channels = make_axes(problem.channels);
  params.samples = make_axes(problem.samples);
  params.count = cubn_count(&problem);
  params.by_count = make_divisor(params.count);
  params.all_channels = problem.c;
  params.by_all = make_divisor(problem.c);
  params.run = problem.s;
  params.by_run = make_divisor(problem.s);
  params.channels_fastest = channels_are_fastest(&problem);
  params.quantization = args.quantization;
  params.range = cubn_int8_range_of(&args.quantization, &problem.activation);
  params.normalizer = args.normalizer;
  params.var_is_inv_std = problem.var_is_inv_std;
  params.scale = static_cast<const float *>(args.scale);
  params.bias = static_cast<const float *>(args.bias);
  params.mean = static_cast<const float *>(args.mean);
  params.mean_low = static_cast<const float *>(args.mean_low);
  params.var = static_cast<const float *>(args.var);
  params.x = static_cast<const int8_t *>(args.x);
  params.y = static_cast<int8_t *>(args.output);
  params.affine = reinterpret_cast<cubn_int8_affine *>(static_cast<char *>(args.workspace) +
                                                       CUBN_COUNTER_BYTES);
  return params;
}

template <auto *KERNEL>
cubnStatus_t launch_all(const cubn_device *device, Int8Params params, int64_t units) {
  for (params.first_unit = 0; params.first_unit < units; params.first_unit += BLOCKS_MAX * THREADS)
    CUBN_TRY(launch<KERNEL>(device,
                            std::min(ceil_div(units - params.first_unit, THREADS), BLOCKS_MAX),
                            THREADS, 0, params));
  return CUBN_STATUS_SUCCESS;
}

bool is_aligned(const void *pointer) {
  return reinterpret_cast<uintptr_t>(pointer) % VECTOR == 0;
}

cubnStatus_t run(cubn_device *device, const cubn_problem *problem, const cubn_args *args) {
  const cubn_device_scope scope(device);
  CUBN_TRY(scope.status());
  Int8Params params = make_params(*problem, *args);
  const bool is_packed = problem->layout != CUBN_LAYOUT_STRIDED && problem->c <= SLICE_MAX &&
                         is_aligned(args->x) && is_aligned(args->output);
  for (int64_t first = 0; first < problem->c; first += SLICE_MAX) {
    params.first_channel = first;
    params.slice_channels = std::min(problem->c - first, SLICE_MAX);
    params.by_channels = make_divisor(params.slice_channels);
    CUBN_TRY(launch_all<int8_affine_kernel>(device, params, params.slice_channels));
    const int64_t elements = params.slice_channels * params.count;
    CUBN_TRY(is_packed ? launch_all<int8_packed_kernel>(device, params, ceil_div(elements, VECTOR))
                       : launch_all<int8_strided_kernel>(device, params, elements));
  }
  return CUBN_STATUS_SUCCESS;
}

cubn_refusal reject(const cubn_device *, const cubn_problem *) {
  return cubn_accept();
}

size_t workspace_bytes(const cubn_device *, const cubn_problem *) {
  return CUBN_WORKSPACE_BYTES;
}

}  // namespace
}  // namespace cubn

const cubn_algo cubn_cuda_int8 = {"int8", cubn::reject, cubn::workspace_bytes, cubn::run};
