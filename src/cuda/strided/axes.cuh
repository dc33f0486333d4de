// How the strided algorithm finds its way: which thread takes which elements, and where they lie.
#pragma once
#include "cuda/device.h"
#include "cuda/device/base/divisor.cuh"
#include "cuda/device/base/portability.cuh"
#include "cuda/tuning.h"

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

// Elements from the start of each array.
struct Offsets {
  int64_t of[CUBN_ARRAY_COUNT];
};

// Offsets of the element with a linear index. The compiler drops the arrays that a kernel does not
// use.
__device__ inline Offsets locate(const Axes &where, int64_t index) {
  Offsets offsets = {};
  for (int a = where.axes.rank - 1; a >= 0; --a) {
    const int64_t quotient = a > 0 ? divide(index, where.divisors[a]) : 0;
    const int64_t position = index - quotient * where.axes.size[a];
    for (int array = 0; array < CUBN_ARRAY_COUNT; ++array)
      offsets.of[array] += position * where.axes.stride[array][a];
    index = quotient;
  }
  return offsets;
}

// ---- Threads ------------------------------------------------------------------------------------

// How the threads of a block are spread over neighbouring channels and over samples of each.
struct Lanes {
  int channels, samples;  // powers of two; their product is STRIDED_THREADS
  bool channels_fastest;  // neighbouring threads take neighbouring channels, not samples
};

struct Lane {
  int channel, sample;
};

__device__ inline Lane lane_of_thread(const Lanes &lanes) {
  const int thread = static_cast<int>(threadIdx.x);
  if (lanes.channels_fastest) return {thread & (lanes.channels - 1), thread / lanes.channels};
  return {thread / lanes.samples, thread & (lanes.samples - 1)};
}

// The blocks of a launch cover channels first_channel .. end_channel - 1 and, `splits` for the same
// channels, all samples. A function of problem and device only, so that sums are always formed in
// the same order.
struct Tiling {
  Lanes lanes;
  int splits;
  int64_t samples, samples_per_split;
  int64_t first_channel, end_channel;
};

// What the calling thread works on.
struct Place {
  int split;
  int64_t channel;     // at least end_channel: nothing
  int64_t begin, end;  // samples begin, begin + lanes.samples, ... below end
};

__device__ inline Place place_of_thread(const Tiling &tiling, const Lane &lane) {
  const unsigned splits = static_cast<unsigned>(tiling.splits);
  const unsigned tile = blockIdx.x / splits;
  Place place;
  place.split = static_cast<int>(blockIdx.x - tile * splits);
  place.channel =
      tiling.first_channel + static_cast<int64_t>(tile) * tiling.lanes.channels + lane.channel;
  const int64_t first = place.split * tiling.samples_per_split;
  place.begin = first + lane.sample;
  place.end = min(first + tiling.samples_per_split, tiling.samples);
  return place;
}

// The results of a channel's sample lanes, added in a fixed tree; valid in sample lane 0. All
// threads of the block call it.
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
