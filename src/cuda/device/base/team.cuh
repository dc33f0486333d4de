// Block-level reduction over the threads that share a channel.
#pragma once
#include <cuda_runtime.h>

#include "cuda/device/base/divisor.cuh"

namespace cubn {

constexpr int WARP = 32;

// The threads of a block that work on the same channel, and the calling thread's rank among them. A
// thread without work has rank >= members.
struct Team {
  int rank, members;
  int channel, channels;  // channels * members is at most the number of threads.
  // The distance, in threads, between consecutive ranks. It is 0 if the distance varies, or if rank
  // 0 and a member less than a warp away can be in different warps: shuffles cannot be used then.
  int spacing;
};

// Neighboring threads work on neighboring channels.
__device__ inline Team team_across_channels(int channels, int threads) {
  const int thread = static_cast<int>(threadIdx.x);
  const SmallDivisor by_channels(channels);
  const int rank = by_channels.divide(thread);
  return {rank, by_channels.divide(threads), thread - rank * channels, channels, channels};
}

// Adds the sums of all members of each team, in a fixed order; rank 0 gets the total. Every thread
// of the block must call it. The tree runs through shared memory while the members to be added are
// in different warps, then by shuffles. scratch has K values for half of the block's threads.
template <int K>
__device__ void reduce_team(double (&sums)[K], const Team &team, double *scratch) {
  const int size = static_cast<int>(blockDim.x) / 2;
  // The largest power of two that is less than the members.
  int half = team.members > 1 ? 1 << (31 - __clz(team.members - 1)) : 0;
  for (; half > 0 && (team.spacing == 0 || 2 * half * team.spacing > WARP); half /= 2) {
    const bool receives = team.rank < half && team.rank + half < team.members;
    const bool sends = team.rank >= half && team.rank < min(2 * half, team.members);
    const int index = (sends ? team.rank - half : team.rank) * team.channels + team.channel;
    if (sends) {
#pragma unroll
      for (int k = 0; k < K; ++k) scratch[k * size + index] = sums[k];
    }
    __syncthreads();
    if (receives) {
#pragma unroll
      for (int k = 0; k < K; ++k) sums[k] += scratch[k * size + index];
    }
    __syncthreads();
  }
  if (!__any_sync(~0u, team.rank < half)) half = 0;  // No thread of the warp receives anything.
  for (; half > 0; half /= 2) {
    const bool receives = team.rank < half && team.rank + half < team.members;
#pragma unroll
    for (int k = 0; k < K; ++k) {
      const double other =
          __shfl_down_sync(~0u, sums[k], static_cast<unsigned>(half * team.spacing));
      if (receives) sums[k] += other;
    }
  }
  __syncwarp();  // Rank 0 may now overwrite what other members have read.
}

}  // namespace cubn
