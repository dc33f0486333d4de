// Kernels with one deliberate mistake each, which the emulator must report. They never run on a
// GPU.
#include "selftest_device.cuh"
#include "selftest_kernels.h"

using namespace selftest;

namespace {

__global__ void read_kernel(const float *x, float *y) {
  y[threadIdx.x] = x[threadIdx.x];
}

__global__ void uninitialised_shared_kernel(float *y) {
  EMU_SHARED(float, values, [64]);
  y[threadIdx.x] = values[threadIdx.x];
}

__global__ void shared_index_kernel(float *y) {
  EMU_SHARED(float, values, [64]);
  values[threadIdx.x + 1] = 1.0f;  // 64 for the last thread
  __syncthreads();
  y[threadIdx.x] = values[threadIdx.x + 1];
}

__global__ void shared_pointer_kernel(float *) {
  EMU_SHARED(float, values, [64]);
  float *pointer = values;
  pointer[threadIdx.x + 1] = 1.0f;
}

__global__ void shift_kernel(float *y) {
  const int bit = 1 << (threadIdx.x & 31);
  y[threadIdx.x] = static_cast<float>(bit << threadIdx.x);
}

__global__ void misaligned_vector_kernel(float *y) {
  store_pack(reinterpret_cast<float4 *>(y + 4 * threadIdx.x + 1), make_float4(0, 0, 0, 0));
}

__global__ void misaligned_load_kernel(float *y) {
  const float2 both = __ldcs(reinterpret_cast<const float2 *>(y + 1));
  y[0] = both.x;
}

// The second sum reuses the scratch while another warp may still read the first.
__global__ void scratch_reuse_kernel(float *y) {
  EMU_SHARED(float, scratch, [2]);
  const unsigned thread = threadIdx.x;
  float first = warp_sum(static_cast<float>(thread));
  if (thread % 32 == 0) scratch[thread / 32] = first;
  __syncthreads();
  first = scratch[0] + scratch[1];
  float second = warp_sum(1.0f);
  if (thread % 32 == 0) scratch[thread / 32] = second;
  __syncthreads();
  second = scratch[0] + scratch[1];
  y[thread] = first + second;
}

__global__ void global_race_kernel(float *y) {
  y[0] = static_cast<float>(threadIdx.x);
}

// Accesses to neighboring bytes are no race; accesses to the same byte are one.
__global__ void byte_race_kernel(float *y) {
  unsigned char *bytes = reinterpret_cast<unsigned char *>(y);
  bytes[threadIdx.x] = 1;
  if (threadIdx.x == 40) bytes[3] = 2;
}

__global__ void warp_mask_kernel(float *y) {
  y[threadIdx.x] = __shfl_sync(0x0000ffffu, 1.0f, 0);  // the upper half is not in the mask
}

__global__ void warp_operations_kernel(float *y) {
  if (threadIdx.x % 32 < 16) {
    y[threadIdx.x] = __shfl_sync(0xffffffffu, 1.0f, 0);
  } else {
    y[threadIdx.x] = __shfl_xor_sync(0xffffffffu, 1.0f, 1);
  }
}

__global__ void trap_kernel(float *) {
  __trap();
}

__global__ void assume_kernel(float *y) {
  __builtin_assume(threadIdx.x < 63);
  y[threadIdx.x] = 1.0f;
}

__global__ void endless_spin_kernel(float *y) {
  unsigned *flag = reinterpret_cast<unsigned *>(y);
  while (atomicAdd(flag, 0u) != 0) __nanosleep(100);
}

__global__ void shared_size_kernel(float *y) {
  EMU_SHARED(float, much, [12000]);
  EMU_SHARED(float, more, [1000]);
  much[threadIdx.x] = 1.0f;
  more[threadIdx.x] = 2.0f;
  y[threadIdx.x] = much[threadIdx.x] + more[threadIdx.x];
}

struct alignas(128) Line {
  float values[32];
};

__global__ void shared_alignment_kernel(float *y) {
#ifdef CUBN_EMULATED
  EMU_DYNAMIC_SHARED(Line, lines);
  y[threadIdx.x] = lines[0].values[0];
#else
  (void)y;
#endif
}

__global__ void cluster_rank_kernel(float *y) {
  EMU_SHARED(float, value, [1]);
  if (threadIdx.x == 0) y[0] = *peer(value, 1);
}

__global__ void plain_shared_kernel(float *y) {
  __shared__ float value[1];
  value[0] = 1.0f;
  y[blockIdx.x] = value[0];
}

template <selftest_divergence kDivergence>
__global__ void divergent_kernel(float *y) {
  const unsigned thread = threadIdx.x;
  const float own = static_cast<float>(thread);
  if (kDivergence == DIVERGENT_HALF_THE_BLOCK) {
    if (thread < 32) __syncthreads();
    y[thread] = 1;
  } else if (kDivergence == DIVERGENT_TWO_BARRIERS) {
    if (thread < 32) {
      y[thread] = 1;
      __syncthreads();
    } else {
      y[thread] = 2;
      __syncthreads();
    }
  } else if (kDivergence == DIVERGENT_EARLY_RETURN) {
    if (thread == 5) return;
    __syncthreads();
    y[thread] = 3;
  } else if (kDivergence == DIVERGENT_HALF_A_SHUFFLE) {
    if (thread & 1) {
      y[thread] = __shfl_xor_sync(0xffffffffu, own, 1);
    } else {
      __syncthreads();
      y[thread] = 0;
    }
  } else {
    if (thread < 48) y[thread] = __shfl_down_sync(0xffffffffu, own, 1);
    __syncthreads();
  }
}

using Kernel = void (*)(float *);

Kernel kernel_of(selftest_bug bug) {
  switch (bug) {
    case BUG_UNINITIALISED_SHARED:
      return uninitialised_shared_kernel;
    case BUG_SHARED_INDEX:
      return shared_index_kernel;
    case BUG_SHARED_POINTER:
      return shared_pointer_kernel;
    case BUG_SHIFT:
      return shift_kernel;
    case BUG_MISALIGNED_VECTOR:
      return misaligned_vector_kernel;
    case BUG_MISALIGNED_LOAD:
      return misaligned_load_kernel;
    case BUG_SCRATCH_REUSE:
      return scratch_reuse_kernel;
    case BUG_GLOBAL_RACE:
      return global_race_kernel;
    case BUG_BYTE_RACE:
      return byte_race_kernel;
    case BUG_WARP_MASK:
      return warp_mask_kernel;
    case BUG_WARP_OPERATIONS:
      return warp_operations_kernel;
    case BUG_TRAP:
      return trap_kernel;
    case BUG_ASSUME:
      return assume_kernel;
    case BUG_ENDLESS_SPIN:
      return endless_spin_kernel;
    case BUG_SHARED_SIZE:
      return shared_size_kernel;
    case BUG_SHARED_ALIGNMENT:
      return shared_alignment_kernel;
    case BUG_CLUSTER_RANK:
      return cluster_rank_kernel;
    default:
      return plain_shared_kernel;
  }
}

Kernel kernel_of(selftest_divergence divergence) {
  switch (divergence) {
    case DIVERGENT_HALF_THE_BLOCK:
      return divergent_kernel<DIVERGENT_HALF_THE_BLOCK>;
    case DIVERGENT_TWO_BARRIERS:
      return divergent_kernel<DIVERGENT_TWO_BARRIERS>;
    case DIVERGENT_EARLY_RETURN:
      return divergent_kernel<DIVERGENT_EARLY_RETURN>;
    case DIVERGENT_HALF_A_SHUFFLE:
      return divergent_kernel<DIVERGENT_HALF_A_SHUFFLE>;
    default:
      return divergent_kernel<DIVERGENT_ABSENT_LANES>;
  }
}

}  // namespace

cudaError_t launch_bug(selftest_bug bug, float *y, cudaStream_t s) {
  cudaLaunchConfig_t config = launch_config(bug == BUG_PLAIN_SHARED ? 2 : 1, 64, 0, s);
  return cudaLaunchKernelEx(&config, kernel_of(bug), y);
}

cudaError_t launch_read(const float *x, float *y, cudaStream_t s) {
  cudaLaunchConfig_t config = launch_config(1, 64, 0, s);
  return cudaLaunchKernelEx(&config, read_kernel, x, y);
}

cudaError_t launch_divergent(float *y, selftest_divergence divergence, cudaStream_t s) {
  cudaLaunchConfig_t config = launch_config(1, 64, 0, s);
  return cudaLaunchKernelEx(&config, kernel_of(divergence), y);
}
