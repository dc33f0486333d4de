// The elements of strided tensors: their offsets, and the threads that process them.
#pragma once
#include <cuda_runtime.h>

#include <cstdint>

#include "core/backend.h"
#include "cuda/device/base/divisor.cuh"

namespace cubn {

// ---- Offsets ------------------------------------------------------------------------------------

struct Axes {
  cubn_axes axes;
  Divisor divisors[CUBN_DIM_MAX];
};

inline Axes make_axes(const cubn_axes &axes) {
  Axes result = {axes, {}};
  for (int a = 0; a < axes.rank; ++a) result.divisors[a] = make_divisor(axes.size[a]);
  return result;
}

// The offset of an element in each array, in elements.
struct Offsets {
  int64_t array[CUBN_ARRAY_COUNT];
};

// The offsets of the element with a linear index. The compiler removes the arrays that a kernel
// does not use.
__device__ inline Offsets locate(const Axes &axes, int64_t index) {
  Offsets offsets = {};
  for (int a = axes.axes.rank - 1; a >= 0; --a) {
    const int64_t quotient = a > 0 ? divide(index, axes.divisors[a]) : 0;
    const int64_t position = index - quotient * axes.axes.size[a];
    for (int array = 0; array < CUBN_ARRAY_COUNT; ++array)
      offsets.array[array] += position * axes.axes.stride[array][a];
    index = quotient;
  }
  return offsets;
}

// ---- Threads ------------------------------------------------------------------------------------

// How the threads of a block are distributed over neighboring channels and the samples of each.
struct Lanes {
  int channels, samples;  // Powers of two, whose product is STRIDED_THREADS.
  bool channels_fastest;  // Neighboring threads have neighboring channels, not samples.
};

struct Lane {
  int channel, sample;
};

__device__ inline Lane lane_of_thread(const Lanes &lanes) {
  const int thread = static_cast<int>(threadIdx.x);
  if (lanes.channels_fastest) return {thread & (lanes.channels - 1), thread / lanes.channels};
  return {thread / lanes.samples, thread & (lanes.samples - 1)};
}

// The blocks of a launch cover the channels first_channel to end_channel - 1 and all their samples,
// which are split among `splits` blocks. The tiling follows from the problem and the device alone,
// so that sums are always formed in the same order.
struct Tiling {
  Lanes lanes;
  int splits;
  int64_t samples, samples_per_split;
  int64_t first_channel, end_channel;
};

// What the calling thread works on. It has the samples begin, begin + lanes.samples and so on,
// below end.
struct ThreadWork {
  int split;
  int64_t channel;  // If it is not below end_channel, the thread has no work.
  int64_t begin, end;
};

__device__ inline ThreadWork work_of_thread(const Tiling &tiling, const Lane &lane) {
  const unsigned splits = static_cast<unsigned>(tiling.splits);
  const unsigned tile = blockIdx.x / splits;
  ThreadWork work;
  work.split = static_cast<int>(blockIdx.x - tile * splits);
  work.channel =
      tiling.first_channel + static_cast<int64_t>(tile) * tiling.lanes.channels + lane.channel;
  const int64_t first = work.split * tiling.samples_per_split;
  work.begin = first + lane.sample;
  work.end = min(first + tiling.samples_per_split, tiling.samples);
  return work;
}

// Adds the results of a channel's sample lanes in a fixed tree. Sample lane 0 gets the total. All
// threads of the block must call it.
template <class Sum>
__device__ inline Sum add_lanes(Sum sum, const Lanes &lanes, const Lane &lane, Sum *shared) {
  const int own = lane.sample * lanes.channels + lane.channel;
  for (int width = lanes.samples / 2; width > 0; width /= 2) {
    shared[own] = sum;
    __syncthreads();
    if (lane.sample < width) sum.add(shared[own + width * lanes.channels]);
    __syncthreads();
  }
  return sum;
}

}  // namespace cubn
