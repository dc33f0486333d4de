// strided: every valid problem, whatever its strides.
//
// Idea. One launch sums each channel, a second one applies the result. Inference is one launch.
//
// Kernels. A block covers some channels and the samples of each, in the direction in which
// neighboring threads access neighboring memory. If there are few channels, each is split among
// several blocks, which leave partial sums in the workspace, and one more launch adds these. If
// there are many channels, they are processed in slices that fit in the workspace. Sums are in
// double for all types, relative to a value of the data, so that neither the range of float nor a
// mean that is large compared with the deviation needs care.
//
// Synchronization. None between blocks of a launch, so there is no deadlock. Mask bits are set by
// atomic operations, whose order does not matter.
//
// Reproducibility. The results do not depend on the order in which blocks run: the tiling and the
// order of all additions follow from the problem and the device.
//
// Bytes. x (and dy) is read twice, once in inference, x in backward without saved statistics three
// times; each output is written once.
#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>

#include "core/backend.h"
#include "core/check.h"
#include "core/refusal.h"
#include "cuda/common/algos.h"
#include "cuda/common/device.h"
#include "cuda/common/tuning.h"
#include "cuda/device/base/divisor.cuh"
#include "cuda/device/base/dtype.cuh"
#include "cuda/device/op/activation.cuh"
#include "cuda/plan/integers.cuh"
#include "cuda/plan/launch.cuh"
#include "cuda/plan/needs.cuh"
#include "cuda/strided/axes.cuh"
#include "cuda/strided/elements.cuh"
#include "cuda/strided/fused.cuh"
#include "cuda/strided/kernels.cuh"
#include "cuda/strided/params.cuh"
#include "cuda/strided/sums.cuh"
#include "cuda/strided/tiling.cuh"

