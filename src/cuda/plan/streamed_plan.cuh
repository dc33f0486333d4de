// The plan of the streamed algorithm: its units, and how many of them the L2 cache can contain.
#pragma once
#include <cstdint>

#include "core/backend.h"
#include "core/refusal.h"
#include "cuda/common/device.h"
#include "cuda/common/tuning.h"
#include "cuda/plan/integers.cuh"
#include "cuda/plan/needs.cuh"
#include "cuda/plan/partition.cuh"

namespace cubn {

// How a problem is divided into tasks.
struct StreamedPlan {
  Granularity granularity;
  int64_t window_bytes;  // The part of the window that each of the inputs has.
  int64_t unit_bytes;    // Bytes of a unit of one tensor.
  int64_t lag;           // The most units by which the second pass may follow the first one.
};

// Tensors that both passes read.
inline int64_t streamed_inputs(const cubn_problem &problem) {
  if (problem.pass != CUBN_PASS_BACKWARD) return 1;
  return problem.reserve == CUBN_RESERVE_INPUT ? 3 : 2;
}

// The part of the L2 cache that units use between their two passes.
inline int64_t streamed_window_bytes(const cubn_device *device) {
  return static_cast<int64_t>(device->l2_bytes) / 100 * STREAMED_WINDOW_PERCENT;
}

// Slabs of columns become narrower until STREAMED_UNITS_WANTED units fit in the window. Slabs whose
// rows do not begin at sectors share sectors with their neighbors, and memory fetches these for
// both.
inline StreamedPlan streamed_plan(const cubn_device *device, const cubn_problem &problem) {
  const int64_t bytes = static_cast<int64_t>(cubn_element_bytes(problem.type));
  const int64_t channel_bytes = cubn_count(&problem) * bytes;
  const int64_t window = streamed_window_bytes(device) / streamed_inputs(problem);
  StreamedPlan plan = {{INT64_MAX / 2, STREAMED_TASK_BYTES, INT64_MAX}, window, channel_bytes, 0};
  if (problem.layout == CUBN_LAYOUT_COLUMNS) {
    const bool shares_sectors = problem.c * bytes % SECTOR_BYTES != 0;
    const int64_t least =
        shares_sectors ? STREAMED_UNALIGNED_SLAB_BYTES_MIN : STREAMED_SLAB_BYTES_MIN;
    int64_t slab = STREAMED_SLAB_BYTES;
    while (slab > least && slab / bytes * channel_bytes * STREAMED_UNITS_WANTED > window) slab /= 2;
    plan.granularity.slab_bytes = slab;
    plan.unit_bytes = clamp(slab / bytes, 1, problem.c) * channel_bytes;
  }
  plan.lag = window / plan.unit_bytes - 1;
  return plan;
}

// Tasks of co-resident blocks. If the window had fewer, blocks would wait for each other.
inline int64_t co_resident_tasks(const cubn_device *device, const cubn_problem &problem) {
  const bool has_8_channels =
      problem.layout == CUBN_LAYOUT_COLUMNS && cubn_element_bytes(problem.type) == 2;
  const bool has_one = has_8_channels && runs_fused(problem);
  return device->sm_count * (has_one ? STREAMED_BLOCKS<8, true, 1> : STREAMED_BLOCKS<8, false, 1>);
}

// Accepts a problem if its inputs fit in the window, or if enough units of them do.
inline cubn_refusal check_streamed_window(const cubn_device *device, const cubn_problem &problem) {
  const StreamedPlan plan = streamed_plan(device, problem);
  const int64_t tensor_bytes =
      cubn_count(&problem) * problem.c * static_cast<int64_t>(cubn_element_bytes(problem.type));
  if (tensor_bytes * streamed_inputs(problem) <= streamed_window_bytes(device))
    return cubn_accept();
  if (plan.lag < 1)
    return cubn_refuse_number(
        "two units of %lld bytes do not fit in the %lld bytes of L2 that each tensor has",
        plan.unit_bytes, plan.window_bytes);
  const int64_t task_bytes = co_resident_tasks(device, problem) * STREAMED_TASK_BYTES;
  if (plan.lag * plan.unit_bytes < task_bytes)
    return cubn_refuse_number(
        "L2 holds %lld bytes of a tensor between the passes, and co-resident tasks need %lld",
        plan.lag * plan.unit_bytes, task_bytes);
  return cubn_accept();
}

}  // namespace cubn
