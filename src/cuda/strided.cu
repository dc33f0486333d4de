// Algorithm "strided": every valid problem, whatever its strides.
//
// A launch adds up each channel, a second one applies the result: x is read twice, in backward
// without saved statistics three times. A block covers some channels and the samples of each, in
// whichever direction neighbouring threads touch neighbouring memory. Few channels are split
// between several blocks, which leave partial sums in the workspace for one more launch to add;
// many are done in slices that fit in the workspace. There is nothing to wait for inside a kernel.
//
// Sums are in double for all types, relative to a value of the data, so that it takes neither care
// for the range of float nor for a mean that is large against the deviation.
#include <algorithm>

#include "core/refusal.h"
#include "cuda/plan/launch.cuh"
#include "cuda/plan/operations.cuh"
#include "cuda/strided/kernels.cuh"

namespace cubn {
namespace {

// Doubles per channel in the workspace, beside SUM_DOUBLES for each part.
constexpr int FORWARD_DOUBLES = sizeof(ForwardFactors) / sizeof(double);
constexpr int BACKWARD_DOUBLES = sizeof(BackwardFactors) / sizeof(double);
// The last bytes of the workspace hold the edges of a mask.
constexpr size_t EDGE_BYTES = 2 * sizeof(unsigned);
constexpr size_t SCRATCH_BYTES = CUBN_WORKSPACE_BYTES - CUBN_COUNTER_BYTES - EDGE_BYTES;
static_assert((static_cast<size_t>(STRIDED_SPLITS_MAX) * SUM_DOUBLES + BACKWARD_DOUBLES) *
                      sizeof(double) * STRIDED_THREADS <=
                  SCRATCH_BYTES,
              "one tile of channels fits into the workspace, however it is split");

// The least power of two that is at least `value`, at most STRIDED_THREADS.
int lanes_for(int64_t value) {
  int lanes = 1;
  while (lanes < STRIDED_THREADS && lanes < value) lanes *= 2;
  return lanes;
}

int64_t least_stride(const cubn_axes &axes, int array) {
  int64_t least = INT64_MAX;
  for (int a = 0; a < axes.rank; ++a) least = std::min(least, axes.stride[array][a]);
  return least;
}

// Whether neighbours in memory are different channels, in most tensors; of two, x decides.
bool channels_are_fastest(const cubn_problem *problem) {
  const int arrays = problem->pass == CUBN_PASS_BACKWARD ? 3 : 2;
  int votes = 0;
  for (int a = 0; a < arrays; ++a)  // x, output, dy
    if (least_stride(problem->channels, a) < least_stride(problem->samples, a))
      votes += a == CUBN_ARRAY_X ? 3 : 2;
  return votes > arrays;  // half of all votes, which are 2 * arrays + 1
}

Lanes choose_lanes(const cubn_problem *problem) {
  Lanes lanes;
  lanes.channels_fastest = channels_are_fastest(problem);
  lanes.samples = lanes_for(cubn_count(problem));
  if (lanes.channels_fastest)
    lanes.samples =
        std::min(lanes.samples, STRIDED_THREADS / lanes_for(std::min<int64_t>(problem->c, 32)));
  lanes.channels = STRIDED_THREADS / lanes.samples;
  return lanes;
}

Tiling choose_tiling(const cubn_device *device, const cubn_problem *problem) {
  Tiling tiling = {};
  tiling.lanes = choose_lanes(problem);
  tiling.samples = cubn_count(problem);
  if (tiling.samples == 0) return tiling;
  const int64_t samples = tiling.lanes.samples;
  const int64_t tiles = ceil_div(problem->c, tiling.lanes.channels);
  const int64_t wanted =
      ceil_div(static_cast<int64_t>(device->sm_count) * STRIDED_BLOCKS_PER_SM, tiles);
  const int64_t worthwhile = ceil_div(tiling.samples, samples * STRIDED_SAMPLES_MIN);
  const int64_t splits = std::min({wanted, worthwhile, static_cast<int64_t>(STRIDED_SPLITS_MAX)});
  tiling.samples_per_split = round_up(ceil_div(tiling.samples, splits), samples);
  tiling.splits = static_cast<int>(ceil_div(tiling.samples, tiling.samples_per_split));
  return tiling;
}

// Channels whose factors and partial sums fit into the workspace, in whole tiles; without factors
// as many as a grid surely has blocks for.
int64_t channels_per_slice(const Tiling &tiling, int factors) {
  if (factors == 0) return static_cast<int64_t>(1) << 30;
  const int64_t doubles = factors + (tiling.splits > 1 ? SUM_DOUBLES * tiling.splits : 0);
  const int64_t channels =
      static_cast<int64_t>(SCRATCH_BYTES) / (doubles * static_cast<int64_t>(sizeof(double)));
  return channels / tiling.lanes.channels * tiling.lanes.channels;
}

int64_t channels_of(const Job &job) {
  return job.tiling.end_channel - job.tiling.first_channel;
}

int64_t blocks_of(const Job &job) {
  return ceil_div(channels_of(job), job.tiling.lanes.channels) * job.tiling.splits;
}

template <class T, template <class> class Fold>
cubnStatus_t sum(const cubn_device *device, const Job &job) {
  if (job.tiling.splits > 0)
    CUBN_TRY(
        launch(device, strided_sum_kernel<T, Fold<T>>, blocks_of(job), STRIDED_THREADS, 0, job));
  if (job.tiling.splits == 1) return CUBN_STATUS_SUCCESS;
  return launch(device, strided_add_kernel<T, typename Fold<T>::Sum>,
                ceil_div(channels_of(job), ADDING_LANES.channels), STRIDED_THREADS, 0, job);
}

template <class T, template <class> class Element>
cubnStatus_t apply(const cubn_device *device, const Job &job) {
  return launch(device, strided_apply_kernel<T, Element<T>>, blocks_of(job), STRIDED_THREADS, 0,
                job);
}

template <class T>
cubnStatus_t run_forward(const cubn_device *device, const Job &job) {
  if (job.pass == CUBN_PASS_TRAIN) CUBN_TRY((sum<T, FoldMoments>(device, job)));
  if (!job.args.output) return CUBN_STATUS_SUCCESS;
  return job.needs_epilogue ? apply<T, FusedForwardElement>(device, job)
                            : apply<T, ForwardElement>(device, job);
}

template <class T>
cubnStatus_t run_backward(const cubn_device *device, const Job &job) {
  const bool empty = job.tiling.splits == 0;
  if (job.needs_statistics && !job.has_saved && !empty)
    CUBN_TRY((sum<T, FoldMoments>(device, job)));
  if (job.needs_sums)
    CUBN_TRY((job.needs_epilogue ? sum<T, FoldFusedGradients>(device, job)
                                 : sum<T, FoldGradients>(device, job)));
  if (empty || (!job.args.output && !job.args.dz)) return CUBN_STATUS_SUCCESS;
  return job.needs_epilogue ? apply<T, FusedBackwardElement>(device, job)
                            : apply<T, BackwardElement>(device, job);
}

int factors_of(cubn_pass pass) {
  switch (pass) {
    case CUBN_PASS_TRAIN:
      return FORWARD_DOUBLES;
    case CUBN_PASS_BACKWARD:
      return BACKWARD_DOUBLES;
    default:
      return 0;  // each thread makes its own
  }
}

MaskTarget make_mask(const cubn_problem &problem, const cubn_args &args) {
  if (problem.reserve != CUBN_RESERVE_MASK || cubn_count(&problem) == 0) return {};
  MaskTarget mask;
  mask.layout = problem.mask;
  mask.by_row = make_divisor(problem.mask.row);
  mask.begin = static_cast<unsigned char *>(args.reserve);
  mask.end =
      mask.begin + problem.c * cubn_count(&problem) / problem.mask.row * problem.mask.row_bytes;
  mask.edges = reinterpret_cast<unsigned *>(static_cast<char *>(args.workspace) +
                                            (CUBN_WORKSPACE_BYTES - EDGE_BYTES));
  return mask;
}

Job make_job(const cubn_device *device, const cubn_problem &problem, const cubn_args &args) {
  Job job = {};
  job.channels = make_axes(problem.channels);
  job.samples = make_axes(problem.samples);
  job.tiling = choose_tiling(device, &problem);
  job.pass = problem.pass;
  job.has_saved = problem.has_saved;
  job.has_running = problem.has_running;
  job.needs_epilogue = needs_epilogue(problem);
  job.needs_sums = needs_sums(problem, args);
  job.needs_statistics = needs_statistics(problem, args);
  job.recomputes = cubn_recomputes_preactivation(&problem);
  job.is_frozen = problem.is_frozen;
  job.var_is_inv_std = problem.var_is_inv_std;
  job.running_is_biased = problem.running_is_biased;
  job.sums_are_given = problem.sums_are_given;
  job.reserve = problem.reserve;
  job.mask = make_mask(problem, args);
  job.activation = make_activation<float>(problem.activation);
  job.activation_in_double = make_activation<double>(problem.activation);
  job.args = args;
  job.factors =
      reinterpret_cast<double *>(static_cast<char *>(args.workspace) + CUBN_COUNTER_BYTES);
  return job;
}

cubnStatus_t clear_mask(const cubn_device *device, const MaskTarget &mask) {
  const size_t bytes = static_cast<size_t>(mask.end - mask.begin);
  CUBN_TRY(
      cubn_cuda_check(cudaMemsetAsync(mask.begin, 0, bytes, device->stream), "cudaMemsetAsync"));
  return cubn_cuda_check(cudaMemsetAsync(mask.edges, 0, EDGE_BYTES, device->stream),
                         "cudaMemsetAsync");
}

cubnStatus_t run(cubn_device *device, const cubn_problem *problem, const cubn_args *args) {
  const cubn_device_scope scope(device);
  CUBN_TRY(scope.status());
  Job job = make_job(device, *problem, *args);
  const bool backward = problem->pass == CUBN_PASS_BACKWARD;
  const bool writes_mask = !backward && problem->reserve == CUBN_RESERVE_MASK;
  if (writes_mask) CUBN_TRY(clear_mask(device, job.mask));
  const int factors = factors_of(problem->pass);
  const int64_t slice = channels_per_slice(job.tiling, factors);
  for (int64_t first = 0; first < problem->c; first += slice) {
    job.tiling.first_channel = first;
    job.tiling.end_channel = std::min(first + slice, problem->c);
    job.partials = job.factors + factors * channels_of(job);
    CUBN_TRY(visit_type(problem->type, [&](auto tag) {
      using T = typename decltype(tag)::Type;
      return backward ? run_backward<T>(device, job) : run_forward<T>(device, job);
    }));
  }
  return writes_mask ? launch(device, strided_mask_edges_kernel, 1, 32, 0, job.mask)
                     : CUBN_STATUS_SUCCESS;
}

cubn_refusal accept_all(const cubn_device *, const cubn_problem *) {
  return cubn_accept();
}

size_t whole_workspace(const cubn_device *, const cubn_problem *) {
  return CUBN_WORKSPACE_BYTES;
}

}  // namespace
}  // namespace cubn

const void *cubn_strided_sample_kernel(void) {
  return reinterpret_cast<const void *>(
      cubn::strided_apply_kernel<float, cubn::ForwardElement<float>>);
}

const cubn_algo cubn_cuda_train_strided = {"strided", cubn::accept_all, cubn::whole_workspace,
                                           cubn::run};
const cubn_algo cubn_cuda_infer_strided = {"strided", cubn::accept_all, cubn::whole_workspace,
                                           cubn::run};
const cubn_algo cubn_cuda_backward_strided = {"strided", cubn::accept_all, cubn::whole_workspace,
                                              cubn::run};
