// A block slice, and the cursors with which the threads of a block traverse its vectors.
//
// Vectors of V elements begin at multiples of ALIGN elements; layout/iterator.cuh explains larger
// ALIGN.
#pragma once
#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/common/tuning.h"
#include "cuda/device/base/divisor.cuh"
#include "cuda/device/layout/access.cuh"

namespace cubn {

// How a problem is partitioned among blocks.
struct TileParams {
  int64_t pitch;  // Elements of an image: c * s.
  int n, s;
  int group, last_channels;  // Channels of a channel group, and of the last one.
  int run;                   // Elements of a group in an image: group * s.
  int ranks;                 // Blocks of a cluster.
  int positions;  // Rows are partitioned among ranks in units of so many elements; 0: images are.
  int share, extra;         // Units of each rank, and ranks that have one more.
  int combined;             // Channels whose sums a rank combines, at most.
  int rows;                 // Rows of the tile: the most that a rank has.
  int vectors;              // Vectors that a run touches, at most; a multiple of ALIGN / V.
  int phase;                // Elements by which the tensors are past a vector's alignment.
  int whole_alignment;      // Elements that whole runs are multiples of: V, or ALIGN for a mask.
  bool has_fixed_channels;  // All vectors of a thread have the same channels.
  bool has_near_rows;       // Distances in the block slice fit in 32 bits.
  bool is_columns;  // The elements of a vector have channels of their own, the same in all rows.
  bool uses_bulk_copy;  // Runs are long enough for bulk copies, and the device has them.
  // Virtual batches: how many, channel groups and elements of each.
  unsigned batches, batch_groups;
  int64_t batch_elements;
};

// The first unit of a rank, of those that are partitioned as evenly as possible.
__host__ __device__ inline int first_unit(int share, int extra, int rank) {
  return share * rank + (rank < extra ? rank : extra);
}

// The block slice: the runs of a channel group that one block has.
template <int V, int ALIGN>
struct BlockSlice {
  int64_t first_channel;
  int64_t group_first;       // The offset of the group's first element in a tensor.
  int64_t first, pitch;      // The offset of run 0, and the distance between runs, in elements.
  int channels, rows, span;  // span: elements of a channel in a row.
  int phase0, phase_step;    // Elements by which run 0 is past the alignment; increment per run.
  int vectors;               // The distance between rows of the tile, in vectors.
  int thread_row;            // The row of the thread's first vector.
  // A thread advances by this many rows and vectors of the tile at a time.
  int step_rows, step_vectors;
  bool is_whole;  // All vectors are whole, and each thread's have the same channels.

  __device__ BlockSlice(const TileParams &params, unsigned cluster, int rank) {
    const uint64_t wide = cluster;
    first_channel = static_cast<int64_t>(wide * static_cast<unsigned>(params.group));
    channels = cluster == params.batch_groups - 1 ? params.last_channels : params.group;
    pitch = params.pitch;
    rows = params.n;
    span = params.s;
    first = group_first = static_cast<int64_t>(wide * static_cast<unsigned>(params.run));
    if (params.ranks > 1) {
      const int begin = first_unit(params.share, params.extra, rank);
      const int end = first_unit(params.share, params.extra, rank + 1);
      if (params.positions > 0) {
        span = min(end * params.positions, params.s) - min(begin * params.positions, params.s);
        first += min(begin * params.positions, params.s);
      } else {
        rows = end - begin;
        first += begin * pitch;
      }
    }
    phase0 = static_cast<int>(first + params.phase) & (ALIGN - 1);
    phase_step = static_cast<int>(pitch) & (ALIGN - 1);
    const int run = run_length();
    is_whole = run > 0 && ((phase0 | phase_step | run) & (params.whole_alignment - 1)) == 0 &&
               params.has_fixed_channels && params.has_near_rows;
    if (is_whole) phase0 = phase_step = 0;
    vectors = is_whole ? static_cast<int>(static_cast<unsigned>(run) / V) : params.vectors;
    const SmallDivisor by_vectors(vectors);
    thread_row = by_vectors.divide(static_cast<int>(threadIdx.x));
    step_rows = by_vectors.divide(RESIDENT_THREADS);
    const bool uses_all_threads = params.group == 1 || !params.has_fixed_channels;
    step_vectors = uses_all_threads ? RESIDENT_THREADS - step_rows * vectors : 0;
  }
  // Moves the slice to the same place in a virtual batch, which begins at a vector.
  __device__ void move_to(const TileParams &params, unsigned batch) {
    group_first += batch * params.batch_elements;
    first += batch * params.batch_elements;
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

  __device__ explicit TileCursor(const BlockSlice<V, ALIGN> &slice) {
    row = slice.thread_row;
    vector = static_cast<int>(threadIdx.x) - row * slice.vectors;
    // If threads advance by whole rows, some threads have no vector.
    if (slice.step_vectors == 0 && row >= slice.step_rows) row = slice.rows;
    locate(slice);
  }
  __device__ bool done(const BlockSlice<V, ALIGN> &slice) const { return row >= slice.rows; }
  // Moves the cursor to a vector of the tile, or to the end if it is behind the last one.
  __device__ void move_to(const BlockSlice<V, ALIGN> &slice, int place) {
    row = SmallDivisor(slice.vectors).divide(place);
    vector = place - row * slice.vectors;
    locate(slice);
  }
  __device__ void advance(const BlockSlice<V, ALIGN> &slice) {
    row += slice.step_rows;
    vector += slice.step_vectors;
    if (vector >= slice.vectors) {
      vector -= slice.vectors;
      ++row;
    }
    locate(slice);
  }

 private:
  __device__ void locate(const BlockSlice<V, ALIGN> &slice) {
    index = row * slice.vectors + vector;
    low = slice.misaligned(row) - vector * V;
    const int high = low + slice.run_length();
    valid = low <= 0 && high >= V ? ALL_VALID<V> : valid_bits<V>(low, high);
    offset = slice.first + row * slice.pitch - low;
  }
};

// A thread's cursor in a slice that is_whole.
template <int V>
struct WholeCursor {
  int index;   // The vector of the tile.
  int offset;  // The same vector in a tensor, counted in vectors from the first of the slice.
  int vector;  // The same vector in its row.

  template <int ALIGN>
  __device__ explicit WholeCursor(const BlockSlice<V, ALIGN> &slice)
      : index(static_cast<int>(threadIdx.x)),
        vectors(slice.vectors),
        end(slice.rows * vectors),
        step_vectors(slice.step_vectors) {
    const int row = slice.thread_row;
    const int pitch = static_cast<int>(static_cast<uint64_t>(slice.pitch) / V);
    vector = index - row * vectors;
    offset = row * pitch + vector;
    step = slice.step_rows * vectors + step_vectors;
    step_offset = slice.step_rows * pitch + step_vectors;
    wrap_offset = pitch - vectors;
    if (index >= step) index = end;  // Threads advance by whole rows, and this one has none.
  }
  __device__ bool done() const { return index >= end; }
  // Whether there are so many vectors.
  __device__ bool has(int count) const { return index + (count - 1) * step < end; }
  __device__ void advance() {
    index += step;
    vector += step_vectors;
    offset += step_offset;
    if (vector >= vectors) {
      vector -= vectors;
      offset += wrap_offset;
    }
  }

 private:
  const int vectors, end, step_vectors;
  int step, step_offset;
  int wrap_offset;  // From the end of a run to the next one.
};

}  // namespace cubn
