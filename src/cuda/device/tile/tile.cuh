// A group of consecutive channels, held in the shared memory of a block or of a cluster of blocks.
//
// In [n][c][s] the group's part of one image is a run of group * s consecutive elements, so memory
// is moved in runs, by aligned vectors, whatever s is. In the tile a run keeps its place relative to
// the vectors, so that its elements are moved without a shift. Columns are the case s = 1; one
// channel alone is one row of n values. The blocks of a cluster share the images; or, if the group
// is one channel, the positions of a row.
//
// Vectors of V elements begin at multiples of ALIGN elements; for larger ALIGN see walk.cuh.
#pragma once
#include "cuda/device/layout/batch.cuh"
#include "cuda/tuning.h"

namespace cubn {

// How a problem is dealt to blocks.
struct Hold {
  int64_t c;
  int n, s;
  int group;      // channels of a cluster
  int ranks;      // blocks of a cluster
  int positions;  // in units of so many, rows are dealt to the ranks; 0: images are
  int rows;       // of the tile: the most that a rank has
  int vectors;    // that a run touches, at most, in whole groups
  int phase;      // elements by which the tensors' memory is past a vector's alignment
  // How threads walk the vectors of the tile: from one to the next so many rows and vectors on. If
  // `fixed`, all vectors of a thread hold the same channels.
  int step_rows, step_vectors;
  bool fixed;
  bool columns;  // every element of a vector is of a channel of its own, the same in all rows
  bool bulk;     // runs are long enough for bulk copies, and the device has them
  bool recomputes;
};

// Begin of the part that a rank has of `total`, dealt in units as evenly as can be.
__host__ __device__ inline int part_begin(int total, int unit, int rank, int ranks) {
  const int units = (total + unit - 1) / unit;
  const int begin = (units / ranks * rank + (rank < units % ranks ? rank : units % ranks)) * unit;
  return begin < total ? begin : total;
}

// The runs of one block.
template <int V, int ALIGN>
struct Share {
  int64_t channel0, first, pitch;  // element offset of run 0, elements from run to run
  int channels, rows, span;        // span: elements of a channel in a row
  int phase0, phase_step;          // of run 0, and from run to run: past the alignment

  __device__ Share(const Hold &hold, int64_t cluster, int rank) {
    channel0 = cluster * hold.group;
    channels = static_cast<int>(min(static_cast<int64_t>(hold.group), hold.c - channel0));
    pitch = hold.c * hold.s;
    rows = hold.n;
    span = hold.s;
    first = channel0 * hold.s;
    if (hold.positions > 0) {
      const int begin = part_begin(hold.s, hold.positions, rank, hold.ranks);
      span = part_begin(hold.s, hold.positions, rank + 1, hold.ranks) - begin;
      first += begin;
    } else if (hold.ranks > 1) {
      const int begin = part_begin(hold.n, 1, rank, hold.ranks);
      rows = part_begin(hold.n, 1, rank + 1, hold.ranks) - begin;
      first += begin * pitch;
    }
    phase0 = static_cast<int>(first + hold.phase) & (ALIGN - 1);
    phase_step = static_cast<int>(pitch) & (ALIGN - 1);
  }
  // One row of them.
  __device__ void keep_row(int row) {
    first += row * pitch;
    phase0 = misaligned(row);
    rows = 1;
  }
  __device__ int length() const { return channels * span; }
  // Elements in front of a run in its first vector.
  __device__ int misaligned(int row) const { return (phase0 + row * phase_step) & (ALIGN - 1); }
};

// A thread's vectors of the tile: vector `at` of row `row`, vector `index` of the tile.
template <int V, int ALIGN>
struct TileCursor {
  int row, at, index;
  int low;  // the run's first element, counted from the vector's
  unsigned valid;
  int64_t offset;  // of the vector's first element in a tensor

  __device__ TileCursor(const Hold &hold, const Share<V, ALIGN> &share) {
    const int thread = static_cast<int>(threadIdx.x);
    row = thread / hold.vectors;
    at = thread - row * hold.vectors;
    // threads that are left over when whole rows are dealt to them
    if (hold.step_vectors == 0 && row >= hold.step_rows) row = share.rows;
    find(hold, share);
  }
  __device__ bool done(const Share<V, ALIGN> &share) const { return row >= share.rows; }
  __device__ void advance(const Hold &hold, const Share<V, ALIGN> &share) {
    row += hold.step_rows;
    at += hold.step_vectors;
    if (at >= hold.vectors) {
      at -= hold.vectors;
      ++row;
    }
    find(hold, share);
  }

 private:
  __device__ void find(const Hold &hold, const Share<V, ALIGN> &share) {
    index = row * hold.vectors + at;
    low = share.misaligned(row) - at * V;
    const int high = low + share.length();
    valid = low <= 0 && high >= V ? ALL_VALID<V> : valid_bits<V>(low, high);
    offset = share.first + row * share.pitch - low;
  }
};

// Where the tile of an input begins.
template <class T, int V>
struct HeldTile {
  Pack<T, V> *packs;
  int packs_per_input;

