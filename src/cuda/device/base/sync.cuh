// Synchronization beyond a block: memory ordering between blocks, and dependent launches; for
// clusters see cluster.cuh. Inline PTX for the device, and its counterpart for the emulator under
// tests/emu.
#pragma once
#include <cuda_runtime.h>

namespace cubn {

// Ordering between blocks. fetch_add_acq_rel adds to a counter in global memory and returns the old
// value. It is ordered, on the whole device, with the calling thread's accesses before and after
// it; between two __syncthreads it orders the accesses of the whole block.
//
// One thread calls store_release to publish what it and, before __syncthreads, its block have
// written. A thread whose load_acquire returns that value sees these writes, and so does its block
// after __syncthreads.
#ifdef CUBN_EMULATED
inline unsigned fetch_add_acq_rel(unsigned *counter, unsigned value) {
  __threadfence();
  const unsigned old = atomicAdd(counter, value);
  __threadfence();
  return old;
}
inline void store_release(unsigned *flag, unsigned value) {
  emu::store_release(flag, value);
}
inline unsigned load_acquire(const unsigned *flag) {
  return emu::load_acquire(flag);
}
#else
__device__ inline unsigned fetch_add_acq_rel(unsigned *counter, unsigned value) {
  unsigned old;
  asm volatile("atom.add.acq_rel.gpu.global.u32 %0, [%1], %2;"
               : "=r"(old)
               : "l"(counter), "r"(value)
               : "memory");
  return old;
}
__device__ inline void store_release(unsigned *flag, unsigned value) {
  asm volatile("st.release.gpu.global.u32 [%0], %1;" ::"l"(flag), "r"(value) : "memory");
}
__device__ inline unsigned load_acquire(const unsigned *flag) {
  unsigned value;
  asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(value) : "l"(flag) : "memory");
  return value;
}
#endif

// Programmatic dependent launch, from sm_90 on (launch_overlapped in plan/launch.cuh). A dependent
// grid may begin as soon as every block of the prior grid has called launch_dependent_grids or has
// ended. After wait_on_prior_grid it sees everything that the prior grid, and all work before it,
// has written.
#if defined CUBN_EMULATED
inline void launch_dependent_grids() {}
inline void wait_on_prior_grid() {
  emu::wait_for_launch_before();
}
#elif !defined __CUDA_ARCH__ || __CUDA_ARCH__ >= 900
__device__ inline void launch_dependent_grids() {
  asm volatile("griddepcontrol.launch_dependents;");
}
__device__ inline void wait_on_prior_grid() {
  asm volatile("griddepcontrol.wait;" ::: "memory");
}
#else
__device__ inline void launch_dependent_grids() {}
__device__ inline void wait_on_prior_grid() {}
#endif

}  // namespace cubn
