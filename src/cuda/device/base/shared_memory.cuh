// Declarations of shared memory, for nvcc and for the emulator under tests/emu.
//
// CUBN_SHARED(double, sums, [3][THREADS]) declares a static array of a block.
// CUBN_DYNAMIC_SHARED(T, elements) declares the dynamic shared memory, whose size the launch sets.
// CUBN_CHECK_ALIGNED(pointer) lets the emulator check the alignment of a vector access.
#pragma once
#include <cuda_runtime.h>

#ifdef CUBN_EMULATED
#define CUBN_SHARED(type, name, dims) EMU_SHARED(type, name, dims)
#define CUBN_DYNAMIC_SHARED(type, name) EMU_DYNAMIC_SHARED(type, name)
#define CUBN_CHECK_ALIGNED(pointer) EMU_ALIGNED(pointer)
#else
#define CUBN_SHARED(type, name, dims) __shared__ type name dims
#define CUBN_DYNAMIC_SHARED(type, name)                                 \
  extern __shared__ __align__(16) unsigned char cubn_dynamic_shared_[]; \
  type *name = reinterpret_cast<type *>(cubn_dynamic_shared_)
#define CUBN_CHECK_ALIGNED(pointer) ((void)0)
#endif
