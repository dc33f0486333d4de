// Private to the emulator: the running launch, its blocks, warps and threads.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <string>
#include <vector>

#include "control.h"
#include "device_async.h"
#include "device_atomics.h"
#include "device_launch.h"
#include "device_shared.h"
#include "device_sync.h"
#include "mbarriers.h"

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

// The headers for kernels redefine these; the engine is ordinary host code.
#undef __shared__
#undef cudaLaunchKernelEx

namespace emu {

#if defined(EMU_TRACE)
constexpr bool kTrace = true;
#else
constexpr bool kTrace = false;
#endif

constexpr size_t kWarpLanes = 32;
constexpr size_t kSharedArenaBytes = 288 << 10;  // the largest shared memory, red zones included
constexpr size_t kSharedRedZoneBytes = 64;

struct Block;

// The suspended state of a thread; see fibers.h.
struct Fiber {
#if defined(__x86_64__)
  void *stack_pointer;
#else
  ucontext_t context;
#endif
  char *stack;              // lowest address; null for the host's own stack
  void *sanitizer_context;  // AddressSanitizer's view of the suspended stack
};

enum class ThreadState : uint8_t { kRunnable, kAtBarrier, kInWarpOperation, kDone };

// A fence or an atomic: a point in the life of a block that orders memory.
struct SyncEvent {
  uint32_t sequence;
  uint32_t thread;  // id of the thread
  uint32_t epoch;   // block barriers completed before it
};

struct Thread {
  uint3 thread_index;
  uint3 block_index;
  Fiber fiber;
  Block *block;
  uint32_t id;  // 1 + index in the whole grid
  unsigned lane;
  unsigned warp;
  ThreadState state;
  Site site;             // source location where it waits
  const char *waits_in;  // name of what it waits in
  BarrierResult barrier_result;
  WarpOperation warp_operation;
  unsigned warp_mask;
  int warp_source;
  WarpValue warp_value;       // value that it gives, then value that it gets
  unsigned cluster_arrivals;  // phase of the cluster barrier in halves that it waits for
  bool cluster_arrived;       // has arrived there and not waited since
  bool overlaps;              // with the launch before: has not waited for it
  // Trace build: a vector clock over the warp, cleared by every barrier of the block. __syncwarp
  // joins the clocks of its lanes.
  uint32_t clock;
  uint32_t seen[kWarpLanes];
};

struct Warp {
  unsigned alive;    // bit per lane
  unsigned waiting;  // bit per lane inside a warp operation
  Thread *lanes[kWarpLanes];
};

struct Barrier {
  unsigned arrived = 0;
  unsigned predicates = 0;
  Site site{};
  std::vector<Thread *> waiting;
};

// What is known of a block after it has ended, to order later accesses.
struct BlockHistory {
  uint32_t epoch = 1;          // block barriers so far
  uint32_t grid_epoch = 0;     // value of epoch at the last grid barrier
  uint32_t cluster_epoch = 0;  // value of epoch at the last cluster barrier
  unsigned cluster = 0;        // index of the cluster in the grid
  std::vector<SyncEvent> fences;
  std::vector<SyncEvent> atomics;
};

struct Cluster {
  Barrier barrier;
  Barrier halves;                 // the same barrier, if it is passed in two halves
  unsigned phases = 0;            // number of completed phases of `halves`
  unsigned barriers = 0;          // number of completed barriers that are not in halves
  bool has_synchronized = false;  // all blocks have passed a barrier: they may access their peers
  unsigned alive_threads = 0;
  unsigned total_threads = 0;
  std::vector<Block *> blocks;
};

struct Block {
  unsigned index;
  unsigned rank;  // in the cluster
  uint3 block_index;
  unsigned alive_threads;
  char *arena;
  Cluster *cluster;
  Barrier barrier;
  BlockHistory *history;
  std::vector<Thread *> threads;
  std::vector<Warp> warps;
  std::vector<std::vector<AsyncCopy>> copies;  // per thread, if any was issued
  std::vector<BulkBarrier> bulk_barriers;
  std::vector<ClusterClock> clocks;  // trace build: per thread, once it is known
  std::vector<bool> shared_touched;  // per shared variable: this block has reached its declaration
};

struct SharedVariable {
  const void *key;
  size_t offset;
  size_t size_bytes;
};

struct LaunchRequest {
  const KernelRecord *kernel;
  dim3 grid;
  dim3 block;
  dim3 cluster;
  size_t dynamic_shared_bytes;
  size_t shared_limit_bytes;
  bool cooperative;
  bool overlaps;  // may overlap the previous launch
  int carveout;   // see emu_launch_counts
};

struct Launch {
  const LaunchRequest *request;
  const char *kernel_name;
  unsigned threads_per_block;
  unsigned block_count;
  unsigned blocks_per_cluster;
  unsigned alive_threads = 0;  // in a cooperative launch: of the whole grid
  Barrier grid_barrier;
  std::vector<BlockHistory> histories;
  std::vector<Block *> resident;
  std::vector<SharedVariable> shared_variables;
  size_t arena_used_bytes = 0;
  size_t shared_used_bytes = 0;
  void **arguments;
};

// state.cpp: one launch runs at a time, on the host thread that has the lock of the runtime.
// __thread instead of thread_local avoids a hidden call for initialization on each use.
extern __thread Thread *current_thread;
extern Launch *current_launch;
extern emu_launch_counts current_counts;
extern uint32_t sync_sequence;  // advances at every barrier, fence and atomic
extern unsigned launch_seed;    // the schedule of the current launch

// errors.cpp
[[noreturn]] void fail(const char *kind, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
unsigned long environment_number(const char *name, unsigned long otherwise);

// symbols.cpp
std::string describe_code(void *return_address);  // file:line if addr2line is there
const char *function_name(const void *function);
const KernelRecord *find_kernel(const void *function);

// scheduler.cpp
uint64_t random_number();
unsigned resident_window();
void schedule_begin(unsigned threads_per_block);
bool schedule_preempts();
enum class BlockOrder { kForward, kBackward, kShuffled };
BlockOrder schedule_block_order();
Thread *pick_thread();
bool any_thread_runnable();
void make_runnable(Thread *thread);
void switch_thread(Thread *next);
void wait_here();  // runs other threads until one of them makes this thread runnable
[[noreturn]] void leave_fiber(Thread *next);

// barriers.cpp, warp.cpp: a thread has returned from its kernel
void barriers_after_exit(Block *block);
void warp_after_exit(Warp &warp);

// async.cpp: a thread has returned from its kernel
void async_after_exit(const Thread &thread);

// shared_memory.cpp
void shared_begin_launch(Launch &launch);
void shared_begin_block(Block *block);
void shared_end_block(Block *block);      // poisons it: a peer may still try to read it
void shared_release_block(Block *block);  // now its arena may serve another block

// device_model.cpp
size_t device_l2_bytes();

// blocks.cpp
void start_cluster(unsigned cluster_index);
unsigned collect_ended_blocks();  // returns how many there were

// launch.cpp
void execute(const LaunchRequest &request, void **arguments);
// Of a kernel that has not run yet it is the least that tests ask for.
size_t static_shared_bytes(const void *function);

inline size_t round_up(size_t value, size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

}  // namespace emu
