// Double backward: its sums over the values of a channel, the reducer that forms them, and its
// elements. core/double_backward.h has the formulas.
#pragma once
#include <cuda_runtime.h>

#include <cstdint>
#include <cstring>

#include "core/backend.h"
#include "core/double_backward.h"
#include "cuda/common/tuning.h"
#include "cuda/device/base/dtype.cuh"
#include "cuda/strided/axes.cuh"
#include "cuda/strided/params.cuh"
#include "cuda/strided/sums.cuh"

namespace cubn {

// What is kept of a channel in the workspace. The first two are where Moments leaves them.
struct DoubleFactors {
  double mean, inv_std, mean_low;
  cubn_double_factors of;
};
constexpr int DOUBLE_FACTORS = sizeof(DoubleFactors) / sizeof(double);

__device__ inline void store_double_factors(const StridedParams &params, int64_t channel,
                                            const DoubleFactors &factors) {
  double values[DOUBLE_FACTORS];
  memcpy(values, &factors, sizeof values);
  for (int i = 0; i < DOUBLE_FACTORS; ++i) *factor(params, i, channel) = values[i];
}

__device__ inline DoubleFactors load_double_factors(const StridedParams &params, int64_t channel) {
  DoubleFactors factors;
  double values[DOUBLE_FACTORS];
  for (int i = 0; i < DOUBLE_FACTORS; ++i) values[i] = *factor(params, i, channel);
  memcpy(&factors, values, sizeof values);
  return factors;
}

// The statistics in use. What a given mean lacks is subtracted apart.
struct DoubleStatistics {
  Statistics high;
  double mean_low;

  __device__ double center(double x) const { return (x - high.mean) - mean_low; }
};

template <class P>
__device__ inline DoubleStatistics double_statistics(const StridedParams &params, int64_t channel,
                                                     int64_t param_offset) {
  const double low = load_or<P>(params.args.mean_low, param_offset, 0.0);
  if (!params.is_frozen) return {backward_statistics<P>(params, channel, param_offset), low};
  return {{load<P>(params.args.mean, param_offset), given_inv_std<P>(params, param_offset)}, low};
}

// The pivots of a channel: the first values of dy and ddx.
template <class T>
__device__ inline double first_dy(const StridedParams &params, const Offsets &channel) {
  return load<T>(params.args.dy, channel.array[CUBN_ARRAY_DY]);
}
template <class T>
__device__ inline double first_ddx(const StridedParams &params, const Offsets &channel) {
  return load_or<T>(params.args.second.ddx, channel.array[CUBN_ARRAY_Z], 0.0);
}

struct DoubleGradients : cubn_double_sums {
  __device__ void add(const DoubleGradients &other) {
    ddx += other.ddx;
    dy += other.dy;
    ddx_dy += other.ddx_dy;
    ddx_x_hat += other.ddx_x_hat;
    dy_x_hat += other.dy_x_hat;
    centered += other.centered;
  }

  // Writes gscale and, unless the tensor is empty, the factors of the channel.
  template <class T>
  __device__ void finish(const StridedParams &params, int64_t channel) const {
    using P = Compute<T>;
    const Offsets origin = locate(params.channels, channel);
    const int64_t offset = origin.array[CUBN_ARRAY_PARAM];
    const cubn_double_backward &second = params.args.second;
    double gscale = 0.0;
    if (params.tiling.samples > 0) {
      const DoubleStatistics statistics = double_statistics<P>(params, channel, offset);
      const double m = static_cast<double>(params.tiling.samples);
      // As in Gradients: the mean in use is that of x, rounded, if it is no further away.
      const double residue = centered / m;
      const double roundoff = params.has_saved && sizeof(P) == sizeof(float) ? 0x1p-23 : 0x1p-52;
      const bool is_rounding = !params.is_frozen && !params.args.mean_low &&
                               fabs(residue) <= roundoff * fabs(statistics.high.mean);
      const double error = is_rounding ? residue : 0.0;
      const cubn_double_channel values = {m,
                                          statistics.high.inv_std,
                                          load_or<P>(params.args.scale, offset, 1.0),
                                          load_or<P>(second.ddscale, offset, 0.0),
                                          load_or<P>(second.ddbias, offset, 0.0),
                                          first_ddx<T>(params, origin),
                                          first_dy<T>(params, origin)};
      const cubn_double_factors of =
          cubn_double_factors_of(&values, this, params.is_frozen, &gscale);
      const DoubleFactors factors = {statistics.high.mean, statistics.high.inv_std,
                                     statistics.mean_low + error, of};
      store_double_factors(params, channel, factors);
    }
    if (second.gscale) static_cast<P *>(second.gscale)[offset] = from_double<P>(gscale);
  }
};

// The inputs of an element.
struct DoubleValue {
  double x, dy, ddx;
};

template <class T>
__device__ inline DoubleValue load_double_value(const cubn_args &args, const Offsets &channel,
                                                const Offsets &sample) {
  return {
      load<T>(args.x, channel.array[CUBN_ARRAY_X] + sample.array[CUBN_ARRAY_X]),
      load<T>(args.dy, channel.array[CUBN_ARRAY_DY] + sample.array[CUBN_ARRAY_DY]),
      load_or<T>(args.second.ddx, channel.array[CUBN_ARRAY_Z] + sample.array[CUBN_ARRAY_Z], 0.0)};
}

// Reduces the values of one thread to the sums.
template <class T>
class DoubleGradientsReducer {
 public:
  using Sum = DoubleGradients;
  using Value = DoubleValue;

