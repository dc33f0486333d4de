// Compatibility of the self-test kernels with both the emulator and nvcc.
#pragma once

#include <cooperative_groups.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#ifndef CUBN_EMULATED
#define EMU_SHARED(T, name, dims) __shared__ T name dims
#define EMU_DYNAMIC_SHARED(T, name)                                \
  extern __shared__ __align__(16) unsigned char dynamic_shared_[]; \
  T *name = reinterpret_cast<T *>(dynamic_shared_)
#define EMU_ALIGNED(p) ((void)0)
#endif

#if defined(CUBN_EMULATED) || (defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900)
#define SELFTEST_HAS_CLUSTERS 1
#else
#define SELFTEST_HAS_CLUSTERS 0
#endif

namespace selftest {

namespace cg = cooperative_groups;

#if SELFTEST_HAS_CLUSTERS
template <class T>
__device__ inline T *peer(T *pointer, unsigned rank) {
  return cg::this_cluster().map_shared_rank(pointer, static_cast<int>(rank));
}
__device__ inline unsigned cluster_rank() {
  return cg::this_cluster().block_rank();
}
__device__ inline unsigned cluster_size() {
  return cg::this_cluster().num_blocks();
}
// A macro keeps the caller's file and line in reports.
#define SELFTEST_CLUSTER_SYNC() ::cooperative_groups::this_cluster().sync()
#else  // These are never launched on such a device.
template <class T>
__device__ inline T *peer(T *pointer, unsigned) {
  return pointer;
}
__device__ inline unsigned cluster_rank() {
  return 0;
}
__device__ inline unsigned cluster_size() {
  return 1;
}
#define SELFTEST_CLUSTER_SYNC() __trap()
#endif

// ---- ordering between blocks
#ifdef CUBN_EMULATED
using emu::load_acquire;
using emu::store_release;
#else
__device__ inline unsigned load_acquire(const unsigned *address) {
  unsigned value;
  asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(value) : "l"(address) : "memory");
  return value;
}
__device__ inline void store_release(unsigned *address, unsigned value) {
  asm volatile("st.release.gpu.global.u32 [%0], %1;" ::"l"(address), "r"(value) : "memory");
}
#endif

// ---- types
__host__ __device__ inline float to_float(float x) {
  return x;
}
__host__ __device__ inline float to_float(__half x) {
  return __half2float(x);
}
__host__ __device__ inline float to_float(__nv_bfloat16 x) {
  return __bfloat162float(x);
}

template <class T>
__host__ __device__ inline T from_float(float x);
template <>
__host__ __device__ inline float from_float<float>(float x) {
  return x;
}
template <>
__host__ __device__ inline __half from_float<__half>(float x) {
  return __float2half(x);
}
template <>
__host__ __device__ inline __nv_bfloat16 from_float<__nv_bfloat16>(float x) {
  return __float2bfloat16(x);
}

template <class T, int kCount>
struct alignas(sizeof(T) * kCount) Pack {
  T values[kCount];
};

template <class P>
__device__ inline P load_pack(const P *address) {
  EMU_ALIGNED(address);
  return *address;
}

template <class P>
__device__ inline void store_pack(P *address, const P &pack) {
  EMU_ALIGNED(address);
  *address = pack;
}

// ---- reductions
template <class T>
__device__ inline T warp_sum(T value) {
  for (int lane_mask = 16; lane_mask != 0; lane_mask >>= 1) {
    value = value + __shfl_xor_sync(0xffffffffu, value, lane_mask);
  }
  return value;
}

// All threads get the sum. scratch: 32 elements; blockDim.x: a multiple of 32.
template <class T>
__device__ inline T block_sum(T value, T *scratch) {
  const unsigned lane = threadIdx.x % 32;
  const unsigned warp = threadIdx.x / 32;
  value = warp_sum(value);
  __syncthreads();
  if (lane == 0) scratch[warp] = value;
  __syncthreads();
  value = lane < blockDim.x / 32 ? scratch[lane] : T(0.0f);
  return warp_sum(value);
}

__device__ inline int global_thread() {
  return static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
}
__device__ inline int grid_threads() {
  return static_cast<int>(gridDim.x * blockDim.x);
}

inline cudaLaunchConfig_t launch_config(int blocks, int threads, size_t shared_bytes,
                                        cudaStream_t stream) {
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(static_cast<unsigned>(blocks));
  config.blockDim = dim3(static_cast<unsigned>(threads));
  config.dynamicSmemBytes = shared_bytes;
  config.stream = stream;
  return config;
}

}  // namespace selftest
