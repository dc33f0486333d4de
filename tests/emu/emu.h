// emu.h - compile CUDA .cu files as plain C++ (g++/clang++ -x c++ -include emu.h).
// Real NVIDIA headers supply types, fp16/bf16 host arithmetic and API prototypes;
// this file supplies what exists only on the device.  C++17.
#pragma once
#ifdef __CUDACC__
#error "emu.h is for host compilers; nvcc must not see it"
#endif
#define CUBN_EMULATED 1
#include <cmath>
#include <cstdint>
#include <cstring>
#include <tuple>
#include <type_traits>
#include <utility>
#include <cuda_runtime.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include "control.h"

#define __launch_bounds__(...)
#undef __shared__  // plain __shared__ works only with EMU_WINDOW=1; use EMU_SHARED
#define __shared__ ::emu::plain_shared(); static
#define EMU_SHARED(T, name, dims)                                                  \
  typedef T name##_emu_t dims;                                                    \
  static char name##_emu_key;                                                     \
  name##_emu_t &name = *static_cast<name##_emu_t *>(::emu::shared_var(          \
      &name##_emu_key, sizeof(name##_emu_t), alignof(name##_emu_t), #name))
#define EMU_ALIGNED(p) ::emu::aligned(p, __FILE__, __LINE__)
#define EMU_DYNAMIC_SHARED(T, name) T *name = static_cast<T *>(::emu::dyn_shared(alignof(T)))
#define EMU_NOTSAN __attribute__((no_sanitize("thread")))
#define EMU_AT const char *emu_f = __builtin_FILE(), int emu_l = __builtin_LINE()

namespace emu {
struct Ctx { uint3 tid, bid; };              // one per emulated thread
enum Op { SHFL, BALLOT, ANY, ALL, SYNC, MATCH, RADD, RMIN, RMAX, RAND, ROR, RXOR };
enum BarKind { BLOCK, CLUSTER, GRID };
struct BarRes { int count, all, any; };
BarRes barrier(BarKind, int pred, const char *f, int l);
void warp_op(Op, unsigned mask, const void *in, void *out, unsigned size, int src, const char *f, int l);
unsigned laneid(), active_self();
void plain_shared();
void *shared_var(const void *key, size_t size, size_t align, const char *name);
void *dyn_shared(size_t align);
void *map_rank(void *p, unsigned rank);
unsigned cluster_info(int what);             // 0 rank, 1 size, 2 cluster index
void yield(), fence();
[[noreturn]] void misaligned(const void *p, size_t a, const char *f, int l);
template <class T> inline void aligned(const T *p, const char *f, int l) { if (reinterpret_cast<uintptr_t>(p) % alignof(T)) misaligned(p, alignof(T), f, l); }
void atomic_begin(const void *p, size_t n), trap(const char *what, const char *f, int l);
struct KernelRec {                            // how to call a kernel from void* args[]
  const void *fn; void (*call)(const void *fn, void **args); const char *name;
  unsigned nargs; const size_t *sizes;
};
void register_kernel(const KernelRec &);
template <class... P> struct Sig {
  template <size_t... I>
  EMU_NOTSAN static void go(const void *f, void **a, std::index_sequence<I...>) {
    reinterpret_cast<void (*)(P...)>(const_cast<void *>(f))(*static_cast<std::remove_reference_t<P> *>(a[I])...);
  }
  EMU_NOTSAN static void call(const void *f, void **a) { go(f, a, std::index_sequence_for<P...>{}); }
  static void reg(void (*k)(P...), const char *name) {
    static const size_t sz[] = {sizeof(P)..., 0};
    register_kernel({reinterpret_cast<const void *>(k), &Sig::call, name, sizeof...(P), sz});
  }
};
template <class... P, class... A>
cudaError_t launch_ex(const cudaLaunchConfig_t *c, void (*k)(P...), A &&...a) {
  Sig<P...>::reg(k, __PRETTY_FUNCTION__);
  std::tuple<std::decay_t<P>...> t(static_cast<P>(std::forward<A>(a))...);
  return std::apply([&](auto &...v) { void *p[] = {const_cast<void*>(static_cast<const void *>(&v))..., nullptr};
    return ::cudaLaunchKernelExC(c, reinterpret_cast<const void *>(k), p); }, t);
}
template <class T> struct Bits { static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= 16, "warp value"); };
template <class T> EMU_NOTSAN T warp_val(Op op, unsigned m, T v, int src, const char *f, int l) {
  (void)sizeof(Bits<T>); T o; warp_op(op, m, &v, &o, sizeof(T), src, f, l); return o;
}
}  // namespace emu
#define cudaLaunchKernelEx ::emu::launch_ex
template <class... P>                        // more specialised than NVIDIA's template <class T> (T*)
inline cudaError_t cudaLaunchKernel(void (*k)(P...), dim3 g, dim3 b, void **a, size_t sm = 0, cudaStream_t s = 0) {
  emu::Sig<P...>::reg(k, __PRETTY_FUNCTION__);
  return ::cudaLaunchKernel(reinterpret_cast<const void *>(k), g, b, a, sm, s);
}
template <class... P>
inline cudaError_t cudaLaunchCooperativeKernel(void (*k)(P...), dim3 g, dim3 b, void **a, size_t sm = 0, cudaStream_t s = 0) {
  emu::Sig<P...>::reg(k, __PRETTY_FUNCTION__);
  return ::cudaLaunchCooperativeKernel(reinterpret_cast<const void *>(k), g, b, a, sm, s);
}

