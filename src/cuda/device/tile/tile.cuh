// A tile: the block slice of a channel group, in shared memory.
//
// In [n][c][s] a group has one run of group * s consecutive elements in each image, so memory is
// moved by runs, in aligned vectors, whatever s is. In the tile a run keeps its position relative
// to the vectors, so that its elements are copied without a shift. Columns are the case s = 1; a
// tensor of one channel is one row of n * s values. The images are partitioned among the blocks of
// a cluster or, if the group is one channel, the positions of each row.
//
// Vectors of V elements begin at multiples of ALIGN elements; layout/iterator.cuh explains larger
// ALIGN.
#pragma once
#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/common/tuning.h"
#include "cuda/device/base/async_copy.cuh"
#include "cuda/device/base/dtype.cuh"
#include "cuda/device/base/vector_access.cuh"
#include "cuda/device/layout/access.cuh"

namespace cubn {

// How a problem is partitioned among blocks.
struct TileParams {
  int64_t c;
  int n, s;
  int group;      // Channels of a channel group.
  int ranks;      // Blocks of a cluster.
  int positions;  // Rows are partitioned among ranks in units of so many elements; 0: images are.
  int rows;       // Rows of the tile: the most that a rank has.
  int vectors;    // Vectors that a run touches, at most; a multiple of ALIGN / V.
  int phase;      // Elements by which the tensors are past a vector's alignment.
  // A thread advances by this many rows and vectors of the tile at a time.
  int step_rows, step_vectors;
  bool has_fixed_channels;  // All vectors of a thread have the same channels.
  bool is_columns;  // The elements of a vector have channels of their own, the same in all rows.
  bool uses_bulk_copy;  // Runs are long enough for bulk copies, and the device has them.
  bool recomputes;      // Backward has no saved statistics and recomputes them.
};

// The first element of a rank's partition of `total` elements, which is as even as units allow.
__host__ __device__ inline int partition_begin(int total, int unit, int rank, int ranks) {
  const int units = (total + unit - 1) / unit;
  const int begin = (units / ranks * rank + (rank < units % ranks ? rank : units % ranks)) * unit;
  return begin < total ? begin : total;
}

// The block slice: the runs of a channel group that one block has.
template <int V, int ALIGN>
struct BlockSlice {
  int64_t first_channel;
  int64_t first, pitch;      // The offset of run 0, and the distance between runs, in elements.
  int channels, rows, span;  // span: elements of a channel in a row.
  int phase0, phase_step;    // Elements by which run 0 is past the alignment; increment per run.

  __device__ BlockSlice(const TileParams &params, int64_t cluster, int rank) {
    first_channel = cluster * params.group;
    channels = static_cast<int>(min(static_cast<int64_t>(params.group), params.c - first_channel));
    pitch = params.c * params.s;
    rows = params.n;
    span = params.s;
    first = first_channel * params.s;
    if (params.positions > 0) {
      const int begin = partition_begin(params.s, params.positions, rank, params.ranks);
      span = partition_begin(params.s, params.positions, rank + 1, params.ranks) - begin;
      first += begin;
    } else if (params.ranks > 1) {
      const int begin = partition_begin(params.n, 1, rank, params.ranks);
      rows = partition_begin(params.n, 1, rank + 1, params.ranks) - begin;
      first += begin * pitch;
    }
    phase0 = static_cast<int>(first + params.phase) & (ALIGN - 1);
    phase_step = static_cast<int>(pitch) & (ALIGN - 1);
  }
  // Reduces the slice to one of its rows.
  __device__ void restrict_to_row(int row) {
    first += row * pitch;
    phase0 = misaligned(row);
    rows = 1;
  }
  __device__ int run_length() const { return channels * span; }
  // Elements before a run in its first vector.
  __device__ int misaligned(int row) const { return (phase0 + row * phase_step) & (ALIGN - 1); }
};

// A thread's cursor in the tile: at vector `vector` of row `row`, which is vector `index` of the
// tile.
template <int V, int ALIGN>
struct TileCursor {
  int row, vector, index;
  int low;  // The position of the run's first element relative to the vector's first element.
  unsigned valid;
  int64_t offset;  // The offset of the vector's first element in a tensor.

  __device__ TileCursor(const TileParams &params, const BlockSlice<V, ALIGN> &slice) {
    const int thread = static_cast<int>(threadIdx.x);
    row = thread / params.vectors;
    vector = thread - row * params.vectors;
    // If threads advance by whole rows, some threads have no vector.
    if (params.step_vectors == 0 && row >= params.step_rows) row = slice.rows;
    locate(params, slice);
  }
  __device__ bool done(const BlockSlice<V, ALIGN> &slice) const { return row >= slice.rows; }
  __device__ void advance(const TileParams &params, const BlockSlice<V, ALIGN> &slice) {
    row += params.step_rows;
    vector += params.step_vectors;
    if (vector >= params.vectors) {
      vector -= params.vectors;
      ++row;
    }
    locate(params, slice);
  }

 private:
  __device__ void locate(const TileParams &params, const BlockSlice<V, ALIGN> &slice) {
    index = row * params.vectors + vector;
    low = slice.misaligned(row) - vector * V;
    const int high = low + slice.run_length();
    valid = low <= 0 && high >= V ? ALL_VALID<V> : valid_bits<V>(low, high);
    offset = slice.first + row * slice.pitch - low;
  }
};

// The tile in shared memory, with one array of vectors per input.
template <class T, int V>
struct SmemTile {
  Pack<T, V> *packs;
  int packs_per_input;

