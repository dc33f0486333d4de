/* cluster: x (and dy) is read once, because the blocks of a cluster keep a group of channels in
 * their shared memory between the passes. For devices from sm_90 on.
 *
 * Idea. As resident, for groups that exceed one block, or that are too few to fill the device. Each
 * block sums its part of the group's channels. The sums of a channel meet, in double and through
 * distributed shared memory, in one block, which adds them in the order of the ranks, writes the
 * statistics, and gives the coefficients to all.
 *
 * Blocks only store to each other's memory, after all of them have begun and before the barrier that
 * precedes the output: none can end while another one needs it. */
#include "cuda/device/hold_plan.cuh"

namespace cubn {
namespace {

constexpr int THREADS = RESIDENT_THREADS;

/* What a block keeps in shared memory. */
template <class T, int V, class Coefficients>
struct Memory {
  using Real = Compute<T>;
  HeldTile<T, V> tile;
  double *scratch, *partials; /* of the channels that this block combines, a slot for each rank */
  Real *pivots;               /* of the group's channels */
  Real *saved;                /* their mean and 1 / std, if these are computed again */
  Coefficients *coefficients;

  __device__ Memory(unsigned char *memory, const Hold &hold, int inputs) {
    const int packs = hold.rows * hold.vectors;
    const int tile_bytes = inputs * packs * static_cast<int>(sizeof(Pack<T, V>));
    tile = {reinterpret_cast<Pack<T, V> *>(memory), packs};
    scratch = reinterpret_cast<double *>(memory + (tile_bytes + 15) / 16 * 16);
    partials = scratch + held_scratch(hold.columns ? HELD_COLUMNS<V> : 1);
    const int owned = (hold.group + hold.ranks - 1) / hold.ranks;
    pivots = reinterpret_cast<Real *>(partials + owned * hold.ranks * SLOT);
    saved = pivots + hold.group;
    coefficients = reinterpret_cast<Coefficients *>(saved + 2 * hold.group);
  }
};

/* Stores a value to this place of every block's shared memory. */
template <class Value>
__device__ inline void give_to_all(Value *place, const Value &value, int ranks) {
  for (int rank = 0; rank < ranks; ++rank) *shared_of_rank(place, rank) = value;
}

/* Sums over the group's channels; give(channel, slot) is called by one thread of one block for each.
 * What it stores is seen by the whole cluster afterwards. */
template <class Op, class T, int V, class Coefficients, class Give>
__device__ inline void sum_cluster(const Hold &hold, const Share &share, int rank, const Op &op,
                                   const Memory<T, V, Coefficients> &memory, const Give &give) {
  const int ranks = hold.ranks;
  const auto store = [&](int channel, const double *slot) {
    double *const own = memory.partials + (channel / ranks * ranks + rank) * SLOT;
    double *const to = shared_of_rank(own, channel % ranks);
#pragma unroll
    for (int k = 0; k < SLOT; ++k) to[k] = slot[k];
  };
  sum_held(hold, share, op, memory.tile, memory.pivots, memory.scratch, store);
  cluster_sync();
  for (int i = static_cast<int>(threadIdx.x); i * ranks + rank < share.channels; i += THREADS) {
    const double *const slots = memory.partials + i * ranks * SLOT;
    double sum[SLOT] = {};
    for (int r = 0; r < ranks; ++r)
#pragma unroll
      for (int k = 0; k < SLOT; ++k) sum[k] += slots[r * SLOT + k];
    Op::settle(sum, Op::pivot_of(memory.pivots[i * ranks + rank]));
    give(i * ranks + rank, sum);
  }
  cluster_sync();
}

/* Backward without saved statistics: those of the forward pass, kept in shared memory. */
template <class T, int V, class Coefficients>
__device__ inline void recompute(const Hold &, const Share &, int, Forward<T> *,
                                 const Memory<T, V, Coefficients> &) {}
template <class T, int V, class Coefficients>
__device__ inline void recompute(const Hold &hold, const Share &share, int rank, Backward<T> *op,
                                 const Memory<T, V, Coefficients> &memory) {
  Forward<T> statistics = {};
  statistics.inputs[0] = op->inputs[0];
  statistics.epsilon = op->epsilon;
  statistics.saved_mean = memory.saved;
  statistics.saved_inv_std = memory.saved + hold.group;
  statistics.saved_channel0 = op->saved_channel0 = share.channel0;
  op->saved_mean = statistics.saved_mean;
  op->saved_inv_std = statistics.saved_inv_std;
  sum_cluster(hold, share, rank, statistics, memory, [&](int channel, const double *slot) {
    ForwardCoefficients<Compute<T>> *const none = nullptr;
    statistics.conclude(share.channel0 + channel, slot, none);
    for (Compute<T> *place : {memory.saved + channel, memory.saved + hold.group + channel})
      give_to_all(place, *place, hold.ranks);
  });
}

template <int V, class Op>
__global__ void __launch_bounds__(THREADS, RESIDENT_BLOCKS_PER_SM)
    cluster_kernel(const Hold hold, Op op) {
  using T = typename Op::Element;
  using Coefficients = typename Op::Coefficients;
  CUBN_DYNAMIC_SHARED(unsigned char, shared);
  cluster_meet_begin();
  const int rank = static_cast<int>(cluster_rank());
  const Share share(hold, blockIdx.x / static_cast<unsigned>(hold.ranks), rank, V);
  const Memory<T, V, Coefficients> memory(shared, hold, Op::INPUTS);
  hold_pivots(hold, share, op, memory.pivots);
  hold_inputs(hold, share, op, memory.tile);
  __syncthreads();
  cluster_meet_end();
  if (hold.recomputes) recompute(hold, share, rank, &op, memory);
  sum_cluster(hold, share, rank, op, memory, [&](int channel, const double *slot) {
    Coefficients coefficients;
    op.conclude(share.channel0 + channel, slot, &coefficients);
    give_to_all(memory.coefficients + channel, coefficients, hold.ranks);
  });
  apply_held(hold, share, op, memory.tile, memory.coefficients);
}

/* How good a cut is: the higher the better. */
int grade(const cubn_device *device, const HoldShape &shape, const HoldCut &cut) {
  const int64_t bytes = hold_bytes(shape, cut);
  if (cut.positions < 0 || bytes > hold_bytes_max(device)) return -1;
  const int64_t blocks = ceil_div(shape.c, cut.group) * cut.ranks;
  const bool fills = blocks * RUN_SM_SHARE >=
                     RESIDENT_BLOCKS_PER_SM * device->multiprocessor_count * (RUN_SM_SHARE - 1);
  const bool enough = fills || bytes < CLUSTER_SHARE_BYTES_MIN;
  const int64_t run_bytes = hold_run(shape, cut) * shape.element_bytes;
  return 8 * (cut.ranks <= CLUSTER_RANKS_PORTABLE) + 4 * (bytes <= hold_bytes_half(device)) +
         2 * enough + (run_bytes >= RUN_BYTES_GOOD);
}

/* The best cut; of equally good ones that with the fewest blocks in a cluster and the longest runs.
 * Groups are powers of two, so that runs of odd rows begin at vectors. */
HoldCut best_cut(const cubn_device *device, const cubn_problem &problem) {
  const HoldShape shape = hold_shape(problem);
  const int64_t row_bytes = shape.s * shape.element_bytes;
  HoldCut best = {};
  if (shape.n * row_bytes > device->cluster_ranks_max * hold_bytes_max(device)) return best;
  int64_t widest = 1;
  while (widest * row_bytes < RUN_BYTES && widest < THREADS / 2 && widest < shape.c) widest *= 2;
  int best_grade = -1;
  for (int64_t ranks = 2; ranks <= device->cluster_ranks_max; ranks *= 2)
    for (int64_t group = widest; group == widest || group * row_bytes >= RUN_BYTES_MIN;
         group /= 2) {
      const HoldCut cut = hold_cut(shape, group, ranks);
      const int its_grade = grade(device, shape, cut);
      if (its_grade > best_grade) {
        best = cut;
        best_grade = its_grade;
      }
      if (group == 1) break;
    }
  return best;
}

const char *reject(const cubn_device *device, const cubn_problem *problem) {
  if (device->cluster_ranks_max == 0) return "needs a device with clusters of blocks";
  if (problem->walk == CUBN_WALK_STRIDED) return "needs packed tensors of one layout";
  if (cubn_count(problem) == 0) return "empty";
  if (best_cut(device, *problem).group == 0) return "no group of channels fits into a cluster";
  return nullptr;
}

struct ClusterLaunch {
  cudaLaunchAttribute ranks = {};
  cudaLaunchConfig_t config = {};

