// The reduction across blocks: from the partial results of a unit's chunks to the results of its
// channels. It does not matter which blocks reduced the chunks, nor in which order.
#pragma once
#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/common/tuning.h"
#include "cuda/device/base/team.cuh"
#include "cuda/device/op/forward.cuh"
#include "cuda/device/pass/reduce.cuh"

namespace cubn {

// The number of counters of a unit: one for each FAN_IN chunks, one for each FAN_IN of these
// groups, and so on until one group is left.
inline int tree_counters(int64_t chunks) {
  int counters = 0;
  for (int64_t members = chunks; members > 1; members = (members + FAN_IN - 1) / FAN_IN)
    counters += static_cast<int>((members + FAN_IN - 1) / FAN_IN);
  return counters;
}

// Combines the slots of `members` chunks at a distance of `stride` chunks into the first of them,
// for all channels of a unit.
template <class Op>
__device__ inline void combine(const Slots &slots, int64_t unit, int64_t chunk, int members,
                               int64_t stride, int channels, double *scratch) {
  const Team team = team_across_channels(channels, PASS_THREADS);
  double sum[SLOT] = {}, pivot = 0.0;
  if (team.rank < team.members) {
    pivot = Op::pivot_of_slot(slots.address(unit, chunk, team.channel));
#pragma unroll 4
    for (int i = team.rank; i < members; i += team.members) {
      const double *from = slots.address(unit, chunk + i * stride, team.channel);
      double slot[SLOT] = {from[0], from[1], from[2]};
      Op::from_moments(slot, pivot);
#pragma unroll
      for (int k = 0; k < SLOT; ++k) sum[k] += slot[k];
    }
  }
  reduce_team(sum, team,
              scratch);  // Its barriers let rank 0 overwrite a slot that others have read.
  if (team.rank != 0) return;
  Op::to_moments(sum, pivot);
  double *to = slots.address(unit, chunk, team.channel);
#pragma unroll
  for (int k = 0; k < SLOT; ++k) to[k] = sum[k];
}

// Every block that has written the slots of a chunk calls this. FAN_IN blocks arrive at a counter;
// the last of them combines their slots, in the order of the chunks, and continues at the next
// level. The result is true in the block that combined the last slots: the results of the unit are
// in the slots of its chunk 0. All counters are 0 again.
template <class Op>
__device__ inline bool tree_reduce(const Slots &slots, int64_t unit, int64_t chunk, int channels,
                                   unsigned *counters, double *scratch) {
  int64_t stride = 1;  // The distance, in chunks, between the slots of this level.
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

// An operation whose coefficients a first pass has stored in memory. Without a first pass they
// follow from the arguments.
template <class Op>
struct StoredCoefficients : Op {
  typename Op::Coefficients *stored;  // NULL without a first pass.
  int64_t first_channel;              // The channel of element 0.

  __device__ typename Op::Coefficients coefficients(int64_t channel) const {
    if constexpr (Op::FUSED && Op::INPUTS == 2)
      if (!stored) return this->given_coefficients(channel);
    return stored[channel - first_channel];
  }
};

}  // namespace cubn
