// The kernels of the strided algorithm: sums, their addition, elements.
#pragma once
#include "cuda/strided/fused.cuh"

namespace cubn {

// Doubles in the workspace per part of a channel.
constexpr int SUM_DOUBLES = 3;

template <class Sum>
__device__ inline Sum *partial(const Job &job, int64_t channel, int split) {
  static_assert(sizeof(Sum) == SUM_DOUBLES * sizeof(double), "size of the slots in the workspace");
  return reinterpret_cast<Sum *>(job.partials) +
         (channel - job.tiling.first_channel) * job.tiling.splits + split;
}

template <class T, class Fold>
__global__ void __launch_bounds__(STRIDED_THREADS)
    strided_sum_kernel(const __grid_constant__ Job job) {
  using Sum = typename Fold::Sum;
  CUBN_SHARED(Sum, shared, [STRIDED_THREADS]);
  const Lane lane = lane_of_thread(job.tiling.lanes);
  const Place place = place_of_thread(job.tiling, lane);
  Sum sum = {};
  if (place.channel < job.tiling.end_channel) {
    Fold fold(job, locate(job.channels, place.channel), place.channel);
    const int64_t step = job.tiling.lanes.samples;
    for (int64_t first = place.begin; first < place.end; first += STRIDED_BATCH * step) {
      typename Fold::Value values[STRIDED_BATCH];
      for (int i = 0; i < STRIDED_BATCH; ++i)
        if (first + i * step < place.end)
          values[i] = fold.load_value(locate(job.samples, first + i * step));
      for (int i = 0; i < STRIDED_BATCH; ++i)
        if (first + i * step < place.end) fold.take(values[i]);
    }
    sum = fold.sum();
  }
  sum = add_lanes(sum, job.tiling.lanes, lane, shared);
  if (lane.sample != 0 || place.channel >= job.tiling.end_channel) return;
  if (job.tiling.splits == 1)
    sum.template finish<T>(job, place.channel);
  else
    *partial<Sum>(job, place.channel, place.split) = sum;
}

// Adds the partial sums of channels that are split, or empty: there are none then.
constexpr Lanes ADDING_LANES = {STRIDED_THREADS / 32, 32, false};

template <class T, class Sum>
__global__ void __launch_bounds__(STRIDED_THREADS)
    strided_add_kernel(const __grid_constant__ Job job) {
  CUBN_SHARED(Sum, shared, [STRIDED_THREADS]);
  const Lanes lanes = ADDING_LANES;
  const Lane lane = lane_of_thread(lanes);
  const int64_t channel =
      job.tiling.first_channel + static_cast<int64_t>(blockIdx.x) * lanes.channels + lane.channel;
  Sum sum = {};
  if (channel < job.tiling.end_channel)
    for (int split = lane.sample; split < job.tiling.splits; split += lanes.samples)
      sum.add(*partial<Sum>(job, channel, split));
  sum = add_lanes(sum, lanes, lane, shared);
  if (lane.sample == 0 && channel < job.tiling.end_channel) sum.template finish<T>(job, channel);
}

// Computes the elements of y or dx. The inputs of a batch are read before its first output is
// written; where an input is the output, the thread that writes an element is the one that reads
// it.
template <class T, class Element>
__global__ void __launch_bounds__(STRIDED_THREADS)
    strided_apply_kernel(const __grid_constant__ Job job) {
  const Lane lane = lane_of_thread(job.tiling.lanes);
  const Place place = place_of_thread(job.tiling, lane);
  if (place.channel >= job.tiling.end_channel) return;
  const Offsets channel = locate(job.channels, place.channel);
  const Element element(job, channel, place.channel);
  const int64_t step = job.tiling.lanes.samples;
  for (int64_t first = place.begin; first < place.end; first += STRIDED_BATCH * step) {
    double results[STRIDED_BATCH];
    int64_t offsets[STRIDED_BATCH];
    for (int i = 0; i < STRIDED_BATCH; ++i)
      if (first + i * step < place.end) {
        const Offsets sample = locate(job.samples, first + i * step);
        offsets[i] = channel.of[CUBN_ARRAY_OUTPUT] + sample.of[CUBN_ARRAY_OUTPUT];
        results[i] = element.compute(sample);
      }
    if (!job.args.output) continue;  // there are others
    for (int i = 0; i < STRIDED_BATCH; ++i)
      if (first + i * step < place.end)
        blend<T>(job.args.output, offsets[i], 1.0, results[i], job.args.beta);
  }
}

// Bytes that share a word with foreign memory come from the edges: at the begin by threads 0 to 3, at
// the end by threads 4 to 7.
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
