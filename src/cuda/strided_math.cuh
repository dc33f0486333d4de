// What the strided algorithm computes for a channel: sums over its values, and from these the
// factors of its elements.
#pragma once
#include "cuda/device/dtype.cuh"
#include "cuda/strided_walk.cuh"

namespace cubn {

// What kernels get to know.
struct Job {
  Axes channels, samples;
  Tiling tiling;
  cubn_pass pass;
  bool has_saved, has_running;
  cubn_args args;
  double *factors;   // of a slice's channels, see factor()
  double *partials;  // sums of a slice's channels, [channel][split]
};

// ---- Types --------------------------------------------------------------------------------------

template <class T>
__device__ inline T from_double(double value) {
  return static_cast<T>(value);
}
template <>
__device__ inline __half from_double<__half>(double value) {
  return __double2half(value);
}
template <>
__device__ inline __nv_bfloat16 from_double<__nv_bfloat16>(double value) {
  return __double2bfloat16(value);
}

template <class T>
__device__ inline double load(const void *array, int64_t offset) {
  return static_cast<double>(to_compute(static_cast<const T *>(array)[offset]));
}

// array = alpha * result + beta * array, which is not read for beta = 0.
template <class T>
__device__ inline void blend(void *array, int64_t offset, double alpha, double result,
                             double beta) {
  double value = alpha * result;
  if (beta != 0.0) value += beta * load<T>(array, offset);
  static_cast<T *>(array)[offset] = from_double<T>(value);
}

// ---- Factors: what a channel's elements are computed with, kept in the workspace ----------------

__device__ inline double *factor(const Job &job, int which, int64_t channel) {
  const int64_t slice = job.tiling.end_channel - job.tiling.first_channel;
  return job.factors + which * slice + (channel - job.tiling.first_channel);
}

// y = gain * (x - pivot) + shift
struct ForwardFactors {
  double pivot, gain, shift;
};

// dx = gain * (dy - shift - (x - mean) * inv_std * slope): products of normalized quantities, which
// neither overflow nor vanish where dx does not.
struct BackwardFactors {
  double mean, inv_std, gain, shift, slope;
};

// 1 / sqrt(var + epsilon), 0 where there is nothing to divide by.
__device__ inline double inverse_deviation(double var, double epsilon) {
  const double v = var + epsilon;
  return v == 0.0 ? 0.0 : 1.0 / sqrt(v);
}

// The mean is given relative to the pivot.
template <class P>
__device__ inline ForwardFactors forward_factors(const Job &job, int64_t offset, double pivot,
                                                 double mean, double inv_std) {
  const double scale = load<P>(job.args.scale, offset), bias = load<P>(job.args.bias, offset);
  const double gain = job.args.alpha * scale * inv_std;
  return {pivot, gain, job.args.alpha * bias - mean * gain};
}

// What the values of a channel are taken relative to: its first value. Where they are close
// together the differences are small, and a constant has none.
template <class T>
__device__ inline double pivot_of(const Job &job, const Offsets &channel) {
  return load<T>(job.args.x, channel.of[CUBN_ARRAY_X]);
}

// ---- Sums ---------------------------------------------------------------------------------------

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
    const ForwardFactors factors = forward_factors<P>(job, offset, pivot, mean, inv_std);
    *factor(job, 0, channel) = factors.pivot;
    *factor(job, 1, channel) = factors.gain;
    *factor(job, 2, channel) = factors.shift;
    if (job.has_saved) {
      static_cast<P *>(job.args.saved_mean)[offset] = from_double<P>(batch_mean);
      static_cast<P *>(job.args.saved_inv_std)[offset] = from_double<P>(inv_std);
    }
    if (job.has_running) {
      const double old_weight = 1.0 - job.args.factor;
      const double unbiased_var = squares / (count > 1.0 ? count - 1.0 : 1.0);
      blend<P>(job.args.running_mean, offset, job.args.factor, batch_mean, old_weight);
      blend<P>(job.args.running_var, offset, job.args.factor, unbiased_var, old_weight);
    }
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

// Sums of dy, of dy * x_hat and of x - mean over some values of a channel.
struct Gradients {
  double dy, dy_x_hat, residual;

  __device__ void add(const Gradients &other) {
    dy += other.dy;
    dy_x_hat += other.dy_x_hat;
    residual += other.residual;
  }

  // The gradients of the parameters, and the factors of dx; these do not exist for an empty tensor.
  template <class T>
  __device__ void finish(const Job &job, int64_t channel) const;
};

// The statistics that backward normalizes with.
struct Statistics {
  double mean, inv_std;
};

template <class P>
__device__ inline Statistics backward_statistics(const Job &job, int64_t channel,
                                                 int64_t param_offset) {
  if (!job.has_saved) return {*factor(job, 0, channel), *factor(job, 1, channel)};
  return {load<P>(job.args.saved_mean, param_offset),
          load<P>(job.args.saved_inv_std, param_offset)};
}

template <class T>
__device__ void Gradients::finish(const Job &job, int64_t channel) const {
  using P = Compute<T>;
  const int64_t offset = locate(job.channels, channel).of[CUBN_ARRAY_PARAM];
  double dscale = dy_x_hat;
  if (job.tiling.samples > 0) {
    const Statistics statistics = backward_statistics<P>(job, channel, offset);
    const double count = static_cast<double>(job.tiling.samples), residue = residual / count;
    // A mean that is this close to the mean of x is that mean, rounded: x_hat is smaller by
    // `error`. One that is further away is the caller's own choice.
    const double roundoff = job.has_saved && sizeof(P) == sizeof(float) ? 0x1p-23 : 0x1p-52;
    const bool is_rounding = fabs(residue) <= roundoff * fabs(statistics.mean);
    const double error = is_rounding ? residue * statistics.inv_std : 0.0;
    dscale -= dy * error;
    const double slope = dscale / count;
    *factor(job, 0, channel) = statistics.mean;
    *factor(job, 1, channel) = statistics.inv_std;
    *factor(job, 2, channel) =
        job.args.alpha * load<P>(job.args.scale, offset) * statistics.inv_std;
    *factor(job, 3, channel) = dy / count - error * slope;
    *factor(job, 4, channel) = slope;
  }
  blend<P>(job.args.dscale, offset, job.args.param_alpha, dscale, job.args.param_beta);
  blend<P>(job.args.dbias, offset, job.args.param_alpha, dy, job.args.param_beta);
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
  __device__ void take(const Value &value) {
    const double difference = value.x - statistics_.mean;
    sum_.dy += value.dy;
    sum_.dy_x_hat += value.dy * (difference * statistics_.inv_std);
    sum_.residual += difference;
  }
  __device__ Gradients sum() const { return sum_; }

 private:
  const void *x_, *dy_;
  Offsets origin_;
  Statistics statistics_;
  Gradients sum_ = {0.0, 0.0, 0.0};
};

// ---- Elements -----------------------------------------------------------------------------------

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
    const double var = load<Compute<T>>(job.args.var, offset);
    return forward_factors<Compute<T>>(job, offset, load<Compute<T>>(job.args.mean, offset), 0.0,
                                       inverse_deviation(var, job.args.epsilon));
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
