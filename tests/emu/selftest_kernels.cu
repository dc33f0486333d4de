// Kernels that a correct emulator must run correctly. Template flags take out what makes some of
// them correct, for the death tests.
#include "selftest_kernels.h"

#include "selftest_device.cuh"

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

// Whichever block comes first produces; the other waits for it.
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

__global__ void warp_tiles_kernel(float *y) {
  const unsigned thread = threadIdx.x;
  const float own = static_cast<float>(thread);
  cg::thread_block_tile<8> tile = cg::tiled_partition<8>(cg::this_thread_block());
  float value = own;
  for (int lane_mask = 4; lane_mask != 0; lane_mask >>= 1) value += tile.shfl_xor(value, lane_mask);
  value += __shfl_up_sync(0xffffffffu, own, 1, 16) + __shfl_sync(0xffffffffu, own, 3, 8);
  if (thread < 16) value += __shfl_xor_sync(0x0000ffffu, own, 1);
  y[thread] = value;
}

__global__ void warp_votes_kernel(unsigned *y) {
  const unsigned lane = threadIdx.x % 32;
  const unsigned all = 0xffffffffu;
  unsigned *out = y + 8 * threadIdx.x;
  out[0] = __ballot_sync(all, lane < 5);
  out[1] = static_cast<unsigned>(__any_sync(all, lane == 31) + 2 * __all_sync(all, lane < 31));
  out[2] = __match_any_sync(all, lane / 4);
  out[3] = static_cast<unsigned>(__shfl_down_sync(all, static_cast<int>(lane), 4));
  out[4] = static_cast<unsigned>(__syncthreads_count(lane < 3));
  out[5] = static_cast<unsigned>(__syncthreads_or(lane == 7) + 2 * __syncthreads_and(lane == 7));
#if defined(CUBN_EMULATED) || (defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800)
  out[6] = __reduce_add_sync(all, lane);
  out[7] = __reduce_min_sync(all, lane + 9) + 100 * __reduce_max_sync(all, lane);
#endif
}

template <bool kSyncWarp>
__global__ void warp_halves_kernel(float *y) {
  EMU_SHARED(float, values, [64]);
  const unsigned thread = threadIdx.x;
  values[thread] = static_cast<float>(thread);
  if (kSyncWarp) __syncwarp();
  if (thread % 32 < 16) values[thread] += values[thread + 16];
  if (kSyncWarp) __syncwarp();
  y[thread] = values[thread];
}

template <class V>
__device__ void copy_vectors(const unsigned *x, unsigned *y, int words) {
  constexpr int kWords = static_cast<int>(sizeof(V) / sizeof(unsigned));
  const V *from = reinterpret_cast<const V *>(x);
  V *to = reinterpret_cast<V *>(y);
  const int count = words / kWords;
  for (int i = global_thread(); i < count; i += grid_threads()) {
    const V value = i % 3 == 0 ? __ldg(from + i) : i % 3 == 1 ? __ldcs(from + i) : __ldcg(from + i);
    if (i % 2 == 0) {
      __stcs(to + i, value);
    } else {
      __stcg(to + i, value);
    }
  }
}

__global__ void vector_copies_kernel(const unsigned *x, unsigned *y, int words) {
  copy_vectors<unsigned>(x, y, words);
  copy_vectors<uint2>(x, y + words, words);
  copy_vectors<uint4>(x, y + 2 * words, words);
  copy_vectors<float2>(x, y + 3 * words, words);
  copy_vectors<float4>(x, y + 4 * words, words);
  copy_vectors<double>(x, y + 5 * words, words);
  copy_vectors<double2>(x, y + 6 * words, words);
}

