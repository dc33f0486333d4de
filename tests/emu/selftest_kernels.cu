// Kernels that a correct emulator must run correctly: blocks, grids and clusters. Template flags
// remove what makes some of them correct, for the death tests.

#include "selftest_device.cuh"
#include "selftest_kernels.h"

using namespace selftest;

namespace {

template <class T>
__global__ void __launch_bounds__(256)
    block_sum_kernel(const T *__restrict__ x, float *out, int n) {
  EMU_SHARED(T, scratch, [32]);
  T sum = T(0.0f);
  for (int i = global_thread(); i < n; i += grid_threads()) sum = sum + x[i];
  sum = block_sum(sum, scratch);
  const unsigned odd_lanes = __ballot_sync(0xffffffffu, threadIdx.x & 1);
  if (threadIdx.x == 0) out[blockIdx.x] = odd_lanes == 0xaaaaaaaau ? to_float(sum) : -1.0f;
}

__global__ void block_sum_double_kernel(const double *__restrict__ x, double *out, int n) {
  EMU_SHARED(double, scratch, [32]);
  double sum = 0;
  for (int i = global_thread(); i < n; i += grid_threads()) sum += x[i];
  sum = block_sum(sum, scratch);
  if (threadIdx.x == 0) out[blockIdx.x] = sum;
}

__global__ void stage_kernel(const float *__restrict__ x, float *out, int n) {
  EMU_DYNAMIC_SHARED(float, sums);
  const unsigned thread = threadIdx.x;
  float sum = 0;
  for (int i = global_thread(); i < n; i += grid_threads()) sum += x[i];
  sums[thread] = sum;
  __syncthreads();
  for (unsigned half = blockDim.x / 2; half > 0; half /= 2) {
    if (thread < half) sums[thread] += sums[thread + half];
    __syncthreads();
  }
  if (thread == 0) out[blockIdx.x] = sums[0];
}

template <bool kRelease, bool kAcquire>
__global__ void last_block_kernel(const float *x, float *partial, unsigned *counter, float *out,
                                  int n) {
  EMU_SHARED(float, scratch, [32]);
  EMU_SHARED(bool, is_last, );
  float sum = 0;
  for (int i = global_thread(); i < n; i += grid_threads()) sum += x[i];
  sum = block_sum(sum, scratch);
  if (threadIdx.x == 0) {
    partial[blockIdx.x] = sum;
    if (kRelease) __threadfence();
    is_last = atomicInc(counter, gridDim.x - 1) == gridDim.x - 1;
  }
  __syncthreads();
  if (!is_last) return;
  if (kAcquire) __threadfence();
  sum = 0;
  for (unsigned i = threadIdx.x; i < gridDim.x; i += blockDim.x) sum += partial[i];
  sum = block_sum(sum, scratch);
  if (threadIdx.x == 0) *out = sum;
}

// The block that comes first produces; the other waits for it.
template <bool kRelease>
__global__ void handover_kernel(unsigned *flags, int *payload, int *out) {
  EMU_SHARED(bool, produces, );
  if (threadIdx.x == 0) produces = atomicAdd(&flags[1], 1u) == 0;
  __syncthreads();
  if (produces) {
    payload[threadIdx.x] = static_cast<int>(threadIdx.x) + 7;
    __syncthreads();
    if (threadIdx.x != 0) return;
    if (kRelease) {
      store_release(&flags[0], 1u);
    } else {
      atomicExch(&flags[0], 1u);
    }
    return;
  }
  if (threadIdx.x == 0) {
    while (load_acquire(&flags[0]) == 0) __nanosleep(20);
  }
  __syncthreads();
  out[threadIdx.x] = payload[threadIdx.x];
}

__global__ void grid_normalize_kernel(const float *x, float *y, float *partial, int n) {
  EMU_SHARED(float, scratch, [32]);
  cg::grid_group grid = cg::this_grid();
  const int first = static_cast<int>(grid.thread_rank());
  const int stride = static_cast<int>(grid.size());
  float sum = 0;
  for (int i = first; i < n; i += stride) sum += x[i];
  sum = block_sum(sum, scratch);
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
  grid.sync();
  sum = 0;
  for (unsigned i = 0; i < gridDim.x; ++i) sum += partial[i];
  for (int i = first; i < n; i += stride) y[i] = x[i] / sum;
}

template <bool kFinalSync>
__global__ void cluster_sum_kernel(const float *x, float *out, int n) {
  EMU_SHARED(float, scratch, [32]);
  EMU_SHARED(float, partial, [1]);
  const unsigned rank = cluster_rank();
  const unsigned size = cluster_size();
  const float *own = x + static_cast<size_t>(blockIdx.x / size) * static_cast<size_t>(n);
  float sum = 0;
  for (unsigned i = rank * blockDim.x + threadIdx.x; i < static_cast<unsigned>(n);
       i += size * blockDim.x) {
    sum += own[i];
  }
  sum = block_sum(sum, scratch);
  if (threadIdx.x == 0) partial[0] = sum;
  SELFTEST_CLUSTER_SYNC();
  if (threadIdx.x == 0) {
    float total = 0;
    for (unsigned other = 0; other < size; ++other) total += *peer(partial, other);
    out[blockIdx.x] = total;
  }
  // A block must not end while a peer may read its shared memory.
  if (kFinalSync) SELFTEST_CLUSTER_SYNC();
}

template <bool kBarrier>
__global__ void reverse_kernel(const int *x, int *y, int n) {
  EMU_SHARED(int, values, [256]);
  const int thread = static_cast<int>(threadIdx.x);
  const int i = static_cast<int>(blockIdx.x) * 256 + thread;
  values[thread] = i < n ? x[i] : 0;
  if (kBarrier) __syncthreads();
  if (i < n) y[i] = values[255 - thread];
}

__global__ void copy_kernel(const float *x, float *y, int n, int beyond) {
  const int i = global_thread();
  if (i >= n + beyond) return;
  const float value = x[i];
  if (i < n) y[i] = value;
  if (i >= n && value != 0.0f) y[0] = value;
}

__global__ void empty_kernel() {}

template <class T>
cudaError_t launch_block_sum_of(const void *x, float *out, int n, cudaStream_t s) {
  cudaLaunchConfig_t config = launch_config(4, 256, 0, s);
  return cudaLaunchKernelEx(&config, block_sum_kernel<T>, static_cast<const T *>(x), out, n);
}

}  // namespace

