/* streamed: one launch; x is read twice by the multiprocessors, but once from memory.
 *
 * Idea. Channels are independent, so the second pass over a unit of channels can follow its first
 * pass while the unit is still in the L2 cache. The work is cut into tasks: R(u, j) reduces chunk j
 * of unit u, A(u, j) applies the coefficients to it, in the order
 *
 *   R(0) .. R(lag - 1),  R(lag) A(0),  R(lag + 1) A(1),  ...,  A(units - lag) .. A(units - 1)
 *
 * where R(u) stands for R(u, 0) .. R(u, chunks - 1). Blocks take tasks by a ticket. Between the two
 * passes over a unit, no more than lag + 1 units are read, and these fit into a part of the cache.
 *
 * Synchronization. The last block to arrive with the sums of a chunk of a unit (gather.cuh) writes
 * the coefficients and publishes the unit; A waits until that is done.
 *
 * No deadlock, whatever number of blocks is resident. A block runs its tickets in increasing order
 * (it holds one more than it runs), only A waits, and only for lower tickets. Hence the lowest
 * unfinished ticket is always the one that its block is running, and it does not wait.
 *
 * The results do not depend on the order in which blocks take tickets: chunks, slots and the order
 * of all additions follow from the problem and the device. */
#include "cuda/device/pass/apply.cuh"
#include "cuda/device/pass/gather.cuh"
#include "cuda/plan/operations.cuh"
#include "cuda/plan/partition.cuh"

namespace cubn {
namespace {

/* The tasks of a launch, for a slice of the units. */
struct Queue {
  int64_t unit0;
  unsigned units, chunks, lag;
  unsigned *ticket, *left; /* the next one; blocks that are done */
  unsigned *states;        /* per unit: whether it is published, then the counters of gather() */
  int states_per_unit;
  Slots slots; /* units count from the slice's first */

