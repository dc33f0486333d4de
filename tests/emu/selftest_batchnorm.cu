// Forward batch normalization, the kind of kernel that the emulator is made for: one block per
// channel, 16-byte vectors where the data is aligned, single elements elsewhere, two passes over x.
#include "selftest_device.cuh"
#include "selftest_kernels.h"

using namespace selftest;

namespace {

struct Arguments {
  const float *scale;
  const float *bias;
  float *mean;
  float *inv_std;
  int images;
  int channels;
  int size;
  float epsilon;
};

struct Sums {
  float values = 0;
  float squares = 0;

  __device__ void add(float value) {
    values += value;
    squares += value * value;
  }
};

template <class T>
__device__ void sum_row(const T *row, int size, Sums &sums) {
  constexpr int kVector = 16 / static_cast<int>(sizeof(T));
  using Vector = Pack<T, kVector>;
  const int thread = static_cast<int>(threadIdx.x);
  const int threads = static_cast<int>(blockDim.x);
  const bool aligned = reinterpret_cast<size_t>(row) % 16 == 0;
  const int vectors = aligned ? size / kVector : 0;
  for (int i = thread; i < vectors; i += threads) {
    const Vector pack = load_pack(reinterpret_cast<const Vector *>(row) + i);
#pragma unroll
    for (int k = 0; k < kVector; ++k) sums.add(to_float(pack.values[k]));
  }
  for (int i = vectors * kVector + thread; i < size; i += threads) sums.add(to_float(row[i]));
}

template <class T>
__device__ void scale_row(const T *from, T *to, int size, float factor, float shift) {
  constexpr int kVector = 16 / static_cast<int>(sizeof(T));
  using Vector = Pack<T, kVector>;
  const int thread = static_cast<int>(threadIdx.x);
  const int threads = static_cast<int>(blockDim.x);
  const bool aligned = (reinterpret_cast<size_t>(from) | reinterpret_cast<size_t>(to)) % 16 == 0;
  const int vectors = aligned ? size / kVector : 0;
  for (int i = thread; i < vectors; i += threads) {
    Vector pack = load_pack(reinterpret_cast<const Vector *>(from) + i);
#pragma unroll
    for (int k = 0; k < kVector; ++k) {
      pack.values[k] = from_float<T>(fmaf(to_float(pack.values[k]), factor, shift));
    }
    store_pack(reinterpret_cast<Vector *>(to) + i, pack);
  }
  for (int i = vectors * kVector + thread; i < size; i += threads) {
    to[i] = from_float<T>(fmaf(to_float(from[i]), factor, shift));
  }
}

template <class T>
__global__ void __launch_bounds__(256)
    batchnorm_kernel(const T *__restrict__ x, T *__restrict__ y, const Arguments arguments) {
  EMU_SHARED(float, scratch_values, [32]);
  EMU_SHARED(float, scratch_squares, [32]);
  const int channel = static_cast<int>(blockIdx.x);
  const int size = arguments.size;
  Sums sums;
  for (int image = 0; image < arguments.images; ++image) {
    sum_row(x + static_cast<ptrdiff_t>(image * arguments.channels + channel) * size, size, sums);
  }
  const float values = block_sum(sums.values, scratch_values);
  const float squares = block_sum(sums.squares, scratch_squares);
  const float count = static_cast<float>(arguments.images) * static_cast<float>(size);
  const float mean = values / count;
  const float inv_std = rsqrtf(squares / count - mean * mean + arguments.epsilon);
  if (threadIdx.x == 0) {
    arguments.mean[channel] = mean;
    arguments.inv_std[channel] = inv_std;
  }
  const float factor = inv_std * arguments.scale[channel];
  const float shift = arguments.bias[channel] - mean * factor;
  for (int image = 0; image < arguments.images; ++image) {
    const ptrdiff_t offset = static_cast<ptrdiff_t>(image * arguments.channels + channel) * size;
    scale_row(x + offset, y + offset, size, factor, shift);
  }
}

template <class T>
cudaError_t launch_of(const void *x, void *y, const Arguments &arguments, cudaStream_t s) {
  cudaLaunchConfig_t config = launch_config(arguments.channels, 256, 0, s);
  return cudaLaunchKernelEx(&config, batchnorm_kernel<T>, static_cast<const T *>(x),
                            static_cast<T *>(y), arguments);
}

}  // namespace

cudaError_t launch_batchnorm(selftest_type type, const void *x, void *y, const float *scale,
                             const float *bias, float *mean, float *inv_std, int images,
                             int channels, int size, float epsilon, cudaStream_t s) {
  const Arguments arguments = {scale, bias, mean, inv_std, images, channels, size, epsilon};
  switch (type) {
    case SELFTEST_F32:
      return launch_of<float>(x, y, arguments, s);
    case SELFTEST_F16:
      return launch_of<__half>(x, y, arguments, s);
    default:
      return launch_of<__nv_bfloat16>(x, y, arguments, s);
  }
}

cudaError_t query_batchnorm_kernel(struct cudaFuncAttributes *attributes, int *blocks_per_sm,
                                   int dynamic_shared_bytes) {
  auto *kernel = batchnorm_kernel<float>;
  cudaError_t error = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                           dynamic_shared_bytes);
  if (error != cudaSuccess) return error;
  error = cudaFuncGetAttributes(attributes, kernel);
  if (error != cudaSuccess) return error;
  const size_t bytes = static_cast<size_t>(dynamic_shared_bytes);
  return cudaOccupancyMaxActiveBlocksPerMultiprocessor(blocks_per_sm, kernel, 256, bytes);
}
