// Sums of the strided algorithm over the values of a channel, and what follows from them.
#pragma once
#include "cuda/strided/job.cuh"

namespace cubn {

// Of some values of a channel: count, mean relative to the channel's pivot, and sum of squared
// differences from the mean.
struct Moments {
  double count, mean, squares;

  // Chan, Golub and LeVeque 1983.
  __device__ void add(const Moments &other) {
    if (other.count == 0.0) return;
    if (count == 0.0) {
      *this = other;
      return;
    }
    const double total = count + other.count, difference = other.mean - mean;
    mean += difference * (other.count / total);
    squares += other.squares + difference * difference * (count * (other.count / total));
    count = total;
  }

  // The statistics. The running ones are written last: they may share memory with scale and bias.
  template <class T>
  __device__ void finish(const Job &job, int64_t channel) const {
    using P = Compute<T>;
    const Offsets at = locate(job.channels, channel);
    const int64_t offset = at.of[CUBN_ARRAY_PARAM];
    const double pivot = pivot_of<T>(job, at);
    const double var = squares / count, inv_std = inverse_deviation(var, job.args.epsilon);
    // An infinity among the values is NaN in `squares` only.
    const double batch_mean = squares == squares ? pivot + mean : squares;
    if (job.pass == CUBN_PASS_BACKWARD) {
      *factor(job, 0, channel) = batch_mean;
      *factor(job, 1, channel) = inv_std;
      return;
    }
    const ForwardFactors factors = job.needs_epilogue
                                       ? fused_factors<P>(job, channel, offset, batch_mean, inv_std)
                                       : forward_factors<P>(job, offset, pivot, mean, inv_std);
    *factor(job, 0, channel) = factors.pivot;
    *factor(job, 1, channel) = factors.gain;
    *factor(job, 2, channel) = factors.shift;
    if (job.has_saved) {
      static_cast<P *>(job.args.saved_mean)[offset] = from_double<P>(batch_mean);
      static_cast<P *>(job.args.saved_inv_std)[offset] = from_double<P>(inv_std);
    }
    if (job.has_running) write_running<P>(job, offset, batch_mean);
  }

 private:
  template <class P>
  __device__ static ForwardFactors fused_factors(const Job &job, int64_t channel, int64_t offset,
                                                 double batch_mean, double inv_std) {
    const P center = from_double<P>(batch_mean);
    const P mean_low = from_double<P>(batch_mean - static_cast<double>(center));
    if (job.reserve == CUBN_RESERVE_MEANS) static_cast<P *>(job.args.reserve)[channel] = mean_low;
    const Affine<P> affine =
        preactivation_affine<P>(job, offset, center, mean_low, from_double<P>(inv_std));
    return {static_cast<double>(affine.center), static_cast<double>(affine.gain),
            static_cast<double>(affine.shift)};
  }

  template <class P>
  __device__ void write_running(const Job &job, int64_t offset, double batch_mean) const {
    const cubn_args &args = job.args;
    const double weight = args.factor_pointer ? load<P>(args.factor_pointer, 0) : args.factor;
    const double var = squares / (job.running_is_biased || count <= 1.0 ? count : count - 1.0);
    blend_from<P>(args.previous_running_mean, args.running_mean, offset, weight, batch_mean,
                  1.0 - weight);
    blend_from<P>(args.previous_running_var, args.running_var, offset, weight, var, 1.0 - weight);
  }
};

// Takes the values of one thread. Its sums are relative to its own first value, as the channel's
// may lie far off.
template <class T>
class FoldMoments {
 public:
  using Sum = Moments;
  struct Value {
    double x;
  };

  __device__ FoldMoments(const Job &job, const Offsets &channel, int64_t)
      : x_(job.args.x), origin_(channel.of[CUBN_ARRAY_X]), pivot_(pivot_of<T>(job, channel)) {}
  __device__ Value load_value(const Offsets &sample) const {
    return {load<T>(x_, origin_ + sample.of[CUBN_ARRAY_X])};
  }
  __device__ void take(const Value &value) {
    const double relative = value.x - pivot_;
    if (count_ == 0) first_ = relative;
    const double difference = relative - first_;
    sum_ += difference;
    squares_ += difference * difference;
    ++count_;
  }
  __device__ Moments sum() const {
    if (count_ == 0) return {0.0, 0.0, 0.0};
    const double count = static_cast<double>(count_), mean = sum_ / count;
    const double squares = squares_ - sum_ * mean;
    return {count, first_ + mean, squares < 0.0 ? 0.0 : squares};
  }