// variables, not macros: cudaLaunchConfig_t has members gridDim and blockDim
extern uint3 threadIdx, blockIdx;            // reloaded by the engine at every fiber switch
extern dim3 blockDim, gridDim;
constexpr int warpSize = 32;

// ---- barriers and warp collectives
inline void __syncthreads(EMU_AT) { emu::barrier(emu::BLOCK, 0, emu_f, emu_l); }
inline int __syncthreads_count(int p, EMU_AT) { return emu::barrier(emu::BLOCK, !!p, emu_f, emu_l).count; }
inline int __syncthreads_and(int p, EMU_AT) { return emu::barrier(emu::BLOCK, !!p, emu_f, emu_l).all; }
inline int __syncthreads_or(int p, EMU_AT) { return emu::barrier(emu::BLOCK, !!p, emu_f, emu_l).any; }
inline void __syncwarp(unsigned m = 0xffffffffu, EMU_AT) { emu::warp_op(emu::SYNC, m, nullptr, nullptr, 0, 0, emu_f, emu_l); }
// lane arithmetic follows PTX shfl.sync; out-of-range sources return the caller's own value
template <class T> T __shfl_sync(unsigned m, T v, int src, int w = 32, EMU_AT) {
  return emu::warp_val(emu::SHFL, m, v, (int)((emu::laneid() & ~(w - 1)) | (src & (w - 1))), emu_f, emu_l);
}
template <class T> T __shfl_xor_sync(unsigned m, T v, int x, int w = 32, EMU_AT) {
  int l = (int)emu::laneid(), j = l ^ x;
  return emu::warp_val(emu::SHFL, m, v, j <= ((l & ~(w - 1)) | (w - 1)) ? j & 31 : l, emu_f, emu_l);
}
template <class T> T __shfl_down_sync(unsigned m, T v, unsigned d, int w = 32, EMU_AT) {
  unsigned l = emu::laneid(), j = l + d;
  return emu::warp_val(emu::SHFL, m, v, (int)(j <= (l | (unsigned)(w - 1)) ? j : l), emu_f, emu_l);
}
template <class T> T __shfl_up_sync(unsigned m, T v, unsigned d, int w = 32, EMU_AT) {
  int l = (int)emu::laneid(), j = l - (int)d;
  return emu::warp_val(emu::SHFL, m, v, j >= (l & ~(w - 1)) ? j : l, emu_f, emu_l);
}
inline unsigned __ballot_sync(unsigned m, int p, EMU_AT) { return emu::warp_val(emu::BALLOT, m, (unsigned)!!p, 0, emu_f, emu_l); }
inline int __any_sync(unsigned m, int p, EMU_AT) { return (int)emu::warp_val(emu::ANY, m, (unsigned)!!p, 0, emu_f, emu_l); }
inline int __all_sync(unsigned m, int p, EMU_AT) { return (int)emu::warp_val(emu::ALL, m, (unsigned)!!p, 0, emu_f, emu_l); }
inline unsigned __activemask() { return emu::active_self(); }  // a legal answer: only me
#define EMU_RED(name, op) inline unsigned name(unsigned m, unsigned v, EMU_AT) { return emu::warp_val(emu::op, m, v, 0, emu_f, emu_l); }
EMU_RED(__reduce_add_sync, RADD) EMU_RED(__reduce_min_sync, RMIN) EMU_RED(__reduce_max_sync, RMAX)
EMU_RED(__reduce_and_sync, RAND) EMU_RED(__reduce_or_sync, ROR) EMU_RED(__reduce_xor_sync, RXOR)
EMU_RED(__match_any_sync, MATCH)
inline void __threadfence() { emu::fence(); }
inline void __threadfence_block() {}
inline void __threadfence_system() { emu::fence(); }
inline void __nanosleep(unsigned) { emu::yield(); }
inline void __trap(EMU_AT) { emu::trap("__trap()", emu_f, emu_l); }
inline long long clock64() { static long long t; return ++t; }

