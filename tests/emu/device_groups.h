// Cooperative groups: the subset that block-level kernels use. NVIDIA's header is empty for a host
// compiler, so both can be included.
#pragma once

#include "device_shared.h"
#include "device_sync.h"

namespace cooperative_groups {

struct thread_block {
  static void sync(EMU_CALL_SITE) { emu::barrier(emu::BarrierKind::kBlock, false, site); }
  static unsigned thread_rank() {
    return (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  }
  static unsigned num_threads() { return blockDim.x * blockDim.y * blockDim.z; }
  static unsigned size() { return num_threads(); }
  static dim3 group_index() { return dim3(blockIdx); }
  static dim3 thread_index() { return dim3(threadIdx); }
};

inline thread_block this_thread_block() {
  return {};
}

struct grid_group {
  static void sync(EMU_CALL_SITE) { emu::barrier(emu::BarrierKind::kGrid, false, site); }
  static unsigned long long block_rank() {
    const auto row = static_cast<unsigned long long>(blockIdx.z) * gridDim.y + blockIdx.y;
    return row * gridDim.x + blockIdx.x;
  }
  static unsigned long long num_blocks() {
    return static_cast<unsigned long long>(gridDim.x) * gridDim.y * gridDim.z;
  }
  static unsigned long long thread_rank() {
    return block_rank() * thread_block::num_threads() + thread_block::thread_rank();
  }
  static unsigned long long num_threads() { return num_blocks() * thread_block::num_threads(); }
  static unsigned long long size() { return num_threads(); }
};

inline grid_group this_grid() {
  return {};
}

struct cluster_group {
  static void sync(EMU_CALL_SITE) { emu::barrier(emu::BarrierKind::kCluster, false, site); }
  static unsigned block_rank() { return emu::cluster_rank(); }
  static unsigned num_blocks() { return emu::cluster_blocks(); }
  static unsigned thread_rank() {
    return block_rank() * thread_block::num_threads() + thread_block::thread_rank();
  }
  static unsigned num_threads() { return num_blocks() * thread_block::num_threads(); }
  template <class T, class Rank>
  static T *map_shared_rank(T *pointer, Rank rank) {
    void *own = const_cast<std::remove_const_t<T> *>(pointer);
    return static_cast<T *>(emu::map_to_rank(own, static_cast<unsigned>(rank)));
  }
};

inline cluster_group this_cluster() {
  return {};
}

template <unsigned kSize>
struct thread_block_tile {
  static_assert(kSize >= 1 && kSize <= 32 && (kSize & (kSize - 1)) == 0, "size of a tile");

  static unsigned thread_rank() { return emu::lane_id() & (kSize - 1); }
  static constexpr unsigned num_threads() { return kSize; }
  static constexpr unsigned size() { return kSize; }
  static unsigned meta_group_rank() { return thread_block::thread_rank() / kSize; }
  static unsigned meta_group_size() { return (thread_block::num_threads() + kSize - 1) / kSize; }
  static unsigned mask() {
    constexpr unsigned kLanes = kSize == 32 ? ~0u : (1u << (kSize & 31)) - 1;
    return kLanes << (emu::lane_id() & ~(kSize - 1));
  }

  static void sync(EMU_CALL_SITE) { __syncwarp(mask(), site); }
  template <class T>
  static T shfl(T value, int source, EMU_CALL_SITE) {
    return __shfl_sync(mask(), value, source, kSize, site);
  }
  template <class T>
  static T shfl_xor(T value, int lane_mask, EMU_CALL_SITE) {
    return __shfl_xor_sync(mask(), value, lane_mask, kSize, site);
  }
  template <class T>
  static T shfl_down(T value, unsigned delta, EMU_CALL_SITE) {
    return __shfl_down_sync(mask(), value, delta, kSize, site);
  }
  template <class T>
  static T shfl_up(T value, unsigned delta, EMU_CALL_SITE) {
    return __shfl_up_sync(mask(), value, delta, kSize, site);
  }
  static int any(int predicate, EMU_CALL_SITE) { return __any_sync(mask(), predicate, site); }
  static int all(int predicate, EMU_CALL_SITE) { return __all_sync(mask(), predicate, site); }
};

template <unsigned kSize>
inline thread_block_tile<kSize> tiled_partition(const thread_block &) {
  return {};
}

}  // namespace cooperative_groups
