// The life of a launch: start as many clusters as fit in the window, run threads until a block has
// ended, start the next, and say who waits for what if nothing can run any more.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <new>
#include <numeric>

#include "engine.h"
#include "sanitizers.h"
#include "trace.h"

namespace emu {

namespace {

bool launches_are_dry = false;  // see emu_set_dry_launches
std::vector<emu_launch_counts> launch_log;
std::map<const void *, size_t> static_shared;

uint3 unflatten(unsigned index, dim3 extent) {
  return {index % extent.x, index / extent.x % extent.y, index / extent.x / extent.y};
}

unsigned volume(dim3 extent) {
  return extent.x * extent.y * extent.z;
}

void thread_main() {
  fiber_started();
  Thread *thread = current_thread;
  threadIdx = thread->thread_index;
  blockIdx = thread->block_index;
  const KernelRecord &kernel = *current_launch->request->kernel;
  kernel.call(kernel.function, current_launch->arguments);

  Block *block = thread->block;
  Warp &warp = block->warps[thread->warp];
  async_after_exit(*thread);
  thread->state = ThreadState::kDone;
  warp.alive &= ~(1u << thread->lane);
  --block->alive_threads;
  --block->cluster->alive_threads;
  --current_launch->alive_threads;
  barriers_after_exit(block);
  if (warp.waiting != 0) warp_after_exit(warp);
  leave_fiber(block->alive_threads != 0 ? pick_thread() : nullptr);
}

// The record of a thread lies at the top of its stack, so that both share their pages. The top
// moves with the thread: equal offsets in all stacks would compete for the same few lines of the
// cache.
Thread *place_thread(char *stack, unsigned linear_index) {
  constexpr size_t kColours = 16;
  constexpr size_t kColourBytes = 256;
  const size_t used = round_up(sizeof(Thread), 64) + linear_index % kColours * kColourBytes;
  char *place = stack + stack_bytes() - used;
  return new (place) Thread();
}

Thread *start_thread(Block *block, unsigned linear_index) {
  char *stack = acquire_stack();
  asan_unpoison(stack, stack_bytes());
  Thread *thread = place_thread(stack, linear_index);
  thread->block = block;
  thread->lane = linear_index % kWarpLanes;
  thread->warp = linear_index / kWarpLanes;
  thread->id = block->index * current_launch->threads_per_block + linear_index + 1;
  thread->thread_index = unflatten(linear_index, blockDim);
  thread->block_index = block->block_index;
  thread->overlaps = current_launch->request->overlaps;
  if constexpr (kTrace) trace_reset_warp_clock(*thread);
  Warp &warp = block->warps[thread->warp];
  warp.lanes[thread->lane] = thread;
  warp.alive |= 1u << thread->lane;
  prepare_fiber(thread->fiber, stack, reinterpret_cast<char *>(thread), &thread_main);
  return thread;
}

void start_block(unsigned index, Cluster *cluster, unsigned rank) {
  Launch &launch = *current_launch;
  Block *block = new Block{};
  block->index = index;
  block->rank = rank;
  block->block_index = unflatten(index, gridDim);
  block->alive_threads = launch.threads_per_block;
  block->cluster = cluster;
  block->history = &launch.histories[index];
  block->warps.resize((launch.threads_per_block + kWarpLanes - 1) / kWarpLanes);
  block->threads.reserve(launch.threads_per_block);
  shared_begin_block(block);
  launch.resident.push_back(block);
  cluster->blocks[rank] = block;
  for (unsigned i = 0; i < launch.threads_per_block; ++i) {
    Thread *thread = start_thread(block, i);
    block->threads.push_back(thread);
    make_runnable(thread);
  }
  current_counts.threads += launch.threads_per_block;
}

unsigned block_index_in_grid(unsigned cluster_index, unsigned rank) {
  const dim3 extent = current_launch->request->cluster;
  const dim3 clusters(gridDim.x / extent.x, gridDim.y / extent.y, gridDim.z / extent.z);
  const uint3 cluster = unflatten(cluster_index, clusters);
  const uint3 inside = unflatten(rank, extent);
  const unsigned x = cluster.x * extent.x + inside.x;
  const unsigned y = cluster.y * extent.y + inside.y;
  const unsigned z = cluster.z * extent.z + inside.z;
  return (z * gridDim.y + y) * gridDim.x + x;
}

void start_cluster(unsigned cluster_index) {
  Launch &launch = *current_launch;
  Cluster *cluster = new Cluster;
  cluster->blocks.resize(launch.blocks_per_cluster);
  cluster->total_threads = launch.blocks_per_cluster * launch.threads_per_block;
  cluster->alive_threads = cluster->total_threads;
  if (!launch.request->cooperative) launch.alive_threads += cluster->total_threads;
  for (unsigned rank = 0; rank < launch.blocks_per_cluster; ++rank) {
    const unsigned index = block_index_in_grid(cluster_index, rank);
    launch.histories[index].cluster = cluster_index;
    start_block(index, cluster, rank);
  }
}

void delete_cluster(Cluster *cluster) {
  for (Block *block : cluster->blocks) {
    shared_release_block(block);
    delete block;
  }
  delete cluster;
}

unsigned collect_ended_blocks() {
  std::vector<Block *> &resident = current_launch->resident;
  unsigned ended = 0;
  for (size_t i = 0; i < resident.size();) {
    Block *block = resident[i];
    if (block->alive_threads != 0) {
      ++i;
      continue;
    }
    for (Thread *thread : block->threads) release_stack(thread->fiber.stack);
    shared_end_block(block);
    resident.erase(resident.begin() + static_cast<long>(i));
    if (block->cluster->alive_threads == 0) delete_cluster(block->cluster);
    ++ended;
  }
  return ended;
}

[[noreturn]] void report_deadlock() {
  std::map<std::string, unsigned> groups;
  unsigned waiting = 0;
  for (Block *block : current_launch->resident) {
    for (Thread *thread : block->threads) {
      const bool in_warp_operation = thread->state == ThreadState::kInWarpOperation;
      if (!in_warp_operation && thread->state != ThreadState::kAtBarrier) continue;
      char mask[32] = "";
      if (in_warp_operation) snprintf(mask, sizeof mask, " with mask %08x", thread->warp_mask);
      char text[512];
      snprintf(text, sizeof text, "\n    in %s%s at %s:%d", thread->waits_in, mask,
               thread->site.file, thread->site.line);
      ++groups[text];
      ++waiting;
    }
  }
  std::string list;
  for (const auto &group : groups) {
    list += group.first + ": " + std::to_string(group.second) + " threads";
  }
  current_thread = nullptr;
  fail("deadlock", "%u threads wait and none can run:%s", waiting, list.c_str());
}

std::vector<unsigned> cluster_order(unsigned cluster_count) {
  std::vector<unsigned> order(cluster_count);
  std::iota(order.begin(), order.end(), 0u);
  const BlockOrder wanted = schedule_block_order();
  if (wanted == BlockOrder::kBackward) std::reverse(order.begin(), order.end());
  if (wanted == BlockOrder::kShuffled) {
    for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random_number() % i]);
  }
  return order;
}