__global__ void math_kernel(const float *x, float *y, double *z, long long *w) {
  const float a = x[0];  // 2.25
  y[0] = rsqrtf(a);
  y[1] = sqrtf(a);
  y[2] = fmaf(a, 2.0f, 1.0f);
  y[3] = __frcp_rn(a);
  y[4] = __double2float_rn(static_cast<double>(a) + 1e-12);
  y[5] = __fdividef(a, 2.0f);
  y[6] = fminf(a, fmaxf(1.0f, 7.0f)) + min(a, 3.0f) + max(a, 3.0f);
  y[7] = __uint_as_float(__float_as_uint(a) ^ 0x80000000u);
  y[8] = (isfinite(a) ? 1.0f : 0.0f) + (isnan(x[1]) ? 2.0f : 0.0f) + (isinf(x[2]) ? 4.0f : 0.0f);
  y[9] = __saturatef(a) + __fsqrt_rn(a) + __fmaf_rn(a, a, a);
  z[0] = sqrt(static_cast<double>(a));
  z[1] = rsqrt(static_cast<double>(a));
  z[2] = fma(static_cast<double>(a), 2.0, 1.0);
  z[3] = __longlong_as_double(__double_as_longlong(static_cast<double>(a)));
  const long long big = 1ll << 40;
  w[0] = __popc(0xf0f0u);
  w[1] = __ffs(0x100);
  w[2] = __clz(1);
  w[3] = __umulhi(0x80000000u, 6u);
  w[4] = static_cast<long long>(__umul64hi(1ull << 63, 6ull));
  w[5] = min(big, big + 1) + max(-big, big);
  w[6] = __popcll(~0ull) + __clzll(1) + __ffsll(1ll << 33);
  w[7] = __brev(1u);
}

// Bits to bytes: every eighth thread writes the byte of its group.
__global__ void bytes_kernel(const unsigned char *x, unsigned char *y, int n) {
  const int i = global_thread();
  const unsigned bits = __ballot_sync(0xffffffffu, i < n && x[i] != 0);
  if (i < n && i % 8 == 0) y[i / 8] = static_cast<unsigned char>(bits >> (i % 32));
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
  // The other way to launch: the function by its type, the arguments without.
  void *arguments[] = {&x, &y, &n, &beyond};
  const unsigned blocks = static_cast<unsigned>((n + beyond + 127) / 128);
  return cudaLaunchKernel(copy_kernel, dim3(blocks), dim3(128), arguments, 0, s);
}

cudaError_t launch_warp_tiles(float *y, cudaStream_t s) {
  cudaLaunchConfig_t config = launch_config(1, 64, 0, s);
  return cudaLaunchKernelEx(&config, warp_tiles_kernel, y);
}

cudaError_t launch_warp_votes(unsigned *y, cudaStream_t s) {
  cudaLaunchConfig_t config = launch_config(1, 64, 0, s);
  return cudaLaunchKernelEx(&config, warp_votes_kernel, y);
}

cudaError_t launch_warp_halves(float *y, int with_syncwarp, cudaStream_t s) {
  cudaLaunchConfig_t config = launch_config(1, 64, 0, s);
  auto *kernel = with_syncwarp != 0 ? warp_halves_kernel<true> : warp_halves_kernel<false>;
  return cudaLaunchKernelEx(&config, kernel, y);
}

cudaError_t launch_vector_copies(const void *x, void *y, int words, cudaStream_t s) {
  cudaLaunchConfig_t config = launch_config(2, 64, 0, s);
  return cudaLaunchKernelEx(&config, vector_copies_kernel, static_cast<const unsigned *>(x),
                            static_cast<unsigned *>(y), words);
}

cudaError_t launch_math(const float *x, float *y, double *z, long long *w, cudaStream_t s) {
  cudaLaunchConfig_t config = launch_config(1, 1, 0, s);
  return cudaLaunchKernelEx(&config, math_kernel, x, y, z, w);
}

cudaError_t launch_bytes(const unsigned char *x, unsigned char *y, int n, cudaStream_t s) {
  cudaLaunchConfig_t config = launch_config((n + 63) / 64, 64, 0, s);
  return cudaLaunchKernelEx(&config, bytes_kernel, x, y, n);
}

cudaError_t launch_grid(unsigned x, unsigned y, unsigned z, cudaStream_t s) {
  cudaLaunchConfig_t config = launch_config(1, 1, 0, s);
  config.gridDim = dim3(x, y, z);
  return cudaLaunchKernelEx(&config, empty_kernel);
}