  __device__ unsigned *state(unsigned unit) const {
    return states + static_cast<int64_t>(unit) * states_per_unit;
  }
};

struct Task {
  bool applies;
  unsigned unit, chunk;
};

__device__ inline Task task_of(unsigned ticket, const Queue &queue) {
  const unsigned chunks = queue.chunks;
  const unsigned head = queue.lag * chunks, body = (queue.units - queue.lag) * chunks * 2;
  if (ticket < head) return {false, ticket / chunks, ticket % chunks};
  ticket -= head;
  if (ticket >= body) {
    ticket -= body;
    return {true, queue.units - queue.lag + ticket / chunks, ticket % chunks};
  }
  const unsigned step = ticket / (2 * chunks), rest = ticket % (2 * chunks);
  const bool applies = rest >= chunks;
  return {applies, applies ? step : step + queue.lag, applies ? rest - chunks : rest};
}

template <class Iterator, class Op>
__device__ inline void reduce_task(const Iterator &iterator, const Stored<Op> &op,
                                   const Queue &queue, const Task &task, double *scratch) {
  using Coefficients = typename Op::Coefficients;
  const Op &plain = op;
  const int64_t unit = queue.unit0 + task.unit;
  const int channels = iterator.unit_channels(unit);
  unsigned *const state = queue.state(task.unit);
  reduce_chunk(iterator, plain, unit, task.chunk, queue.slots.at(task.unit, task.chunk, 0),
               scratch);
  if (!gather<Op>(queue.slots, task.unit, task.chunk, channels, state + 1, scratch)) return;
  const int i = static_cast<int>(threadIdx.x);
  Coefficients *const to = op.stored + (iterator.first_channel(unit) - op.channel0);
  if (i < channels)
    finalize_unit(iterator, plain, unit, i, queue.slots.at(task.unit, 0, i), to + i);
  __syncthreads();
  if (threadIdx.x == 0) store_release(state, 1);
}

template <class Iterator, class Op>
__device__ inline void apply_task(const Iterator &iterator, const Stored<Op> &op,
                                  const Queue &queue, const Task &task) {
  if (threadIdx.x == 0)
    while (load_acquire(queue.state(task.unit)) == 0) __nanosleep(100);
  __syncthreads();
  apply_chunk<Cache::STREAMING>(iterator, op, queue.unit0 + task.unit, task.chunk);
}

/* The last block to leave returns the counters to 0, for the next launch. */
__device__ inline void leave(const Queue &queue) {
  if (!arrives_last(queue.left, gridDim.x)) return;
  for (unsigned unit = threadIdx.x; unit < queue.units; unit += blockDim.x) *queue.state(unit) = 0;
  if (threadIdx.x == 0) *queue.ticket = 0;
}

/* Blocks that shall fit on a multiprocessor; both passes of fused backward need all registers. */
template <class Iterator, class Op>
constexpr int BLOCKS = Op::FUSED &&Op::INPUTS == 2 ? 1 : PASS_BLOCKS<Iterator::CHANNELS>;

template <class Iterator, class Op>
__global__ void __launch_bounds__(PASS_THREADS, BLOCKS<Iterator, Op>)
    streamed_kernel(const Iterator iterator, const Stored<Op> op, const Queue queue) {
  CUBN_SHARED(double, scratch, [REDUCE_SCRATCH<Iterator>]);
  CUBN_SHARED(unsigned, next, );
  const bool leads = threadIdx.x == 0;
  const unsigned tickets = 2 * queue.units * queue.chunks;
  if (leads) next = atomicAdd(queue.ticket, 1u);
  __syncthreads();
  for (unsigned ticket = next; ticket < tickets; ticket = next) {
    unsigned following = 0; /* taken early, so that its latency hides behind the task */
    if (leads) following = atomicAdd(queue.ticket, 1u);
    const Task task = task_of(ticket, queue);
    if (task.applies)
      apply_task(iterator, op, queue, task);
    else
      reduce_task(iterator, op, queue, task, scratch);
    __syncthreads(); /* everybody has read the ticket, and is done with shared memory */
    if (leads) next = following;
    __syncthreads();
  }
  leave(queue);
}

/* How a problem is cut into tasks. */
struct Plan {
  Grain grain;
  int64_t unit_bytes; /* of one tensor */
  int64_t lag;        /* at most */
};

/* Tensors that both passes read. */
int64_t inputs_of(const cubn_problem &problem) {
  if (problem.pass != CUBN_PASS_BACKWARD) return 1;
  return problem.reserve == CUBN_RESERVE_INPUT ? 3 : 2;
}

int64_t window_bytes(const cubn_device *device) {
  return static_cast<int64_t>(device->l2_bytes) / 100 * STREAMED_WINDOW_PERCENT;
}

/* Slabs of columns become narrower until STREAMED_UNITS_WANTED fit into the window. Those whose rows do
 * not begin at sectors share sectors with their neighbours, which memory fetches for both. */
Plan plan_of(const cubn_device *device, const cubn_problem &problem) {
  const int64_t bytes = static_cast<int64_t>(cubn_element_bytes(problem.type));
  const int64_t channel_bytes = cubn_count(&problem) * bytes;
  const int64_t window = window_bytes(device) / inputs_of(problem);
  Plan plan = {{INT64_MAX / 2, STREAMED_TASK_BYTES, INT64_MAX}, channel_bytes, 0};
  if (problem.layout == CUBN_LAYOUT_COLUMNS) {
    const bool shares_sectors = problem.c * bytes % SECTOR_BYTES != 0;
    const int64_t least =
        shares_sectors ? STREAMED_SHARING_SLAB_BYTES_MIN : STREAMED_SLAB_BYTES_MIN;
    int64_t slab = STREAMED_SLAB_BYTES;
    while (slab > least && slab / bytes * channel_bytes * STREAMED_UNITS_WANTED > window) slab /= 2;
    plan.grain.slab_bytes = slab;
    plan.unit_bytes = clamp(slab / bytes, 1, problem.c) * channel_bytes;
  }
  plan.lag = window / plan.unit_bytes - 1;
  return plan;
}

/* Tasks that run at a time. Were fewer in the window, blocks would wait for each other. */
int64_t tasks_at_a_time(const cubn_device *device, const cubn_problem &problem) {
  const bool wide = problem.layout == CUBN_LAYOUT_COLUMNS && cubn_element_bytes(problem.type) == 2;
  return device->sm_count * (wide ? PASS_BLOCKS<8> : PASS_BLOCKS<1>);
}

cubn_refusal reject(const cubn_device *device, const cubn_problem *problem) {
  if (problem->layout == CUBN_LAYOUT_STRIDED) return cubn_refuse_strided();
  if (cubn_count(problem) == 0) return cubn_refuse_empty();
  if (needs_epilogue(*problem) && !mask_has_granules(*problem)) return refuse_mask(*problem);
  if (problem->sums_are_given) return refuse_given_sums();
  if (!problem->has_output && !problem->has_dz) return refuse_statistics_only();
  if (problem->pass == CUBN_PASS_BACKWARD && !problem->has_saved && !problem->is_frozen)
    return cubn_refuse("backward without saved statistics needs a pass for them");
  const Plan plan = plan_of(device, *problem);
  const int64_t tensor_bytes =
      cubn_count(problem) * problem->c * static_cast<int64_t>(cubn_element_bytes(problem->type));
  if (tensor_bytes * inputs_of(*problem) <= window_bytes(device)) return cubn_accept();
  if (plan.lag < 1)
    return cubn_refuse_number(
        "two groups of channels of %lld bytes each exceed the %lld bytes of the L2 cache for them",
        plan.unit_bytes, window_bytes(device));
  if (plan.lag * plan.unit_bytes < tasks_at_a_time(device, *problem) * STREAMED_TASK_BYTES)
    return cubn_refuse_number(
        "the L2 cache holds %lld bytes between the passes, and the tasks that run at a time take "
        "%lld",
        plan.lag * plan.unit_bytes, tasks_at_a_time(device, *problem) * STREAMED_TASK_BYTES);
  return cubn_accept();
}

/* Units that the workspace has room for; the launch is repeated for slices of so many. */
template <class Op>
int64_t slice_units(const Partition &partition, size_t workspace_bytes) {
  const int64_t scratch_bytes = static_cast<int64_t>(workspace_bytes - CUBN_COUNTER_BYTES);
  const int64_t counters = static_cast<int64_t>(CUBN_COUNTER_BYTES / sizeof(unsigned)) - 2;
  const int64_t unit_bytes =
      partition.unit_channels * (partition.chunks * static_cast<int64_t>(sizeof(double[SLOT])) +
                                 static_cast<int64_t>(sizeof(typename Op::Coefficients)));
  const int64_t by_counters = counters / (1 + counters_of(partition.chunks));
  return clamp(clamp(scratch_bytes / unit_bytes, 1, by_counters), 1, partition.units);
}

template <class Iterator, class Op>
cubnStatus_t run_slice(const cubn_device *device, const cubn_args &args, const Iterator &iterator,
                       const Op &op, const Partition &partition, int64_t lag, int64_t unit0,
                       int64_t units) {
  unsigned *const counters = static_cast<unsigned *>(args.workspace);
  unsigned char *const scratch = static_cast<unsigned char *>(args.workspace) + CUBN_COUNTER_BYTES;
  Queue queue = {};
  queue.unit0 = unit0;
  queue.units = static_cast<unsigned>(units);
  queue.chunks = static_cast<unsigned>(partition.chunks);
  queue.lag = static_cast<unsigned>(clamp(lag, 1, units));
  queue.ticket = counters;
  queue.left = counters + 1;
  queue.states = counters + 2;
  queue.states_per_unit = 1 + counters_of(partition.chunks);
  queue.slots = {reinterpret_cast<double *>(scratch), static_cast<int>(partition.chunks),
                 static_cast<int>(partition.unit_channels)};
  Stored<Op> stored = {};
  static_cast<Op &>(stored) = op;
  stored.stored = reinterpret_cast<typename Op::Coefficients *>(
      scratch + units * partition.chunks * partition.unit_channels *
                    static_cast<int64_t>(sizeof(double[SLOT])));
  stored.channel0 = iterator.first_channel(unit0);
  const int64_t blocks =
      clamp(device->sm_count * BLOCKS<Iterator, Op>, 1, 2 * units * partition.chunks);
  return launch(device, streamed_kernel<Iterator, Op>, blocks, PASS_THREADS, 0, iterator, stored,
                queue);
}

/* The launches for an operation, on a walk. */
template <class Iterator, class Op>
cubnStatus_t run_iterator(const cubn_device *device, const cubn_args &args,
                          const Iterator &iterator, const Op &op, const Partition &partition,
                          int64_t lag) {
  const int64_t slice = slice_units<Op>(partition, args.workspace_bytes);
  for (int64_t unit0 = 0; unit0 < partition.units; unit0 += slice)
    CUBN_TRY(run_slice(device, args, iterator, op, partition, lag, unit0,
                       clamp(partition.units - unit0, 1, slice)));
  return CUBN_STATUS_SUCCESS;
}

template <class Op>
cubnStatus_t run_plain(const cubn_device *device, const cubn_problem &problem,
                       const cubn_args &args, const Op &op) {
  const Plan plan = plan_of(device, problem);
  return visit_iterator(plan.grain, problem, op,
                        [&](const auto &iterator, const Partition &partition) {
                          return run_iterator(device, args, iterator, op, partition, plan.lag);
                        });
}

/* `other` does the work where the tensors are not aligned alike. */
template <class Op>
cubnStatus_t run_fused(cubn_device *device, const cubn_problem &problem, const cubn_args &args,
                       const Op &op, const cubn_algo &other) {
  const Plan plan = plan_of(device, problem);
  if (!fused_phase_fits(problem, common_phase(op))) return other.run(device, &problem, &args);
  return visit_fused_iterator(
      plan.grain, problem, op, [&](const auto &iterator, const Partition &partition) {
        return run_iterator(device, args, iterator, op, partition, plan.lag);
      });
}

template <class T>
cubnStatus_t run_type(cubn_device *device, const cubn_problem &problem, const cubn_args &args) {
  const bool trains = problem.pass == CUBN_PASS_TRAIN;
  if (!needs_epilogue(problem))
    return trains ? run_plain(device, problem, args,
                              make_forward<T>(args, problem.has_saved, problem.has_running,
                                              problem.running_is_biased))
                  : run_plain(device, problem, args, make_backward<T>(args, cubn_count(&problem)));
  if (trains)
    return run_fused(device, problem, args, make_fused_forward<T>(problem, args),
                     cubn_cuda_train_strided);
  if (!needs_sums(problem, args)) return cubn_cuda_backward_two_pass.run(device, &problem, &args);
  return run_fused(device, problem, args, make_fused_backward<T>(problem, args),
                   cubn_cuda_backward_strided);
}

cubnStatus_t run(cubn_device *device, const cubn_problem *problem, const cubn_args *args) {
  const cubn_device_scope scope(device);
  CUBN_TRY(scope.status());
  return visit_type(problem->type, [&](auto tag) {
    return run_type<typename decltype(tag)::Type>(device, *problem, *args);
  });
}

/* All there is, for as few slices as possible. */
size_t workspace_bytes(const cubn_device *, const cubn_problem *) {
  return CUBN_WORKSPACE_BYTES;
}

}  // namespace
}  // namespace cubn

const cubn_algo cubn_cuda_train_streamed = {"streamed", cubn::reject, cubn::workspace_bytes,
                                            cubn::run};
const cubn_algo cubn_cuda_backward_streamed = {"streamed", cubn::reject, cubn::workspace_bytes,
                                               cubn::run};
