// How memory is walked. A walk divides the packed tensor [n][c][s] into units of channels and these
// into chunks, one per block, and gives every thread of the block its vectors in the chunk.
//   Rows     s > 1: a unit is one channel; a chunk is some of its rows, or a segment of one
//   Columns  s = 1: a unit is a slab of neighbouring channels; a chunk is some rows of the slab
//   Linear   s = 1, few channels: one unit; a chunk is a run of rows
//   Runs     short rows: a unit is a group of channels, whose rows in an image lie side by side
// A thread has one channel (Rows), or one for each element of its vectors (the others); see
// channel_of. Where rows of columns begin anywhere in a vector (Linear, Runs with s = 1), a channel
// lies in other elements of the vectors from row to row, until after `period` rows it all repeats. A
// thread goes on by whole periods, and keeps its channels; the columns that it sums are more than
// there are channels, and are folded in the end: channel i of a unit is columns column_of(.., i, r)
// for all r < period, where thread number t of a period has columns t * V .. t * V + V - 1.
//
// Vectors of V elements begin at multiples of ALIGN elements or, where ALIGN is larger, in whole
// groups of ALIGN / V neighbouring threads; see mask.cuh for what that is good for.
#pragma once
#include "cuda/device/base/team.cuh"

namespace cubn {

// A vector of V elements: its first element, and which of its elements belong to the chunk.
struct Item {
  int64_t offset;
  unsigned valid;
};

// Elements whose bits are one byte of a mask.
constexpr int GRANULE = 8;

template <int V>
constexpr unsigned ALL_VALID = (1u << V) - 1;

// Bits low .. high - 1 of those 0 .. V - 1.
template <int V>
__device__ inline unsigned valid_bits(int64_t low, int64_t high) {
  constexpr int64_t NONE = 0, ALL = V;
  const unsigned from = static_cast<unsigned>(min(max(low, NONE), ALL));
  const unsigned to = static_cast<unsigned>(min(max(high, NONE), ALL));
  return ((1u << to) - 1) & ~((1u << from) - 1);
}

template <int V, int THREADS, int ALIGN = V>
struct Rows {
  static constexpr int VECTOR = V, CHANNELS = 1, UNIT_CHANNELS_MAX = 1;
  static constexpr bool FOLDS = false;
  int64_t n, c, s;
  int64_t rows_per_chunk;
  int64_t segment;    // elements of a row in a chunk
  int segments;       // per row
  int vectors;        // that touch a segment, at most
  int phase;          // elements by which the tensors' memory is past a vector's alignment
  int boundary_mask;  // ALIGN - 1 if segments must be cut at multiples of ALIGN, else 0
  // From one vector of a thread to its next one: so many rows and vectors on.
  int step_rows, step_vectors;

  struct Cursor {
    int64_t begin, length;  // of the row's segment, in elements
    int64_t rows_left;      // this one included
    int vector;
  };

  __host__ __device__ int64_t first_channel(int64_t unit) const { return unit; }
  __host__ __device__ int unit_channels(int64_t) const { return 1; }
  __device__ Team team(int64_t) const { return {static_cast<int>(threadIdx.x), THREADS, 0, 1, 1}; }

  // Where segment `index` begins in the row that begins at element `row`; where it ends, for the
  // last one.
  __device__ int64_t partition(int64_t row, unsigned index) const {
    if (index == static_cast<unsigned>(segments)) return s;
    return index == 0 ? 0 : index * segment - ((row + phase) & boundary_mask);
  }
  __device__ int64_t first_row(int64_t unit, unsigned chunk) const {
    return (chunk / segments * rows_per_chunk * c + unit) * s;
  }
  // Element offset of the chunk's first value of a channel of the unit.
  __device__ int64_t first_value(int64_t unit, unsigned chunk, int) const {
    const int64_t row = first_row(unit, chunk);
    return row + partition(row, chunk % segments);
  }
  __device__ Cursor begin(int64_t unit, unsigned chunk) const {
    const int64_t row0 = chunk / segments * rows_per_chunk, at = first_row(unit, chunk);
    const int64_t s0 = partition(at, chunk % segments), end = partition(at, chunk % segments + 1);
    const int row = static_cast<int>(threadIdx.x) / vectors;
    return {at + s0 + row * c * s, end - s0, min(rows_per_chunk, n - row0) - row,
            static_cast<int>(threadIdx.x) - row * vectors};
  }
  __device__ bool done(const Cursor &at) const { return at.rows_left <= 0; }
  // Channel of the unit that element i of the thread's vectors belongs to.
  __device__ int channel_of(const Cursor &, int) const { return 0; }
  __device__ Item item(const Cursor &at) const {
    const int64_t misaligned = (at.begin + phase) & (ALIGN - 1);
    const int64_t low = misaligned - static_cast<int64_t>(at.vector) * V;
    return {at.begin - low, done(at) ? 0 : valid_bits<V>(low, low + at.length)};
  }
  __device__ void advance(Cursor &at) const {
    int rows = step_rows;
    at.vector += step_vectors;
    if (at.vector >= vectors) {
      at.vector -= vectors;
      ++rows;
    }
    at.rows_left -= rows;
    at.begin += rows * c * s;
  }
};

// Sums are taken of columns (s = 1) only.
template <int V, int THREADS, int ALIGN = V>
struct Runs : Rows<V, THREADS, ALIGN> {
  static constexpr int CHANNELS = V, UNIT_CHANNELS_MAX = 256;
  static constexpr bool FOLDS = true;
  using Cursor = typename Rows<V, THREADS, ALIGN>::Cursor;
  int group;   // channels of a unit
  int period;  // rows after which runs begin at the same place of a vector

