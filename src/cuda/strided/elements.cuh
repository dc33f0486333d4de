// Elements of the outputs of the strided algorithm.
#pragma once
#include "cuda/strided/sums.cuh"

namespace cubn {

template <class T>
class ForwardElement {
 public:
  __device__ ForwardElement(const Job &job, const Offsets &channel, int64_t index)
      : job_(job), origin_(channel), factors_(read_factors(job, channel, index)) {}
  __device__ double compute(const Offsets &sample) const {
    const double x = load<T>(job_.args.x, origin_.of[CUBN_ARRAY_X] + sample.of[CUBN_ARRAY_X]);
    return (x - factors_.pivot) * factors_.gain + factors_.shift;
  }

 private:
  // Training finds them in the workspace, inference makes them from the given statistics.
  __device__ static ForwardFactors read_factors(const Job &job, const Offsets &channel,
                                                int64_t index) {
    if (job.pass == CUBN_PASS_TRAIN)
      return {*factor(job, 0, index), *factor(job, 1, index), *factor(job, 2, index)};
    const int64_t offset = channel.of[CUBN_ARRAY_PARAM];
    return forward_factors<Compute<T>>(job, offset, load<Compute<T>>(job.args.mean, offset), 0.0,
                                       given_inv_std<Compute<T>>(job, offset));
  }

  const Job &job_;
  Offsets origin_;
  ForwardFactors factors_;
};

template <class T>
class BackwardElement {
 public:
  __device__ BackwardElement(const Job &job, const Offsets &channel, int64_t index)
      : job_(job),
        origin_(channel),
        factors_{*factor(job, 0, index), *factor(job, 1, index), *factor(job, 2, index),
                 *factor(job, 3, index), *factor(job, 4, index)} {}
  __device__ double compute(const Offsets &sample) const {
    const double x = load<T>(job_.args.x, origin_.of[CUBN_ARRAY_X] + sample.of[CUBN_ARRAY_X]);
    const double dy = load<T>(job_.args.dy, origin_.of[CUBN_ARRAY_DY] + sample.of[CUBN_ARRAY_DY]);
    const double x_hat = (x - factors_.mean) * factors_.inv_std;
    return factors_.gain * (dy - factors_.shift - x_hat * factors_.slope);
  }

 private:
  const Job &job_;
  Offsets origin_;
  BackwardFactors factors_;
};

}  // namespace cubn
