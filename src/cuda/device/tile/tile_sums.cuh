// Sums over the channels of a held group, with the arithmetic of the two-pass algorithm.
//
// Three ways to read a tile: vectors that belong to one channel but for the ends of its rows;
// elements, where rows are shorter than that is worth; and columns, where a thread has several
// channels side by side.
#pragma once
#include "cuda/device/pass/reduce.cuh"
#include "cuda/device/tile/tile.cuh"

namespace cubn {

// Channels per thread of columns: 16 bytes, or fewer to keep sums in registers.
template <int V>
constexpr int HELD_COLUMNS = V < HELD_COLUMNS_MAX ? V : HELD_COLUMNS_MAX;

// Doubles of scratch memory for sums.
__host__ __device__ constexpr int held_scratch(int channels_per_thread) {
  return SLOT * channels_per_thread * RESIDENT_THREADS / 2;
}

// A thread's place in the tile, for sums: of one channel, from part i of a row on, and how far it is
// to the next one. A row of a channel has `width` parts.
struct Seat {
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

__device__ inline Seat seat_of(int channels, int width, int block_channels) {
  const int thread = static_cast<int>(threadIdx.x);
  Seat seat;
  Team &team = seat.team;
  team.channels = channels;
  if (width * channels <= RESIDENT_THREADS) {  // part, channel and row from the thread
    seat.row = thread / (width * channels);
    seat.i = thread % width;
    seat.step_rows = RESIDENT_THREADS / (width * channels);
    seat.step_i = 0;
    team.channel = thread / width % channels;
    team.rank = seat.row * width + seat.i;
    team.members = seat.step_rows * width;
    team.spacing = channels == 1 ? 1 : width == 1 ? channels : 0;
  } else {  // all threads of a channel side by side
    team.members = RESIDENT_THREADS / channels;
    team.channel = min(thread / team.members, channels - 1);
    team.rank = thread - team.channel * team.members;
    team.spacing = WARP % team.members == 0 || team.members % WARP == 0 ? 1 : 0;
    seat.row = team.rank / width;
    seat.i = team.rank - seat.row * width;
    seat.step_rows = team.members / width;
    seat.step_i = team.members - seat.step_rows * width;
  }
  if (team.channel >= block_channels) team.rank = team.members;
  return seat;
}

// One channel per thread, READ elements at a time. emit(channel, slot) is called by one thread per
// channel, with the sums of this block relative to the channel's pivot.
template <int READ, int V, int ALIGN, class Op, class Emit>
__device__ inline void sum_rows(const Hold &hold, const Share<V, ALIGN> &share, const Op &op,
                                const HeldTile<typename Op::Element, V> &tile,
                                const typename Op::Real *pivots, double *scratch,
                                const Emit &emit) {
  using T = typename Op::Element;
  constexpr int U = RESIDENT_BATCH / READ;
  using View = ChannelView<T, Op::INPUTS, READ, U, 1>;
  const bool aligned = (share.phase0 | share.phase_step | share.span) % READ == 0;
  const int width = aligned ? share.span / READ : (share.span + 2 * READ - 2) / READ;
  Seat seat = seat_of(hold.group, width, share.channels);
  const Team &team = seat.team;
  const bool active = team.rank < team.members;
  typename Op::Sums sums = active ? op.begin(share.channel0 + team.channel) : typename Op::Sums{};
  int count = 0;
  while (active && seat.row < share.rows) {
    Items<U> items;
    items.whole = true;
    Pack<T, READ> in[Op::INPUTS][U];
    int valid = 0;
#pragma unroll
    for (int u = 0; u < U; ++u) {
      const int begin = share.misaligned(seat.row) + team.channel * share.span;
      const int low = begin % READ - seat.i * READ, high = low + share.span;
      const bool inside = seat.row < share.rows;
      items.valid[u] = !inside                    ? 0
                       : low <= 0 && high >= READ ? ALL_VALID<READ>
                                                  : valid_bits<READ>(low, high);
      items.whole = items.whole && items.valid[u] == ALL_VALID<READ>;
      valid += __popc(items.valid[u]);
      const int element = seat.row * hold.vectors * V + begin - low;
#pragma unroll
      for (int input = 0; input < Op::INPUTS; ++input) {
        const T *const from = tile.input(input)->v + element;
        in[input][u] = {};
        if (items.valid[u] != 0) in[input][u] = *reinterpret_cast<const Pack<T, READ> *>(from);
        if (READ > 1 && items.valid[u] != ALL_VALID<READ>) {
#pragma unroll
          for (int k = 0; k < READ; ++k)
            if (!(items.valid[u] >> k & 1)) in[input][u].v[k] = from_compute<T>(0);
        }
      }
      seat.advance(width);
    }
    if (items.whole)
      Op::template fold<true>(sums, count == 0, View{in, items, 0});
    else if (valid > 0)
      Op::template fold<false>(sums, count == 0, View{in, items, 0});
    count += valid;
  }
  double slot[SLOT] = {};
  if (active)
    Op::relative(sums, static_cast<double>(count), Op::pivot_of(pivots[team.channel]), slot);
  reduce_team(slot, team, scratch);
  if (active && team.rank == 0) emit(team.channel, slot);
}

// W neighbouring channels per thread, of runs of columns that all begin at a vector.
template <int W, int V, int ALIGN, class Op, class Emit>
__device__ inline void sum_columns(const Hold &hold, const Share<V, ALIGN> &share, const Op &op,
                                   const HeldTile<typename Op::Element, V> &tile,
                                   const typename Op::Real *pivots, double *scratch,
                                   const Emit &emit) {
  using T = typename Op::Element;
  constexpr int U = 4;
  using View = ChannelView<T, Op::INPUTS, W, U, W>;
  Team team = team_across_channels(hold.group / W, RESIDENT_THREADS);
  if (team.channel * W >= share.channels) team.rank = team.members;
  const bool active = team.rank < team.members;
  typename Op::Sums sums[W];
#pragma unroll
  for (int w = 0; w < W; ++w)
    sums[w] = active ? op.begin(share.channel0 + team.channel * W + w) : typename Op::Sums{};
  const int pitch = hold.vectors * V;
  int count = 0;
  for (int row = team.rank; active && row < share.rows; row += U * team.members) {
    Items<U> items;
    Pack<T, W> in[Op::INPUTS][U];
    int valid = 0;
#pragma unroll
    for (int u = 0; u < U; ++u) {
      const int element = (row + u * team.members) * pitch + team.channel * W;
      const bool inside = row + u * team.members < share.rows;
      items.valid[u] = inside ? ALL_VALID<W> : 0;
      valid += inside;
#pragma unroll
      for (int input = 0; input < Op::INPUTS; ++input) {
        in[input][u] = {};
        if (inside)
          in[input][u] = *reinterpret_cast<const Pack<T, W> *>(tile.input(input)->v + element);
      }
    }
#pragma unroll
    for (int w = 0; w < W; ++w) {
      if (valid == U)
        Op::template fold<true>(sums[w], count == 0, View{in, items, w});
      else
        Op::template fold<false>(sums[w], count == 0, View{in, items, w});
    }
    count += valid;
  }
  double slots[W * SLOT] = {};
  if (active) {
#pragma unroll
    for (int w = 0; w < W; ++w)
      Op::relative(sums[w], static_cast<double>(count), Op::pivot_of(pivots[team.channel * W + w]),
                   slots + w * SLOT);
  }
  reduce_team(slots, team, scratch);
  if (!active || team.rank != 0) return;
#pragma unroll
  for (int w = 0; w < W; ++w) emit(team.channel * W + w, slots + w * SLOT);
}

// Sums of all channels of the block's tile.
template <int V, int ALIGN, class Op, class Emit>
__device__ inline void sum_held(const Hold &hold, const Share<V, ALIGN> &share, const Op &op,
                                const HeldTile<typename Op::Element, V> &tile,
                                const typename Op::Real *pivots, double *scratch,
                                const Emit &emit) {
  if constexpr (V > 1) {
    if (hold.columns) {
      sum_columns<HELD_COLUMNS<V>>(hold, share, op, tile, pivots, scratch, emit);
      return;
    }
    if (share.span >= HOLD_VECTORS_MIN * V) {
      sum_rows<V>(hold, share, op, tile, pivots, scratch, emit);
      return;
    }
  }
  sum_rows<1>(hold, share, op, tile, pivots, scratch, emit);
}

}  // namespace cubn
