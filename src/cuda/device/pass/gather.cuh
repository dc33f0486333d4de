// From the partial results of a unit's chunks to the coefficients of its channels, whichever blocks
// reduced the chunks, and in whatever order they did.
#pragma once
#include "cuda/device/pass/reduce.cuh"

namespace cubn {

// Counters of a unit: one for each group of FAN_IN chunks, and so on until one is left.
inline int counters_of(int64_t chunks) {
  int counters = 0;
  for (int64_t members = chunks; members > 1; members = (members + FAN_IN - 1) / FAN_IN)
    counters += static_cast<int>((members + FAN_IN - 1) / FAN_IN);
  return counters;
}

// Called by every block that has written the slots of a chunk. Groups of FAN_IN chunks arrive at a
// counter; the last of a group combines its slots, in the order of the chunks, and goes on to the
// next level. True in the block that combined the last ones: the results of the unit are in the
// slots of its chunk 0. The counters are 0 again.
template <class Op>
__device__ inline bool gather(const Slots &slots, int64_t unit, int64_t chunk, int channels,
                              unsigned *counters, double *scratch) {
  int64_t stride = 1; /* chunks between those that hold the partial results of this level */
  for (int members = slots.chunks; members > 1; members = (members + FAN_IN - 1) / FAN_IN) {
    const int group = static_cast<int>(chunk / stride / FAN_IN);
    const int group_members = min(FAN_IN, members - group * FAN_IN);
    if (!arrives_last(counters + group, static_cast<unsigned>(group_members))) return false;
    chunk = group * FAN_IN * stride;
    combine<Op>(slots, unit, chunk, group_members, stride, channels, scratch);
    counters += (members + FAN_IN - 1) / FAN_IN;
    stride *= FAN_IN;
  }
  __syncthreads();
  return true;
}

// An operation whose coefficients a first pass leaves in memory; or, if there is none, are given.
template <class Op>
struct Stored : Op {
  typename Op::Coefficients *stored;  // or NULL
  int64_t channel0;                   // the channel that they begin with

  __device__ typename Op::Coefficients coefficients(int64_t channel) const {
    if constexpr (Op::FUSED && Op::INPUTS == 2)
      if (!stored) return this->given_coefficients(channel);
    return stored[channel - channel0];
  }
};

}  // namespace cubn