// ---- atomics (fibers are not preempted inside; each is also a scheduling point)
#define EMU_ATOMIC(name, expr)                                                              \
  template <class T> EMU_NOTSAN T name(T *p, std::common_type_t<T> v) {                     \
    emu::atomic_begin(p, sizeof(T)); T o = *p; *p = static_cast<T>(expr); return o; }
EMU_ATOMIC(atomicAdd, o + v) EMU_ATOMIC(atomicSub, o - v) EMU_ATOMIC(atomicExch, v)
EMU_ATOMIC(atomicMin, v < o ? v : o) EMU_ATOMIC(atomicMax, o < v ? v : o)
EMU_ATOMIC(atomicAnd, o & v) EMU_ATOMIC(atomicOr, o | v) EMU_ATOMIC(atomicXor, o ^ v)
EMU_ATOMIC(atomicInc, o >= v ? 0 : o + 1) EMU_ATOMIC(atomicDec, (o == 0 || o > v) ? v : o - 1)
template <class T> EMU_NOTSAN T atomicCAS(T *p, std::common_type_t<T> c, std::common_type_t<T> v) {
  emu::atomic_begin(p, sizeof(T)); T o = *p; if (o == c) *p = v; return o; }

// ---- cached / streaming accesses: plain accesses here (so sanitizers see them)
#define EMU_LD(n) template <class T> inline T n(const T *p, EMU_AT) { emu::aligned(p, emu_f, emu_l); return *p; }
#define EMU_ST(n) template <class T> inline void n(T *p, std::common_type_t<T> v, EMU_AT) { emu::aligned(p, emu_f, emu_l); *p = v; }
EMU_LD(__ldg) EMU_LD(__ldca) EMU_LD(__ldcg) EMU_LD(__ldcs) EMU_LD(__ldlu) EMU_LD(__ldcv)
EMU_ST(__stwb) EMU_ST(__stcg) EMU_ST(__stcs) EMU_ST(__stwt)

// ---- math and bit intrinsics missing on the host
#define EMU_F1(n, e) inline float n(float x) { return e; }
#define EMU_F2(n, e) inline float n(float x, float y) { return e; }
EMU_F1(rsqrtf, (float)(1.0 / std::sqrt((double)x))) EMU_F1(__frsqrt_rn, (float)(1.0 / std::sqrt((double)x)))
EMU_F1(__fsqrt_rn, std::sqrt(x)) EMU_F1(__frcp_rn, 1.0f / x) EMU_F1(__expf, std::exp(x)) EMU_F1(__logf, std::log(x))
EMU_F2(__fadd_rn, x + y) EMU_F2(__fsub_rn, x - y) EMU_F2(__fmul_rn, x *y) EMU_F2(__fdiv_rn, x / y) EMU_F2(__fdividef, x / y)
inline double rsqrt(double x) { return 1.0 / std::sqrt(x); }
inline float __fmaf_rn(float a, float b, float c) { return std::fma(a, b, c); }
inline float __saturatef(float x) { return x != x ? 0.f : x < 0 ? 0.f : x > 1 ? 1.f : x; }
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __clz(int x) { return x ? __builtin_clz((unsigned)x) : 32; }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline unsigned __brev(unsigned x) { unsigned r = 0; for (int i = 0; i < 32; ++i) r |= ((x >> i) & 1u) << (31 - i); return r; }
#define EMU_CAST(n, D, S) inline D n(S x) { D d; std::memcpy(&d, &x, sizeof d); return d; }
EMU_CAST(__float_as_int, int, float) EMU_CAST(__float_as_uint, unsigned, float)
EMU_CAST(__int_as_float, float, int) EMU_CAST(__uint_as_float, float, unsigned)
EMU_CAST(__double_as_longlong, long long, double) EMU_CAST(__longlong_as_double, double, long long)
#define EMU_MM(T) inline T min(T a, T b) { return b < a ? b : a; } inline T max(T a, T b) { return a < b ? b : a; }
EMU_MM(int) EMU_MM(unsigned) EMU_MM(long) EMU_MM(unsigned long) EMU_MM(long long) EMU_MM(unsigned long long)
inline float min(float a, float b) { return std::fmin(a, b); } inline float max(float a, float b) { return std::fmax(a, b); }
inline double min(double a, double b) { return std::fmin(a, b); } inline double max(double a, double b) { return std::fmax(a, b); }
inline __half __hfma(__half a, __half b, __half c) { return __double2half((double)__half2float(a) * __half2float(b) + __half2float(c)); }
inline __nv_bfloat16 __hfma(__nv_bfloat16 a, __nv_bfloat16 b, __nv_bfloat16 c) { return __double2bfloat16((double)__bfloat162float(a) * __bfloat162float(b) + __bfloat162float(c)); }
inline __half2 __hfma2(__half2 a, __half2 b, __half2 c) { return __halves2half2(__hfma(a.x, b.x, c.x), __hfma(a.y, b.y, c.y)); }
inline __nv_bfloat162 __hfma2(__nv_bfloat162 a, __nv_bfloat162 b, __nv_bfloat162 c) { return __halves2bfloat162(__hfma(a.x, b.x, c.x), __hfma(a.y, b.y, c.y)); }
inline __half hrsqrt(__half a) { return __float2half(rsqrtf(__half2float(a))); }

