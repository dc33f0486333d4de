// How a problem is dealt to blocks that hold groups of its channels: the host's side of hold.cuh.
#pragma once
#include "cuda/device/cut.cuh"
#include "cuda/device/hold_sums.cuh"

namespace cubn {

// Images and positions of a problem; one channel alone is one row, whatever it was.
struct HoldShape {
  int64_t n, c, s, element_bytes, inputs;
  bool is_double;
};

inline HoldShape hold_shape(const cubn_problem &problem) {
  const int64_t bytes = static_cast<int64_t>(cubn_element_bytes(problem.type));
  const int64_t inputs = problem.pass == CUBN_PASS_BACKWARD ? 2 : 1;
  const bool one = problem.c == 1;
  return {one ? 1 : problem.n,
          problem.c,
          one ? problem.n * problem.s : problem.s,
          bytes,
          inputs,
          problem.type == CUBN_DATA_DOUBLE};
}

// A group, and how the blocks of a cluster share it; group = 0 stands for none.
struct HoldCut {
  int64_t group, ranks, positions;
};

// Shares that are even enough, of long enough runs; positions < 0 if there are none.
inline HoldCut hold_cut(const HoldShape &shape, int64_t group, int64_t ranks) {
  const int64_t row_bytes = shape.s * shape.element_bytes;
  const bool even = ranks == 1 || shape.n % ranks == 0 || shape.n >= 8 * ranks;
  if (shape.n >= ranks && even) return {group, ranks, 0};
  if (group == 1 && row_bytes >= ranks * RUN_BYTES) return {group, ranks, HOLD_POSITIONS};
  return {group, ranks, shape.n >= ranks ? 0 : -1};
}

inline int64_t hold_rows(const HoldShape &shape, const HoldCut &cut) {
  return cut.positions > 0 ? shape.n : ceil_div(shape.n, cut.ranks);
}

// Elements of the longest run of a block.
inline int64_t hold_run(const HoldShape &shape, const HoldCut &cut) {
  if (cut.positions == 0) return cut.group * shape.s;
  const int64_t units = ceil_div(ceil_div(shape.s, cut.positions), cut.ranks);
  return clamp(units * cut.positions, 1, shape.s);
}

// Whether all runs begin at a vector, if the tensors do.
inline bool hold_begins_at_vectors(const HoldShape &shape, const HoldCut &cut) {
  const int64_t group_bytes = cut.group * shape.s * shape.element_bytes;
  return (shape.n == 1 || shape.c * shape.s * shape.element_bytes % 16 == 0) &&
         (shape.c <= cut.group || group_bytes % 16 == 0);
}

inline bool hold_is_columns(const HoldShape &shape, const HoldCut &cut) {
  return shape.s == 1 && cut.group * shape.element_bytes % 16 == 0 &&
         hold_begins_at_vectors(shape, cut);
}

// Shared memory of a block, as hold_memory in hold.cuh divides it. Runs that may begin anywhere in a
// vector (`padded`) touch one more.
inline int64_t hold_bytes(const HoldShape &shape, const HoldCut &cut, bool padded) {
  const int64_t real_bytes = shape.is_double ? 8 : 4;
  const int64_t padding = padded ? 16 - shape.element_bytes : 0;
  const int64_t run = round_up(hold_run(shape, cut) * shape.element_bytes + padding, 16);
  const int64_t per_thread = hold_is_columns(shape, cut) ? HELD_COLUMNS_MAX : 1;
  const int64_t doubles = held_scratch(static_cast<int>(per_thread)) +
                          (cut.ranks > 1 ? round_up(cut.group, cut.ranks) * SLOT : 0);
  return shape.inputs * hold_rows(shape, cut) * run +
         doubles * static_cast<int64_t>(sizeof(double)) +
         cut.group * (static_cast<int64_t>(sizeof(BackwardCoefficients<char>)) + 3) * real_bytes;
}

inline int64_t hold_bytes(const HoldShape &shape, const HoldCut &cut) {
  return hold_bytes(shape, cut, !hold_begins_at_vectors(shape, cut));
}

// A barrier is not part of the dynamic shared memory.
inline int64_t hold_bytes_max(const cubn_device *device) {
  return static_cast<int64_t>(device->shared_bytes_per_block - 16);
}

// So much leaves room for a second block on the multiprocessor; the system takes 1 KB of each.
inline int64_t hold_bytes_half(const cubn_device *device) {
  return (hold_bytes_max(device) + 1024) / 2 - 1024;
}

// The kernel's parameters for tensors that begin `phase` elements past a vector of V elements.
template <int V>
Hold make_hold(const cubn_device *device, const cubn_problem &problem, const HoldCut &cut,
               int phase) {
  const HoldShape shape = hold_shape(problem);
  const int64_t run = hold_run(shape, cut);
  const bool aligned = phase == 0 && hold_begins_at_vectors(shape, cut);
  Hold hold = {};
  hold.c = shape.c;
  hold.n = static_cast<int>(shape.n);
  hold.s = static_cast<int>(shape.s);
  hold.group = static_cast<int>(cut.group);
  hold.ranks = static_cast<int>(cut.ranks);
  hold.positions = static_cast<int>(cut.positions);
  hold.rows = static_cast<int>(hold_rows(shape, cut));
  hold.vectors = static_cast<int>(aligned ? ceil_div(run, V) : ceil_div(run + V - 1, V));
  hold.phase = phase;
  const bool same_phase = shape.c * shape.s % V == 0 || shape.n == 1;
  hold.fixed = cut.group == 1 || (same_phase && hold.vectors <= RESIDENT_THREADS);
  hold.step_rows = RESIDENT_THREADS / hold.vectors;
  if (cut.group == 1 || !hold.fixed) hold.step_vectors = RESIDENT_THREADS % hold.vectors;
  hold.columns = V > 1 && aligned && hold_is_columns(shape, cut);
  hold.bulk =
      V > 1 && device->kernel_capability >= 90 && run * shape.element_bytes >= HOLD_BULK_BYTES_MIN;
  hold.recomputes = problem.pass == CUBN_PASS_BACKWARD && !problem.has_saved;
  return hold;
}

}  // namespace cubn