void run_blocks(Launch &launch) {
  schedule_begin(launch.threads_per_block);
  if constexpr (kTrace) trace_begin_launch();
  const bool all_resident = launch.request->cooperative;
  const size_t window = std::max(resident_window(), launch.blocks_per_cluster);
  const std::vector<unsigned> order = cluster_order(launch.block_count / launch.blocks_per_cluster);
  size_t next = 0;
  unsigned ended = 0;
  if (all_resident) launch.alive_threads = launch.threads_per_block * launch.block_count;
  while (ended < launch.block_count) {
    while (next < order.size() &&
           (all_resident || launch.resident.size() + launch.blocks_per_cluster <= window)) {
      start_cluster(order[next++]);
    }
    Thread *thread = pick_thread();
    if (thread == nullptr) report_deadlock();
    switch_thread(thread);
    const unsigned ended_now = collect_ended_blocks();
    ended += ended_now;
    if (ended_now == 0 && !any_thread_runnable()) report_deadlock();
  }
}

void begin_counts(const Launch &launch) {
  const LaunchRequest &request = *launch.request;
  current_counts = emu_launch_counts{};
  current_counts.kernel = launch.kernel_name;
  const unsigned grid[] = {request.grid.x, request.grid.y, request.grid.z};
  const unsigned block[] = {request.block.x, request.block.y, request.block.z};
  memcpy(current_counts.grid, grid, sizeof grid);
  memcpy(current_counts.block, block, sizeof block);
  current_counts.cluster_blocks = launch.blocks_per_cluster;
  current_counts.dynamic_shared_bytes = request.dynamic_shared_bytes;
}

}  // namespace

void execute(const LaunchRequest &request, void **arguments) {
  Launch launch;
  launch.request = &request;
  launch.kernel_name = function_name(request.kernel->function);
  launch.threads_per_block = volume(request.block);
  launch.block_count = volume(request.grid);
  launch.blocks_per_cluster = volume(request.cluster);
  launch.histories.resize(launch.block_count);
  launch.arguments = arguments;
  shared_begin_launch(launch);
  gridDim = request.grid;
  blockDim = request.block;
  current_launch = &launch;
  begin_counts(launch);
  if (!launches_are_dry) run_blocks(launch);
  current_launch = nullptr;
  launch_log.push_back(current_counts);
  if (launches_are_dry) return;
  static_shared[request.kernel->function] = launch.shared_used_bytes - request.dynamic_shared_bytes;
}

void wait_for_launch_before() {
  current_thread->overlaps = false;
}

size_t static_shared_bytes(const void *function) {
  auto found = static_shared.find(function);
  return found != static_shared.end() ? found->second : 0;
}

}  // namespace emu

extern "C" void emu_set_dry_launches(int dry) {
  emu::launches_are_dry = dry != 0;
}

extern "C" void emu_reset_launches(void) {
  emu::launch_log.clear();
  if constexpr (emu::kTrace) emu::trace_cache_clear();
}

extern "C" unsigned emu_launch_count(void) {
  return static_cast<unsigned>(emu::launch_log.size());
}

extern "C" int emu_get_launch(unsigned index, emu_launch_counts *counts) {
  if (index >= emu::launch_log.size()) return 0;
  *counts = emu::launch_log[index];
  return 1;
}