  __device__ Pack<T, V> *input(int i) const { return packs + i * packs_per_input; }
};

// Loads a vector of which not all elements belong to the run. The others become 0.
template <int V, class T>
__device__ inline void load_partial_vector(Pack<T, V> *to, const T *from, unsigned valid) {
#pragma unroll
  for (int k = 0; k < V; ++k)
    to->v[k] = valid >> k & 1 ? load_pack<Cache::STREAMING, 1>(from + k).v[0] : from_compute<T>(0);
}

// Copies the thread's vectors one by one. The copies are complete after copy_async_wait.
template <int V, int ALIGN, class Op>
__device__ inline void load_tile_vectors(const TileParams &params,
                                         const BlockSlice<V, ALIGN> &slice, const Op &op,
                                         const SmemTile<typename Op::Element, V> &tile,
                                         CopyPolicy policy) {
  using T = typename Op::Element;
  for (TileCursor<V, ALIGN> cursor(params, slice); !cursor.done(slice);
       cursor.advance(params, slice)) {
#pragma unroll
    for (int input = 0; input < Op::INPUTS; ++input) {
      Pack<T, V> *const to = tile.input(input) + cursor.index;
      const T *const from = op.inputs[input] + cursor.offset;
      if constexpr (sizeof(Pack<T, V>) == 16) {
        if (cursor.valid == ALL_VALID<V>) {
          copy_async(to, reinterpret_cast<const Pack<T, V> *>(from), policy);
          continue;
        }
      }
      load_partial_vector<V>(to, from, cursor.valid);
    }
  }
}

// Copies each run by one bulk copy, which one thread issues, except for the partial vectors at its
// ends. The copies are complete after bulk_wait.
template <int V, int ALIGN, class Op>
__device__ inline void load_tile_bulk(const TileParams &params, const BlockSlice<V, ALIGN> &slice,
                                      const Op &op, const SmemTile<typename Op::Element, V> &tile,
                                      BulkBarrier *barrier, CopyPolicy policy) {
  using T = typename Op::Element;
  const int thread = static_cast<int>(threadIdx.x), length = slice.run_length();
  // The whole vectors of a row are those from first_whole(row) to end_whole(row) - 1.
  const auto first_whole = [&](int row) { return (slice.misaligned(row) + V - 1) / V; };
  const auto end_whole = [&](int row) {
    return max((slice.misaligned(row) + length) / V, first_whole(row));
  };
  int vectors = 0;
  for (int row = thread; row < slice.rows; row += RESIDENT_THREADS)
    vectors += end_whole(row) - first_whole(row);
  bulk_expect_bytes(barrier, Op::INPUTS * vectors * 16);
  for (int row = thread; row < slice.rows; row += RESIDENT_THREADS) {
    const int first = first_whole(row), bytes = (end_whole(row) - first) * 16;
    const int64_t offset = slice.first + row * slice.pitch - slice.misaligned(row) + first * V;
    if (bytes == 0) continue;
#pragma unroll
    for (int input = 0; input < Op::INPUTS; ++input)
      bulk_copy(tile.input(input) + row * params.vectors + first, op.inputs[input] + offset, bytes,
                barrier, policy);
  }
  for (int i = thread; i < 2 * slice.rows; i += RESIDENT_THREADS) {  // Both ends of each row.
    const int row = i / 2, low = slice.misaligned(row);
    const int begin = i % 2 == 0 ? 0 : end_whole(row),
              end = i % 2 == 0 ? first_whole(row) : params.vectors;
    const int64_t offset = slice.first + row * slice.pitch - low;
    for (int vector = begin; vector < end; ++vector)
#pragma unroll
      for (int input = 0; input < Op::INPUTS; ++input)
        load_partial_vector<V, T>(tile.input(input) + row * params.vectors + vector,
                                  op.inputs[input] + offset + vector * V,
                                  valid_bits<V>(low - vector * V, low - vector * V + length));
  }
}

// Copies the inputs into the tile. Elements of its vectors outside of runs become 0. The barrier
// for bulk copies is used again for each tile, with `parity` 0, 1, 0 and so on. `cache` is KEEP if
// the inputs are copied again later.
template <int V, int ALIGN, class Op>
__device__ inline void load_tile(const TileParams &params, const BlockSlice<V, ALIGN> &slice,
                                 const Op &op, const SmemTile<typename Op::Element, V> &tile,
                                 BulkBarrier *barrier, unsigned parity,
                                 Cache cache = Cache::STREAMING) {
  const CopyPolicy policy = copy_policy(cache);
  if (V > 1 && params.uses_bulk_copy) {
    load_tile_bulk(params, slice, op, tile, barrier, policy);
    bulk_wait(barrier, parity);
  } else {
    load_tile_vectors(params, slice, op, tile, policy);
    copy_async_wait();
  }
}

// Initializes the barrier before its first use.
__device__ inline void init_bulk_barrier(const TileParams &params, BulkBarrier *barrier) {
  if (!params.uses_bulk_copy) return;
  if (threadIdx.x == 0) bulk_init(barrier, RESIDENT_THREADS);
  __syncthreads();
}

// Loads the pivots of the group's channels: their first values, which are the same in all blocks of
// a cluster.
template <int V, int ALIGN, class Op>
__device__ inline void load_pivots(const TileParams &params, const BlockSlice<V, ALIGN> &slice,
                                   const Op &op, typename Op::Real *pivots) {
  const int i = static_cast<int>(threadIdx.x);
  const typename Op::Element *const first = op.inputs[0] + (slice.first_channel + i) * params.s;
  if (i < slice.channels) pivots[i] = to_compute(load_pack<Cache::STREAMING, 1>(first).v[0]);
}

}  // namespace cubn
