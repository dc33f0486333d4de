// streamed: one launch. The SMs read x twice, but memory is read only once.
//
// Idea. Channels are independent, so the second pass over a unit of channels can follow its first
// pass while the unit is still in the L2 cache. The work is divided into tasks: R(u, j) reduces
// chunk j of unit u, A(u, j) applies the coefficients to it, in the order
//
//   R(0) .. R(lag - 1),  R(lag) A(0),  R(lag + 1) A(1),  ...,  A(units - lag) .. A(units - 1)
//
// where R(u) stands for R(u, 0) .. R(u, chunks - 1). Between the two passes over a unit, at most
// lag + 1 units are read, and these fit in the part of the L2 cache that plan/streamed_plan.cuh
// reserves for them.
//
// Kernel. A block takes a ticket, the number of a task, executes the task, and takes the next
// ticket until there are none.
//
// Synchronization. The last block to arrive with the sums of a chunk of a unit (tree_reduce.cuh)
// writes the coefficients and publishes the unit; A waits until that is done.
//
// No deadlock, whatever number of blocks is co-resident. A block executes its tickets in increasing
// order (it has one more than it executes), only A waits, and only for lower tickets. Hence the
// lowest unfinished ticket is always the one that its block is executing, and it does not wait.
//
// Reproducibility. The results do not depend on the order in which blocks take tickets: chunks,
// slots and the order of all additions follow from the problem and the device.
//
// Bytes. Each input is read once from memory and once from the L2 cache; each output is written
// once.
#include <cuda_runtime.h>

#include <cstdint>
#include <type_traits>

#include "core/backend.h"
#include "core/check.h"
#include "core/refusal.h"
#include "cuda/common/algos.h"
#include "cuda/common/device.h"
#include "cuda/common/tuning.h"
#include "cuda/device/base/dtype.cuh"
#include "cuda/device/base/shared_memory.cuh"
#include "cuda/device/base/sync.cuh"
#include "cuda/device/base/vector_access.cuh"
#include "cuda/device/op/forward.cuh"
#include "cuda/device/op/mask.cuh"
#include "cuda/device/pass/apply.cuh"
#include "cuda/device/pass/reduce.cuh"
#include "cuda/device/pass/ticket_queue.cuh"
#include "cuda/device/pass/tree_reduce.cuh"
#include "cuda/plan/integers.cuh"
#include "cuda/plan/launch.cuh"
#include "cuda/plan/needs.cuh"
#include "cuda/plan/operations.cuh"
#include "cuda/plan/partition.cuh"
#include "cuda/plan/statistics_first.cuh"
#include "cuda/plan/streamed_plan.cuh"

