// Happens-before between two accesses of one launch.
//
// In a block, barriers advance its epoch and __syncwarp joins clocks of a warp. Between blocks
// there are grid and cluster barriers, asynchronous stores (trace_stores.cpp), and the pattern of
// release and acquire:
//
//   earlier access; fence; atomic        in the one block
//                   later atomic; fence; access     in the other
//
// where a step may be taken by another thread of the block, if a barrier of the block lies between.
// Threads of one warp count as one here. Which address an atomic touches is not asked: the chain
// may run through several counters.
#include <algorithm>

#include "trace.h"

namespace emu {

namespace {

constexpr unsigned kClockBits = 12;
constexpr uint32_t kClockLimit = (1u << kClockBits) - 1;

uint32_t block_epoch(const Access &access) {
  return access.epoch >> kClockBits;
}

uint32_t linear_index(uint32_t thread_id) {
  return (thread_id - 1) % current_launch->threads_per_block;
}

uint32_t block_of(uint32_t thread_id) {
  return (thread_id - 1) / current_launch->threads_per_block;
}

// Both threads are in the same block.
bool step_follows(uint32_t thread_before, uint32_t epoch_before, uint32_t thread_after,
                  uint32_t epoch_after) {
  if (epoch_before < epoch_after) return true;
  return linear_index(thread_before) / kWarpLanes == linear_index(thread_after) / kWarpLanes;
}

using Events = std::vector<SyncEvent>;

Events::const_iterator first_after(const Events &events, uint32_t sequence) {
  return std::upper_bound(
      events.begin(), events.end(), sequence,
      [](uint32_t value, const SyncEvent &event) { return value < event.sequence; });
}

// The first event after `sequence` that the step (thread, epoch) of the same block leads to.
const SyncEvent *following_event(const Events &events, uint32_t sequence, uint32_t thread,
                                 uint32_t epoch) {
  for (auto event = first_after(events, sequence); event != events.end(); ++event) {
    if (step_follows(thread, epoch, event->thread, event->epoch)) return &*event;
  }
  return nullptr;
}

const SyncEvent *release_of(const Access &access, const BlockHistory &history) {
  const SyncEvent *fence =
      following_event(history.fences, access.sequence, access.thread, block_epoch(access));
  if (fence == nullptr) return nullptr;
  return following_event(history.atomics, fence->sequence, fence->thread, fence->epoch);
}

bool is_acquired(const SyncEvent &release, const BlockHistory &history, const Thread &now) {
  const Events &atomics = history.atomics;
  const Events &fences = history.fences;
  for (auto atomic = first_after(atomics, release.sequence); atomic != atomics.end(); ++atomic) {
    for (auto fence = first_after(fences, atomic->sequence); fence != fences.end(); ++fence) {
      if (step_follows(atomic->thread, atomic->epoch, fence->thread, fence->epoch) &&
          step_follows(fence->thread, fence->epoch, now.id, history.epoch)) {
        return true;
      }
    }
  }
  return false;
}

bool is_ordered_in_block(const Access &earlier, const Thread &now) {
  if (block_epoch(earlier) < now.block->history->epoch) return true;
  const uint32_t index = linear_index(earlier.thread);
  const bool same_warp = index / kWarpLanes == now.warp;
  return same_warp && now.seen[index % kWarpLanes] >= (earlier.epoch & kClockLimit);
}

}  // namespace

void trace_reset_warp_clock(Thread &thread) {
  thread.clock = 1;
  std::fill(std::begin(thread.seen), std::end(thread.seen), 0u);
  thread.seen[thread.lane] = 1;
}

void trace_join_warp_clocks(Warp &warp, unsigned mask) {
  uint32_t joined[kWarpLanes] = {};
  for (unsigned lane = 0; lane < kWarpLanes; ++lane) {
    if ((mask >> lane & 1u) == 0) continue;
    for (unsigned i = 0; i < kWarpLanes; ++i) {
      joined[i] = std::max(joined[i], warp.lanes[lane]->seen[i]);
    }
  }
  for (unsigned lane = 0; lane < kWarpLanes; ++lane) {
    if ((mask >> lane & 1u) == 0) continue;
    Thread &thread = *warp.lanes[lane];
    std::copy(std::begin(joined), std::end(joined), thread.seen);
    // Beyond the limit, further __syncwarp without a barrier of the block order nothing new: a
    // missed race is better than a false one.
    thread.clock = std::min(thread.clock + 1, kClockLimit);
    thread.seen[lane] = thread.clock;
  }
  trace_join_warp_waits(warp, mask);
}

void trace_note_fence(const Thread &thread) {
  BlockHistory &history = *thread.block->history;
  history.fences.push_back({sync_sequence, thread.id, history.epoch});
}

void trace_note_atomic(const Thread &thread) {
  BlockHistory &history = *thread.block->history;
  history.atomics.push_back({sync_sequence, thread.id, history.epoch});
}

Access trace_access_of(const Thread &thread, bool atomic) {
  Access access;
  access.thread = thread.id;
  access.epoch = thread.block->history->epoch << kClockBits | thread.clock;
  access.sequence = sync_sequence & 0x7fffffffu;
  access.atomic = atomic;
  return access;
}

bool trace_is_ordered(const Access &earlier, const Thread &now) {
  if (earlier.thread == 0 || earlier.thread == now.id) return true;
  if (trace_is_store(earlier)) return trace_is_store_ordered(earlier, now);
  const uint32_t block_index = block_of(earlier.thread);
  if (block_index == now.block->index) return is_ordered_in_block(earlier, now);
  const BlockHistory &theirs = current_launch->histories[block_index];
  const BlockHistory &ours = *now.block->history;
  if (block_epoch(earlier) < theirs.grid_epoch) return true;
  if (theirs.cluster == ours.cluster && block_epoch(earlier) < theirs.cluster_epoch) return true;
  const BlockClock clock = trace_clock_of(now, block_index);
  if (block_epoch(earlier) < clock.epoch) return true;
  const uint32_t warp = linear_index(earlier.thread) / kWarpLanes;
  if (block_epoch(earlier) == clock.epoch && (clock.warps >> warp & 1u) != 0) return true;
  const SyncEvent *release = release_of(earlier, theirs);
  return release != nullptr && is_acquired(*release, ours, now);
}

}  // namespace emu
