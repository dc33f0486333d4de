// A tile: the block slice of a channel group, in shared memory.
//
// In [n][c][s] a group has one run of group * s consecutive elements in each image, so memory is
// moved by runs, in aligned vectors, whatever s is. In the tile a run keeps its position relative
// to the vectors, so that its elements are copied without a shift. Columns are the case s = 1; a
// tensor of one channel is one row of n * s values. The images are partitioned among the blocks of
// a cluster or, if the group is one channel, the positions of each row.
#pragma once
#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/common/tuning.h"
#include "cuda/device/base/async_copy.cuh"
#include "cuda/device/base/dtype.cuh"
#include "cuda/device/base/vector_access.cuh"
#include "cuda/device/layout/access.cuh"
#include "cuda/device/tile/tile_cursor.cuh"

namespace cubn {

// Co-resident blocks per SM. Fused backward in double needs the registers of two blocks.
template <class Op>
constexpr int TILE_BLOCKS_PER_SM = Op::FUSED &&Op::INPUTS == 2 && sizeof(typename Op::Element) == 8
                                       ? 1
                                       : RESIDENT_BLOCKS_PER_SM;

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

// Copies COUNT vectors of each input.
template <int COUNT, int V, int ALIGN, class Op>
__device__ inline void copy_vectors(const BlockSlice<V, ALIGN> &slice, const Op &op,
                                    const SmemTile<typename Op::Element, V> &tile,
                                    CopyPolicy policy, WholeCursor<V> &cursor) {
  using P = Pack<typename Op::Element, V>;
#pragma unroll
  for (int i = 0; i < COUNT; ++i) {
#pragma unroll
    for (int input = 0; input < Op::INPUTS; ++input)
      copy_async(tile.input(input) + cursor.index,
                 reinterpret_cast<const P *>(op.inputs[input] + slice.first) + cursor.offset,
                 policy);
    cursor.advance();
  }
}

// Copies the thread's vectors one by one. The copies are complete after copy_async_wait.
template <int V, int ALIGN, class Op>
__device__ inline void load_tile_vectors(const BlockSlice<V, ALIGN> &slice, const Op &op,
                                         const SmemTile<typename Op::Element, V> &tile,
                                         CopyPolicy policy) {
  using T = typename Op::Element;
  if (slice.is_whole) {
    WholeCursor<V> cursor(slice);
    while (cursor.has(TILE_COPIES)) copy_vectors<TILE_COPIES>(slice, op, tile, policy, cursor);
    while (!cursor.done()) copy_vectors<1>(slice, op, tile, policy, cursor);
    return;
  }
  for (TileCursor<V, ALIGN> cursor(slice); !cursor.done(slice); cursor.advance(slice)) {
#pragma unroll
    for (int input = 0; input < Op::INPUTS; ++input) {
      Pack<T, V> *const to = tile.input(input) + cursor.index;
      const T *const from = op.inputs[input] + cursor.offset;
      if (cursor.valid == ALL_VALID<V>)
        copy_async(to, reinterpret_cast<const Pack<T, V> *>(from), policy);
      else
        load_partial_vector<V>(to, from, cursor.valid);
    }
  }
}

// The whole vectors of a row: those from first_whole to end_whole - 1.
template <int V, int ALIGN>
__device__ inline int first_whole(const BlockSlice<V, ALIGN> &slice, int row) {
  return (slice.misaligned(row) + V - 1) / V;
}
template <int V, int ALIGN>
__device__ inline int end_whole(const BlockSlice<V, ALIGN> &slice, int row) {
  return max((slice.misaligned(row) + slice.run_length()) / V, first_whole(slice, row));
}

// Bytes that load_tile_bulk copies in bulk for the calling thread.
template <class Op, int V, int ALIGN>
__device__ inline int bulk_bytes(const BlockSlice<V, ALIGN> &slice) {
  int vectors = 0;
  for (int row = static_cast<int>(threadIdx.x); row < slice.rows; row += RESIDENT_THREADS)
    vectors += end_whole(slice, row) - first_whole(slice, row);
  return Op::INPUTS * vectors * 16;
}

// Copies each run by one bulk copy, which one thread issues, except for the partial vectors at its
// ends. The thread has announced bulk_bytes() before. The copies are complete after bulk_wait.
template <int V, int ALIGN, class Op>
__device__ inline void load_tile_bulk(const BlockSlice<V, ALIGN> &slice, const Op &op,
                                      const SmemTile<typename Op::Element, V> &tile,
                                      BulkBarrier *barrier, CopyPolicy policy) {
  using T = typename Op::Element;
  const int thread = static_cast<int>(threadIdx.x), length = slice.run_length();
  for (int row = thread; row < slice.rows; row += RESIDENT_THREADS) {
    const int first = first_whole(slice, row), bytes = (end_whole(slice, row) - first) * 16;
    const int64_t offset = slice.first + row * slice.pitch - slice.misaligned(row) + first * V;
    if (bytes == 0) continue;
#pragma unroll
    for (int input = 0; input < Op::INPUTS; ++input)
      bulk_copy(tile.input(input) + row * slice.vectors + first, op.inputs[input] + offset, bytes,
                barrier, policy);
  }
  for (int i = thread; i < 2 * slice.rows; i += RESIDENT_THREADS) {  // Both ends of each row.
    const int row = i / 2, low = slice.misaligned(row);
    const int begin = i % 2 == 0 ? 0 : end_whole(slice, row),
              end = i % 2 == 0 ? first_whole(slice, row) : slice.vectors;
    const int64_t offset = slice.first + row * slice.pitch - low;
    for (int vector = begin; vector < end; ++vector)
#pragma unroll
      for (int input = 0; input < Op::INPUTS; ++input)
        load_partial_vector<V, T>(tile.input(input) + row * slice.vectors + vector,
                                  op.inputs[input] + offset + vector * V,
                                  valid_bits<V>(low - vector * V, low - vector * V + length));
  }
}

// Copies the inputs into `count` tiles, all at once: slice_of(i), buffer_of(i) and cache_of(i) are
// those of the i-th one. Elements of its vectors outside of runs become 0. The barrier for bulk
// copies is used again for each call, with `parity` 0, 1, 0 and so on. The hint is KEEP if the
// inputs are copied again later.
template <class Op, class SliceOf, class BufferOf, class CacheOf>
__device__ inline void load_tiles(const TileParams &params, const Op &op, int count,
                                  BulkBarrier *barrier, unsigned parity, const SliceOf &slice_of,
                                  const BufferOf &buffer_of, const CacheOf &cache_of) {
  if (params.uses_bulk_copy) {
    int bytes = 0;
    for (int i = 0; i < count; ++i) bytes += bulk_bytes<Op>(slice_of(i));
    bulk_expect_bytes(barrier, bytes);
    for (int i = 0; i < count; ++i)
      load_tile_bulk(slice_of(i), op, buffer_of(i), barrier, copy_policy(cache_of(i)));
    bulk_wait(barrier, parity);
  } else {
    for (int i = 0; i < count; ++i)
      load_tile_vectors(slice_of(i), op, buffer_of(i), copy_policy(cache_of(i)));
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
  const typename Op::Element *const first = op.inputs[0] + slice.group_first + i * params.s;
  if (i < slice.channels) pivots[i] = to_compute(load_pack<Cache::STREAMING, 1>(first).v[0]);
}

}  // namespace cubn