  ClusterLaunch(const cubn_device *device, int64_t blocks, int ranks_per_cluster,
                int64_t shared_bytes) {
    ranks.id = cudaLaunchAttributeClusterDimension;
    ranks.val.clusterDim.x = static_cast<unsigned>(ranks_per_cluster);
    ranks.val.clusterDim.y = ranks.val.clusterDim.z = 1;
    config.gridDim = dim3(static_cast<unsigned>(blocks));
    config.blockDim = dim3(THREADS);
    config.dynamicSmemBytes = static_cast<size_t>(shared_bytes);
    config.stream = device->stream;
    config.attrs = &ranks;
    config.numAttrs = 1;
  }
  ClusterLaunch(const ClusterLaunch &) = delete;
  ClusterLaunch &operator=(const ClusterLaunch &) = delete;
};

template <class Op>
cubnStatus_t launch_clusters(const cubn_device *device, void (*kernel)(const Hold, Op),
                             int64_t shared_bytes, const Hold &hold, const Op &op) {
  const int64_t blocks = ceil_div(hold.c, hold.group) * hold.ranks;
  const ClusterLaunch launch(device, blocks, hold.ranks, shared_bytes);
  return cubn_cuda_check(cudaLaunchKernelEx(&launch.config, kernel, hold, op),
                         "cudaLaunchKernelEx");
}

/* Tensors that do not begin at a vector need a padded tile; if that is too long, or their phases
 * differ, they are moved by elements. */
template <class Op>
cubnStatus_t run_op(const cubn_device *device, const cubn_problem &problem, const Op &op) {
  constexpr int V = WIDEST<typename Op::Element>;
  const HoldCut cut = best_cut(device, problem);
  const HoldShape shape = hold_shape(problem);
  const int phase = common_phase(op);
  const int64_t bytes = hold_bytes(shape, cut, phase != 0 || !hold_begins_at_vectors(shape, cut));
  if (phase < 0 || bytes > hold_bytes_max(device))
    return launch_clusters(device, cluster_kernel<1, Op>, hold_bytes(shape, cut, false),
                           make_hold<1>(device, problem, cut, 0), op);
  return launch_clusters(device, cluster_kernel<V, Op>, bytes,
                         make_hold<V>(device, problem, cut, phase), op);
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

/* ---- When the device is opened ---- */

template <int V, class Op>
cubnStatus_t allow(const cubn_device *device) {
  void (*const kernel)(const Hold, Op) = cluster_kernel<V, Op>;
  CUBN_TRY(cubn_cuda_check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                                static_cast<int>(hold_bytes_max(device))),
                           "cudaFuncSetAttribute"));
  return cubn_cuda_check(
      cudaFuncSetAttribute(kernel, cudaFuncAttributeNonPortableClusterSizeAllowed, 1),
      "cudaFuncSetAttribute");
}

template <class T>
cubnStatus_t allow_type(const cubn_device *device) {
  CUBN_TRY((allow<1, Forward<T>>(device)));
  CUBN_TRY((allow<1, Backward<T>>(device)));
  CUBN_TRY((allow<WIDEST<T>, Forward<T>>(device)));
  return allow<WIDEST<T>, Backward<T>>(device);
}

/* The largest cluster of blocks with all shared memory for which the device has room: a part of a
 * device may have none for the largest that there are. */
cubnStatus_t find_ranks_max(cubn_device *device) {
  void (*const kernel)(const Hold, Forward<float>) = cluster_kernel<WIDEST<float>, Forward<float>>;
  for (int ranks = CLUSTER_RANKS_MAX; ranks > 1; ranks /= 2) {
    const ClusterLaunch launch(device, ranks, ranks, hold_bytes_max(device));
    int clusters = 0;
    CUBN_TRY(cubn_cuda_check(cudaOccupancyMaxActiveClusters(&clusters, kernel, &launch.config),
                             "cudaOccupancyMaxActiveClusters"));
    if (clusters == 0) continue;
    device->cluster_ranks_max = ranks;
    break;
  }
  return CUBN_STATUS_SUCCESS;
}

}  // namespace
}  // namespace cubn

cubnStatus_t cubn_cluster_prepare(cubn_device *device) {
  using namespace cubn;
  device->cluster_ranks_max = 0;
  if (device->kernel_capability < 90) return CUBN_STATUS_SUCCESS;
  for (const cubnDataType_t type :
       {CUBN_DATA_FLOAT, CUBN_DATA_DOUBLE, CUBN_DATA_HALF, CUBN_DATA_BFLOAT16})
    CUBN_TRY(visit_type(
        type, [&](auto tag) { return allow_type<typename decltype(tag)::Type>(device); }));
  return find_ranks_max(device);
}

const cubn_algo cubn_cuda_train_cluster = {"cluster", cubn::reject, nullptr, cubn::run};
const cubn_algo cubn_cuda_backward_cluster = {"cluster", cubn::reject, nullptr, cubn::run};
