// The tile: a group of channels in shared memory.
#pragma once
#include "cuda/device/batch.cuh"
#include "cuda/tuning.h"

namespace cubn {

// What one block computes.
struct Group {
  int n, s;
  int channels;  // per block
  int lanes;     // neighbouring threads along a row of a channel; 0: they go on to its next row
  bool fixed;    // a thread's vectors in the tile always hold the same channels
  bool recomputes;
};

// The tile and the block's share of it. For ALIGN see walk.cuh.
template <class T, int V, int ALIGN = V>
struct Tile {
  Pack<T, V> *packs;  // of input 0; the other inputs follow
  int64_t channel0;
  int channels;   // of this block
  int run_packs;  // vectors per run
  int packs_per_input;
  int misaligned0, misaligned_step;  // of run 0; from one run to the next, modulo ALIGN

  __device__ int misaligned(int row) const {
    return (misaligned0 + row * misaligned_step) & (ALIGN - 1);
  }
  // Value i of a row of a channel.
  __device__ T value(int input, int row, int channel, int i, int s) const {
    const T *elements = packs[input * packs_per_input + row * run_packs].v;
    return elements[misaligned(row) + channel * s + i];
  }
};

// RESIDENT_BATCH values of a channel in registers, the first `count` of them valid.
template <class Real, int INPUTS>
struct TileView {
  static constexpr int COUNT = RESIDENT_BATCH;
  Real values[INPUTS][COUNT];
  int count;

  __device__ Real value(int input, int i) const { return values[input][i]; }
  template <bool WHOLE>
  __device__ bool valid(int i) const {
    return WHOLE || i < count;
  }
};

template <class Walk, class Op, class AnyTile>
__device__ inline void load_tile(const Walk &runs, const Op &op, const AnyTile &tile, int step) {
  constexpr int V = Walk::VECTOR;
  typename Walk::Cursor at = runs.begin(blockIdx.x, 0);
  for (int i = static_cast<int>(threadIdx.x); !runs.done(at); i += RESIDENT_VECTORS * step) {
    Items<RESIDENT_VECTORS> items;
    items.take(runs, at);
    Pack<typename Op::Element, V> in[Op::INPUTS][RESIDENT_VECTORS];
#pragma unroll
    for (int input = 0; input < Op::INPUTS; ++input)
      load_items<Cache::STREAMING>(in[input], op.inputs[input], items);
#pragma unroll
    for (int input = 0; input < Op::INPUTS; ++input)
#pragma unroll
      for (int u = 0; u < RESIDENT_VECTORS; ++u)
        if (i + u * step < tile.packs_per_input)
          tile.packs[input * tile.packs_per_input + i + u * step] = in[input][u];
  }
}

// A thread's values in the tile, for sums: of one channel, from value i of a row on, and how far it
// is to the next one.
struct Seat {
  Team team;
  int row, i;
  int step_rows, step_i;

  __device__ void advance(int s) {
    row += step_rows;
    i += step_i;
    if (i >= s) {
      i -= s;
      ++row;
    }
  }
};

__device__ inline Seat seat_of(const Group &group, int block_channels) {
  const int thread = static_cast<int>(threadIdx.x), lanes = group.lanes;
  Seat seat;
  Team &team = seat.team;
  team.channels = group.channels;
  if (lanes > 0) {  // lane, channel and row of a team from the thread, fastest first
    seat.row = thread / (lanes * group.channels);
    seat.i = thread % lanes;
    seat.step_rows = RESIDENT_THREADS / (lanes * group.channels);
    seat.step_i = 0;
    team.channel = thread / lanes % group.channels;
    team.rank = seat.row * lanes + seat.i;
    team.members = seat.step_rows * lanes;
    team.spacing = group.channels == 1 ? 1 : lanes == 1 ? group.channels : 0;
  } else {  // all threads of a channel side by side
    team.members = RESIDENT_THREADS / group.channels;
    team.channel = min(thread / team.members, group.channels - 1);
    team.rank = thread - team.channel * team.members;
    team.spacing = WARP % team.members == 0 || team.members % WARP == 0 ? 1 : 0;
    seat.row = team.rank / group.s;
    seat.i = team.rank - seat.row * group.s;
    seat.step_rows = team.members / group.s;
    seat.step_i = team.members - seat.step_rows * group.s;
  }
  if (team.channel >= block_channels) team.rank = team.members;
  return seat;
}

}  // namespace cubn
