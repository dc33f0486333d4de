// Iterators over a packed tensor [n][c][s]. An iterator divides the tensor into units of channels
// and each unit into chunks, one per block, and gives every thread of the block its vectors of the
// chunk.
//   Rows     s > 1. A unit is one channel; a chunk is some of its rows, or a segment of one row.
//   Columns  s = 1. A unit is a slab of neighboring channels; a chunk is some rows of the slab.
//   Linear   s = 1, few channels. There is one unit; a chunk is a run of consecutive rows.
//   Runs     Short rows. A unit is a group of channels, whose rows in an image are consecutive.
// A thread has one channel (Rows), or one for each element of its vectors (the others); channel_of
// says which.
//
// Periods. If rows of columns begin anywhere in a vector (Linear, Runs with s = 1), the position of
// a channel in the vectors changes from row to row, and repeats after `period` rows. A thread
// advances by whole periods, so its channels stay the same. The threads of a period then sum more
// columns than there are channels, and these are folded at the end: channel i of a unit is the sum
// of the columns column_of(.., i, r) for all r < period. Thread t of a period has the V columns
// from t * V on.
//
// Vectors of V elements begin at multiples of ALIGN elements. If ALIGN is larger than V, groups of
// ALIGN / V neighboring threads begin there; mask.cuh says why.
#pragma once
#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/device/base/team.cuh"
#include "cuda/device/layout/access.cuh"

namespace cubn {

template <int V, int THREADS, int ALIGN = V>
struct Rows {
  static constexpr int VECTOR = V, CHANNELS = 1, UNIT_CHANNELS_MAX = 1;
  static constexpr bool FOLDS = false, SPLITS = true;
  int64_t n, c, s;
  int64_t rows_per_chunk;
  int64_t segment;    // Elements of a row in a chunk.
  int segments;       // Segments per row.
  int vectors;        // Vectors that a segment touches, at most.
  int phase;          // Elements by which the tensors are past a vector's alignment.
  int boundary_mask;  // ALIGN - 1 if segments must begin at multiples of ALIGN, else 0.
  // A thread advances by this many rows and vectors at a time.
  int step_rows, step_vectors;

  struct Cursor {
    int64_t begin;  // The row's segment, in elements.
    int length;
    int rows_left;  // Includes the current row. Memory has no room for chunks of 2^31 rows.
    int vector;
  };

  __host__ __device__ int64_t first_channel(int64_t unit) const { return unit; }
  __host__ __device__ int unit_channels(int64_t) const { return 1; }
  __device__ Team team(int64_t) const { return {static_cast<int>(threadIdx.x), THREADS, 0, 1, 1}; }

  // The first element of segment `index` of the row that begins at element `row`. The segment after
  // the last one begins at s.
  __device__ int64_t segment_begin(int64_t row, unsigned index) const {
    if (index == static_cast<unsigned>(segments)) return s;
    return index == 0 ? 0 : index * segment - ((row + phase) & boundary_mask);
  }
  __device__ int64_t first_row(int64_t unit, unsigned chunk) const {
    return (chunk / segments * rows_per_chunk * c + unit) * s;
  }
  // The offset of the chunk's first value of a channel of the unit.
  __device__ int64_t first_value(int64_t unit, unsigned chunk, int) const {
    const int64_t row = first_row(unit, chunk);
    return row + segment_begin(row, chunk % segments);
  }
  __device__ Cursor begin(int64_t unit, unsigned chunk) const {
    const int64_t row0 = chunk / segments * rows_per_chunk, base = first_row(unit, chunk);
    const int64_t s0 = segment_begin(base, chunk % segments);
    const int64_t end = segment_begin(base, chunk % segments + 1);
    const int row = static_cast<int>(threadIdx.x) / vectors;
    return {base + s0 + row * c * s, static_cast<int>(end - s0),
            static_cast<int>(min(rows_per_chunk, n - row0)) - row,
            static_cast<int>(threadIdx.x) - row * vectors};
  }
  __device__ bool done(const Cursor &cursor) const { return cursor.rows_left <= 0; }
  // The channel, within the unit, of element i of the thread's vectors.
  __device__ int channel_of(const Cursor &, int) const { return 0; }
  __device__ Access access(const Cursor &cursor) const {
    const int misaligned = (static_cast<int>(cursor.begin) + phase) & (ALIGN - 1);
    const int low = misaligned - cursor.vector * V;
    return {cursor.begin - low, done(cursor) ? 0 : valid_bits<V>(low, low + cursor.length)};
  }
  __device__ void advance(Cursor &cursor) const {
    cursor.vector += step_vectors;
    cursor.rows_left -= step_rows;
    cursor.begin += step_rows * c * s;
    if (cursor.vector >= vectors) {
      cursor.vector -= vectors;
      cursor.rows_left -= 1;
      cursor.begin += c * s;
    }
  }
};

// Reductions use this iterator for columns (s = 1) only.
template <int V, int THREADS, int ALIGN = V>
struct Runs : Rows<V, THREADS, ALIGN> {
  static constexpr int CHANNELS = V, UNIT_CHANNELS_MAX = 256;
  static constexpr bool FOLDS = true;
  using Cursor = typename Rows<V, THREADS, ALIGN>::Cursor;
  int group;   // Channels of a unit.
  int period;  // Rows after which runs begin at the same position in a vector.

