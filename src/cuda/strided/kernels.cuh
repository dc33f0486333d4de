// The kernels of the strided algorithm: they sum, add partial sums, and compute elements.
#pragma once
#include <cuda_runtime.h>

#include <cstdint>

#include "core/backend.h"
#include "cuda/common/tuning.h"
#include "cuda/device/base/shared_memory.cuh"
#include "cuda/strided/axes.cuh"
#include "cuda/strided/params.cuh"

namespace cubn {

// Doubles in the workspace per channel and split.
__host__ __device__ constexpr int sum_doubles(cubn_pass pass) {
  return pass == CUBN_PASS_DOUBLE_BACKWARD ? 6 : 4;
}

template <class Sum>
__device__ inline Sum *partial(const StridedParams &params, int64_t channel, int split) {
  static_assert(sizeof(Sum) <= sum_doubles(CUBN_PASS_DOUBLE_BACKWARD) * sizeof(double),
                "size of the slots in the workspace");
  return reinterpret_cast<Sum *>(params.partials) +
         (channel - params.tiling.first_channel) * params.tiling.splits + split;
}

// The least of some samples.
struct First {
  int64_t sample;
  __device__ void add(const First &other) { sample = min(sample, other.sample); }
};

// Finds the first valid sample of each channel, or the number of samples. A block has a channel.
static __global__ void __launch_bounds__(STRIDED_THREADS)
    strided_first_kernel(const __grid_constant__ StridedParams params) {
  CUBN_SHARED(First, shared, [STRIDED_THREADS]);
  const Lanes lanes = {1, STRIDED_THREADS, false};
  const Lane lane = lane_of_thread(lanes);
  const int64_t samples = params.tiling.samples;
  const Offsets channel = locate(params.channels, params.tiling.first_channel + blockIdx.x);
  int64_t found = samples;
  for (int64_t begin = 0; begin < samples && found == samples; begin += STRIDED_THREADS) {
    const int64_t sample = begin + lane.sample;
    const bool valid =
        sample < samples && is_valid(params, channel, locate(params.samples, sample));
    const First first = add_lanes(First{valid ? sample : samples}, lanes, lane, shared);
    if (lane.sample == 0) shared[0] = first;
    __syncthreads();
    found = shared[0].sample;
    __syncthreads();
  }
  if (lane.sample == 0) params.firsts[blockIdx.x] = found;
}

// Reduces the samples of each channel.
template <class T, class Reducer>
__global__ void __launch_bounds__(STRIDED_THREADS)
    strided_sum_kernel(const __grid_constant__ StridedParams params) {
  using Sum = typename Reducer::Sum;
  CUBN_SHARED(Sum, shared, [STRIDED_THREADS]);
  const Lane lane = lane_of_thread(params.tiling.lanes);
  const ThreadWork work = work_of_thread(params.tiling, lane);
  Sum sum = {};
  if (work.channel < params.tiling.end_channel) {
    const Offsets channel = locate(params.channels, work.channel);
    Reducer reducer(params, channel, work.channel);
    const int64_t step = params.tiling.lanes.samples;
    for (int64_t first = work.begin; first < work.end; first += STRIDED_BATCH * step) {
      typename Reducer::Value values[STRIDED_BATCH];
      bool valid[STRIDED_BATCH];
      for (int i = 0; i < STRIDED_BATCH; ++i) {
        valid[i] = first + i * step < work.end;
        if (!valid[i]) continue;
        const Offsets sample = locate(params.samples, first + i * step);
        valid[i] = is_valid(params, channel, sample);
        if (valid[i]) values[i] = reducer.load_value(sample);
      }
      for (int i = 0; i < STRIDED_BATCH; ++i)
        if (valid[i]) reducer.accumulate(values[i]);
    }
    sum = reducer.sum();
  }
  sum = add_lanes(sum, params.tiling.lanes, lane, shared);
  if (lane.sample != 0 || work.channel >= params.tiling.end_channel) return;
  if (params.tiling.splits == 1)
    sum.template finish<T>(params, work.channel);
  else
    *partial<Sum>(params, work.channel, work.split) = sum;
}

// Adds the partial sums of channels that are split. Of an empty channel there are none.
constexpr Lanes ADD_LANES = {STRIDED_THREADS / 32, 32, false};

template <class T, class Sum>
__global__ void __launch_bounds__(STRIDED_THREADS)
    strided_add_kernel(const __grid_constant__ StridedParams params) {
  CUBN_SHARED(Sum, shared, [STRIDED_THREADS]);
  const Lanes lanes = ADD_LANES;
  const Lane lane = lane_of_thread(lanes);
  const int64_t channel = params.tiling.first_channel +
                          static_cast<int64_t>(blockIdx.x) * lanes.channels + lane.channel;
  Sum sum = {};
  if (channel < params.tiling.end_channel)
    for (int split = lane.sample; split < params.tiling.splits; split += lanes.samples)
      sum.add(*partial<Sum>(params, channel, split));
  sum = add_lanes(sum, lanes, lane, shared);
  if (lane.sample == 0 && channel < params.tiling.end_channel)
    sum.template finish<T>(params, channel);
}

// Computes the elements of y or dx. A thread reads the inputs of a batch before it writes the first
// output. If an input is the output, the thread that writes an element is the one that reads it.
template <class T, class Element>
__global__ void __launch_bounds__(STRIDED_THREADS)
    strided_apply_kernel(const __grid_constant__ StridedParams params) {
  const Lane lane = lane_of_thread(params.tiling.lanes);
  const ThreadWork work = work_of_thread(params.tiling, lane);
  if (work.channel >= params.tiling.end_channel) return;
  const Offsets channel = locate(params.channels, work.channel);
  const Element element(params, channel, work.channel);
  const int64_t step = params.tiling.lanes.samples;
  for (int64_t first = work.begin; first < work.end; first += STRIDED_BATCH * step) {
    double results[STRIDED_BATCH];
    int64_t offsets[STRIDED_BATCH];
    bool valid[STRIDED_BATCH];
    for (int i = 0; i < STRIDED_BATCH; ++i) {
      valid[i] = first + i * step < work.end;
      if (!valid[i]) continue;
      const Offsets sample = locate(params.samples, first + i * step);
      valid[i] = is_valid(params, channel, sample);
      offsets[i] = channel.array[CUBN_ARRAY_OUTPUT] + sample.array[CUBN_ARRAY_OUTPUT];
      if (valid[i])
        results[i] = element.compute(sample);
      else
        store_padding<T>(params, channel, sample);
    }
    if (!params.args.output) continue;  // Only dz is wanted, which compute() stores.
    for (int i = 0; i < STRIDED_BATCH; ++i)
      if (valid[i]) blend<T>(params.args.output, offsets[i], 1.0, results[i], params.args.beta);
  }
}

// Copies the bytes of the edges to the reserve space, because their words are partly outside of it.
// Threads 0 to 3 copy those at the beginning, threads 4 to 7 those at the end.
static __global__ void __launch_bounds__(32) strided_mask_edges_kernel(const MaskTarget mask) {
  const int i = static_cast<int>(threadIdx.x);
  unsigned char *const byte = i < 4 ? mask.begin + i : mask.end - (i - 3);
  if (i >= 8 || byte < mask.begin || byte >= mask.end) return;
  const unsigned in_word = static_cast<unsigned>(reinterpret_cast<uintptr_t>(byte) % 4);
  const unsigned char *const word = byte - in_word;
  const bool first = word < mask.begin;
  if (i < 4 ? first : !first && word + 4 > mask.end)
    *byte = static_cast<unsigned char>(mask.edges[i < 4 ? 0 : 1] >> (in_word * 8));
}

}  // namespace cubn
