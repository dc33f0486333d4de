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
struct TileParams {
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
struct BlockSlice {
  int64_t channel0, first, pitch;  // element offset of run 0, elements from run to run
  int channels, rows, span;        // span: elements of a channel in a row
  int phase0, phase_step;          // of run 0, and from run to run: past the alignment

  __device__ BlockSlice(const TileParams &params, int64_t cluster, int rank) {
    channel0 = cluster * params.group;
    channels = static_cast<int>(min(static_cast<int64_t>(params.group), params.c - channel0));
    pitch = params.c * params.s;
    rows = params.n;
    span = params.s;
    first = channel0 * params.s;
    if (params.positions > 0) {
      const int begin = part_begin(params.s, params.positions, rank, params.ranks);
      span = part_begin(params.s, params.positions, rank + 1, params.ranks) - begin;
      first += begin;
    } else if (params.ranks > 1) {
      const int begin = part_begin(params.n, 1, rank, params.ranks);
      rows = part_begin(params.n, 1, rank + 1, params.ranks) - begin;
      first += begin * pitch;
    }
    phase0 = static_cast<int>(first + params.phase) & (ALIGN - 1);
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

  __device__ TileCursor(const TileParams &params, const BlockSlice<V, ALIGN> &slice) {
    const int thread = static_cast<int>(threadIdx.x);
    row = thread / params.vectors;
    at = thread - row * params.vectors;
    // threads that are left over when whole rows are dealt to them
    if (params.step_vectors == 0 && row >= params.step_rows) row = slice.rows;
    find(params, slice);
  }
  __device__ bool done(const BlockSlice<V, ALIGN> &slice) const { return row >= slice.rows; }
  __device__ void advance(const TileParams &params, const BlockSlice<V, ALIGN> &slice) {
    row += params.step_rows;
    at += params.step_vectors;
    if (at >= params.vectors) {
      at -= params.vectors;
      ++row;
    }
    find(params, slice);
  }

 private:
  __device__ void find(const TileParams &params, const BlockSlice<V, ALIGN> &slice) {
    index = row * params.vectors + at;
    low = slice.misaligned(row) - at * V;
    const int high = low + slice.length();
    valid = low <= 0 && high >= V ? ALL_VALID<V> : valid_bits<V>(low, high);
    offset = slice.first + row * slice.pitch - low;
  }
};

// Where the tile of an input begins.
template <class T, int V>
struct SmemTile {
  Pack<T, V> *packs;
  int packs_per_input;

  __device__ Pack<T, V> *input(int i) const { return packs + i * packs_per_input; }
};

// A vector of which not all elements are of the run; the others become 0.
template <int V, class T>
__device__ inline void load_partial_vector(Pack<T, V> *to, const T *from, unsigned valid) {
#pragma unroll
  for (int k = 0; k < V; ++k)
    to->v[k] = valid >> k & 1 ? load_pack<Cache::STREAMING, 1>(from + k).v[0] : from_compute<T>(0);
}

// The thread's vectors, one by one. Complete after copy_async_wait.
template <int V, int ALIGN, class Op>
__device__ inline void load_tile_vectors(const TileParams &params,
                                         const BlockSlice<V, ALIGN> &slice, const Op &op,
                                         const SmemTile<typename Op::Element, V> &tile,
                                         CopyPolicy policy) {
  using T = typename Op::Element;
  for (TileCursor<V, ALIGN> at(params, slice); !at.done(slice); at.advance(params, slice)) {
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
      load_partial_vector<V>(to, from, at.valid);
    }
  }
}

// Whole runs but for the vectors at their ends, a thread each. Complete after bulk_wait.
template <int V, int ALIGN, class Op>
__device__ inline void load_tile_bulk(const TileParams &params, const BlockSlice<V, ALIGN> &slice,
                                      const Op &op, const SmemTile<typename Op::Element, V> &tile,
                                      BulkBarrier *barrier, CopyPolicy policy) {
  using T = typename Op::Element;
  const int thread = static_cast<int>(threadIdx.x), length = slice.length();
  // The whole vectors of a row are those from first_of(row) to before last_of(row).
  const auto first_of = [&](int row) { return (slice.misaligned(row) + V - 1) / V; };
  const auto last_of = [&](int row) {
    return max((slice.misaligned(row) + length) / V, first_of(row));
  };
  int vectors = 0;
  for (int row = thread; row < slice.rows; row += RESIDENT_THREADS)
    vectors += last_of(row) - first_of(row);
  bulk_announce(barrier, Op::INPUTS * vectors * 16);
  for (int row = thread; row < slice.rows; row += RESIDENT_THREADS) {
    const int first = first_of(row), bytes = (last_of(row) - first) * 16;
    const int64_t offset = slice.first + row * slice.pitch - slice.misaligned(row) + first * V;
    if (bytes == 0) continue;
#pragma unroll
    for (int input = 0; input < Op::INPUTS; ++input)
      bulk_copy(tile.input(input) + row * params.vectors + first, op.inputs[input] + offset, bytes,
                barrier, policy);
  }
  for (int i = thread; i < 2 * slice.rows; i += RESIDENT_THREADS) {  // both ends of a row
    const int row = i / 2, low = slice.misaligned(row);
    const int begin = i % 2 == 0 ? 0 : last_of(row),
              end = i % 2 == 0 ? first_of(row) : params.vectors;
    const int64_t offset = slice.first + row * slice.pitch - low;
    for (int at = begin; at < end; ++at)
#pragma unroll
      for (int input = 0; input < Op::INPUTS; ++input)
        load_partial_vector<V, T>(tile.input(input) + row * params.vectors + at,
                                  op.inputs[input] + offset + at * V,
                                  valid_bits<V>(low - at * V, low - at * V + length));
  }
}

// Copies the inputs into the tile. Elements of its vectors that are not of a run become 0. A barrier
// for bulk copies serves again and again, with `parity` 0, 1, 0, ... KEEP: the inputs are copied
// again later.
template <int V, int ALIGN, class Op>
__device__ inline void load_tile(const TileParams &params, const BlockSlice<V, ALIGN> &slice,
                                 const Op &op, const SmemTile<typename Op::Element, V> &tile,
                                 BulkBarrier *barrier, unsigned parity,
                                 Cache cache = Cache::STREAMING) {
  const CopyPolicy policy = copy_policy(cache);
  if (V > 1 && params.bulk) {
    load_tile_bulk(params, slice, op, tile, barrier, policy);
    bulk_wait(barrier, parity);
  } else {
    load_tile_vectors(params, slice, op, tile, policy);
    copy_async_wait();
  }
}

// The barrier, before its first use.
__device__ inline void init_bulk_barrier(const TileParams &params, BulkBarrier *barrier) {
  if (!params.bulk) return;
  if (threadIdx.x == 0) bulk_init(barrier, RESIDENT_THREADS);
  __syncthreads();
}

// The numbers that the sums of a channel are taken relative to: its first value, the same in all
// blocks of a cluster.
template <int V, int ALIGN, class Op>
__device__ inline void load_pivots(const TileParams &params, const BlockSlice<V, ALIGN> &slice,
                                   const Op &op, typename Op::Real *pivots) {
  const int i = static_cast<int>(threadIdx.x);
  const typename Op::Element *const first = op.inputs[0] + (slice.channel0 + i) * params.s;
  if (i < slice.channels) pivots[i] = to_compute(load_pack<Cache::STREAMING, 1>(first).v[0]);
}

}  // namespace cubn
