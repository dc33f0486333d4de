// Happens-before by asynchronous stores to the shared memory of a cluster.
//
// A store writes at a time of its own: later accesses are ordered after it if their thread, or an
// earlier one of the block, has waited for its phase of the barrier. What happened before the store
// is checked when it is issued; and so that this can be told between blocks, a store gives what its
// thread knows to the barrier, and a thread takes it from there when it waits.
#include <algorithm>

#include "trace.h"

namespace emu {

namespace {

// Of an access that is a store, `thread` has this bit, and `epoch` has the rank of the block, the
// index of its barrier, and the phase.
constexpr uint32_t kStoreBit = 0x80000000u;
constexpr unsigned kRankShift = 27;
constexpr unsigned kBarrierShift = 20;
constexpr uint32_t kPhaseMask = (1u << kBarrierShift) - 1;
constexpr uint32_t kBarrierMask = (1u << (kRankShift - kBarrierShift)) - 1;

Access store_access;

size_t linear_index(const Thread &thread) {
  return (thread.id - 1) % current_launch->threads_per_block;
}

void join(ClusterClock &clock, const ClusterClock &other) {
  clock.resize(std::max(clock.size(), other.size()));
  for (size_t rank = 0; rank < other.size(); ++rank) {
    if (clock[rank].epoch < other[rank].epoch) {
      clock[rank] = other[rank];
    } else if (clock[rank].epoch == other[rank].epoch) {
      clock[rank].warps |= other[rank].warps;
    }
  }
}

ClusterClock &clock_of(const Thread &thread) {
  std::vector<ClusterClock> &clocks = thread.block->clocks;
  if (clocks.empty()) clocks.resize(current_launch->threads_per_block);
  return clocks[linear_index(thread)];
}

}  // namespace

void trace_store(void *to, size_t size_bytes, const Block &block, BulkBarrier &barrier, Site site) {
  const Thread &thread = *current_thread;
  const auto index = static_cast<uint32_t>(&barrier - block.bulk_barriers.data());
  store_access = trace_access_of(thread, false);
  store_access.thread |= kStoreBit;
  store_access.epoch = block.rank << kRankShift | (index & kBarrierMask) << kBarrierShift |
                       (barrier.phase & kPhaseMask);
  trace_access(to, size_bytes, AccessKind::kAsyncWrite, {nullptr, site});
  ClusterClock own = clock_of(thread);
  own.resize(block.cluster->blocks.size());
  own[thread.block->rank] = {thread.block->history->epoch, 1u << thread.warp};
  join(barrier.given, own);
}

void trace_waited_for(BulkBarrier &barrier) {
  const Thread &thread = *current_thread;
  barrier.waited_for_by.resize(current_launch->threads_per_block);
  barrier.waited_for_by[linear_index(thread)] = barrier.phase;
  barrier.waited_epochs.resize(std::max<size_t>(barrier.waited_epochs.size(), barrier.phase),
                               thread.block->history->epoch);
  if (!barrier.released.empty()) join(clock_of(thread), barrier.released);
}

void trace_join_block_clocks(Block &block) {
  if (block.clocks.empty()) return;
  ClusterClock joined;
  for (const ClusterClock &clock : block.clocks) join(joined, clock);
  for (ClusterClock &clock : block.clocks) clock = joined;
}

void trace_join_warp_waits(Warp &warp, unsigned mask) {
  const Thread &first = *warp.lanes[__builtin_ctz(mask)];
  const auto visit = [&](const auto &visit_thread) {
    for (unsigned lane = 0; lane < kWarpLanes; ++lane) {
      if ((mask >> lane & 1u) != 0) visit_thread(linear_index(*warp.lanes[lane]));
    }
  };
  if (!first.block->clocks.empty()) {
    ClusterClock joined;
    visit([&](size_t thread) { join(joined, first.block->clocks[thread]); });
    visit([&](size_t thread) { first.block->clocks[thread] = joined; });
  }
  for (BulkBarrier &barrier : first.block->bulk_barriers) {
    if (barrier.waited_for_by.empty()) continue;
    unsigned most = 0;
    visit([&](size_t thread) { most = std::max(most, barrier.waited_for_by[thread]); });
    visit([&](size_t thread) { barrier.waited_for_by[thread] = most; });
  }
}

bool trace_is_store(const Access &access) {
  return (access.thread & kStoreBit) != 0;
}

uint32_t trace_thread_of(const Access &access) {
  return access.thread & ~kStoreBit;
}

Access trace_access_of_store() {
  return store_access;
}

bool trace_is_store_ordered(const Access &store, const Thread &now) {
  const uint32_t rank = store.epoch >> kRankShift, phase = store.epoch & kPhaseMask;
  const std::vector<Block *> &blocks = now.block->cluster->blocks;
  if (rank >= blocks.size()) return false;
  const Block &block = *blocks[rank];
  const BulkBarrier &barrier = block.bulk_barriers[store.epoch >> kBarrierShift & kBarrierMask];
  if (phase >= barrier.waited_epochs.size()) return false;  // Nobody has waited yet.
  if (&block == now.block && barrier.waited_for_by[linear_index(now)] > phase) return true;
  const uint32_t epoch = barrier.waited_epochs[phase];
  if (&block == now.block) return epoch < block.history->epoch;
  return epoch < block.history->cluster_epoch || epoch < trace_clock_of(now, block.index).epoch;
}

BlockClock trace_clock_of(const Thread &now, uint32_t block_index) {
  if (now.block->clocks.empty()) return {};
  const ClusterClock &clock = clock_of(now);
  const std::vector<Block *> &blocks = now.block->cluster->blocks;
  for (size_t rank = 0; rank < clock.size(); ++rank) {
    if (blocks[rank]->index == block_index) return clock[rank];
  }
  return {};
}

}  // namespace emu