namespace cubn {
namespace {

template <class Iterator, class Op>
constexpr int BLOCKS = STREAMED_BLOCKS<Iterator::CHANNELS, Op::FUSED, Op::INPUTS>;

template <class Iterator, class Op>
__device__ inline void reduce_task(const Iterator &iterator, const StoredCoefficients<Op> &op,
                                   const TicketQueue &queue, const Task &task, double *scratch) {
  using Coefficients = typename Op::Coefficients;
  const Op &plain = op;
  const int64_t unit = queue.first_unit + task.unit;
  const int channels = iterator.unit_channels(unit);
  unsigned *const state = queue.state(task.unit);
  reduce_chunk<BLOCKS<Iterator, Op>>(iterator, plain, unit, task.chunk,
                                     queue.slots.address(task.unit, task.chunk, 0), scratch);
  if (!tree_reduce<Op>(queue.slots, task.unit, task.chunk, channels, state + 1, scratch)) return;
  const int i = static_cast<int>(threadIdx.x);
  Coefficients *const to = op.stored + (iterator.first_channel(unit) - op.first_channel);
  if (i < channels)
    finalize_unit(iterator, plain, unit, i, queue.slots.address(task.unit, 0, i), to + i);
  __syncthreads();
  if (threadIdx.x == 0) store_release(state, 1);
}

template <class Iterator, class Op>
__device__ inline void apply_task(const Iterator &iterator, const StoredCoefficients<Op> &op,
                                  const TicketQueue &queue, const Task &task) {
  apply_chunk<Cache::STREAMING, BLOCKS<Iterator, Op>>(
      iterator, op, queue.first_unit + task.unit, task.chunk, [&] {
        if (threadIdx.x == 0)
          while (load_acquire(queue.state(task.unit)) == 0) __nanosleep(100);
        __syncthreads();
      });
}

// The last block to finish sets the counters back to 0 for the next launch.
__device__ inline void finish(const TicketQueue &queue) {
  if (!arrives_last(queue.finished, gridDim.x)) return;
  for (unsigned unit = threadIdx.x; unit < queue.units; unit += blockDim.x) *queue.state(unit) = 0;
  if (threadIdx.x == 0) *queue.ticket = 0;
}

template <class Iterator, class Op>
__global__ void __launch_bounds__(PASS_THREADS, BLOCKS<Iterator, Op>)
    streamed_kernel(const Iterator iterator, const StoredCoefficients<Op> op,
                    const TicketQueue queue) {
  CUBN_SHARED(double, scratch, [REDUCE_SCRATCH<Iterator>]);
  CUBN_SHARED(unsigned, next, );
  const bool is_leader = threadIdx.x == 0;
  const unsigned tickets = 2 * queue.units * queue.chunks;
  if (is_leader) next = atomicAdd(queue.ticket, 1u);
  __syncthreads();
  for (unsigned ticket = next; ticket < tickets; ticket = next) {
    unsigned next_ticket = 0;  // Taken early, so that the task hides the latency.
    if (is_leader) next_ticket = atomicAdd(queue.ticket, 1u);
    const Task task = task_of_ticket(ticket, queue);
    if (task.applies)
      apply_task(iterator, op, queue, task);
    else
      reduce_task(iterator, op, queue, task, scratch);
    __syncthreads();  // All threads have read the ticket and finished with shared memory.
    if (is_leader) next = next_ticket;
    __syncthreads();
  }
  finish(queue);
}

cubn_refusal reject(const cubn_device *device, const cubn_problem *problem) {
  const cubn_refusal refusal = packed_reject(*problem);
  if (refusal.text) return refusal;
  if (problem->type == CUBN_DATA_DOUBLE)
    return cubn_refuse("this algorithm has no kernels for double");
  if (problem->sums_are_given) return refuse_given_sums();
  if (!problem->has_output && !problem->has_dz) return refuse_statistics_only();
  const int64_t row_bytes = problem->c * static_cast<int64_t>(cubn_element_bytes(problem->type));
  if (problem->layout == CUBN_LAYOUT_COLUMNS && row_bytes % 16 != 0)
    return cubn_refuse_number("rows of %lld bytes do not all begin at a multiple of %lld",
                              row_bytes, 16);
  const cubn_refusal too_many = check_statistics_first(*problem);
  if (too_many.text) return too_many;
  return check_streamed_window(device, *problem);
}

// Units for which the workspace has room. The launch is repeated for slices of so many units.
template <class Op>
int64_t slice_units(const Partition &partition, size_t workspace_bytes) {
  const int64_t scratch_bytes = static_cast<int64_t>(workspace_bytes - CUBN_COUNTER_BYTES);
  const int64_t counters = static_cast<int64_t>(CUBN_COUNTER_BYTES / sizeof(unsigned)) - 2;
  const int64_t unit_bytes =
      partition.unit_channels * (partition.chunks * static_cast<int64_t>(sizeof(double[SLOT])) +
                                 static_cast<int64_t>(sizeof(typename Op::Coefficients)));
  const int64_t by_counters = counters / (1 + tree_counters(partition.chunks));
  return clamp(clamp(scratch_bytes / unit_bytes, 1, by_counters), 1, partition.units);
}

template <class Iterator, class Op>
cubnStatus_t run_slice(const cubn_device *device, const cubn_args &args, const Iterator &iterator,
                       const Op &op, const Partition &partition, int64_t lag, int64_t first_unit,
                       int64_t units) {
  unsigned *const counters = static_cast<unsigned *>(args.workspace);
  unsigned char *const scratch = static_cast<unsigned char *>(args.workspace) + CUBN_COUNTER_BYTES;
  TicketQueue queue = {};
  queue.first_unit = first_unit;
  queue.units = static_cast<unsigned>(units);
  queue.chunks = static_cast<unsigned>(partition.chunks);
  queue.lag = static_cast<unsigned>(clamp(lag, 1, units));
  queue.ticket = counters;
  queue.finished = counters + 1;
  queue.states = counters + 2;
  queue.states_per_unit = 1 + tree_counters(partition.chunks);
  queue.slots = {reinterpret_cast<double *>(scratch), static_cast<int>(partition.chunks),
                 static_cast<int>(partition.unit_channels)};
  StoredCoefficients<Op> stored = {};
  static_cast<Op &>(stored) = op;
  stored.stored = reinterpret_cast<typename Op::Coefficients *>(
      scratch + units * partition.chunks * partition.unit_channels *
                    static_cast<int64_t>(sizeof(double[SLOT])));
  stored.first_channel = iterator.first_channel(first_unit);
  const int64_t blocks =
      clamp(device->sm_count * BLOCKS<Iterator, Op>, 1, 2 * units * partition.chunks);
  return launch<streamed_kernel<Iterator, Op>>(device, blocks, PASS_THREADS, 0, iterator, stored,
                                               queue);
}

// The launches of an operation for an iterator.
template <class Iterator, class Op>
cubnStatus_t run_iterator(const cubn_device *device, const cubn_args &args,
                          const Iterator &iterator, const Op &op, const Partition &partition,
                          int64_t lag) {
  const int64_t slice = slice_units<Op>(partition, args.workspace_bytes);
  for (int64_t first_unit = 0; first_unit < partition.units; first_unit += slice)
    CUBN_TRY(run_slice(device, args, iterator, op, partition, lag, first_unit,
                       clamp(partition.units - first_unit, 1, slice)));
  return CUBN_STATUS_SUCCESS;
}

// two_pass does the work if the phase of the tensors does not fit; that of columns has to be 0.
// Backward without sums has no first pass, so it does the work there, too.
template <class T>
cubnStatus_t run_type(cubn_device *device, const cubn_problem &problem, const cubn_args &args) {
  const bool trains = problem.pass == CUBN_PASS_TRAIN;
  const cubn_algo &two_pass = trains ? cubn_cuda_train_two_pass : cubn_cuda_backward_two_pass;
  if (!trains && !needs_sums(problem, args)) return two_pass.run(device, &problem, &args);
  return visit_operation<T>(problem, args, [&](const auto &op) {
    constexpr int V = VECTOR_WIDTH<T>, ALIGN = VECTOR_ALIGN<std::decay_t<decltype(op)>>;
    const StreamedPlan plan = streamed_plan(device, problem);
    const int phase = common_phase(op);
    Partition partition;
    if (problem.layout == CUBN_LAYOUT_ROWS && phase_fits(problem, phase)) {
      const auto rows = make_rows<V, ALIGN>(plan.granularity, problem, phase, &partition);
      return run_iterator(device, args, rows, op, partition, plan.lag);
    }
    if (problem.layout == CUBN_LAYOUT_COLUMNS && phase == 0) {
      const auto columns = make_columns<V, ALIGN>(plan.granularity, problem, &partition);
      return run_iterator(device, args, columns, op, partition, plan.lag);
    }
    return two_pass.run(device, &problem, &args);
  });
}

cubnStatus_t run(cubn_device *device, const cubn_problem *problem, const cubn_args *args) {
  const cubn_device_scope scope(device);
  CUBN_TRY(scope.status());
  return visit_type(problem->type, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    if constexpr (std::is_same_v<T, double>)
      return CUBN_STATUS_NOT_SUPPORTED;  // Rejected.
    else
      return run_statistics_first(device, *problem, *args,
                                  [&](const cubn_problem &with_saved, const cubn_args &its_args) {
                                    return run_type<T>(device, with_saved, its_args);
                                  });
  });
}

// The whole workspace, so that there are as few slices as possible.
size_t workspace_bytes(const cubn_device *, const cubn_problem *) {
  return CUBN_WORKSPACE_BYTES;
}

}  // namespace
}  // namespace cubn

const cubn_algo cubn_cuda_train_streamed = {"streamed", cubn::reject, cubn::workspace_bytes,
                                            cubn::run};
const cubn_algo cubn_cuda_backward_streamed = {"streamed", cubn::reject, cubn::workspace_bytes,
                                               cubn::run};