 private:
  const void *x_;
  int64_t origin_, count_ = 0;
  double pivot_, first_ = 0.0, sum_ = 0.0, squares_ = 0.0;
};

// The statistics that backward normalizes with.
struct Statistics {
  double mean, inv_std;
};

// Sums of dy, of dy * x_hat and of x - mean over some values of a channel.
struct Gradients {
  double dy, dy_x_hat, residual;

  __device__ void take(double x_value, double dy_value, const Statistics &statistics) {
    const double difference = x_value - statistics.mean;
    dy += dy_value;
    dy_x_hat += dy_value * (difference * statistics.inv_std);
    residual += difference;
  }
  __device__ void add(const Gradients &other) {
    dy += other.dy;
    dy_x_hat += other.dy_x_hat;
    residual += other.residual;
  }

  // The gradients of the parameters, and the factors of dx; these do not exist for an empty tensor.
  template <class T>
  __device__ void finish(const Job &job, int64_t channel) const;
};

template <class P>
__device__ inline Statistics backward_statistics(const Job &job, int64_t channel,
                                                 int64_t param_offset) {
  if (job.is_frozen)
    return {load<P>(job.args.mean, param_offset),
            static_cast<double>(from_double<P>(given_inv_std<P>(job, param_offset)))};
  if (!job.has_saved) return {*factor(job, 0, channel), *factor(job, 1, channel)};
  return {load<P>(job.args.saved_mean, param_offset),
          load<P>(job.args.saved_inv_std, param_offset)};
}

template <class P>
__device__ inline double gain_of(const Job &job, int64_t param_offset, double inv_std) {
  return job.args.alpha * load_or<P>(job.args.scale, param_offset, 1.0) * inv_std;
}

template <class T>
__device__ void Gradients::finish(const Job &job, int64_t channel) const {
  using P = Compute<T>;
  const int64_t offset = locate(job.channels, channel).of[CUBN_ARRAY_PARAM];
  double dscale = dy_x_hat;
  if (job.tiling.samples > 0) {
    const Statistics statistics = backward_statistics<P>(job, channel, offset);
    const double residue = residual / static_cast<double>(job.tiling.samples);
    // A mean that is this close to the mean of x is that mean, rounded: x_hat is smaller by
    // `error`. One that is further away is the caller's own choice.
    const double roundoff = job.has_saved && sizeof(P) == sizeof(float) ? 0x1p-23 : 0x1p-52;
    const bool is_rounding = !job.is_frozen && fabs(residue) <= roundoff * fabs(statistics.mean);
    const double error = is_rounding ? residue * statistics.inv_std : 0.0;
    dscale -= dy * error;
    const double slope = dscale / job.args.count;
    *factor(job, 0, channel) = statistics.mean;
    *factor(job, 1, channel) = statistics.inv_std;
    *factor(job, 2, channel) = gain_of<P>(job, offset, statistics.inv_std);
    *factor(job, 3, channel) = dy / job.args.count - error * slope;
    *factor(job, 4, channel) = slope;
  }
  const double alpha = job.args.param_alpha, beta = job.args.param_beta;
  if (job.args.dscale) blend<P>(job.args.dscale, offset, alpha, dscale, beta);
  if (job.args.dbias) blend<P>(job.args.dbias, offset, alpha, dy, beta);
}

template <class T>
class FoldGradients {
 public:
  using Sum = Gradients;
  struct Value {
    double x, dy;
  };

  __device__ FoldGradients(const Job &job, const Offsets &channel, int64_t index)
      : x_(job.args.x),
        dy_(job.args.dy),
        origin_(channel),
        statistics_(backward_statistics<Compute<T>>(job, index, channel.of[CUBN_ARRAY_PARAM])) {}
  __device__ Value load_value(const Offsets &sample) const {
    return {load<T>(x_, origin_.of[CUBN_ARRAY_X] + sample.of[CUBN_ARRAY_X]),
            load<T>(dy_, origin_.of[CUBN_ARRAY_DY] + sample.of[CUBN_ARRAY_DY])};
  }
  __device__ void take(const Value &value) { sum_.take(value.x, value.dy, statistics_); }
  __device__ Gradients sum() const { return sum_; }

 private:
  const void *x_, *dy_;
  Offsets origin_;
  Statistics statistics_;
  Gradients sum_ = {0.0, 0.0, 0.0};
};

}  // namespace cubn
