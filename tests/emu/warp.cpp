// Collectives of a warp, synchronized by their mask: an operation happens when all living lanes of
// the mask wait in it with the same mask. Lanes that never come end in a deadlock report.
#include <algorithm>
#include <cstring>

#include "engine.h"
#include "trace.h"

namespace emu {

namespace {

bool has_lane(unsigned mask, unsigned lane) {
  return (mask >> lane & 1u) != 0;
}

unsigned word_of(const WarpValue &value) {
  unsigned word;
  memcpy(&word, value.bytes, sizeof word);
  return word;
}

WarpValue value_of(unsigned word) {
  WarpValue value = {};
  memcpy(value.bytes, &word, sizeof word);
  return value;
}

void require_same_operation(const Warp &warp, unsigned mask) {
  const Thread &first = *warp.lanes[__builtin_ctz(mask)];
  for (unsigned lane = 0; lane < kWarpLanes; ++lane) {
    if (!has_lane(mask, lane)) continue;
    const Thread &thread = *warp.lanes[lane];
    const bool same_line =
        thread.site.line == first.site.line &&
        (thread.site.file == first.site.file || strcmp(thread.site.file, first.site.file) == 0);
    if (same_line && thread.warp_operation == first.warp_operation) continue;
    fail("divergent-warp-op",
         "lanes of one mask %08x are in different warp operations: %s:%d and %s:%d", mask,
         thread.site.file, thread.site.line, first.site.file, first.site.line);
  }
}

unsigned combine(WarpOperation operation, unsigned a, unsigned b) {
  switch (operation) {
    case WarpOperation::kReduceAdd:
      return a + b;
    case WarpOperation::kReduceMin:
      return std::min(a, b);
    case WarpOperation::kReduceMax:
      return std::max(a, b);
    case WarpOperation::kReduceAnd:
      return a & b;
    case WarpOperation::kReduceXor:
      return a ^ b;
    default:
      return a | b;
  }
}

// Votes and reductions give all lanes the same word.
unsigned reduce(const Warp &warp, unsigned mask, WarpOperation operation) {
  const bool votes = operation == WarpOperation::kBallot || operation == WarpOperation::kAny ||
                     operation == WarpOperation::kAll;
  unsigned result = 0;
  bool first = true;
  for (unsigned lane = 0; lane < kWarpLanes; ++lane) {
    if (!has_lane(mask, lane)) continue;
    unsigned word = word_of(warp.lanes[lane]->warp_value);
    if (votes) word = (word & 1u) << lane;
    result = first ? word : combine(operation, result, word);
    first = false;
  }
  if (operation == WarpOperation::kAny) return result != 0;
  if (operation == WarpOperation::kAll) return result == mask;
  return result;
}

void shuffle(Warp &warp, unsigned mask) {
  WarpValue given[kWarpLanes];
  for (unsigned lane = 0; lane < kWarpLanes; ++lane) {
    if (has_lane(mask, lane)) given[lane] = warp.lanes[lane]->warp_value;
  }
  for (unsigned lane = 0; lane < kWarpLanes; ++lane) {
    if (!has_lane(mask, lane)) continue;
    Thread &thread = *warp.lanes[lane];
    const unsigned source = static_cast<unsigned>(thread.warp_source) & 31u;
    if (has_lane(mask, source)) {
      thread.warp_value = given[source];
    } else {
      // The value of an inactive lane is undefined; this value makes its use show.
      memset(thread.warp_value.bytes, 0xff, sizeof thread.warp_value.bytes);
    }
  }
}

void match_any(Warp &warp, unsigned mask) {
  unsigned given[kWarpLanes] = {};
  for (unsigned lane = 0; lane < kWarpLanes; ++lane) {
    if (has_lane(mask, lane)) given[lane] = word_of(warp.lanes[lane]->warp_value);
  }
  for (unsigned lane = 0; lane < kWarpLanes; ++lane) {
    if (!has_lane(mask, lane)) continue;
    unsigned equal = 0;
    for (unsigned other = 0; other < kWarpLanes; ++other) {
      if (has_lane(mask, other) && given[other] == given[lane]) equal |= 1u << other;
    }
    warp.lanes[lane]->warp_value = value_of(equal);
  }
}

void complete(Warp &warp, unsigned mask) {
  ++current_counts.warp_operations;
  require_same_operation(warp, mask);
  const WarpOperation operation = warp.lanes[__builtin_ctz(mask)]->warp_operation;
  if (operation == WarpOperation::kShuffle) {
    shuffle(warp, mask);
  } else if (operation == WarpOperation::kMatchAny) {
    match_any(warp, mask);
  } else if (operation == WarpOperation::kSync) {
    // Only __syncwarp orders memory; a shuffle does not.
    if constexpr (kTrace) trace_join_warp_clocks(warp, mask);
  } else {
    const WarpValue result = value_of(reduce(warp, mask, operation));
    for (unsigned lane = 0; lane < kWarpLanes; ++lane) {
      if (has_lane(mask, lane)) warp.lanes[lane]->warp_value = result;
    }
  }
  warp.waiting &= ~mask;
  for (unsigned lane = 0; lane < kWarpLanes; ++lane) {
    if (has_lane(mask, lane)) make_runnable(warp.lanes[lane]);
  }
}

void complete_if_all_wait(Warp &warp, unsigned mask) {
  const unsigned needed = mask & warp.alive;
  if (needed == 0 || (warp.waiting & needed) != needed) return;
  for (unsigned lane = 0; lane < kWarpLanes; ++lane) {
    if (has_lane(needed, lane) && warp.lanes[lane]->warp_mask != mask) return;
  }
  complete(warp, needed);
}

}  // namespace

unsigned lane_id() {
  return current_thread->lane;
}

WarpValue warp_collective(WarpOperation operation, unsigned mask, const WarpValue &value,
                          int source_lane, Site site) {
  Thread *thread = current_thread;
  if (!has_lane(mask, thread->lane)) {
    fail("warp-mask", "lane %u calls a warp operation with mask %08x, without its own bit: %s:%d",
         thread->lane, mask, site.file, site.line);
  }
  thread->warp_operation = operation;
  thread->warp_mask = mask;
  thread->warp_value = value;
  thread->warp_source = source_lane;
  thread->site = site;
  thread->waits_in = "a warp operation";
  thread->state = ThreadState::kInWarpOperation;
  Warp &warp = thread->block->warps[thread->warp];
  warp.waiting |= 1u << thread->lane;
  complete_if_all_wait(warp, mask);
  wait_here();
  return thread->warp_value;
}

void warp_after_exit(Warp &warp) {
  for (unsigned lane = 0; lane < kWarpLanes; ++lane) {
    if (has_lane(warp.waiting, lane)) complete_if_all_wait(warp, warp.lanes[lane]->warp_mask);
  }
}

}  // namespace emu