// ---- cooperative groups (NVIDIA's header is empty unless __CUDACC__)
namespace cooperative_groups {
struct thread_block {
  void sync(EMU_AT) const { emu::barrier(emu::BLOCK, 0, emu_f, emu_l); }
  unsigned thread_rank() const { return (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x; }
  unsigned size() const { return blockDim.x * blockDim.y * blockDim.z; }
  unsigned num_threads() const { return size(); }
  dim3 group_index() const { return dim3(blockIdx); }
  dim3 thread_index() const { return dim3(threadIdx); }
};
inline thread_block this_thread_block() { return {}; }
struct grid_group {
  void sync(EMU_AT) const { emu::barrier(emu::GRID, 0, emu_f, emu_l); }
  unsigned long long block_rank() const { return ((unsigned long long)blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x; }
  unsigned long long num_blocks() const { return (unsigned long long)gridDim.x * gridDim.y * gridDim.z; }
  unsigned long long thread_rank() const { return block_rank() * thread_block().size() + thread_block().thread_rank(); }
  unsigned long long size() const { return num_blocks() * thread_block().size(); }
};
inline grid_group this_grid() { return {}; }
struct cluster_group {
  static void sync(EMU_AT) { emu::barrier(emu::CLUSTER, 0, emu_f, emu_l); }
  static unsigned block_rank() { return emu::cluster_info(0); }
  static unsigned num_blocks() { return emu::cluster_info(1); }
  template <class T> static T *map_shared_rank(T *p, int r) {
    return static_cast<T *>(emu::map_rank(const_cast<std::remove_const_t<T> *>(p), (unsigned)r)); }
};
inline cluster_group this_cluster() { return {}; }
template <unsigned N> struct thread_block_tile {
  unsigned thread_rank() const { return emu::laneid() & (N - 1); }
  static constexpr unsigned size() { return N; }
  unsigned meta_group_rank() const { return thread_block().thread_rank() / N; }
  unsigned mask() const { return (N == 32 ? ~0u : ((1u << (N & 31)) - 1) << (emu::laneid() & ~(N - 1))); }
  void sync(EMU_AT) const { __syncwarp(mask(), emu_f, emu_l); }
  template <class T> T shfl(T v, int s, EMU_AT) const { return __shfl_sync(mask(), v, s, N, emu_f, emu_l); }
  template <class T> T shfl_xor(T v, int s, EMU_AT) const { return __shfl_xor_sync(mask(), v, s, N, emu_f, emu_l); }
  template <class T> T shfl_down(T v, unsigned s, EMU_AT) const { return __shfl_down_sync(mask(), v, s, N, emu_f, emu_l); }
  int any(int p, EMU_AT) const { return __any_sync(mask(), p, emu_f, emu_l); }
  int all(int p, EMU_AT) const { return __all_sync(mask(), p, emu_f, emu_l); }
};
template <unsigned N> inline thread_block_tile<N> tiled_partition(const thread_block &) { return {}; }
}  // namespace cooperative_groups
