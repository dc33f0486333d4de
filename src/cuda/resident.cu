/* resident: x (and dy) is read once, because a block keeps it in shared memory between the passes.
 *
 * Idea. A block has a group of consecutive channels. In [n][c][s] the group's part of one image is
 * a run of group * s consecutive elements, so memory is moved in runs, by aligned vectors, whatever
 * s is. In the block's tile a run keeps its place relative to the vectors, so that its elements are
 * moved without a shift. Columns are the case s = 1; one channel alone is one run of n values.
 *
 * Sums are taken from the tile element by element, with the arithmetic of the two-pass algorithm;
 * there, channels need no alignment. */
#include "cuda/device/apply.cuh"
#include "cuda/device/cut.cuh"
#include "cuda/device/reduce.cuh"
#include "cuda/device/tile.cuh"

namespace cubn {
namespace {

constexpr int THREADS = RESIDENT_THREADS;
template <int V>
using TileRuns = Runs<V, THREADS>;

/* What a block keeps beside the tile: per channel of the group, and in all. */
template <class Real>
constexpr int64_t CHANNEL_BYTES = static_cast<int64_t>(sizeof(BackwardCoefficients<Real>) +
                                                       2 * sizeof(Real));
constexpr int SCRATCH = SLOT * THREADS / 2;
constexpr int64_t STATIC_BYTES = 4096; /* scratch, rounded up */
static_assert(SCRATCH * sizeof(double) <= STATIC_BYTES, "shared memory");

/* Sums over the tile's channels; coefficients and statistics of all of them. */
template <int V, class Op>
__device__ inline void reduce_tile(const Group &group, const Op &op,
                                   const Tile<typename Op::Element, V> &tile, double *scratch,
                                   typename Op::Coefficients *coefficients) {
  using Real = typename Op::Real;
  Seat seat = seat_of(group, tile.channels);
  const Team &team = seat.team;
  const bool active = team.rank < team.members;

  typename Op::Sums sums = active ? op.begin(tile.channel0 + team.channel) : typename Op::Sums{};
  int count = 0;
  while (active && seat.row < group.n) {
    TileView<Real, Op::INPUTS> view;
    view.count = 0;
#pragma unroll
    for (int u = 0; u < RESIDENT_BATCH; ++u) {
      const bool valid = seat.row < group.n;
#pragma unroll
      for (int input = 0; input < Op::INPUTS; ++input)
        view.values[input][u] =
            valid ? to_compute(tile.value(input, seat.row, team.channel, seat.i, group.s))
                  : Real(0);
      view.count += valid;
      seat.advance(group.s);
    }
    if (view.count == RESIDENT_BATCH)
      Op::template fold<true>(sums, count == 0, view);
    else
      Op::template fold<false>(sums, count == 0, view);
    count += view.count;
  }
  double slot[SLOT] = {}, pivot = 0.0;
  if (active) {
    pivot = Op::pivot_of(to_compute(tile.value(0, 0, team.channel, 0, group.s)));
    Op::relative(sums, static_cast<double>(count), pivot, slot);
  }
  reduce_team(slot, team, scratch);
  if (active && team.rank == 0) {
    Op::settle(slot, pivot);
    op.conclude(tile.channel0 + team.channel, slot, coefficients + team.channel);
  }
  __syncthreads();
}

template <int V, class Op>
__device__ inline void apply_tile(const TileRuns<V> &runs, const Group &group, const Op &op,
                                  const Tile<typename Op::Element, V> &tile, int step,
                                  const typename Op::Coefficients *coefficients) {
  using T = typename Op::Element;
  typename Op::Coefficients mine[V];
  typename TileRuns<V>::Cursor at = runs.begin(blockIdx.x, 0);
  bool first = true;
  for (int i = static_cast<int>(threadIdx.x); !runs.done(at); i += step) {
    if (first || !group.fixed) {
#pragma unroll
      for (int k = 0; k < V; ++k) mine[k] = coefficients[runs.channel_of(at, k)];
      first = false;
    }
    Items<1> items;
    items.take(runs, at);
    Pack<T, V> in[Op::INPUTS][1];
#pragma unroll
    for (int input = 0; input < Op::INPUTS; ++input)
      in[input][0] = tile.packs[input * tile.packs_per_input + i];
    apply_packs(op, items, in, mine);
  }
}

/* Backward without saved statistics: those of the forward pass, kept in shared memory. */
template <int V, class T>
__device__ inline void recompute(const Group &, Forward<T> *, const Tile<T, V> &, double *,
                                 Compute<T> *) {}
template <int V, class T>
__device__ inline void recompute(const Group &group, Backward<T> *op, const Tile<T, V> &tile,
                                 double *scratch, Compute<T> *saved) {
  Forward<T> statistics = {};
  statistics.inputs[0] = op->inputs[0];
  statistics.epsilon = op->epsilon;
  statistics.saved_mean = saved;
  statistics.saved_inv_std = saved + group.channels;
  statistics.saved_channel0 = op->saved_channel0 = tile.channel0;
  op->saved_mean = statistics.saved_mean;
  op->saved_inv_std = statistics.saved_inv_std;
  ForwardCoefficients<Compute<T>> *none = nullptr;
  reduce_tile<V>(group, statistics, tile, scratch, none);
}

template <int V, class Op>
__global__ void __launch_bounds__(THREADS, RESIDENT_BLOCKS_PER_SM)
    resident_kernel(const TileRuns<V> runs, Op op, const Group group) {
  using T = typename Op::Element;
  using Real = typename Op::Real;
  using Packs = Pack<T, V>;
  CUBN_DYNAMIC_SHARED(Packs, shared);
  CUBN_SHARED(double, scratch, [SCRATCH]);
  Tile<T, V> tile;
  tile.packs = shared;
  tile.channel0 = static_cast<int64_t>(blockIdx.x) * group.channels;
  tile.channels =
      static_cast<int>(min(static_cast<int64_t>(group.channels), runs.c - tile.channel0));
  tile.run_packs = runs.vectors;
  tile.packs_per_input = group.n * runs.vectors;
  tile.misaligned0 = static_cast<int>((tile.channel0 * runs.s + runs.phase) & (V - 1));
  tile.misaligned_step = static_cast<int>((runs.c * runs.s) & (V - 1));
  const int tile_packs = Op::INPUTS * tile.packs_per_input;
  const int in_16_bytes = 16 / static_cast<int>(sizeof(Packs)); /* packs; what follows is aligned */
  Real *saved = reinterpret_cast<Real *>(tile.packs + (tile_packs + in_16_bytes - 1) / in_16_bytes *
                                                          in_16_bytes); /* of 2 * channels */
  auto *coefficients = reinterpret_cast<typename Op::Coefficients *>(saved + 2 * group.channels);
  const int step = runs.step_rows * runs.vectors + runs.step_vectors;

  load_tile<V>(runs, op, tile, step);
  __syncthreads();
  if (group.recomputes) recompute<V>(group, &op, tile, scratch, saved);
  reduce_tile<V>(group, op, tile, scratch, coefficients);
  apply_tile<V>(runs, group, op, tile, step, coefficients);
}

/* One channel is one row, whatever it was. */
int64_t rows_of(const cubn_problem &problem) {
  return problem.c == 1 ? 1 : problem.n;
}
int64_t row_elements(const cubn_problem &problem) {
  return problem.c == 1 ? problem.n * problem.s : problem.s;
}

/* Whether runs of so many channels all begin at the same place in a vector, and end there. */
bool runs_keep_phase(const cubn_problem &problem, int64_t channels) {
  const int64_t row_bytes =
      row_elements(problem) * static_cast<int64_t>(cubn_element_bytes(problem.type));
  return problem.c * row_bytes % 16 == 0 && channels * row_bytes % 16 == 0;
}

/* Bytes of shared memory for groups of so many channels. Runs that may begin anywhere in a vector
 * are padded by one. */
int64_t tile_bytes(const cubn_problem &problem, int64_t channels, bool padded) {
  const int64_t bytes = static_cast<int64_t>(cubn_element_bytes(problem.type));
  const int64_t inputs = problem.pass == CUBN_PASS_BACKWARD ? 2 : 1;
  const int64_t padding = padded ? 16 - bytes : 0;
  const int64_t run = round_up(channels * row_elements(problem) * bytes + padding, 16);
  const int64_t channel_bytes =
      problem.type == CUBN_DATA_DOUBLE ? CHANNEL_BYTES<double> : CHANNEL_BYTES<float>;
  return inputs * rows_of(problem) * run + round_up(channels * channel_bytes, 16);
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
  const int64_t channels = group_channels(device, *problem);
  if (channels == 0) return "no group of channels fits into shared memory";
  if (fills_too_few(device, *problem, channels)) return "too few channels to fill the device";
  return nullptr;
}

template <int V, class Op>
cubnStatus_t run_vectors(const cubn_device *device, const cubn_problem &problem, const Op &op,
                         int phase) {
  Group group = {};
  group.n = static_cast<int>(rows_of(problem));
  group.s = static_cast<int>(row_elements(problem));
  group.channels = static_cast<int>(group_channels(device, problem));
  group.lanes = group.s * group.channels <= THREADS ? group.s : 0;
  group.recomputes = problem.pass == CUBN_PASS_BACKWARD && !problem.has_saved;
  const int64_t run = static_cast<int64_t>(group.channels) * group.s;
  const bool same_phase = problem.c * group.s % V == 0; /* of all rows */
  const bool aligned = same_phase && phase == 0 && run % V == 0;
  TileRuns<V> runs = {};
  runs.n = group.n;
  runs.c = problem.c;
  runs.s = group.s;
  runs.rows_per_chunk = group.n;
  runs.group = group.channels;
  runs.phase = phase;
  runs.vectors = static_cast<int>(aligned ? run / V : ceil_div(run + V - 1, V));
  group.fixed = group.channels == 1 || (same_phase && runs.vectors <= THREADS);
  runs.step_rows = THREADS / runs.vectors;
  if (group.channels == 1 || !group.fixed) runs.step_vectors = THREADS % runs.vectors;
  const int64_t bytes = tile_bytes(problem, group.channels, V > 1 && !aligned);
  return launch(device, resident_kernel<V, Op>, ceil_div(problem.c, group.channels), THREADS,
                static_cast<size_t>(bytes), runs, op, group);
}

/* Tensors that do not begin at a vector need a padded tile; if that is too long, or their phases
 * differ, they are moved by elements. */
template <class Op>
cubnStatus_t run_op(const cubn_device *device, const cubn_problem &problem, const Op &op) {
  const int phase = common_phase(op);
  const bool padded_fits =
      tile_bytes(problem, group_channels(device, problem), true) <= tile_bytes_max(device);
  return phase == 0 || (phase > 0 && padded_fits)
             ? run_vectors<WIDEST<typename Op::Element>>(device, problem, op, phase)
             : run_vectors<1>(device, problem, op, 0);
}

cubnStatus_t run(cubn_device *device, const cubn_problem *problem, const cubn_args *args) {
  const cubn_device_scope scope(device);
  CUBN_TRY(scope.status());
  return visit_type(problem->type, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    if (problem->pass == CUBN_PASS_TRAIN)
      return run_op(device, *problem,
                    make_forward<T>(*args, problem->has_saved, problem->has_running));
    return run_op(device, *problem, make_backward<T>(*args, cubn_count(problem)));
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
