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

template <class Iterator, class Op>
__global__ void __launch_bounds__(PASS_THREADS, PASS_BLOCKS<Iterator::CHANNELS>)
    inference_kernel(const Iterator iterator, const Op op, int64_t unit0, unsigned units) {
  apply_chunk<Cache::KEEP>(iterator, op, unit0 + blockIdx.x % units, blockIdx.x / units);
}

/* A grid has fewer than 2^31 blocks; where there are more units than in a slice, they have one
 * chunk each. */
template <class Iterator, class Op>
cubnStatus_t run_iterator(const cubn_device *device, const Iterator &iterator, const Op &op,
                          const Partition &partition) {
  constexpr int64_t SLICE_UNITS = 1 << 30;
  for (int64_t unit0 = 0; unit0 < partition.units; unit0 += SLICE_UNITS) {
    const int64_t units = clamp(partition.units - unit0, 1, SLICE_UNITS);
    CUBN_TRY(launch(device, inference_kernel<Iterator, Op>, units * partition.chunks, PASS_THREADS,
                    0, iterator, op, unit0, static_cast<unsigned>(units)));
  }
  return CUBN_STATUS_SUCCESS;
}

template <class T>
cubnStatus_t run_plain(const cubn_device *device, const cubn_problem &problem,
                       const cubn_args &args) {
  const auto op = make_inference(problem, args, make_forward<T>(args, false, false, false));
  const int phase = common_phase(op);
  if (problem.layout == CUBN_LAYOUT_ROWS && phase >= 0 && runs_are_better<WIDEST<T>>(problem)) {
    Partition partition;
    const auto iterator =
        make_runs<WIDEST<T>>(grain_of(device, problem), problem, phase, &partition);
    return run_iterator(device, iterator, op, partition);
  }
  return visit_iterator(device, problem, op, [&](const auto &iterator, const Partition &partition) {
    return run_iterator(device, iterator, op, partition);
  });
}

template <class T>
cubnStatus_t run_fused(cubn_device *device, const cubn_problem &problem, const cubn_args &args) {
  const auto op = make_inference(problem, args, make_fused_forward<T>(problem, args));
  const int phase = common_phase(op);
  if (!fused_phase_fits(problem, phase))
    return cubn_cuda_infer_strided.run(device, &problem, &args);
  if (problem.layout == CUBN_LAYOUT_ROWS && runs_are_better<WIDEST<T>, GRANULE>(problem)) {
    Partition partition;
    const auto iterator =
        make_runs<WIDEST<T>, GRANULE>(grain_of(device, problem), problem, phase, &partition);
    return run_iterator(device, iterator, op, partition);
  }
  return visit_fused_iterator(device, problem, op,
                              [&](const auto &iterator, const Partition &partition) {
                                return run_iterator(device, iterator, op, partition);
                              });
}

cubnStatus_t run(cubn_device *device, const cubn_problem *problem, const cubn_args *args) {
  const cubn_device_scope scope(device);
  CUBN_TRY(scope.status());
  return visit_type(problem->type, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    return needs_epilogue(*problem) ? run_fused<T>(device, *problem, *args)
                                    : run_plain<T>(device, *problem, *args);
  });
}

cubn_refusal reject(const cubn_device *, const cubn_problem *problem) {
  if (problem->layout == CUBN_LAYOUT_STRIDED) return cubn_refuse_strided();
  if (cubn_count(problem) == 0) return cubn_refuse_empty();
  if (needs_epilogue(*problem) && !mask_has_granules(*problem)) return refuse_mask(*problem);
  return cubn_accept();
}

}  // namespace
}  // namespace cubn

const cubn_algo cubn_cuda_infer_inference = {"inference", cubn::reject, nullptr, cubn::run};
