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
// Padding. Validity is read with each element; sums count what they add. Before the moments, a
// launch finds each channel's first valid value, the pivot, as any other could be NaN.
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
#include "core/inverse.h"
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
#include "cuda/strided/double_backward.cuh"
#include "cuda/strided/elements.cuh"
#include "cuda/strided/fused.cuh"
#include "cuda/strided/kernels.cuh"
#include "cuda/strided/params.cuh"
#include "cuda/strided/slices.cuh"
#include "cuda/strided/sums.cuh"
#include "cuda/strided/tiling.cuh"

namespace cubn {
namespace {

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
cubnStatus_t sum_moments(const cubn_device *device, const StridedParams &params) {
  if (params.firsts)
    CUBN_TRY(
        launch<strided_first_kernel>(device, slice_channels(params), STRIDED_THREADS, 0, params));
  return sum<T, MomentsReducer>(device, params);
}

template <class T>
cubnStatus_t run_forward(const cubn_device *device, const StridedParams &params) {
  if (params.pass == CUBN_PASS_TRAIN) CUBN_TRY(sum_moments<T>(device, params));
  if (!params.args.output || params.tiling.splits == 0) return CUBN_STATUS_SUCCESS;
  return params.needs_epilogue ? apply<T, FusedForwardElement>(device, params)
                               : apply<T, ForwardElement>(device, params);
}

template <class T>
cubnStatus_t run_backward(const cubn_device *device, const StridedParams &params) {
  const bool empty = params.tiling.splits == 0;
  if (params.computes_statistics && !empty) CUBN_TRY(sum_moments<T>(device, params));
  if (params.needs_sums)
    CUBN_TRY((params.needs_epilogue ? sum<T, FusedGradientsReducer>(device, params)
                                    : sum<T, GradientsReducer>(device, params)));
  if (empty || (!params.args.output && !params.args.dz)) return CUBN_STATUS_SUCCESS;
  return params.needs_epilogue ? apply<T, FusedBackwardElement>(device, params)
                               : apply<T, BackwardElement>(device, params);
}

template <class T>
cubnStatus_t run_double_backward(const cubn_device *device, const StridedParams &params) {
  const bool empty = params.tiling.splits == 0;
  if (params.computes_statistics && !empty) CUBN_TRY((sum<T, MomentsReducer>(device, params)));
  CUBN_TRY((sum<T, DoubleGradientsReducer>(device, params)));
  if (empty || (!params.args.output && !params.args.second.ddy)) return CUBN_STATUS_SUCCESS;
  return launch<strided_double_backward_kernel<T>>(device, blocks_of(params), STRIDED_THREADS, 0,
                                                   params);
}

template <class T>
cubnStatus_t run_pass(const cubn_device *device, const StridedParams &params) {
  switch (params.pass) {
    case CUBN_PASS_BACKWARD:
      return run_backward<T>(device, params);
    case CUBN_PASS_DOUBLE_BACKWARD:
      return run_double_backward<T>(device, params);
    default:
      return run_forward<T>(device, params);
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
  params.inverse = cubn_inverse_of(&problem.activation, problem.type);
  params.saved_is_reserved = problem.saved_is_reserved;
  params.reserve = problem.reserve;
  params.reserved_channels = problem.c;
  params.mask = make_mask(problem, args);
  params.validity = {problem.validity.kind, problem.validity.keeps, problem.validity.extent,
                     make_divisor(problem.validity.extent)};
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
  const bool writes_mask =
      problem->pass != CUBN_PASS_BACKWARD && problem->reserve == CUBN_RESERVE_MASK;
  if (writes_mask) CUBN_TRY(clear_mask(device, params.mask));
  const int factors = factors_of(problem->pass);
  const bool has_firsts = factors > 0 && problem->validity.kind != CUBN_VALID_ALL;
  const int64_t slice = channels_per_slice(params.tiling, problem->pass, factors + has_firsts);
  for (int64_t first = 0; first < problem->c; first += slice) {
    params.tiling.first_channel = first;
    params.tiling.end_channel = std::min(first + slice, problem->c);
    params.partials = params.factors + factors * slice_channels(params);
    if (has_firsts) {
      params.firsts = reinterpret_cast<int64_t *>(params.partials);
      params.partials += slice_channels(params);
    }
    CUBN_TRY(visit_type(problem->type, [&](auto tag) {
      return run_pass<typename decltype(tag)::Type>(device, params);
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
const cubn_algo cubn_cuda_double_backward_strided = {"strided", cubn::accept_all,
                                                     cubn::whole_workspace, cubn::run};