  __device__ DoubleGradientsReducer(const StridedParams &params, const Offsets &channel,
                                    int64_t index)
      : args_(params.args),
        origin_(channel),
        statistics_(double_statistics<Compute<T>>(params, index, channel.array[CUBN_ARRAY_PARAM])),
        dy_pivot_(first_dy<T>(params, channel)),
        ddx_pivot_(first_ddx<T>(params, channel)) {}
  __device__ Value load_value(const Offsets &sample) const {
    return load_double_value<T>(args_, origin_, sample);
  }
  __device__ void accumulate(const Value &value) {
    const double centered = statistics_.center(value.x),
                 x_hat = centered * statistics_.high.inv_std;
    const double u = value.ddx - ddx_pivot_, v = value.dy - dy_pivot_;
    sum_.ddx += u;
    sum_.dy += v;
    sum_.ddx_dy += u * v;
    sum_.ddx_x_hat += u * x_hat;
    sum_.dy_x_hat += v * x_hat;
    sum_.centered += centered;
  }
  __device__ DoubleGradients sum() const { return sum_; }

 private:
  const cubn_args &args_;
  Offsets origin_;
  DoubleStatistics statistics_;
  double dy_pivot_, ddx_pivot_;
  DoubleGradients sum_ = {};
};

// The elements of gx and ddy.
template <class T>
class DoubleElements {
 public:
  __device__ DoubleElements(const StridedParams &params, int64_t channel)
      : args_(params.args), factors_(load_double_factors(params, channel)) {}
  __device__ void store(const DoubleValue &value, const Offsets &channel,
                        const Offsets &sample) const {
    const cubn_double_factors &of = factors_.of;
    const double x_hat = ((value.x - factors_.mean) - factors_.mean_low) * factors_.inv_std;
    const double u = value.ddx - of.ddx_pivot, v = value.dy - of.dy_pivot;
    const double gx = (of.gx_ddx * u + of.gx_dy * v) + (of.gx_x_hat * x_hat + of.gx_shift);
    const double ddy = (of.ddy_ddx * u + of.ddy_x_hat * x_hat) + of.ddy_shift;
    write(args_.output, CUBN_ARRAY_OUTPUT, channel, sample, gx);
    write(args_.second.ddy, CUBN_ARRAY_DDY, channel, sample, ddy);
  }

 private:
  __device__ static void write(void *to, cubn_array array, const Offsets &channel,
                               const Offsets &sample, double value) {
    if (to)
      static_cast<T *>(to)[channel.array[array] + sample.array[array]] = from_double<T>(value);
  }

  const cubn_args &args_;
  DoubleFactors factors_;
};

// Computes gx and ddy. A thread reads the inputs of a batch before it writes the first output, so
// these may be in place.
template <class T>
__global__ void __launch_bounds__(STRIDED_THREADS)
    strided_double_backward_kernel(const __grid_constant__ StridedParams params) {
  const Lane lane = lane_of_thread(params.tiling.lanes);
  const ThreadWork work = work_of_thread(params.tiling, lane);
  if (work.channel >= params.tiling.end_channel) return;
  const Offsets channel = locate(params.channels, work.channel);
  const DoubleElements<T> elements(params, work.channel);
  const int64_t step = params.tiling.lanes.samples;
  for (int64_t first = work.begin; first < work.end; first += STRIDED_BATCH * step) {
    DoubleValue values[STRIDED_BATCH];
    for (int i = 0; i < STRIDED_BATCH; ++i)
      if (first + i * step < work.end)
        values[i] =
            load_double_value<T>(params.args, channel, locate(params.samples, first + i * step));
    for (int i = 0; i < STRIDED_BATCH; ++i)
      if (first + i * step < work.end)
        elements.store(values[i], channel, locate(params.samples, first + i * step));
  }
}

}  // namespace cubn
