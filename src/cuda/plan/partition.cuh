// The partition of a problem into units and chunks, and the iterator over them. It follows from the
// problem and the device alone.
#pragma once
#include <cstdint>
#include <numeric>

#include "core/backend.h"
#include "cuda/common/algos.h"
#include "cuda/common/device.h"
#include "cuda/common/tuning.h"
#include "cuda/device/base/dtype.cuh"
#include "cuda/device/layout/access.cuh"
#include "cuda/device/layout/iterator.cuh"
#include "cuda/device/op/forward.cuh"
#include "cuda/plan/integers.cuh"
#include "cuda/plan/operations.cuh"

namespace cubn {

struct Partition {
  int64_t units, unit_channels;  // The last unit may have fewer channels.
  int64_t chunks;                // Chunks per unit.
};

// How fine a partition is.
struct Granularity {
  int64_t blocks;       // The number of chunks of all units together, if chunk_bytes allows it.
  int64_t chunk_bytes;  // The least number of bytes of x in a chunk.
  int64_t slab_bytes;   // The most bytes of a row of columns in a unit.
};

// The granularity at which the chunks fill the device.
inline Granularity granularity_of(const cubn_device *device, const cubn_problem &problem) {
  const bool infers = problem.pass == CUBN_PASS_INFER;
  return {device->sm_count * PASS_BLOCKS_PER_SM,
          infers ? INFERENCE_CHUNK_BYTES_MIN : CHUNK_BYTES_MIN, INT64_MAX};
}

// Chunks of a unit. Their slots take at most half of the workspace.
inline int64_t chunks_per_unit(const Granularity &granularity, const cubn_problem &problem,
                               int64_t units, int64_t unit_channels) {
  constexpr int64_t SLOTS_MAX =
      static_cast<int64_t>(CUBN_WORKSPACE_BYTES / 2 / sizeof(double[SLOT]));
  const int64_t element_bytes = static_cast<int64_t>(cubn_element_bytes(problem.type));
  const int64_t unit_bytes = cubn_count(&problem) * unit_channels * element_bytes;
  const int64_t most = clamp(unit_bytes / granularity.chunk_bytes, 1, SLOTS_MAX / unit_channels);
  return clamp(ceil_div(granularity.blocks, units), 1, most);
}

// Vectors that a row of so many elements touches, at most, rounded up to a multiple of ALIGN / V.
template <int V, int ALIGN>
int vectors_touched(int64_t elements, bool begins_aligned) {
  const int64_t touched = begins_aligned ? elements : elements + ALIGN - 1;
  return static_cast<int>(round_up(ceil_div(touched, V), ALIGN / V));
}

template <int V, int ALIGN = V>
Rows<V, PASS_THREADS, ALIGN> make_rows(const Granularity &granularity, const cubn_problem &problem,
                                       int phase, Partition *partition) {
  // If a row begins at a cache line, so does each of its segments.
  constexpr int64_t SEGMENT_STEP = 64, SEGMENT_MAX = int64_t(1) << 30;
  const int64_t n = problem.n, c = problem.c, s = problem.s;
  const int64_t wanted = chunks_per_unit(granularity, problem, c, 1);
  Rows<V, PASS_THREADS, ALIGN> iterator = {};
  iterator.n = n;
  iterator.c = c;
  iterator.s = s;
  iterator.phase = phase;
  iterator.boundary_mask = problem.reserve == CUBN_RESERVE_MASK ? ALIGN - 1 : 0;
  const int64_t segments = clamp(wanted / n, ceil_div(s, SEGMENT_MAX), s);
  iterator.segment = segments > 1 ? round_up(ceil_div(s, segments), SEGMENT_STEP) : s;
  iterator.segments = static_cast<int>(ceil_div(s, iterator.segment));
  iterator.rows_per_chunk = iterator.segments > 1 ? 1 : ceil_div(n, clamp(wanted, 1, n));
  const bool aligned = phase == 0 && s % ALIGN == 0;  // Every row begins at a vector.
  iterator.vectors = vectors_touched<V, ALIGN>(iterator.segment, aligned);
  iterator.step_rows = PASS_THREADS / iterator.vectors;
  iterator.step_vectors = PASS_THREADS % iterator.vectors;
  *partition = {c, 1, ceil_div(n, iterator.rows_per_chunk) * iterator.segments};
  return iterator;
}

template <int V, int ALIGN = V>
Columns<V, PASS_THREADS> make_columns(const Granularity &granularity, const cubn_problem &problem,
                                      Partition *partition) {
  using Iterator = Columns<V, PASS_THREADS>;
  const int64_t n = problem.n, c = problem.c, row_vectors = c / V;
  Iterator iterator = {};
  iterator.n = n;
  iterator.c = c;
  const int64_t vector_bytes = V * static_cast<int64_t>(cubn_element_bytes(problem.type));
  const int64_t lanes = clamp(granularity.slab_bytes / vector_bytes, 1, Iterator::LANES_MAX);
  const int64_t units = ceil_div(row_vectors, lanes);
  iterator.lanes = static_cast<int>(round_up(ceil_div(row_vectors, units), ALIGN / V));
  const int64_t unit_channels = static_cast<int64_t>(iterator.lanes) * V;
  partition->units = ceil_div(c, unit_channels);
  partition->unit_channels = unit_channels;
  const int64_t wanted = chunks_per_unit(granularity, problem, partition->units, unit_channels);
  iterator.rows_per_chunk = ceil_div(n, clamp(wanted, 1, n));
  partition->chunks = ceil_div(n, iterator.rows_per_chunk);
  return iterator;
}

// The number of rows of so many elements after which the position of vectors in a row repeats.
template <int V>
int period_of(int64_t elements) {
  return static_cast<int>(V / std::gcd(elements, static_cast<int64_t>(V)));
}

template <int V>
Linear<V, PASS_THREADS> make_linear(const Granularity &granularity, const cubn_problem &problem,
                                    int phase, Partition *partition) {
  const int64_t n = problem.n, c = problem.c;
  Linear<V, PASS_THREADS> iterator = {};
  iterator.n = n;
  iterator.c = c;
  iterator.period = period_of<V>(c);
  iterator.lanes = static_cast<int>(iterator.period * c / V);
  iterator.phase = phase;
  iterator.first_column = static_cast<int>((V * c - phase) % c);
  const int64_t wanted = chunks_per_unit(granularity, problem, 1, c);
  const int64_t least = 1 + ceil_div(phase, c);  // The first chunk has `phase` elements less.
  const int64_t rows = ceil_div(n, clamp(wanted, 1, n));
  iterator.rows_per_chunk = round_up(rows > least ? rows : least, iterator.period);
  *partition = {1, c, ceil_div(n, iterator.rows_per_chunk)};
  return iterator;
}

// Whether all channels of columns fit into one unit of Linear.
inline bool fits_linear(const Granularity &granularity, const cubn_problem &problem) {
  const int64_t row_bytes = problem.c * static_cast<int64_t>(cubn_element_bytes(problem.type));
  return problem.c <= PASS_THREADS && row_bytes <= granularity.slab_bytes;
}

// Threads keep their position in a run, so that their channels stay the same.
template <int V, int ALIGN = V>
Runs<V, PASS_THREADS, ALIGN> make_runs(const Granularity &granularity, const cubn_problem &problem,
                                       int phase, Partition *partition) {
  using Iterator = Runs<V, PASS_THREADS, ALIGN>;
  const int64_t n = problem.n, c = problem.c, s = problem.s;
  Iterator iterator = {};
  iterator.n = n;
  iterator.c = c;
  iterator.s = s;
  iterator.phase = phase;
  iterator.period = n > 1 ? period_of<ALIGN>(c * s) : 1;
  const int64_t threads = PASS_THREADS / iterator.period;  // Threads per run.
  const int64_t widest = clamp((threads * V - ALIGN) / s, 1, Iterator::UNIT_CHANNELS_MAX);
  const int64_t row_bytes = s * static_cast<int64_t>(cubn_element_bytes(problem.type));
  iterator.group =
      static_cast<int>(clamp(clamp(granularity.slab_bytes / row_bytes, 1, widest), 1, c));
  const int64_t run = iterator.group * s;
  const bool aligned = phase == 0 && run % ALIGN == 0 && c * s % ALIGN == 0;
  iterator.vectors = vectors_touched<V, ALIGN>(run, aligned);
  iterator.step_rows = PASS_THREADS / iterator.vectors / iterator.period * iterator.period;
  partition->units = ceil_div(c, iterator.group);
  partition->unit_channels = iterator.group;
  const int64_t wanted = chunks_per_unit(granularity, problem, partition->units, iterator.group);
  iterator.rows_per_chunk = ceil_div(n, clamp(wanted, 1, n));
  partition->chunks = ceil_div(n, iterator.rows_per_chunk);
  return iterator;
}

// Whether Runs is better than Rows: rows are so short that many vectors are partial, and all images
// begin at the same phase.
template <int V, int ALIGN = V>
bool prefers_runs(const cubn_problem &problem) {
  const int64_t row_bytes = problem.s * static_cast<int64_t>(cubn_element_bytes(problem.type));
  return row_bytes < SHORT_ROW_BYTES && (problem.c * problem.s % ALIGN == 0 || problem.n == 1);
}

// For columns if not every row begins at a vector. The tensors begin `phase` elements past a
// vector.
template <int V, class Visit>
cubnStatus_t visit_folded_columns(const Granularity &granularity, const cubn_problem &problem,
                                  int phase, Visit &&visit) {
  Partition partition;
  if (fits_linear(granularity, problem)) {
    const auto iterator = make_linear<V>(granularity, problem, phase, &partition);
    return visit(iterator, partition);
  }
  const auto iterator = make_runs<V>(granularity, problem, phase, &partition);
  return visit(iterator, partition);
}

// Whether the kernels for packed tensors can access tensors that begin `phase` elements past the
// alignment of vectors: all alike and, if there is a mask, at whole bytes of it. If not, the
// strided algorithm does the work.
inline bool phase_fits(const cubn_problem &problem, int phase) {
  return problem.reserve == CUBN_RESERVE_MASK ? phase == 0 : phase >= 0;
}

// Calls visit(iterator, partition) for an operation whose phase fits.
template <class Op, class Visit>
cubnStatus_t visit_iterator(const cubn_device *device, const cubn_problem &problem, const Op &op,
                            Visit &&visit) {
  const Granularity granularity = granularity_of(device, problem);
  constexpr int V = VECTOR_WIDTH<typename Op::Element>, ALIGN = VECTOR_ALIGN<Op>;
  const int phase = common_phase(op);
  Partition partition;
  if (problem.layout == CUBN_LAYOUT_ROWS) {
    const auto iterator = make_rows<V, ALIGN>(granularity, problem, phase, &partition);
    return visit(iterator, partition);
  }
  if (phase != 0 || problem.c % V != 0)
    return visit_folded_columns<V>(granularity, problem, phase, visit);
  const auto iterator = make_columns<V, ALIGN>(granularity, problem, &partition);
  return visit(iterator, partition);
}
}  // namespace cubn
