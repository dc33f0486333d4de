#include "selftest_device.cuh"
#include "selftest_kernels.h"
using namespace dev;

// (1) block reduction by warp shuffles in T itself (float, __half, __nv_bfloat16)
template <class T> __global__ void __launch_bounds__(256) block_sum_k(const T *__restrict__ x, float *out, int n) {
  EMU_SHARED(T, scratch, [32]);
  T v = T(0.0f);
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) v = add(v, x[i]);
  v = block_sum(v, scratch);
  const unsigned m = __ballot_sync(0xffffffffu, threadIdx.x & 1);
  if (threadIdx.x == 0) { out[blockIdx.x] = to_f(v); if (m != 0xaaaaaaaau) out[blockIdx.x] = -1.0f; }
}
// (2) two-stage reduction, dynamic shared memory
__global__ void stage_k(const float *__restrict__ x, float *out, int n) {
  EMU_DYNAMIC_SHARED(float, s);
  const int t = threadIdx.x;
  float v = 0;
  for (int i = blockIdx.x * blockDim.x + t; i < n; i += gridDim.x * blockDim.x) v += x[i];
  s[t] = v;
  __syncthreads();
  for (int h = blockDim.x / 2; h > 0; h >>= 1) {
    if (t < h) s[t] += s[t + h];
    __syncthreads();
  }
  if (t == 0) out[blockIdx.x] = s[0];
}
// last-block pattern; FENCE=false is a deliberate bug
template <bool FENCE> __global__ void last_block_k(const float *x, float *part, unsigned *cnt, float *out, int n) {
  EMU_SHARED(float, scratch, [32]);
  EMU_SHARED(bool, last, );
  float v = 0;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) v += x[i];
  v = block_sum(v, scratch);
  if (threadIdx.x == 0) {
    part[blockIdx.x] = v;
    if (FENCE) __threadfence();
    last = atomicInc(cnt, gridDim.x - 1) == gridDim.x - 1;
  }
  __syncthreads();
  if (!last) return;
  if (FENCE) __threadfence();
  v = 0;
  for (int i = threadIdx.x; i < (int)gridDim.x; i += blockDim.x) v += part[i];
  v = block_sum(v, scratch);
  if (threadIdx.x == 0) *out = v;
}
// (3) cooperative grid sync: y = x / sum(x)
__global__ void grid_norm_k(const float *x, float *y, float *part, int n) {
  EMU_SHARED(float, scratch, [32]);
  cg::grid_group grid = cg::this_grid();
  float v = 0;
  for (int i = (int)grid.thread_rank(); i < n; i += (int)grid.size()) v += x[i];
  v = block_sum(v, scratch);
  if (threadIdx.x == 0) part[blockIdx.x] = v;
  grid.sync();
  v = 0;
  for (int i = 0; i < (int)gridDim.x; ++i) v += part[i];
  for (int i = (int)grid.thread_rank(); i < n; i += (int)grid.size()) y[i] = x[i] / v;
}
// (4) cluster + distributed shared memory; ENDSYNC=false is a deliberate bug
template <bool ENDSYNC> __global__ void cluster_sum_k(const float *x, float *out, int n) {
  EMU_SHARED(float, scratch, [32]);
  EMU_SHARED(float, part, [1]);
  const unsigned r = cluster_rank(), cs = cluster_size(), cid = blockIdx.x / cs;
  float v = 0;
  for (int i = (int)(r * blockDim.x + threadIdx.x); i < n; i += (int)(cs * blockDim.x)) v += x[(size_t)cid * n + i];
  v = block_sum(v, scratch);
  if (threadIdx.x == 0) part[0] = v;
  dev_cluster_sync();
  if (threadIdx.x == 0) {
    float t = 0;
    for (unsigned j = 0; j < cs; ++j) t += *peer(part, j);
    out[blockIdx.x] = t;
  }
  if (ENDSYNC) dev_cluster_sync();
}
// (5) reverse each 256-chunk through shared memory; GOOD=false lacks the barrier
template <bool GOOD> __global__ void reverse_k(const int *x, int *y, int n) {
  EMU_SHARED(int, s, [256]);
  const int t = threadIdx.x, i = blockIdx.x * 256 + t;
  s[t] = i < n ? x[i] : 0;
  if (GOOD) __syncthreads();
  const int j = blockIdx.x * 256 + t;
  if (j < n) y[j] = s[255 - t];
}
// (6) out of bounds by `over` elements
__global__ void copy_k(const float *x, float *y, int n, int over) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n + over) { const float v = x[i]; if (i < n || v != 0.0f) y[i < n ? i : 0] = v; }
}
// (7) divergent barriers
__global__ void divergent_k(float *y, int mode) {
  const int t = threadIdx.x;
  if (mode == 0) {
    if (t < 32) __syncthreads();   // half the block
    y[t] = 1;
  } else if (mode == 1) {
    if (t < 32) { y[t] = 1; __syncthreads(); }
    else { y[t] = 2; __syncthreads(); }
  } else if (mode == 2) {
    if (t == 5) return;            // early exit, others wait
    __syncthreads();
    y[t] = 3;
  } else if (mode == 3) {
    if (t & 1) y[t] = __shfl_xor_sync(0xffffffffu, (float)t, 1);  // half a warp in a full-mask shuffle
    else { __syncthreads(); y[t] = 0; }
  } else {
    if (t < 48) y[t] = __shfl_down_sync(0xffffffffu, (float)t, 1);
    __syncthreads();
  }
}
__global__ void misc_k(int what, float *y, const float *x) {
  EMU_SHARED(float, s, [64]);
  const int t = threadIdx.x;
  switch (what) {
    case 0: y[t] = s[t]; break;                       // uninitialised shared
    case 1: s[t + 1] = 1.0f; __syncthreads(); y[t] = s[t + 1]; break;  // t+1 == 64 for the last thread
    case 10: {                                        // scratch reused without a barrier between (write after read)
      float a = warp_sum((float)t); if ((t & 31) == 0) s[t >> 5] = a; __syncthreads(); a = s[0] + s[1];
      float b = warp_sum(1.0f); if ((t & 31) == 0) s[t >> 5] = b; __syncthreads(); b = s[0] + s[1];
      y[t] = a + b; break; }
    case 9: { float *q = s; q[t + 1] = 1.0f; break; }
    case 2: y[t] = x[t]; break;                       // host pointer / uninitialised global, by the caller
    case 3: stv(reinterpret_cast<float4 *>(y + 4 * t + 1), make_float4(0, 0, 0, 0)); break;  // misaligned vector
    case 4: {                                         // warp-synchronous code without __syncwarp
      s[t] = (float)t; if ((t & 31) < 16) s[t] += s[t + 16]; y[t] = s[t]; break; }
    case 5: {                                         // the same, right
      s[t] = (float)t; __syncwarp(); if ((t & 31) < 16) s[t] += s[t + 16]; __syncwarp(); y[t] = s[t]; break; }
    case 6: y[0] = (float)t; break;                   // global write-write race
    case 7: {                                         // tiles and sub-warp shuffles, all legal
      cg::thread_block_tile<8> tile = cg::tiled_partition<8>(cg::this_thread_block());
      float v = (float)t; for (int o = 4; o; o >>= 1) v += tile.shfl_xor(v, o);
      v += __shfl_up_sync(0xffffffffu, (float)t, 1, 16) + __shfl_sync(0xffffffffu, (float)t, 3, 8);
      if (t < 16) v += __shfl_xor_sync(0x0000ffffu, (float)t, 1);
      y[t] = v; break; }
    case 8: { int k = 1 << (t & 31); y[t] = (float)(k << t); break; }  // UB shift
    default: break;
  }
}
// BN forward (training), NCHW, one block per channel, 16-byte vectors, two reads of x
template <class T> __global__ void __launch_bounds__(256)
bn_fwd_k(const T *__restrict__ x, T *__restrict__ y, const float *g, const float *b, float *mean, float *istd, int N, int C, int HW, float eps) {
  constexpr int V = 16 / (int)sizeof(T);
  using P = Vec<T, V>;
  EMU_SHARED(float, sa, [32]);
  EMU_SHARED(float, sb, [32]);
  const int c = blockIdx.x, nv = HW / V;
  float s = 0, q = 0;
  for (int n = 0; n < N; ++n) {
    const T *p = x + ((size_t)n * C + c) * HW;
    const bool vec = reinterpret_cast<size_t>(p) % 16 == 0;
    const int nb = vec ? nv : 0;
    for (int i = threadIdx.x; i < nb; i += blockDim.x) {
      const P w = ldv(reinterpret_cast<const P *>(p) + i);
#pragma unroll
      for (int k = 0; k < V; ++k) { const float f = to_f(w.v[k]); s += f; q += f * f; }
    }
    for (int i = nb * V + threadIdx.x; i < HW; i += blockDim.x) { const float f = to_f(p[i]); s += f; q += f * f; }
  }
  s = block_sum(s, sa); q = block_sum(q, sb);
  const float m = (float)N * HW, mu = s / m, is = rsqrtf(q / m - mu * mu + eps);
  if (threadIdx.x == 0) { mean[c] = mu; istd[c] = is; }
  const float a = is * g[c], d = b[c] - mu * a;
  for (int n = 0; n < N; ++n) {
    const T *p = x + ((size_t)n * C + c) * HW;
    T *o = y + ((size_t)n * C + c) * HW;
    const bool vec = (reinterpret_cast<size_t>(p) | reinterpret_cast<size_t>(o)) % 16 == 0;
    const int nb = vec ? nv : 0;
    for (int i = threadIdx.x; i < nb; i += blockDim.x) {
      P w = ldv(reinterpret_cast<const P *>(p) + i);
#pragma unroll
      for (int k = 0; k < V; ++k) w.v[k] = from_f<T>(fmaf(to_f(w.v[k]), a, d));
      stv(reinterpret_cast<P *>(o) + i, w);
    }
    for (int i = nb * V + threadIdx.x; i < HW; i += blockDim.x) o[i] = from_f<T>(fmaf(to_f(p[i]), a, d));
  }
}

