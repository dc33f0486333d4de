// Barriers of a block and the collectives of a warp.
#pragma once

#include "device_core.h"

namespace emu {

enum class BarrierKind { kBlock, kCluster, kGrid };

struct BarrierResult {
  int count;
  int all;
  int any;
};

BarrierResult barrier(BarrierKind kind, bool predicate, Site site);

// The barrier of the cluster in two halves, without any ordering of memory
// (barrier.cluster.arrive.relaxed and .wait).
void cluster_arrive(Site site = Site::here());
void cluster_wait(Site site = Site::here());

// A launch with cudaLaunchAttributeProgrammaticStreamSerialization may begin before the previous
// launch has ended. Every thread calls this before it accesses anything that the previous launch
// writes (griddepcontrol.wait). Here the second launch runs late, and the trace build reports
// threads that do not wait.
void wait_for_launch_before();

enum class WarpOperation {
  kShuffle,
  kBallot,
  kAny,
  kAll,
  kSync,
  kMatchAny,
  kReduceAdd,
  kReduceMin,
  kReduceMax,
  kReduceAnd,
  kReduceOr,
  kReduceXor,
};

// The value that one lane gives to or gets from a collective; padded so that the engine copies a
// fixed size.
struct alignas(16) WarpValue {
  unsigned char bytes[16];
};

WarpValue warp_collective(WarpOperation operation, unsigned mask, const WarpValue &value,
                          int source_lane, Site site);
unsigned lane_id();

template <class T>
EMU_NO_TSAN T warp_collective_of(WarpOperation operation, unsigned mask, T value, int source_lane,
                                 Site site) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(WarpValue), "warp value");
  WarpValue given = {};
  __builtin_memcpy(given.bytes, &value, sizeof(T));
  const WarpValue taken = warp_collective(operation, mask, given, source_lane, site);
  __builtin_memcpy(&value, taken.bytes, sizeof(T));
  return value;
}

// Source lanes follow the definition of shfl.sync in PTX: lanes outside the segment of `width`
// lanes return the caller's own value.

inline int shuffle_segment_start(int lane, int width) {
  return lane & ~(width - 1);
}

inline int shuffle_xor_source(int lane, int lane_mask, int width) {
  const int source = lane ^ lane_mask;
  return source < shuffle_segment_start(lane, width) + width ? source & 31 : lane;
}

inline int shuffle_down_source(int lane, unsigned delta, int width) {
  const int last = shuffle_segment_start(lane, width) + width - 1;
  return delta <= static_cast<unsigned>(last - lane) ? lane + static_cast<int>(delta) : lane;
}

inline int shuffle_up_source(int lane, unsigned delta, int width) {
  const int first = shuffle_segment_start(lane, width);
  return delta <= static_cast<unsigned>(lane - first) ? lane - static_cast<int>(delta) : lane;
}

inline int own_lane() {
  return static_cast<int>(lane_id());
}

}  // namespace emu

inline void __syncthreads(EMU_CALL_SITE) {
  emu::barrier(emu::BarrierKind::kBlock, false, site);
}

inline int __syncthreads_count(int predicate, EMU_CALL_SITE) {
  return emu::barrier(emu::BarrierKind::kBlock, predicate != 0, site).count;
}

inline int __syncthreads_and(int predicate, EMU_CALL_SITE) {
  return emu::barrier(emu::BarrierKind::kBlock, predicate != 0, site).all;
}

inline int __syncthreads_or(int predicate, EMU_CALL_SITE) {
  return emu::barrier(emu::BarrierKind::kBlock, predicate != 0, site).any;
}

inline void __syncwarp(unsigned mask = 0xffffffffu, EMU_CALL_SITE) {
  emu::warp_collective(emu::WarpOperation::kSync, mask, {}, 0, site);
}

template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32, EMU_CALL_SITE) {
  const int first = emu::shuffle_segment_start(emu::own_lane(), width);
  const int lane = first | (source & (width - 1));
  return emu::warp_collective_of(emu::WarpOperation::kShuffle, mask, value, lane, site);
}

template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = 32, EMU_CALL_SITE) {
  const int lane = emu::shuffle_xor_source(emu::own_lane(), lane_mask, width);
  return emu::warp_collective_of(emu::WarpOperation::kShuffle, mask, value, lane, site);
}

template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, EMU_CALL_SITE) {
  const int lane = emu::shuffle_down_source(emu::own_lane(), delta, width);
  return emu::warp_collective_of(emu::WarpOperation::kShuffle, mask, value, lane, site);
}

template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, EMU_CALL_SITE) {
  const int lane = emu::shuffle_up_source(emu::own_lane(), delta, width);
  return emu::warp_collective_of(emu::WarpOperation::kShuffle, mask, value, lane, site);
}

inline unsigned __ballot_sync(unsigned mask, int predicate, EMU_CALL_SITE) {
  const unsigned bit = predicate != 0;
  return emu::warp_collective_of(emu::WarpOperation::kBallot, mask, bit, 0, site);
}

inline int __any_sync(unsigned mask, int predicate, EMU_CALL_SITE) {
  const int bit = predicate != 0;
  return emu::warp_collective_of(emu::WarpOperation::kAny, mask, bit, 0, site);
}

inline int __all_sync(unsigned mask, int predicate, EMU_CALL_SITE) {
  const int bit = predicate != 0;
  return emu::warp_collective_of(emu::WarpOperation::kAll, mask, bit, 0, site);
}

// A legal answer that no correct kernel may rely on: only the calling lane is active.
inline unsigned __activemask() {
  return 1u << emu::lane_id();
}

inline unsigned __match_any_sync(unsigned mask, unsigned value, EMU_CALL_SITE) {
  return emu::warp_collective_of(emu::WarpOperation::kMatchAny, mask, value, 0, site);
}

inline unsigned __reduce_add_sync(unsigned mask, unsigned value, EMU_CALL_SITE) {
  return emu::warp_collective_of(emu::WarpOperation::kReduceAdd, mask, value, 0, site);
}

inline unsigned __reduce_min_sync(unsigned mask, unsigned value, EMU_CALL_SITE) {
  return emu::warp_collective_of(emu::WarpOperation::kReduceMin, mask, value, 0, site);
}

inline unsigned __reduce_max_sync(unsigned mask, unsigned value, EMU_CALL_SITE) {
  return emu::warp_collective_of(emu::WarpOperation::kReduceMax, mask, value, 0, site);
}

inline unsigned __reduce_and_sync(unsigned mask, unsigned value, EMU_CALL_SITE) {
  return emu::warp_collective_of(emu::WarpOperation::kReduceAnd, mask, value, 0, site);
}

inline unsigned __reduce_or_sync(unsigned mask, unsigned value, EMU_CALL_SITE) {
  return emu::warp_collective_of(emu::WarpOperation::kReduceOr, mask, value, 0, site);
}

inline unsigned __reduce_xor_sync(unsigned mask, unsigned value, EMU_CALL_SITE) {
  return emu::warp_collective_of(emu::WarpOperation::kReduceXor, mask, value, 0, site);
}
