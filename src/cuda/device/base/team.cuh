// Sums over the threads of a block that share a channel.
#pragma once
#include "cuda/device/base/portability.cuh"

namespace cubn {

constexpr int WARP = 32;

// A thread's place among those that work on the same channel. A thread without work has
// rank >= members.
struct Team {
  int rank, members;
  int channel, channels;  // channels * members is at most the number of threads
  // Threads from one rank to the next, if that is the same everywhere and ranks from 0 on that lie
  // less than a warp's threads apart are in one warp; else 0.
  int spacing;
};

// Neighbouring threads work on neighbouring channels.
__device__ inline Team team_across_channels(int channels, int threads) {
  const int thread = static_cast<int>(threadIdx.x);
  return {thread / channels, threads / channels, thread % channels, channels, channels};
}

// Adds the sums of all members of each team, in a fixed order; rank 0 gets the total. Every thread
// of the block calls it. Through shared memory as long as a team spans several warps, and by
// shuffles then. scratch holds K values for half of the block's threads.
template <int K>
__device__ void reduce_team(double (&sums)[K], const Team &team, double *scratch) {
  const int size = static_cast<int>(blockDim.x) / 2;
  int half = team.members > 1 ? 1 : 0;
  while (2 * half < team.members && half > 0) half *= 2;
  for (; half > 0 && (team.spacing == 0 || 2 * half * team.spacing > WARP); half /= 2) {
    const bool takes = team.rank < half && team.rank + half < team.members;
    const bool gives = team.rank >= half && team.rank < min(2 * half, team.members);
    const int at = (gives ? team.rank - half : team.rank) * team.channels + team.channel;
    if (gives) {
#pragma unroll
      for (int k = 0; k < K; ++k) scratch[k * size + at] = sums[k];
    }
    __syncthreads();
    if (takes) {
#pragma unroll
      for (int k = 0; k < K; ++k) sums[k] += scratch[k * size + at];
    }
    __syncthreads();
  }
  for (; half > 0; half /= 2) {
    const bool takes = team.rank < half && team.rank + half < team.members;
#pragma unroll
    for (int k = 0; k < K; ++k) {
      const double other =
          __shfl_down_sync(~0u, sums[k], static_cast<unsigned>(half * team.spacing));
      if (takes) sums[k] += other;
    }
  }
  __syncwarp();  // what a member read before, rank 0 may overwrite now
}

}  // namespace cubn
