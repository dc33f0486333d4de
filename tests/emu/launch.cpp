// The life of a launch: start as many clusters as fit in the window, run threads until a block has
// ended, start the next, and report who waits for what if nothing can run any more.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>
#include <numeric>

#include "engine.h"
#include "trace.h"

namespace emu {

namespace {

bool launches_are_dry = false;  // see emu_set_dry_launches
std::vector<emu_launch_counts> launch_log;
std::map<const void *, size_t> static_shared;
size_t least_static_bytes = 32;

unsigned volume(dim3 extent) {
  return extent.x * extent.y * extent.z;
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
  current_counts.carveout = request.carveout;
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

size_t static_shared_bytes(const void *function) {
  auto found = static_shared.find(function);
  return std::max(found != static_shared.end() ? found->second : 0, least_static_bytes);
}

}  // namespace emu

extern "C" void emu_set_static_shared_bytes(unsigned long long bytes) {
  emu::least_static_bytes = static_cast<size_t>(bytes);
}

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