  __device__ Pack<T, V> *input(int i) const { return packs + i * packs_per_input; }
};

// A vector of which not all elements are of the run; the others become 0.
template <int V, class T>
__device__ inline void hold_part(Pack<T, V> *to, const T *from, unsigned valid) {
#pragma unroll
  for (int k = 0; k < V; ++k)
    to->v[k] = valid >> k & 1 ? load_pack<Cache::STREAMING, 1>(from + k).v[0] : from_compute<T>(0);
}

// The thread's vectors, one by one. Complete after copy_async_wait.
template <int V, int ALIGN, class Op>
__device__ inline void hold_vectors(const Hold &hold, const Share<V, ALIGN> &share, const Op &op,
                                    const HeldTile<typename Op::Element, V> &tile,
                                    CopyPolicy policy) {
  using T = typename Op::Element;
  for (TileCursor<V, ALIGN> at(hold, share); !at.done(share); at.advance(hold, share)) {
#pragma unroll
    for (int input = 0; input < Op::INPUTS; ++input) {
      Pack<T, V> *const to = tile.input(input) + at.index;
      const T *const from = op.inputs[input] + at.offset;
      if constexpr (sizeof(Pack<T, V>) == 16) {
        if (at.valid == ALL_VALID<V>) {
          copy_async(to, reinterpret_cast<const Pack<T, V> *>(from), policy);
          continue;
        }
      }
      hold_part<V>(to, from, at.valid);
    }
  }
}

// Whole runs but for the vectors at their ends, a thread each. Complete after bulk_wait.
template <int V, int ALIGN, class Op>
__device__ inline void hold_runs(const Hold &hold, const Share<V, ALIGN> &share, const Op &op,
                                 const HeldTile<typename Op::Element, V> &tile,
                                 BulkBarrier *barrier, CopyPolicy policy) {
  using T = typename Op::Element;
  const int thread = static_cast<int>(threadIdx.x), length = share.length();
  // The whole vectors of a row are those from first_of(row) to before last_of(row).
  const auto first_of = [&](int row) { return (share.misaligned(row) + V - 1) / V; };
  const auto last_of = [&](int row) {
    return max((share.misaligned(row) + length) / V, first_of(row));
  };
  int vectors = 0;
  for (int row = thread; row < share.rows; row += RESIDENT_THREADS)
    vectors += last_of(row) - first_of(row);
  bulk_announce(barrier, Op::INPUTS * vectors * 16);
  for (int row = thread; row < share.rows; row += RESIDENT_THREADS) {
    const int first = first_of(row), bytes = (last_of(row) - first) * 16;
    const int64_t offset = share.first + row * share.pitch - share.misaligned(row) + first * V;
    if (bytes == 0) continue;
#pragma unroll
    for (int input = 0; input < Op::INPUTS; ++input)
      bulk_copy(tile.input(input) + row * hold.vectors + first, op.inputs[input] + offset, bytes,
                barrier, policy);
  }
  for (int i = thread; i < 2 * share.rows; i += RESIDENT_THREADS) {  // both ends of a row
    const int row = i / 2, low = share.misaligned(row);
    const int begin = i % 2 == 0 ? 0 : last_of(row),
              end = i % 2 == 0 ? first_of(row) : hold.vectors;
    const int64_t offset = share.first + row * share.pitch - low;
    for (int at = begin; at < end; ++at)
#pragma unroll
      for (int input = 0; input < Op::INPUTS; ++input)
        hold_part<V, T>(tile.input(input) + row * hold.vectors + at,
                        op.inputs[input] + offset + at * V,
                        valid_bits<V>(low - at * V, low - at * V + length));
  }
}

// Copies the inputs into the tile. Elements of its vectors that are not of a run become 0. A barrier
// for bulk copies serves again and again, with `parity` 0, 1, 0, ... KEEP: the inputs are copied
// again later.
template <int V, int ALIGN, class Op>
__device__ inline void hold_inputs(const Hold &hold, const Share<V, ALIGN> &share, const Op &op,
                                   const HeldTile<typename Op::Element, V> &tile,
                                   BulkBarrier *barrier, unsigned parity,
                                   Cache cache = Cache::STREAMING) {
  const CopyPolicy policy = copy_policy(cache);
  if (V > 1 && hold.bulk) {
    hold_runs(hold, share, op, tile, barrier, policy);
    bulk_wait(barrier, parity);
  } else {
    hold_vectors(hold, share, op, tile, policy);
    copy_async_wait();
  }
}

// The barrier, before its first use.
__device__ inline void hold_barrier_init(const Hold &hold, BulkBarrier *barrier) {
  if (!hold.bulk) return;
  if (threadIdx.x == 0) bulk_init(barrier, RESIDENT_THREADS);
  __syncthreads();
}

// The numbers that the sums of a channel are taken relative to: its first value, the same in all
// blocks of a cluster.
template <int V, int ALIGN, class Op>
__device__ inline void hold_pivots(const Hold &hold, const Share<V, ALIGN> &share, const Op &op,
                                   typename Op::Real *pivots) {
  const int i = static_cast<int>(threadIdx.x);
  const typename Op::Element *const first = op.inputs[0] + (share.channel0 + i) * hold.s;
  if (i < share.channels) pivots[i] = to_compute(load_pack<Cache::STREAMING, 1>(first).v[0]);
}

}  // namespace cubn