  __host__ __device__ int64_t first_channel(int64_t unit) const { return unit * group; }
  __host__ __device__ int unit_channels(int64_t unit) const {
    const int64_t left = this->c - first_channel(unit);
    return left < group ? static_cast<int>(left) : group;
  }
  // The team of the thread's vector of a period.
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
  // If step_vectors is 0, all vectors of a thread have the same place in their runs.
  __device__ Cursor begin(int64_t unit, unsigned chunk) const {
    const int thread = static_cast<int>(threadIdx.x), row = thread / this->vectors;
    const int64_t row0 = chunk * this->rows_per_chunk;
    const bool idle = this->step_vectors == 0 && row >= this->step_rows;
    return {((row0 + row) * this->c + first_channel(unit)) * this->s, unit_channels(unit) * this->s,
            idle ? 0 : min(this->rows_per_chunk, this->n - row0) - row,
            thread - row * this->vectors};
  }
  // Of the vector at the cursor; an element before or behind the run gets the nearest channel.
  __device__ int channel_of(const Cursor &at, int i) const {
    const int misaligned = static_cast<int>((at.begin + this->phase) & (ALIGN - 1));
    const int place = at.vector * V - misaligned + i, last = static_cast<int>(at.length) - 1;
    return min(max(place, 0), last) / static_cast<int>(this->s);
  }
};

template <int V, int THREADS>
struct Columns {
  static constexpr int VECTOR = V, CHANNELS = V;
  static constexpr bool FOLDS = false;
  static constexpr int LANES_MAX = V > 1 ? 32 : 64;
  static constexpr int UNIT_CHANNELS_MAX = LANES_MAX * V;
  int64_t n, c;
  int64_t rows_per_chunk;
  int lanes;  // threads that lie along a row of the slab

  struct Cursor {
    int64_t offset, rows_left;
  };

  __host__ __device__ int64_t first_channel(int64_t unit) const { return unit * lanes * V; }
  __host__ __device__ int unit_channels(int64_t unit) const {
    const int64_t left = c - first_channel(unit);
    return left < lanes * V ? static_cast<int>(left) : lanes * V;
  }
  // The team of the thread's vector of channels.
  __device__ Team team(int64_t unit) const {
    Team team = team_across_channels(lanes, THREADS);
    if (team.channel * V >= unit_channels(unit)) team.rank = team.members;
    return team;
  }

  __device__ int64_t first_value(int64_t unit, unsigned chunk, int channel) const {
    return chunk * rows_per_chunk * c + first_channel(unit) + channel;
  }
  __device__ Cursor begin(int64_t unit, unsigned chunk) const {
    const Team at = team(unit);
    const int64_t row0 = chunk * rows_per_chunk;
    return {first_value(unit, chunk, at.channel * V) + at.rank * c,
            at.rank < at.members ? min(rows_per_chunk, n - row0) - at.rank : 0};
  }
  __device__ bool done(const Cursor &at) const { return at.rows_left <= 0; }
  __device__ int channel_of(const Cursor &, int i) const {
    return static_cast<int>(threadIdx.x) % lanes * V + i;
  }
  __device__ Item item(const Cursor &at) const { return {at.offset, done(at) ? 0 : ALL_VALID<V>}; }
  __device__ void advance(Cursor &at) const {
    const int rows = THREADS / lanes;
    at.rows_left -= rows;
    at.offset += rows * c;
  }
};

// Memory is one run of n * c elements, and all its vectors but the first and the last are whole. A
// period is as many vectors as a block has threads, or fewer.
template <int V, int THREADS>
struct Linear {
  static constexpr int VECTOR = V, CHANNELS = V, UNIT_CHANNELS_MAX = THREADS;
  static constexpr bool FOLDS = true;
  int64_t n, c;
  int64_t rows_per_chunk;  // whole periods, with every channel in each chunk
  int period, lanes;       // rows and vectors of a period
  int phase;               // elements by which the tensors' memory is past a vector's alignment
  int first_column;        // channel that column 0 of a period belongs to

  struct Cursor {
    int64_t offset, end;
  };

  __host__ __device__ int64_t first_channel(int64_t) const { return 0; }
  __host__ __device__ int unit_channels(int64_t) const { return static_cast<int>(c); }
  __device__ Team team(int64_t) const { return team_across_channels(lanes, THREADS); }
  // Where the tensors begin past alignment, a chunk begins and ends so many elements before its rows;
  // the last one ends with the tensor.
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
  __device__ bool done(const Cursor &at) const { return at.offset >= at.end; }
  __device__ int channel_of(const Cursor &, int i) const {
    const int thread = static_cast<int>(threadIdx.x);
    return (thread % lanes * V + i + first_column) % static_cast<int>(c);
  }
  __device__ Item item(const Cursor &at) const {
    const bool whole = at.offset >= 0 && at.offset + V <= at.end;
    return {at.offset, whole ? ALL_VALID<V> : valid_bits<V>(-at.offset, at.end - at.offset)};
  }
  __device__ void advance(Cursor &at) const { at.offset += THREADS / lanes * lanes * V; }
};

}  // namespace cubn
