// Sums over the threads of a block that share a channel.
#pragma once
#include "cuda/device/portability.cuh"

namespace cubn {

// A thread's place among those that work on the same channel. Thread numbers are
//     (rank / lanes * channels + channel) * lanes + rank % lanes:
// `lanes` neighbours work on one channel, the next ones on the next, and after `channels` of them
// on the first one again. A thread without work has rank >= members.
struct Team {
  int rank, members;
  int channel, channels;
  int lanes;  // a power of two, or all members
};

__device__ inline Team team_of(int thread, int channels, int lanes, int threads) {
  const int row = thread / lanes, rows = threads / lanes / channels;
  return {row / channels * lanes + thread % lanes, rows * lanes, row % channels, channels, lanes};
}

// Adds the sums of all members of each team, in a fixed order; rank 0 gets the total. Every thread
// of the block calls it. scratch holds K values for half of the block's threads.
template <int K>
__device__ void reduce_team(double (&sums)[K], const Team &team, double *scratch) {
  const int size = static_cast<int>(blockDim.x) / 2;
  int half = team.members > 1 ? 1 : 0;
  while (2 * half < team.members && half > 0) half *= 2;
  for (; half > 0; half /= 2) {
    const bool takes = team.rank < half && team.rank + half < team.members;
    const bool gives = team.rank >= half && team.rank < min(2 * half, team.members);
    const int to = gives ? team.rank - half : team.rank;  // the rank that takes
    const int row = to / team.lanes * team.channels + team.channel;
    const int at =
        half < team.lanes ? team.channel * half + to : row * team.lanes + to % team.lanes;
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
}

}  // namespace cubn
