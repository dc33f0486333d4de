// What a block does with a tile: sums over its channels, the gradient of the pre-activation, the
// output.
#pragma once
#include "cuda/device/apply.cuh"
#include "cuda/device/fused.cuh"
#include "cuda/device/reduce.cuh"
#include "cuda/device/tile.cuh"

namespace cubn {

// Sums over the tile's channels; coefficients and statistics of all of them.
template <class Op, class AnyTile>
__device__ inline void reduce_tile(const Group &group, const Op &op, const AnyTile &tile,
                                   double *scratch, typename Op::Coefficients *coefficients) {
  using Real = typename Op::Real;
  Seat seat = seat_of(group, tile.channels);
  const Team &team = seat.team;
  const bool active = team.rank < team.members;

  typename Op::Sums sums = active ? op.begin(tile.channel0 + team.channel) : typename Op::Sums{};
  int count = 0;
  while (active && seat.row < group.n) {
    TileView<Real, Op::INPUTS> view;
    view.count = 0;
#pragma unroll
    for (int u = 0; u < RESIDENT_BATCH; ++u) {
      const bool valid = seat.row < group.n;
#pragma unroll
      for (int input = 0; input < Op::INPUTS; ++input)
        view.values[input][u] =
            valid ? to_compute(tile.value(input, seat.row, team.channel, seat.i, group.s))
                  : Real(0);
      view.count += valid;
      seat.advance(group.s);
    }
    if (view.count == RESIDENT_BATCH)
      Op::template fold<true>(sums, count == 0, view);
    else
      Op::template fold<false>(sums, count == 0, view);
    count += view.count;
  }
  double slot[SLOT] = {}, pivot = 0.0;
  if (active) {
    pivot = Op::pivot_of(to_compute(tile.value(0, 0, team.channel, 0, group.s)));
    Op::relative(sums, static_cast<double>(count), pivot, slot);
  }
  reduce_team(slot, team, scratch);
  if (active && team.rank == 0) {
    Op::settle(slot, pivot);
    op.conclude(tile.channel0 + team.channel, slot, coefficients + team.channel);
  }
  __syncthreads();
}

// Calls visit(items, index of the vector in an input's part of the tile, values of its channels) for
// all vectors of the thread.
template <class Walk, class Value, class Visit>
__device__ inline void visit_tile(const Walk &runs, const Group &group, int step,
                                  const Value *values, const Visit &visit) {
  constexpr int V = Walk::VECTOR;
  Value mine[V];
  typename Walk::Cursor at = runs.begin(blockIdx.x, 0);
  bool first = true;
  for (int i = static_cast<int>(threadIdx.x); !runs.done(at); i += step) {
    if (first || !group.fixed) {
#pragma unroll
      for (int k = 0; k < V; ++k) mine[k] = values[runs.channel_of(at, k)];
      first = false;
    }
    Items<1> items;
    items.take(runs, at);
    visit(items, i, mine);
  }
}

template <class Walk, class Op, class AnyTile>
__device__ inline void apply_tile(const Walk &runs, const Group &group, const Op &op,
                                  const AnyTile &tile, int step,
                                  const typename Op::Coefficients *coefficients) {
  constexpr int V = Walk::VECTOR;
  visit_tile(runs, group, step, coefficients,
             [&](const Items<1> &items, int i, const typename Op::Coefficients(&mine)[V]) {
               Pack<typename Op::Element, V> in[Op::INPUTS][1];
#pragma unroll
               for (int input = 0; input < Op::INPUTS; ++input)
                 in[input][0] = tile.packs[input * tile.packs_per_input + i];
               apply_packs(op, items, in, mine);
             });
}

// Fused backward: dy becomes dp in the tile. `coefficients` is used as scratch memory.
template <class Walk, class Op, class AnyTile>
__device__ inline void fuse_tile(const Walk &runs, const Group &group, const Op &op,
                                 const AnyTile &tile, int step,
                                 typename Op::Coefficients *coefficients) {
  if constexpr (Op::FUSED && Op::INPUTS == 2) {
    constexpr int V = Walk::VECTOR;
    for (int i = static_cast<int>(threadIdx.x); i < tile.channels; i += RESIDENT_THREADS)
      coefficients[i] = op.line_coefficients(tile.channel0 + i);
    __syncthreads();
    visit_tile(runs, group, step, coefficients,
               [&](const Items<1> &items, int i, const typename Op::Coefficients(&mine)[V]) {
                 Pack<typename Op::Element, V> in[2][1] = {{tile.packs[i]},
                                                           {tile.packs[tile.packs_per_input + i]}};
                 fuse_inputs(op, items, in, mine);
                 tile.packs[tile.packs_per_input + i] = in[1][0];
               });
    __syncthreads();
  }
}

// Backward without saved statistics: those of the forward pass, kept in shared memory.
template <class T, class AnyTile>
__device__ inline void recompute(const Group &, Forward<T> *, const AnyTile &, double *,
                                 Compute<T> *) {}
template <class T, class AnyTile>
__device__ inline void recompute(const Group &group, Backward<T> *op, const AnyTile &tile,
                                 double *scratch, Compute<T> *saved) {
  Forward<T> statistics = {};
  statistics.inputs[0] = op->inputs[0];
  statistics.epsilon = op->epsilon;
  statistics.saved_mean = saved;
  statistics.saved_inv_std = saved + group.channels;
  statistics.saved_channel0 = op->saved_channel0 = tile.channel0;
  op->saved_mean = statistics.saved_mean;
  op->saved_inv_std = statistics.saved_inv_std;
  reduce_tile(group, statistics, tile, scratch, static_cast<Line<Compute<T>> *>(nullptr));
}

}  // namespace cubn