// ---- launchers: plain C functions; cudaLaunchKernelEx checks argument types and is the same in both worlds
template <class T> static cudaError_t block_sum_l(const void *x, float *out, int n, cudaStream_t s) {
  cudaLaunchConfig_t c = config(4, 256, 0, s);
  return cudaLaunchKernelEx(&c, block_sum_k<T>, static_cast<const T *>(x), out, n);
}
template <class T> static cudaError_t bn_l(const void *x, void *y, const float *g, const float *b, float *mean, float *istd, int N, int C, int HW, float eps, cudaStream_t s) {
  cudaLaunchConfig_t c = config(C, 256, 0, s);
  return cudaLaunchKernelEx(&c, bn_fwd_k<T>, static_cast<const T *>(x), static_cast<T *>(y), g, b, mean, istd, N, C, HW, eps);
}
extern "C" {
cudaError_t k_block_sum(int type, const void *x, float *out, int n, cudaStream_t s) {
  return type == T_F32 ? block_sum_l<float>(x, out, n, s) : type == T_F16 ? block_sum_l<__half>(x, out, n, s) : block_sum_l<__nv_bfloat16>(x, out, n, s);
}
cudaError_t k_two_stage(const float *x, float *part, float *out, int n, int blocks, int threads, cudaStream_t s) {
  cudaLaunchConfig_t c = config(blocks, threads, threads * sizeof(float), s);
  cudaError_t e = cudaLaunchKernelEx(&c, stage_k, x, part, n);
  c.gridDim = 1;
  return e ? e : cudaLaunchKernelEx(&c, stage_k, (const float *)part, out, blocks);
}
cudaError_t k_last_block(const float *x, float *part, unsigned *cnt, float *out, int n, int blocks, int fence, cudaStream_t s) {
  cudaLaunchConfig_t c = config(blocks, 128, 0, s);
  return fence ? cudaLaunchKernelEx(&c, last_block_k<true>, x, part, cnt, out, n) : cudaLaunchKernelEx(&c, last_block_k<false>, x, part, cnt, out, n);
}
cudaError_t k_grid_norm(const float *x, float *y, float *part, int n, int blocks, int coop, cudaStream_t s) {
  cudaLaunchConfig_t c = config(blocks, 128, 0, s);
  cudaLaunchAttribute a[1];
  a[0].id = cudaLaunchAttributeCooperative; a[0].val.cooperative = 1;
  c.attrs = a; c.numAttrs = coop ? 1 : 0;
  return cudaLaunchKernelEx(&c, grid_norm_k, x, y, part, n);
}
cudaError_t k_cluster_sum(const float *x, float *out, int n, int clusters, int csize, int endsync, cudaStream_t s) {
  cudaLaunchConfig_t c = config(clusters * csize, 128, 0, s);
  cudaLaunchAttribute a[1];
  a[0].id = cudaLaunchAttributeClusterDimension;
  a[0].val.clusterDim.x = csize; a[0].val.clusterDim.y = 1; a[0].val.clusterDim.z = 1;
  c.attrs = a; c.numAttrs = 1;
  return endsync ? cudaLaunchKernelEx(&c, cluster_sum_k<true>, x, out, n) : cudaLaunchKernelEx(&c, cluster_sum_k<false>, x, out, n);
}
cudaError_t k_bad_sync(const int *x, int *y, int n, int good, cudaStream_t s) {
  cudaLaunchConfig_t c = config((n + 255) / 256, 256, 0, s);
  return good ? cudaLaunchKernelEx(&c, reverse_k<true>, x, y, n) : cudaLaunchKernelEx(&c, reverse_k<false>, x, y, n);
}
cudaError_t k_oob(const float *x, float *y, int n, int over, cudaStream_t s) {
  void *args[] = {&x, &y, &n, &over};  // the cudaLaunchKernel form: typed function name, untyped arguments
  return cudaLaunchKernel(copy_k, dim3((n + over + 127) / 128), dim3(128), args, 0, s);
}
cudaError_t k_divergent(float *y, int mode, cudaStream_t s) {
  cudaLaunchConfig_t c = config(1, 64, 0, s);
  return cudaLaunchKernelEx(&c, divergent_k, y, mode);
}
cudaError_t k_misc(int what, float *y, const float *x, cudaStream_t s) {
  cudaLaunchConfig_t c = config(1, 64, 0, s);
  return cudaLaunchKernelEx(&c, misc_k, what, y, x);
}
cudaError_t k_bn_fwd(int type, const void *x, void *y, const float *g, const float *b, float *mean, float *istd, int N, int C, int HW, float eps, cudaStream_t s) {
  return type == T_F32 ? bn_l<float>(x, y, g, b, mean, istd, N, C, HW, eps, s) : type == T_F16 ? bn_l<__half>(x, y, g, b, mean, istd, N, C, HW, eps, s)
                                                                                             : bn_l<__nv_bfloat16>(x, y, g, b, mean, istd, N, C, HW, eps, s);
}
}
