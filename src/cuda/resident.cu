/* resident: x (and dy) is read once, because a block keeps it in shared memory between the passes.
 *
 * Idea. A block has a group of consecutive channels. In [n][c][s] the group's part of one image is
 * a run of group * s consecutive elements, so memory is moved in runs, by aligned vectors, whatever
 * s is. In the block's tile a run keeps its place relative to the vectors, so that its elements are
 * moved without a shift. Columns are the case s = 1; one channel alone is one run of n values.
 *
 * Sums are taken from the tile element by element, with the arithmetic of the two-pass algorithm;
 * there, channels need no alignment. Fused backward turns dy into the gradient of the pre-activation
 * in the tile, once. */
#include "cuda/device/cut.cuh"
#include "cuda/device/tile_passes.cuh"

namespace cubn {
namespace {

constexpr int THREADS = RESIDENT_THREADS;
/* Fused backward in double takes the registers of both blocks. */
template <class Op>
constexpr int RESIDENT_BLOCKS = Op::FUSED &&Op::INPUTS == 2 && sizeof(typename Op::Element) == 8
                                    ? 1
                                    : RESIDENT_BLOCKS_PER_SM;

/* Masks of fused operations want vectors in whole granules. */
template <int V, class Op>
constexpr int ALIGNMENT = Op::FUSED ? GRANULE : V;
template <int V, class Op>
using TileRuns = Runs<V, THREADS, ALIGNMENT<V, Op>>;

/* What a block keeps beside the tile: per channel of the group, and in all. */
template <class Coefficients, class Real>
constexpr int64_t CHANNEL_BYTES = static_cast<int64_t>(sizeof(Coefficients) + 2 * sizeof(Real));
constexpr int SCRATCH = SLOT * THREADS / 2;
constexpr int64_t STATIC_BYTES = 4096; /* scratch, rounded up */
static_assert(SCRATCH * sizeof(double) <= STATIC_BYTES, "shared memory");

template <int V, class Op>
__global__ void __launch_bounds__(THREADS, RESIDENT_BLOCKS<Op>)
    resident_kernel(const TileRuns<V, Op> runs, Op op, const Group group) {
  using T = typename Op::Element;
  using Real = typename Op::Real;
  using Packs = Pack<T, V>;
  constexpr int ALIGN = ALIGNMENT<V, Op>;
  CUBN_DYNAMIC_SHARED(Packs, shared);
  CUBN_SHARED(double, scratch, [SCRATCH]);
  Tile<T, V, ALIGN> tile;
  tile.packs = shared;
  tile.channel0 = static_cast<int64_t>(blockIdx.x) * group.channels;
  tile.channels =
      static_cast<int>(min(static_cast<int64_t>(group.channels), runs.c - tile.channel0));
  tile.run_packs = runs.vectors;
  tile.packs_per_input = group.n * runs.vectors;
  tile.misaligned0 = static_cast<int>((tile.channel0 * runs.s + runs.phase) & (ALIGN - 1));
  tile.misaligned_step = static_cast<int>((runs.c * runs.s) & (ALIGN - 1));
  const int tile_packs = Op::INPUTS * tile.packs_per_input;
  const int in_16_bytes = 16 / static_cast<int>(sizeof(Packs)); /* packs; what follows is aligned */
  Real *saved = reinterpret_cast<Real *>(tile.packs + (tile_packs + in_16_bytes - 1) / in_16_bytes *
                                                          in_16_bytes); /* of 2 * channels */
  auto *coefficients = reinterpret_cast<typename Op::Coefficients *>(saved + 2 * group.channels);
  const int step = runs.step_rows * runs.vectors + runs.step_vectors;

  load_tile(runs, op, tile, step);
  __syncthreads();
  if (group.recomputes) recompute(group, &op, tile, scratch, saved);
  fuse_tile(runs, group, op, tile, step, coefficients);
  reduce_tile(group, op, tile, scratch, coefficients);
  if ((Op::FUSED && Op::INPUTS == 2) || op.output)
    apply_tile(runs, group, op, tile, step, coefficients);
}

/* One channel is one row, whatever it was. */
int64_t rows_of(const cubn_problem &problem) {
  return problem.c == 1 ? 1 : problem.n;
}
int64_t row_elements(const cubn_problem &problem) {
  return problem.c == 1 ? problem.n * problem.s : problem.s;
}

/* Runs of vectors begin at multiples of so many elements in memory. */
int64_t alignment_of(const cubn_problem &problem) {
  const int64_t vector = 16 / static_cast<int64_t>(cubn_element_bytes(problem.type));
  return is_fused(problem) ? GRANULE : vector;
}

/* Whether runs of so many channels all begin at the same place in a vector, and end there. */
bool runs_keep_phase(const cubn_problem &problem, int64_t channels) {
  const int64_t row = row_elements(problem), alignment = alignment_of(problem);
  return problem.c * row % alignment == 0 && channels * row % alignment == 0;
}

template <class Real>
int64_t channel_bytes_of(bool fused) {
  return fused ? CHANNEL_BYTES<FusedBackwardCoefficients<Real>, Real>
               : CHANNEL_BYTES<BackwardCoefficients<Real>, Real>;
}
int64_t channel_bytes(const cubn_problem &problem) {
  return problem.type == CUBN_DATA_DOUBLE ? channel_bytes_of<double>(is_fused(problem))
                                          : channel_bytes_of<float>(is_fused(problem));
}

/* Bytes of shared memory for groups of so many channels. Runs that may begin anywhere in a vector
 * are padded by one. */
int64_t tile_bytes(const cubn_problem &problem, int64_t channels, bool padded) {
  const int64_t bytes = static_cast<int64_t>(cubn_element_bytes(problem.type));
  const int64_t inputs = problem.pass == CUBN_PASS_BACKWARD ? 2 : 1;
  const int64_t alignment = alignment_of(problem), padding = padded ? alignment - 1 : 0;
  const int64_t run = round_up(channels * row_elements(problem) + padding, alignment) * bytes;
  return inputs * rows_of(problem) * run + round_up(channels * channel_bytes(problem), 16);
}

/* The same for tensors that begin at a vector. */
int64_t tile_bytes(const cubn_problem &problem, int64_t channels) {
  return tile_bytes(problem, channels, !runs_keep_phase(problem, channels));
}

int64_t tile_bytes_max(const cubn_device *device) {
  return static_cast<int64_t>(device->shared_bytes_per_block) - STATIC_BYTES;
}

/* Channels per block, or 0 if no group fits. */
int64_t group_channels(const cubn_device *device, const cubn_problem &problem) {
  const int64_t bytes = static_cast<int64_t>(cubn_element_bytes(problem.type));
  const int64_t most = tile_bytes_max(device);
  const int64_t row_bytes = row_elements(problem) * bytes;
  if (row_bytes > most || rows_of(problem) > most) return 0;
  const auto shortened = [&](int64_t channels) {
    return channels > 1 && channels / 2 * row_bytes >= RUN_BYTES_MIN;
  };
  int64_t channels = 1; /* a power of two, so that runs of odd rows begin at vectors */
  while (channels * row_bytes < RUN_BYTES && channels < THREADS / 2) channels *= 2;
  const auto groups = [&] { return ceil_div(problem.c, channels); };
  while (shortened(channels) &&
         (tile_bytes(problem, channels) > most / RESIDENT_BLOCKS_PER_SM ||
          groups() * RUN_SM_SHARE < device->multiprocessor_count * (RUN_SM_SHARE - 1)))
    channels /= 2;
  if (channels > problem.c) channels = problem.c;
  return tile_bytes(problem, channels) <= most ? channels : 0;
}

bool fills_too_few(const cubn_device *device, const cubn_problem &problem, int64_t channels) {
  return ceil_div(problem.c, channels) * RESIDENT_SM_SHARE < device->multiprocessor_count &&
         tile_bytes(problem, channels) > RESIDENT_ALONE_BYTES;
}

const char *reject(const cubn_device *device, const cubn_problem *problem) {
  if (problem->walk == CUBN_WALK_STRIDED) return "needs packed tensors of one layout";
  if (cubn_count(problem) == 0) return "empty";
  if (problem->sums_are_given) return "needs no sums";
  if (is_fused(*problem) && !mask_has_granules(*problem))
    return "rows of the mask are no whole bytes";
  const int64_t channels = group_channels(device, *problem);
  if (channels == 0) return "no group of channels fits into shared memory";
  if (fills_too_few(device, *problem, channels)) return "too few channels to fill the device";
  return nullptr;
}

template <int V, class Op>
cubnStatus_t run_vectors(const cubn_device *device, const cubn_problem &problem, const Op &op,
                         int phase) {
  constexpr int ALIGN = ALIGNMENT<V, Op>;
  Group group = {};
  group.n = static_cast<int>(rows_of(problem));
  group.s = static_cast<int>(row_elements(problem));
  group.channels = static_cast<int>(group_channels(device, problem));
  group.lanes = group.s * group.channels <= THREADS ? group.s : 0;
  group.recomputes = problem.pass == CUBN_PASS_BACKWARD && !problem.has_saved && !problem.is_frozen;
  const int64_t run = static_cast<int64_t>(group.channels) * group.s;
  const bool same_phase = problem.c * group.s % ALIGN == 0; /* of all rows */
  const bool aligned = same_phase && phase == 0 && run % ALIGN == 0;
  TileRuns<V, Op> runs = {};
  runs.n = group.n;
  runs.c = problem.c;
  runs.s = group.s;
  runs.rows_per_chunk = group.n;
  runs.group = group.channels;
  runs.phase = phase;
  runs.vectors = vectors_of<V, ALIGN>(run, aligned);
  group.fixed = group.channels == 1 || (same_phase && runs.vectors <= THREADS);
  runs.step_rows = THREADS / runs.vectors;
  if (group.channels == 1 || !group.fixed) runs.step_vectors = THREADS % runs.vectors;
  const int64_t bytes = tile_bytes(problem, group.channels, V > 1 && !aligned);
  return launch(device, resident_kernel<V, Op>, ceil_div(problem.c, group.channels), THREADS,
                static_cast<size_t>(bytes), runs, op, group);
}

bool padded_fits(const cubn_device *device, const cubn_problem &problem) {
  return tile_bytes(problem, group_channels(device, problem), true) <= tile_bytes_max(device);
}

/* Tensors that do not begin at a vector need a padded tile; if that is too long, or their phases
 * differ, they are moved by elements. */
template <class Op>
cubnStatus_t run_plain(const cubn_device *device, const cubn_problem &problem, const Op &op) {
  const int phase = common_phase(op);
  return phase == 0 || (phase > 0 && padded_fits(device, problem))
             ? run_vectors<WIDEST<typename Op::Element>>(device, problem, op, phase)
             : run_vectors<1>(device, problem, op, 0);
}

/* Fused operations are not; `other` does the work then. */
template <class Op>
cubnStatus_t run_fused(cubn_device *device, const cubn_problem &problem, const cubn_args &args,
                       const Op &op, const cubn_algo &other) {
  const int phase = common_phase(op);
  const bool fits = problem.reserve == CUBN_RESERVE_MASK ? phase == 0 : phase >= 0;
  if (!fits || (phase > 0 && !padded_fits(device, problem)))
    return other.run(device, &problem, &args);
  return run_vectors<WIDEST<typename Op::Element>>(device, problem, op, phase);
}

/* Without sums there is nothing to keep a tile for. */
template <class T>
cubnStatus_t run_fused_backward(cubn_device *device, const cubn_problem &problem,
                                const cubn_args &args) {
  const cubn_algo &one_pass = cubn_cuda_backward_two_pass, &other = cubn_cuda_backward_strided;
  if (!needs_sums(problem, args))
    return (one_pass.reject(device, &problem) ? other : one_pass).run(device, &problem, &args);
  return run_fused(device, problem, args, make_fused_backward<T>(problem, args), other);
}

template <class T>
cubnStatus_t run_type(cubn_device *device, const cubn_problem &problem, const cubn_args &args) {
  const bool trains = problem.pass == CUBN_PASS_TRAIN;
  if (is_fused(problem))
    return trains ? run_fused(device, problem, args, make_fused_forward<T>(problem, args),
                              cubn_cuda_train_strided)
                  : run_fused_backward<T>(device, problem, args);
  if (trains)
    return run_plain(
        device, problem,
        make_forward<T>(args, problem.has_saved, problem.has_running, problem.running_is_biased));
  return run_plain(device, problem, make_backward<T>(args, cubn_count(&problem)));
}

cubnStatus_t run(cubn_device *device, const cubn_problem *problem, const cubn_args *args) {
  const cubn_device_scope scope(device);
  CUBN_TRY(scope.status());
  return visit_type(problem->type, [&](auto tag) {
    return run_type<typename decltype(tag)::Type>(device, *problem, *args);
  });
}

template <int V, class Op>
cubnStatus_t allow_shared(const cubn_device *device) {
  const int bytes = static_cast<int>(tile_bytes_max(device));
  return cubn_cuda_check(cudaFuncSetAttribute(resident_kernel<V, Op>,
                                              cudaFuncAttributeMaxDynamicSharedMemorySize, bytes),
                         "cudaFuncSetAttribute");
}

template <class T>
cubnStatus_t prepare_type(const cubn_device *device) {
  CUBN_TRY((allow_shared<1, Forward<T>>(device)));
  CUBN_TRY((allow_shared<1, Backward<T>>(device)));
  CUBN_TRY((allow_shared<WIDEST<T>, Forward<T>>(device)));
  CUBN_TRY((allow_shared<WIDEST<T>, FusedForward<T>>(device)));
  CUBN_TRY((allow_shared<WIDEST<T>, FusedBackward<T>>(device)));
  return allow_shared<WIDEST<T>, Backward<T>>(device);
}

}  // namespace
}  // namespace cubn

cubnStatus_t cubn_resident_prepare(cubn_device *device) {
  for (const cubnDataType_t type :
       {CUBN_DATA_FLOAT, CUBN_DATA_DOUBLE, CUBN_DATA_HALF, CUBN_DATA_BFLOAT16})
    CUBN_TRY(cubn::visit_type(
        type, [&](auto tag) { return cubn::prepare_type<typename decltype(tag)::Type>(device); }));
  return CUBN_STATUS_SUCCESS;
}

const cubn_algo cubn_cuda_train_resident = {"resident", cubn::reject, nullptr, cubn::run};
const cubn_algo cubn_cuda_backward_resident = {"resident", cubn::reject, nullptr, cubn::run};
