// dev.cuh - the thin portability layer.  The same kernels compile with nvcc (sm_80, sm_90) and,
// through -include emu.h, with g++/clang++.
#pragma once
#include <cooperative_groups.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#ifndef CUBN_EMULATED
#define EMU_SHARED(T, name, dims) __shared__ T name dims
#define EMU_DYNAMIC_SHARED(T, name)                                   \
  extern __shared__ __align__(16) unsigned char dev_dyn_smem_[];  \
  T *name = reinterpret_cast<T *>(dev_dyn_smem_)
#define EMU_ALIGNED(p) ((void)0)
#endif
#if defined(CUBN_EMULATED) || (defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900)
#define DEV_HAS_CLUSTER 1
#else
#define DEV_HAS_CLUSTER 0
#endif
namespace dev {
namespace cg = cooperative_groups;
#if DEV_HAS_CLUSTER
template <class T> __device__ inline T *peer(T *p, unsigned r) { return cg::this_cluster().map_shared_rank(p, r); }
__device__ inline unsigned cluster_rank() { return cg::this_cluster().block_rank(); }
__device__ inline unsigned cluster_size() { return cg::this_cluster().num_blocks(); }
#define dev_cluster_sync() ::cooperative_groups::this_cluster().sync()  // a macro keeps file:line of the caller
#else            // sm_80 pass of a cluster kernel: never launched there
template <class T> __device__ inline T *peer(T *p, unsigned) { return p; }
__device__ inline unsigned cluster_rank() { return 0; }
__device__ inline unsigned cluster_size() { return 1; }
#define dev_cluster_sync() __trap()
#endif

__host__ __device__ inline float to_f(float x) { return x; }
__host__ __device__ inline float to_f(__half x) { return __half2float(x); }
__host__ __device__ inline float to_f(__nv_bfloat16 x) { return __bfloat162float(x); }
template <class T> __host__ __device__ inline T from_f(float x);
template <> __host__ __device__ inline float from_f<float>(float x) { return x; }
template <> __host__ __device__ inline __half from_f<__half>(float x) { return __float2half(x); }
template <> __host__ __device__ inline __nv_bfloat16 from_f<__nv_bfloat16>(float x) { return __float2bfloat16(x); }

template <class T, int N> struct alignas(sizeof(T) * N) Vec { T v[N]; };  // 16-byte pack

template <class P> __device__ inline P ldv(const P *p) { EMU_ALIGNED(p); return *p; }     // every vector access goes
template <class P> __device__ inline void stv(P *p, const P &v) { EMU_ALIGNED(p); *p = v; }  // through these two

template <class T> __device__ inline T add(T a, T b) { return a + b; }
template <class T> __device__ inline T warp_sum(T v) {
  for (int o = 16; o; o >>= 1) v = add(v, __shfl_xor_sync(0xffffffffu, v, o));
  return v;
}
// all threads get the sum; scratch: 32 elements; blockDim a multiple of 32
template <class T> __device__ inline T block_sum(T v, T *scratch) {
  const int lane = threadIdx.x & 31, w = threadIdx.x >> 5, nw = blockDim.x >> 5;
  v = warp_sum(v);
  __syncthreads();
  if (lane == 0) scratch[w] = v;
  __syncthreads();
  v = lane < nw ? scratch[lane] : T(0.0f);
  return warp_sum(v);
}
inline cudaLaunchConfig_t config(dim3 g, dim3 b, size_t smem, cudaStream_t s) {
  cudaLaunchConfig_t c = {};
  c.gridDim = g; c.blockDim = b; c.dynamicSmemBytes = smem; c.stream = s;
  return c;
}
}  // namespace dev
