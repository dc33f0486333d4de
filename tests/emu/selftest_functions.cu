// Kernels that a correct emulator must run correctly: functions of the device. A template flag
// removes what makes one of them correct, for a death test.

#include "selftest_device.cuh"
#include "selftest_kernels.h"

using namespace selftest;

namespace {

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

}  // namespace

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