cudaError_t launch_block_sum(selftest_type type, const void *x, float *out, int n, cudaStream_t s) {
  switch (type) {
    case SELFTEST_F32:
      return launch_block_sum_of<float>(x, out, n, s);
    case SELFTEST_F16:
      return launch_block_sum_of<__half>(x, out, n, s);
    default:
      return launch_block_sum_of<__nv_bfloat16>(x, out, n, s);
  }
}

cudaError_t launch_block_sum_double(const double *x, double *out, int n, cudaStream_t s) {
  cudaLaunchConfig_t config = launch_config(4, 256, 0, s);
  return cudaLaunchKernelEx(&config, block_sum_double_kernel, x, out, n);
}

cudaError_t launch_two_stage_sum(const float *x, float *partial, float *out, int n, int blocks,
                                 int threads, cudaStream_t s) {
  const size_t shared_bytes = static_cast<size_t>(threads) * sizeof(float);
  cudaLaunchConfig_t config = launch_config(blocks, threads, shared_bytes, s);
  const cudaError_t error = cudaLaunchKernelEx(&config, stage_kernel, x, partial, n);
  if (error != cudaSuccess) return error;
  config.gridDim = dim3(1);
  const float *sums = partial;
  return cudaLaunchKernelEx(&config, stage_kernel, sums, out, blocks);
}

cudaError_t launch_last_block_sum(const float *x, float *partial, unsigned *counter, float *out,
                                  int n, int blocks, selftest_fences fences, cudaStream_t s) {
  cudaLaunchConfig_t config = launch_config(blocks, 128, 0, s);
  auto *kernel = last_block_kernel<true, true>;
  if (fences == FENCES_NONE) kernel = last_block_kernel<false, false>;
  if (fences == FENCES_WRITER_ONLY) kernel = last_block_kernel<true, false>;
  return cudaLaunchKernelEx(&config, kernel, x, partial, counter, out, n);
}

cudaError_t launch_handover(unsigned *flags, int *payload, int *out, int with_release,
                            cudaStream_t s) {
  cudaLaunchConfig_t config = launch_config(2, 64, 0, s);
  auto *kernel = with_release != 0 ? handover_kernel<true> : handover_kernel<false>;
  return cudaLaunchKernelEx(&config, kernel, flags, payload, out);
}

cudaError_t launch_grid_normalize(const float *x, float *y, float *partial, int n, int blocks,
                                  int cooperative, cudaStream_t s) {
  cudaLaunchConfig_t config = launch_config(blocks, 128, 0, s);
  cudaLaunchAttribute attribute[1];
  attribute[0].id = cudaLaunchAttributeCooperative;
  attribute[0].val.cooperative = 1;
  config.attrs = attribute;
  config.numAttrs = cooperative != 0 ? 1 : 0;
  return cudaLaunchKernelEx(&config, grid_normalize_kernel, x, y, partial, n);
}

cudaError_t launch_cluster_sum(const float *x, float *out, int n, int clusters, int cluster_blocks,
                               int final_sync, cudaStream_t s) {
  cudaLaunchConfig_t config = launch_config(clusters * cluster_blocks, 128, 0, s);
  cudaLaunchAttribute attribute[1];
  attribute[0].id = cudaLaunchAttributeClusterDimension;
  attribute[0].val.clusterDim.x = static_cast<unsigned>(cluster_blocks);
  attribute[0].val.clusterDim.y = 1;
  attribute[0].val.clusterDim.z = 1;
  config.attrs = attribute;
  config.numAttrs = 1;
  auto *kernel = final_sync != 0 ? cluster_sum_kernel<true> : cluster_sum_kernel<false>;
  return cudaLaunchKernelEx(&config, kernel, x, out, n);
}

cudaError_t launch_reverse(const int *x, int *y, int n, int with_barrier, cudaStream_t s) {
  cudaLaunchConfig_t config = launch_config((n + 255) / 256, 256, 0, s);
  auto *kernel = with_barrier != 0 ? reverse_kernel<true> : reverse_kernel<false>;
  return cudaLaunchKernelEx(&config, kernel, x, y, n);
}

cudaError_t launch_copy(const float *x, float *y, int n, int beyond, cudaStream_t s) {
  // The other way to launch: the function by its type, the arguments without one.
  void *arguments[] = {&x, &y, &n, &beyond};
  const unsigned blocks = static_cast<unsigned>((n + beyond + 127) / 128);
  return cudaLaunchKernel(copy_kernel, dim3(blocks), dim3(128), arguments, 0, s);
}

cudaError_t launch_grid(unsigned x, unsigned y, unsigned z, cudaStream_t s) {
  cudaLaunchConfig_t config = launch_config(1, 1, 0, s);
  config.gridDim = dim3(x, y, z);
  return cudaLaunchKernelEx(&config, empty_kernel);
}
