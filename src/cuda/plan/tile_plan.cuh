// How a problem is dealt to blocks that hold groups of its channels: the host's side of hold.cuh.
#pragma once
#include "cuda/device/tile/tile_block.cuh"
#include "cuda/plan/operations.cuh"
#include "cuda/plan/partition.cuh"

namespace cubn {

// Images and positions of a problem; one channel alone is one row, whatever it was.
struct TileShape {
  int64_t n, c, s, element_bytes, inputs;
  int64_t alignment;      // of vectors, in elements
  int64_t channel_bytes;  // of shared memory beside the tile
  bool whole_rows;        // rows must not be cut: blocks would share bytes of the mask
};

template <class Real>
int64_t smem_bytes_per_channel(bool fused) {
  const size_t coefficients =
      fused ? sizeof(FusedBackwardCoefficients<Real>) : sizeof(BackwardCoefficients<Real>);
  return static_cast<int64_t>(coefficients + 3 * sizeof(Real));
}

inline TileShape tile_shape(const cubn_problem &problem) {
  const int64_t bytes = static_cast<int64_t>(cubn_element_bytes(problem.type));
  const bool one = problem.c == 1, fused = needs_epilogue(problem);
  return {one ? 1 : problem.n,
          problem.c,
          one ? problem.n * problem.s : problem.s,
          bytes,
          problem.pass == CUBN_PASS_BACKWARD ? 2 : 1,
          fused ? GRANULE : 16 / bytes,
          problem.type == CUBN_DATA_DOUBLE ? smem_bytes_per_channel<double>(fused)
                                           : smem_bytes_per_channel<float>(fused),
          problem.reserve == CUBN_RESERVE_MASK && !one && problem.s % GRANULE != 0};
}

// A group, and how the blocks of a cluster share it; group = 0 stands for none.
struct TilePartition {
  int64_t group, ranks, positions;
};

// Shares that are even enough, of long enough runs; positions < 0 if there are none.
inline TilePartition tile_partition(const TileShape &shape, int64_t group, int64_t ranks) {
  const int64_t row_bytes = shape.s * shape.element_bytes;
  const bool even = ranks == 1 || shape.n % ranks == 0 || shape.n >= 8 * ranks;
  if (shape.n >= ranks && even) return {group, ranks, 0};
  const bool partitions = group == 1 && row_bytes >= ranks * RUN_BYTES && !shape.whole_rows;
  if (partitions) return {group, ranks, TILE_POSITIONS};
  return {group, ranks, shape.n >= ranks ? 0 : -1};
}

inline int64_t tile_rows(const TileShape &shape, const TilePartition &partition) {
  return partition.positions > 0 ? shape.n : ceil_div(shape.n, partition.ranks);
}

// Elements of the longest run of a block.
inline int64_t tile_run(const TileShape &shape, const TilePartition &partition) {
  if (partition.positions == 0) return clamp(partition.group, 1, shape.c) * shape.s;
  const int64_t units = ceil_div(ceil_div(shape.s, partition.positions), partition.ranks);
  return clamp(units * partition.positions, 1, shape.s);
}

// Whether all runs begin at a vector, if the tensors do.
inline bool begins_at_vectors(const TileShape &shape, const TilePartition &partition) {
  return (shape.n == 1 || shape.c * shape.s % shape.alignment == 0) &&
         (shape.c <= partition.group || partition.group * shape.s % shape.alignment == 0);
}

inline bool is_columns(const TileShape &shape, const TilePartition &partition) {
  return shape.s == 1 && shape.c % shape.alignment == 0 && partition.group % shape.alignment == 0;
}

// Shared memory of a block, as TileSmem divides it. Runs that may begin anywhere in a vector
// (`padded`) touch one more.
inline int64_t smem_bytes(const TileShape &shape, const TilePartition &partition, bool padded) {
  const int64_t padding = padded ? shape.alignment - 1 : 0;
  const int64_t run = round_up(tile_run(shape, partition) + padding, shape.alignment);
  const int64_t tile = shape.inputs * tile_rows(shape, partition) * run * shape.element_bytes;
  const int64_t per_thread = is_columns(shape, partition) ? TILE_COLUMNS_MAX : 1;
  const int64_t doubles =
      scratch_doubles(static_cast<int>(per_thread)) +
      (partition.ranks > 1 ? round_up(partition.group, partition.ranks) * SLOT : 0);
  return round_up(tile, 16) + doubles * static_cast<int64_t>(sizeof(double)) +
         partition.group * shape.channel_bytes;
}

inline int64_t smem_bytes(const TileShape &shape, const TilePartition &partition) {
  return smem_bytes(shape, partition, !begins_at_vectors(shape, partition));
}

// A barrier is not part of the dynamic shared memory.
inline int64_t smem_bytes_max(const cubn_device *device) {
  return static_cast<int64_t>(device->shared_bytes_per_block - 16);
}

// What a launch may ask for, given how the problem is cut.
inline int64_t smem_bytes_limit(const cubn_device *device, const TilePartition &) {
  return smem_bytes_max(device);
}

// So much leaves room for a second block on the multiprocessor; the system takes 1 KB of each.
inline int64_t smem_bytes_half(const cubn_device *device) {
  return (smem_bytes_max(device) + 1024) / 2 - 1024;
}

// The widest group that is worth it, a power of two: runs of odd rows begin at vectors then.
inline int64_t widest_channel_group(const TileShape &shape) {
  int64_t group = 1;
  while (group * shape.s * shape.element_bytes < RUN_BYTES && group < RESIDENT_THREADS / 2 &&
         group < shape.c)
    group *= 2;
  return group;
}

// The kernel's parameters for tensors that begin `phase` elements past a vector.
template <int V, int ALIGN>
TileParams make_tile_params(const cubn_device *device, const cubn_problem &problem,
                            const TilePartition &partition, int phase) {
  const TileShape shape = tile_shape(problem);
  const int64_t run = tile_run(shape, partition);
  const bool aligned = phase == 0 && begins_at_vectors(shape, partition);
  TileParams params = {};
  params.c = shape.c;
  params.n = static_cast<int>(shape.n);
  params.s = static_cast<int>(shape.s);
  params.group = static_cast<int>(partition.group);
  params.ranks = static_cast<int>(partition.ranks);
  params.positions = static_cast<int>(partition.positions);
  params.rows = static_cast<int>(tile_rows(shape, partition));
  params.vectors = vectors_of<V, ALIGN>(run, aligned);
  params.phase = phase;
  const bool same_phase = shape.c * shape.s % ALIGN == 0 || shape.n == 1;
  params.fixed = partition.group == 1 || (same_phase && params.vectors <= RESIDENT_THREADS);
  params.step_rows = RESIDENT_THREADS / params.vectors;
  if (partition.group == 1 || !params.fixed)
    params.step_vectors = RESIDENT_THREADS % params.vectors;
  params.columns = V > 1 && aligned && is_columns(shape, partition);
  params.bulk =
      V > 1 && device->kernel_capability >= 90 && run * shape.element_bytes >= TILE_BULK_BYTES_MIN;
  params.recomputes =
      problem.pass == CUBN_PASS_BACKWARD && !problem.has_saved && !problem.is_frozen;
  return params;
}

// Columns of which most vectors are moved by elements, as rows begin anywhere in them, and too many for
// that; other algorithms move them by whole vectors.
inline bool moves_elements(const cubn_problem &problem) {
  const int64_t row_bytes = problem.c * static_cast<int64_t>(cubn_element_bytes(problem.type));
  return problem.layout == CUBN_LAYOUT_COLUMNS && row_bytes < TILE_ROW_BYTES_MIN &&
         row_bytes % 16 != 0 && problem.n * row_bytes > TILE_SHORT_ROWS_BYTES_MAX;
}

// What neither resident nor cluster does; NULL if there is nothing.
inline cubn_refusal tile_reject(const cubn_problem &problem) {
  if (problem.layout == CUBN_LAYOUT_STRIDED) return cubn_refuse_strided();
  if (cubn_count(&problem) == 0) return cubn_refuse_empty();
  if (problem.sums_are_given) return refuse_given_sums();
  if (needs_epilogue(problem) && !mask_has_granules(problem)) return refuse_mask(problem);
  if (moves_elements(problem))
    return cubn_refuse_number("%lld unaligned rows of %lld bytes are too short to be moved singly",
                              problem.n,
                              problem.c * static_cast<int64_t>(cubn_element_bytes(problem.type)));
  return cubn_accept();
}

// ---- Running: launch(VectorTag<V>{}, op, hold, bytes of shared memory) ----------------------------
//
// Partition is TilePartition, or another one that has smem_bytes, smem_bytes_limit, begins_at_vectors and
// make_tile_params.

template <int V>
struct VectorTag {
  static constexpr int VALUE = V;
};

// Tensors that do not begin at a vector need a padded tile; if that is too long, or their phases
// differ, they are moved by elements.
template <class Partition, class Op, class Launch>
cubnStatus_t run_tiled_plain(const cubn_device *device, const cubn_problem &problem,
                             const Partition &partition, const Op &op, const Launch &launch) {
  constexpr int V = WIDEST<typename Op::Element>;
  const TileShape shape = tile_shape(problem);
  const int phase = common_phase(op);
  const int64_t bytes =
      smem_bytes(shape, partition, phase != 0 || !begins_at_vectors(shape, partition));
  if (phase < 0 || bytes > smem_bytes_limit(device, partition))
    return launch(VectorTag<1>{}, op, make_tile_params<1, 1>(device, problem, partition, 0),
                  smem_bytes(shape, partition, false));
  return launch(VectorTag<V>{}, op, make_tile_params<V, V>(device, problem, partition, phase),
                bytes);
}

// Fused operations are not; `other` does the work then.
template <class Partition, class Op, class Launch>
cubnStatus_t run_tiled_fused(cubn_device *device, const cubn_problem &problem,
                             const cubn_args &args, const Partition &partition, const Op &op,
                             const cubn_algo &other, const Launch &launch) {
  constexpr int V = WIDEST<typename Op::Element>;
  const TileShape shape = tile_shape(problem);
  const int phase = common_phase(op);
  const int64_t bytes =
      smem_bytes(shape, partition, phase != 0 || !begins_at_vectors(shape, partition));
  const bool fits = problem.reserve == CUBN_RESERVE_MASK ? phase == 0 : phase >= 0;
  if (!fits || bytes > smem_bytes_limit(device, partition))
    return other.run(device, &problem, &args);
  return launch(VectorTag<V>{}, op, make_tile_params<V, GRANULE>(device, problem, partition, phase),
                bytes);
}

// Without sums there is nothing to hold a group for.
template <class T, class Partition, class Launch>
cubnStatus_t run_tiled(cubn_device *device, const cubn_problem &problem, const cubn_args &args,
                       const Partition &partition, const Launch &launch) {
  const cubn_algo &one_pass = cubn_cuda_backward_two_pass, &other = cubn_cuda_backward_strided;
  const bool trains = problem.pass == CUBN_PASS_TRAIN;
  if (!needs_epilogue(problem))
    return trains ? run_tiled_plain(device, problem, partition,
                                    make_forward<T>(args, problem.has_saved, problem.has_running,
                                                    problem.running_is_biased),
                                    launch)
                  : run_tiled_plain(device, problem, partition,
                                    make_backward<T>(args, cubn_count(&problem)), launch);
  if (trains)
    return run_tiled_fused(device, problem, args, partition, make_fused_forward<T>(problem, args),
                           cubn_cuda_train_strided, launch);
  if (!needs_sums(problem, args))
    return (one_pass.reject(device, &problem).text ? other : one_pass).run(device, &problem, &args);
  return run_tiled_fused(device, problem, args, partition, make_fused_backward<T>(problem, args),
                         other, launch);
}

// ---- Preparing: visit(VectorTag<V>{}, Op{}) for every kernel that run_tiled may launch ------------

template <class T, class Visit>
cubnStatus_t visit_tiled_operations(const Visit &visit) {
  constexpr int V = WIDEST<T>;
  CUBN_TRY(visit(VectorTag<1>{}, Forward<T>{}));
  CUBN_TRY(visit(VectorTag<1>{}, Backward<T>{}));
  CUBN_TRY(visit(VectorTag<V>{}, Forward<T>{}));
  CUBN_TRY(visit(VectorTag<V>{}, Backward<T>{}));
  CUBN_TRY(visit(VectorTag<V>{}, FusedForward<T>{}));
  return visit(VectorTag<V>{}, FusedBackward<T>{});
}

// For all types.
template <class Visit>
cubnStatus_t visit_tiled_kernels(const Visit &visit) {
  for (const cubnDataType_t type :
       {CUBN_DATA_FLOAT, CUBN_DATA_DOUBLE, CUBN_DATA_HALF, CUBN_DATA_BFLOAT16})
    CUBN_TRY(visit_type(type, [&](auto tag) {
      return visit_tiled_operations<typename decltype(tag)::Type>(visit);
    }));
  return CUBN_STATUS_SUCCESS;
}

}  // namespace cubn
