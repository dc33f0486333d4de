// Private to the emulator: barriers in shared memory (mbarriers), and what threads learn from them.
#pragma once

#include <cstdint>
#include <vector>

#include "device_async.h"

namespace emu {

struct Thread;

// Trace build: the accesses of one block of a cluster that happen before now. They are all of the
// epochs before `epoch` and, of that epoch, those of the warps whose bit is set.
struct BlockClock {
  uint32_t epoch = 0;
  uint32_t warps = 0;
};
using ClusterClock = std::vector<BlockClock>;  // per rank, or empty: nothing is known

// How many threads have yet to announce bytes in the barrier's phase, and how many of these bytes
// have yet to come. When none are left, the next phase begins.
struct BulkBarrier {
  const uint64_t *address;
  unsigned threads = 0;
  unsigned phase = 0;
  unsigned threads_left = 0;
  long long bytes_left = 0;
  std::vector<AsyncCopy> copies;  // deferred
  long long deferred_bytes = 0;
  std::vector<Thread *> waiting;
  unsigned cluster_arrivals = 0;   // Thread::cluster_arrivals when it was initialized
  unsigned cluster_barriers = 0;   // Cluster::barriers at that time
  unsigned stored_phases = 0;      // phases up to the last to which the cluster stored
  unsigned waited_for_phases = 0;  // phases up to the last that a thread waited for
  // Trace build.
  std::vector<unsigned> waited_for_by;  // the same for each thread of the block
  std::vector<uint32_t> waited_epochs;  // per phase: epoch of the block when it was waited for
  ClusterClock given;                   // by the stores so far
  ClusterClock released;                // the same at the end of the last phase
};

}  // namespace emu