  __host__ __device__ int64_t first_channel(int64_t unit) const { return unit * group; }
  __host__ __device__ int unit_channels(int64_t unit) const {
    const int64_t left = this->c - first_channel(unit);
    return left < group ? static_cast<int>(left) : group;
  }
  // The team of the threads that have the same vector of a period.
  __device__ Team team(int64_t) const {
    Team team = team_across_channels(period * this->vectors, THREADS);
    team.members = this->step_rows / period;
    return team;
  }
  __device__ int64_t first_value(int64_t unit, unsigned chunk, int channel) const {
    return (chunk * this->rows_per_chunk * this->c + first_channel(unit) + channel) * this->s;
  }
  __device__ int column_of(int64_t unit, unsigned chunk, int channel, int row) const {
    const int64_t begin = first_value(unit, chunk, 0) + row * this->c;
    const int misaligned = static_cast<int>((begin + this->phase) & (ALIGN - 1));
    return row * this->vectors * V + misaligned + channel;
  }
  // If step_vectors is 0, all vectors of a thread have the same position in their runs.
  __device__ Cursor begin(int64_t unit, unsigned chunk) const {
    const int thread = static_cast<int>(threadIdx.x), row = thread / this->vectors;
    const int64_t row0 = chunk * this->rows_per_chunk;
    const bool idle = this->step_vectors == 0 && row >= this->step_rows;
    return {((row0 + row) * this->c + first_channel(unit)) * this->s,
            static_cast<int>(unit_channels(unit) * this->s),
            idle ? 0 : static_cast<int>(min(this->rows_per_chunk, this->n - row0)) - row,
            thread - row * this->vectors};
  }
  // Refers to the vector at the cursor. An element before or after the run has the nearest channel.
  __device__ int channel_of(const Cursor &cursor, int i) const {
    const int misaligned = static_cast<int>((cursor.begin + this->phase) & (ALIGN - 1));
    const int position = cursor.vector * V - misaligned + i;
    return min(max(position, 0), cursor.length - 1) / static_cast<int>(this->s);
  }
};

template <int V, int THREADS>
struct Columns {
  static constexpr int VECTOR = V, CHANNELS = V;
  static constexpr bool FOLDS = false, SPLITS = false;  // A vector is in one row.
  static constexpr int LANES_MAX = 32;
  static constexpr int UNIT_CHANNELS_MAX = LANES_MAX * V;
  int64_t n, c;
  int64_t rows_per_chunk;
  int lanes;  // Threads along a row of the slab.

  struct Cursor {
    int64_t offset, rows_left;
  };

