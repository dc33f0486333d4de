/* inference: y = scale * (x - mean) / sqrt(var + epsilon) + bias with given statistics.
 *
 * Idea. The second pass of a training step alone: a block computes the factors of its channels, in
 * double, and applies them to a chunk. x is read once and y written once. Short rows are taken in
 * runs of several channels, which are consecutive in memory. An activation is applied in passing. */
#include "cuda/device/pass/apply.cuh"
#include "cuda/plan/operations.cuh"
#include "cuda/plan/partition.cuh"

namespace cubn {
namespace {

/* An operation of training with given statistics. */
template <class Op>
struct Inference : Op {
  using Real = typename Op::Real;
  const Real *mean, *var;
  bool var_is_inv_std;

  __device__ typename Op::Coefficients coefficients(int64_t channel) const {
    const double value = static_cast<double>(var[channel]);
    return this->coefficients_of(channel, static_cast<double>(mean[channel]),
                                 var_is_inv_std ? value : inverse_std(value, this->epsilon));
  }
};

template <class Op>
Inference<Op> make_inference(const cubn_problem &problem, const cubn_args &args, const Op &op) {
  Inference<Op> inference = {};
  static_cast<Op &>(inference) = op;
  inference.mean = static_cast<const typename Op::Real *>(args.mean);
  inference.var = static_cast<const typename Op::Real *>(args.var);
  inference.var_is_inv_std = problem.var_is_inv_std;
  return inference;
}

template <class Walk, class Op>
__global__ void __launch_bounds__(PASS_THREADS, PASS_BLOCKS<Walk::CHANNELS>)
    inference_kernel(const Walk walk, const Op op, int64_t unit0, unsigned units) {
  apply_chunk<Cache::KEEP>(walk, op, unit0 + blockIdx.x % units, blockIdx.x / units);
}

/* A grid has fewer than 2^31 blocks; where there are more units than in a slice, they have one
 * chunk each. */
template <class Walk, class Op>
cubnStatus_t run_walk(const cubn_device *device, const Walk &walk, const Op &op, const Cut &cut) {
  constexpr int64_t SLICE_UNITS = 1 << 30;
  for (int64_t unit0 = 0; unit0 < cut.units; unit0 += SLICE_UNITS) {
    const int64_t units = clamp(cut.units - unit0, 1, SLICE_UNITS);
    CUBN_TRY(launch(device, inference_kernel<Walk, Op>, units * cut.chunks, PASS_THREADS, 0, walk,
                    op, unit0, static_cast<unsigned>(units)));
  }
  return CUBN_STATUS_SUCCESS;
}

template <class T>
cubnStatus_t run_plain(const cubn_device *device, const cubn_problem &problem,
                       const cubn_args &args) {
  const auto op = make_inference(problem, args, make_forward<T>(args, false, false, false));
  const int phase = common_phase(op);
  if (problem.walk == CUBN_WALK_ROWS && phase >= 0 && runs_are_better<WIDEST<T>>(problem)) {
    Cut cut;
    const auto walk = make_runs<WIDEST<T>>(grain_of(device, problem), problem, phase, &cut);
    return run_walk(device, walk, op, cut);
  }
  return visit_walk(device, problem, op, [&](const auto &walk, const Cut &cut) {
    return run_walk(device, walk, op, cut);
  });
}

template <class T>
cubnStatus_t run_fused(cubn_device *device, const cubn_problem &problem, const cubn_args &args) {
  const auto op = make_inference(problem, args, make_fused_forward<T>(problem, args));
  const int phase = common_phase(op);
  if (!fused_phase_fits(problem, phase))
    return cubn_cuda_infer_strided.run(device, &problem, &args);
  if (problem.walk == CUBN_WALK_ROWS && runs_are_better<WIDEST<T>, GRANULE>(problem)) {
    Cut cut;
    const auto walk =
        make_runs<WIDEST<T>, GRANULE>(grain_of(device, problem), problem, phase, &cut);
    return run_walk(device, walk, op, cut);
  }
  return visit_fused_walk(device, problem, op, [&](const auto &walk, const Cut &cut) {
    return run_walk(device, walk, op, cut);
  });
}

cubnStatus_t run(cubn_device *device, const cubn_problem *problem, const cubn_args *args) {
  const cubn_device_scope scope(device);
  CUBN_TRY(scope.status());
  return visit_type(problem->type, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    return is_fused(*problem) ? run_fused<T>(device, *problem, *args)
                              : run_plain<T>(device, *problem, *args);
  });
}

const char *reject(const cubn_device *, const cubn_problem *problem) {
  if (problem->walk == CUBN_WALK_STRIDED) return "needs packed tensors of one layout";
  if (cubn_count(problem) == 0) return "empty";
  if (is_fused(*problem) && !mask_has_granules(*problem)) return NO_GRANULES;
  return nullptr;
}

}  // namespace
}  // namespace cubn

const cubn_algo cubn_cuda_infer_inference = {"inference", cubn::reject, nullptr, cubn::run};
