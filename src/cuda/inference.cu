/* inference: y = scale * (x - mean) / sqrt(var + epsilon) + bias with given statistics.
 *
 * Idea. The second pass of a training step alone: a block computes the factors of its channels, in
 * double, and applies them to a chunk. x is read once and y written once. */
#include "cuda/device/apply.cuh"
#include "cuda/device/cut.cuh"

namespace cubn {
namespace {

template <class T>
struct Inference : Forward<T> {
  using Real = Compute<T>;
  const Real *mean, *var;

  __device__ ForwardCoefficients<Real> coefficients(int64_t channel) const {
    return forward_coefficients<Real>(static_cast<double>(mean[channel]),
                                      inverse_std(static_cast<double>(var[channel]), this->epsilon),
                                      static_cast<double>(this->scale[channel]),
                                      static_cast<double>(this->bias[channel]), this->alpha);
  }
};

template <class Walk, class Op>
__global__ void __launch_bounds__(PASS_THREADS, PASS_BLOCKS<Walk::CHANNELS>)
    inference_kernel(const Walk walk, const Op op, unsigned units) {
  apply_chunk(walk, op, blockIdx.x % units, blockIdx.x / units);
}

template <class T>
cubnStatus_t run_type(const cubn_device *device, const cubn_problem &problem,
                      const cubn_args &args) {
  using Op = Inference<T>;
  Op op = {};
  static_cast<Forward<T> &>(op) = make_forward<T>(args, false, false);
  op.mean = static_cast<const Compute<T> *>(args.mean);
  op.var = static_cast<const Compute<T> *>(args.var);
  return visit_walk(device, problem, op, [&](const auto &walk, const Cut &cut) {
    using Walk = std::decay_t<decltype(walk)>;
    return launch(device, inference_kernel<Walk, Op>, cut.units * cut.chunks, PASS_THREADS, 0, walk,
                  op, static_cast<unsigned>(cut.units));
  });
}

cubnStatus_t run(cubn_device *device, const cubn_problem *problem, const cubn_args *args) {
  const cubn_device_scope scope(device);
  CUBN_TRY(scope.status());
  return visit_type(problem->type, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    return run_type<T>(device, *problem, *args);
  });
}

const char *reject(const cubn_device *, const cubn_problem *problem) {
  if (problem->walk == CUBN_WALK_STRIDED) return "needs packed tensors of one layout";
  if (cubn_count(problem) == 0) return "empty";
  return nullptr;
}

}  // namespace
}  // namespace cubn

const cubn_algo cubn_cuda_infer_inference = {"inference", cubn::reject, nullptr, cubn::run};
