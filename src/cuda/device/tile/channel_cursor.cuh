// Which accesses to the runs of a tile a thread sums, and with which other threads.
#pragma once
#include <cuda_runtime.h>

#include "cuda/common/tuning.h"
#include "cuda/device/base/divisor.cuh"
#include "cuda/device/base/team.cuh"

namespace cubn {

// A thread's cursor for the sums of one channel. A row of the channel has `width` accesses, of READ
// elements each; the cursor is at access i of a row.
struct ChannelCursor {
  Team team;
  int row, i;
  int step_rows, step_i;

  __device__ void advance(int width) {
    row += step_rows;
    i += step_i;
    if (i >= width) {
      i -= width;
      ++row;
    }
  }
};

__device__ inline ChannelCursor channel_cursor(int channels, int width, int block_channels) {
  const int thread = static_cast<int>(threadIdx.x);
  ChannelCursor cursor;
  Team &team = cursor.team;
  team.channels = channels;
  const SmallDivisor by_width(width);
  if (width * channels <= RESIDENT_THREADS) {  // Access, channel and row follow from the thread.
    const SmallDivisor by_channels(channels);
    const int run = by_width.divide(thread);
    cursor.row = by_channels.divide(run);
    cursor.i = thread - run * width;
    cursor.step_rows = by_channels.divide(by_width.divide(RESIDENT_THREADS));
    cursor.step_i = 0;
    team.channel = run - cursor.row * channels;
    team.rank = cursor.row * width + cursor.i;
    team.members = cursor.step_rows * width;
    team.spacing = channels == 1 ? 1 : width == 1 ? channels : 0;
  } else {  // The threads of a channel are consecutive.
    team.members = SmallDivisor(channels).divide(RESIDENT_THREADS);
    team.channel = min(SmallDivisor(team.members).divide(thread), channels - 1);
    team.rank = thread - team.channel * team.members;
    const bool divides_warp = team.members <= WARP && (team.members & (team.members - 1)) == 0;
    team.spacing = divides_warp || team.members % WARP == 0 ? 1 : 0;
    cursor.row = by_width.divide(team.rank);
    cursor.i = team.rank - cursor.row * width;
    cursor.step_rows = by_width.divide(team.members);
    cursor.step_i = team.members - cursor.step_rows * width;
  }
  if (team.channel >= block_channels) team.rank = team.members;
  return cursor;
}

}  // namespace cubn