  __host__ __device__ int64_t first_channel(int64_t unit) const { return unit * lanes * V; }
  __host__ __device__ int unit_channels(int64_t unit) const {
    const int64_t left = c - first_channel(unit);
    return left < lanes * V ? static_cast<int>(left) : lanes * V;
  }
  // The team of the threads that have the same vector of channels.
  __device__ Team team(int64_t unit) const {
    Team team = team_across_channels(lanes, THREADS);
    if (team.channel * V >= unit_channels(unit)) team.rank = team.members;
    return team;
  }

  __device__ int64_t first_value(int64_t unit, unsigned chunk, int channel) const {
    return chunk * rows_per_chunk * c + first_channel(unit) + channel;
  }
  __device__ Cursor begin(int64_t unit, unsigned chunk) const {
    const Team own = team(unit);
    const int64_t row0 = chunk * rows_per_chunk;
    return {first_value(unit, chunk, own.channel * V) + own.rank * c,
            own.rank < own.members ? min(rows_per_chunk, n - row0) - own.rank : 0};
  }
  __device__ bool done(const Cursor &cursor) const { return cursor.rows_left <= 0; }
  __device__ int channel_of(const Cursor &, int i) const {
    return static_cast<int>(threadIdx.x) % lanes * V + i;
  }
  __device__ Access access(const Cursor &cursor) const {
    return {cursor.offset, done(cursor) ? 0 : ALL_VALID<V>};
  }
  __device__ void advance(Cursor &cursor) const {
    const int rows = THREADS / lanes;
    cursor.rows_left -= rows;
    cursor.offset += rows * c;
  }
};

// The tensor is one run of n * c elements, of which all vectors but the first and the last are
// whole. A period has at most as many vectors as a block has threads.
template <int V, int THREADS>
struct Linear {
  static constexpr int VECTOR = V, CHANNELS = V, UNIT_CHANNELS_MAX = THREADS;
  static constexpr bool FOLDS = true, SPLITS = true;
  int64_t n, c;
  int64_t rows_per_chunk;  // A multiple of period; each chunk contains every channel.
  int period, lanes;       // Rows and vectors of a period.
  int phase;               // Elements by which the tensors are past a vector's alignment.
  int first_column;        // The channel of column 0 of a period.

  struct Cursor {
    int64_t offset, end;
  };

  __host__ __device__ int64_t first_channel(int64_t) const { return 0; }
  __host__ __device__ int unit_channels(int64_t) const { return static_cast<int>(c); }
  __device__ Team team(int64_t) const { return team_across_channels(lanes, THREADS); }
  // A chunk begins and ends `phase` elements before its rows do; the last one ends with the tensor.
  __device__ int64_t first_value(int64_t, unsigned chunk, int channel) const {
    return chunk * rows_per_chunk * c + channel;
  }
  __device__ int column_of(int64_t, unsigned, int channel, int row) const {
    const int channels = static_cast<int>(c), from = channel - first_column;
    return (from < 0 ? from + channels : from) + row * channels;
  }
  __device__ Cursor begin(int64_t, unsigned chunk) const {
    const int thread = static_cast<int>(threadIdx.x);
    const int64_t row0 = chunk * rows_per_chunk, left = n - row0;
    const int64_t begin = row0 * c - phase;
    const int64_t end = left <= rows_per_chunk ? n * c : begin + rows_per_chunk * c;
    return {thread < THREADS / lanes * lanes ? begin + thread * V : end, end};
  }
  __device__ bool done(const Cursor &cursor) const { return cursor.offset >= cursor.end; }
  __device__ int channel_of(const Cursor &, int i) const {
    const int thread = static_cast<int>(threadIdx.x);
    return (thread % lanes * V + i + first_column) % static_cast<int>(c);
  }
  __device__ Access access(const Cursor &cursor) const {
    const int low = static_cast<int>(max(-cursor.offset, int64_t(0)));
    const int high = static_cast<int>(min(cursor.end - cursor.offset, int64_t(V)));
    return {cursor.offset, valid_bits<V>(low, high)};
  }
  __device__ void advance(Cursor &cursor) const { cursor.offset += THREADS / lanes * lanes * V; }
};

}  // namespace cubn