namespace cubn {
namespace {

// Doubles per channel in the workspace, besides SUM_DOUBLES for each split.
constexpr int FORWARD_DOUBLES = sizeof(ForwardFactors) / sizeof(double);
constexpr int BACKWARD_DOUBLES = sizeof(BackwardFactors) / sizeof(double);
// The last bytes of the workspace are for the edges of a mask.
constexpr size_t EDGE_BYTES = 2 * sizeof(unsigned);
constexpr size_t SCRATCH_BYTES = CUBN_WORKSPACE_BYTES - CUBN_COUNTER_BYTES - EDGE_BYTES;
static_assert((static_cast<size_t>(STRIDED_SPLITS_MAX) * SUM_DOUBLES + BACKWARD_DOUBLES) *
                      sizeof(double) * STRIDED_THREADS <=
                  SCRATCH_BYTES,
              "one tile of channels fits in the workspace, however it is split");

// Channels whose factors and partial sums fit in the workspace, in whole tiles. Without factors it
// is a number for which a grid certainly has enough blocks.
int64_t channels_per_slice(const Tiling &tiling, int factors) {
  if (factors == 0) return static_cast<int64_t>(1) << 30;
  const int64_t doubles = factors + (tiling.splits > 1 ? SUM_DOUBLES * tiling.splits : 0);
  const int64_t channels =
      static_cast<int64_t>(SCRATCH_BYTES) / (doubles * static_cast<int64_t>(sizeof(double)));
  return channels / tiling.lanes.channels * tiling.lanes.channels;
}

int64_t slice_channels(const StridedParams &params) {
  return params.tiling.end_channel - params.tiling.first_channel;
}

int64_t blocks_of(const StridedParams &params) {
  return ceil_div(slice_channels(params), params.tiling.lanes.channels) * params.tiling.splits;
}

// Sums each channel, by one launch or, if channels are split, by two.
template <class T, template <class> class Reducer>
cubnStatus_t sum(const cubn_device *device, const StridedParams &params) {
  constexpr auto *KERNEL = strided_sum_kernel<T, Reducer<T>>;
  if (params.tiling.splits > 0)
    CUBN_TRY(launch<KERNEL>(device, blocks_of(params), STRIDED_THREADS, 0, params));
  if (params.tiling.splits == 1) return CUBN_STATUS_SUCCESS;
  return launch<strided_add_kernel<T, typename Reducer<T>::Sum>>(
      device, ceil_div(slice_channels(params), ADD_LANES.channels), STRIDED_THREADS, 0, params);
}

template <class T, template <class> class Element>
cubnStatus_t apply(const cubn_device *device, const StridedParams &params) {
  return launch<strided_apply_kernel<T, Element<T>>>(device, blocks_of(params), STRIDED_THREADS, 0,
                                                     params);
}

template <class T>
cubnStatus_t run_forward(const cubn_device *device, const StridedParams &params) {
  if (params.pass == CUBN_PASS_TRAIN) CUBN_TRY((sum<T, MomentsReducer>(device, params)));
  if (!params.args.output || params.tiling.splits == 0) return CUBN_STATUS_SUCCESS;
  return params.needs_epilogue ? apply<T, FusedForwardElement>(device, params)
                               : apply<T, ForwardElement>(device, params);
}

template <class T>
cubnStatus_t run_backward(const cubn_device *device, const StridedParams &params) {
  const bool empty = params.tiling.splits == 0;
  if (params.computes_statistics && !empty) CUBN_TRY((sum<T, MomentsReducer>(device, params)));
  if (params.needs_sums)
    CUBN_TRY((params.needs_epilogue ? sum<T, FusedGradientsReducer>(device, params)
                                    : sum<T, GradientsReducer>(device, params)));
  if (empty || (!params.args.output && !params.args.dz)) return CUBN_STATUS_SUCCESS;
  return params.needs_epilogue ? apply<T, FusedBackwardElement>(device, params)
                               : apply<T, BackwardElement>(device, params);
}

int factors_of(cubn_pass pass) {
  switch (pass) {
    case CUBN_PASS_TRAIN:
      return FORWARD_DOUBLES;
    case CUBN_PASS_BACKWARD:
      return BACKWARD_DOUBLES;
    default:
      return 0;  // Each thread computes its own.
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

StridedParams make_params(const cubn_device *device, const cubn_problem &problem,
                          const cubn_args &args) {
  StridedParams params = {};
  params.channels = make_axes(problem.channels);
  params.samples = make_axes(problem.samples);
  params.tiling = choose_tiling(device, &problem);
  params.pass = problem.pass;
  params.has_saved = problem.has_saved;
  params.has_running = problem.has_running;
  params.needs_epilogue = needs_epilogue(problem);
  params.needs_sums = needs_sums(problem, args);
  params.computes_statistics = computes_statistics(problem, args);
  params.recomputes = cubn_recomputes_preactivation(&problem);
  params.is_frozen = problem.is_frozen;
  params.var_is_inv_std = problem.var_is_inv_std;
  params.running_is_biased = problem.running_is_biased;
  params.sums_are_given = problem.sums_are_given;
  params.renormalizes = problem.renormalizes;
  params.is_from_y = problem.is_from_y;
  params.saved_is_reserved = problem.saved_is_reserved;
  params.reserve = problem.reserve;
  params.reserved_channels = problem.c;
  params.mask = make_mask(problem, args);
  params.activation = make_activation<float>(problem.activation);
  params.activation_in_double = make_activation<double>(problem.activation);
  params.args = args;
  params.factors =
      reinterpret_cast<double *>(static_cast<char *>(args.workspace) + CUBN_COUNTER_BYTES);
  return params;
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
  StridedParams params = make_params(device, *problem, *args);
  const bool backward = problem->pass == CUBN_PASS_BACKWARD;
  const bool writes_mask = !backward && problem->reserve == CUBN_RESERVE_MASK;
  if (writes_mask) CUBN_TRY(clear_mask(device, params.mask));
  const int factors = factors_of(problem->pass);
  const int64_t slice = channels_per_slice(params.tiling, factors);
  for (int64_t first = 0; first < problem->c; first += slice) {
    params.tiling.first_channel = first;
    params.tiling.end_channel = std::min(first + slice, problem->c);
    params.partials = params.factors + factors * slice_channels(params);
    CUBN_TRY(visit_type(problem->type, [&](auto tag) {
      using T = typename decltype(tag)::Type;
      return backward ? run_backward<T>(device, params) : run_forward<T>(device, params);
    }));
  }
  return writes_mask ? launch<strided_mask_edges_kernel>(device, 1, 32, 0, params.mask)
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
