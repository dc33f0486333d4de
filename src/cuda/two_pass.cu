// two_pass: x is read twice, first for the sums, then for the output.
//
// Idea. The first launch reduces each channel, the second one applies the result.
//
// Kernels. In reduce_kernel a block reduces one chunk of one unit of channels to a slot per
// channel. The slots are combined in a tree (tree_reduce.cuh): the last of FAN_IN blocks to arrive
// at a counter combines their slots, in the order of the chunks and in double, and continues at the
// next level, until one block has the whole channel. It writes the statistics and the coefficients.
// In apply_kernel a block applies these to one chunk, from the last chunk to the first, so that it
// begins with what the first launch left in the L2 cache. Backward without saved statistics reduces
// twice, first for these. Backward with an epilogue computes the gradient dp of the pre-activation
// in both passes rather than keep it in memory. What needs no sums is a second pass alone.
//
// Synchronization. Within a launch, only the counters of the tree. apply_kernel is a programmatic
// dependent launch: its blocks may occupy SMs that blocks of the first launch have left, and wait
// there for the end of the first launch.
//
// No deadlock. No block waits for another block of its launch, and those of the first launch wait
// for nothing.
//
// Reproducibility. The results do not depend on the order in which blocks run: chunks, slots and
// the order of all additions follow from the problem and the device.
//
// Bytes. x (and dy) is read twice, x in backward without saved statistics three times; each output
// is written once. If the slots do not fit in the workspace, the launches are repeated for slices
// of the units.
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
#include "cuda/device/op/backward.cuh"
#include "cuda/device/op/forward.cuh"
#include "cuda/device/op/mask.cuh"
#include "cuda/device/pass/apply.cuh"
#include "cuda/device/pass/reduce.cuh"
#include "cuda/device/pass/tree_reduce.cuh"
#include "cuda/plan/launch.cuh"
#include "cuda/plan/needs.cuh"
#include "cuda/plan/operations.cuh"
#include "cuda/plan/partition.cuh"
#include "cuda/plan/slice.cuh"

namespace cubn {
namespace {

// Co-resident blocks per SM. Threads that count each of 8 columns need all registers for one block;
// so do those that sum 8 columns of bfloat16, which sm_80 would otherwise spill.
template <class Iterator, class Op>
constexpr int REDUCE_BLOCKS = Iterator::CHANNELS == 8 &&
                                      (Iterator::FOLDS ||
                                       (Op::INPUTS == 1 &&
                                        std::is_same<typename Op::Element, __nv_bfloat16>::value))
                                  ? 1
                                  : PASS_BLOCKS<Iterator::CHANNELS, Op::FUSED && Op::INPUTS == 2>;

template <class Iterator, class Op>
__global__ void __launch_bounds__(PASS_THREADS, REDUCE_BLOCKS<Iterator, Op>)
    reduce_kernel(const Iterator iterator, const Op op,
                  const Slice<typename Op::Coefficients> slice) {
  CUBN_SHARED(double, scratch, [REDUCE_SCRATCH<Iterator>]);
  launch_dependent_grids();
  const int64_t local = blockIdx.x % static_cast<unsigned>(slice.units);
  const int64_t unit = slice.first_unit + local;
  const int64_t chunk = blockIdx.x / static_cast<unsigned>(slice.units);
  const int channels = iterator.unit_channels(unit);
  reduce_chunk<REDUCE_BLOCKS<Iterator, Op>>(iterator, op, unit, static_cast<unsigned>(chunk),
                                            slice.slots.address(local, chunk, 0), scratch);
  unsigned *const counters = slice.counters + local * slice.counters_per_unit;
  if (!tree_reduce<Op>(slice.slots, local, chunk, channels, counters, scratch)) return;
  const int i = static_cast<int>(threadIdx.x);
  if (i < channels)
    finalize_unit(iterator, op, unit, i, slice.slots.address(local, 0, i),
                  slice.coefficients + local * slice.slots.unit_channels + i);
}

template <class Iterator, class Op>
__global__ void __launch_bounds__(PASS_THREADS, PASS_BLOCKS<1>)
    apply_kernel(const Iterator iterator, const Op op, int64_t first_unit, int units) {
  const unsigned block = gridDim.x - 1 - blockIdx.x;  // The chunk that was read last comes first.
  apply_chunk<Cache::STREAMING, PASS_BLOCKS<1>>(
      iterator, op, first_unit + block % static_cast<unsigned>(units),
      block / static_cast<unsigned>(units), [] { wait_on_prior_grid(); });
}

template <class Iterator, class Op>
cubnStatus_t reduce_slice(const cubn_device *device, const Iterator &iterator, const Op &op,
                          const Partition &partition,
                          const Slice<typename Op::Coefficients> &slice) {
  return launch<reduce_kernel<Iterator, Op>>(device, slice.units * partition.chunks, PASS_THREADS,
                                             0, iterator, op, slice);
}

// `stored` are the coefficients of the slice. It is NULL if there was no first pass.
template <class Iterator, class Op>
cubnStatus_t apply_slice(const cubn_device *device, const Iterator &iterator, const Op &op,
                         const Partition &partition, const Slice<typename Op::Coefficients> &slice,
                         typename Op::Coefficients *stored) {
  StoredCoefficients<Op> apply = {};
  static_cast<Op &>(apply) = op;
  apply.stored = stored;
  apply.first_channel = iterator.first_channel(slice.first_unit);
  constexpr auto *KERNEL = apply_kernel<Iterator, StoredCoefficients<Op>>;
  const int64_t blocks = slice.units * partition.chunks;
  return stored ? launch_overlapped<KERNEL>(device, blocks, PASS_THREADS, 0, iterator, apply,
                                            slice.first_unit, slice.units)
                : launch<KERNEL>(device, blocks, PASS_THREADS, 0, iterator, apply, slice.first_unit,
                                 slice.units);
}

// Forward. The first pass is the same for all operations; Op is that of the second pass.
template <class T, class Iterator, class Op>
cubnStatus_t run_forward(const cubn_device *device, const cubn_args &args, const Iterator &iterator,
                         const Op &op, const Partition &partition) {
  const SliceLayout layout = slice_layout<Op>(partition, args.workspace_bytes, false);
  for (int64_t first_unit = 0; first_unit < partition.units; first_unit += layout.units) {
    const auto slice = make_slice<typename Op::Coefficients>(args, partition, layout, first_unit);
    CUBN_TRY((reduce_slice<Iterator, Forward<T>>(device, iterator, op, partition, slice)));
    if (op.output)
      CUBN_TRY(apply_slice(device, iterator, op, partition, slice, slice.coefficients));
  }
  return CUBN_STATUS_SUCCESS;
}

// Recomputes the saved statistics of the slice's channels, stores them in the workspace after the
// coefficients, and makes the operation read them there. What the means lack shows in the sums; it
// is stored where these are given.
template <class T, class Iterator>
cubnStatus_t recompute_saved(const cubn_device *device, const cubn_args &args,
                             const Iterator &iterator, const Partition &partition,
                             const SliceLayout &layout, int64_t first_unit, bool stores_low,
                             Backward<T> *backward) {
  using Real = Compute<T>;
  using Op = Forward<T>;
  const auto slice = make_slice<typename Op::Coefficients>(args, partition, layout, first_unit);
  unsigned char *memory = reinterpret_cast<unsigned char *>(slice.coefficients) +
                          layout.units * layout.coefficient_bytes;
  Op op = make_forward<T>(args, false, false, false, false);
  op.output = nullptr;
  op.saved_mean = reinterpret_cast<Real *>(memory);
  op.saved_inv_std = reinterpret_cast<Real *>(memory + layout.units * layout.saved_bytes);
  op.saved_first_channel = backward->saved_first_channel = iterator.first_channel(first_unit);
  backward->saved_mean = op.saved_mean;
  backward->saved_inv_std = op.saved_inv_std;
  if (stores_low)
    op.saved_mean_low = reinterpret_cast<Real *>(memory + 2 * layout.units * layout.saved_bytes);
  if (stores_low) backward->mean_low = op.saved_mean_low;
  return reduce_slice(device, iterator, op, partition, slice);
}

// The launches that a backward problem needs.
struct Steps {
  bool recompute, reduce, apply;
};

template <class T, class Iterator, class Op>
cubnStatus_t run_backward(const cubn_device *device, const cubn_args &args,
                          const Iterator &iterator, Op op, const Partition &partition,
                          const Steps &steps) {
  const SliceLayout layout = slice_layout<Op>(partition, args.workspace_bytes, steps.recompute);
  for (int64_t first_unit = 0; first_unit < partition.units; first_unit += layout.units) {
    const auto slice = make_slice<typename Op::Coefficients>(args, partition, layout, first_unit);
    if (steps.recompute)
      CUBN_TRY(recompute_saved<T>(device, args, iterator, partition, layout, first_unit,
                                  !steps.reduce, &op));
    if (steps.reduce) CUBN_TRY(reduce_slice(device, iterator, op, partition, slice));
    auto *const stored = steps.reduce ? slice.coefficients : nullptr;
    if (steps.apply) CUBN_TRY(apply_slice(device, iterator, op, partition, slice, stored));
  }
  return CUBN_STATUS_SUCCESS;
}

template <class T>
cubnStatus_t run_type(cubn_device *device, const cubn_problem &problem, const cubn_args &args) {
  const bool trains = problem.pass == CUBN_PASS_TRAIN;
  const cubn_algo &strided = trains ? cubn_cuda_train_strided : cubn_cuda_backward_strided;
  return visit_operation<T>(problem, args, [&](const auto &op) {
    if (!phase_fits(problem, common_phase(op))) return strided.run(device, &problem, &args);
    return visit_iterator(
        device, problem, op, [&](const auto &iterator, const Partition &partition) {
          if constexpr (std::decay_t<decltype(op)>::INPUTS == 1) {
            return run_forward<T>(device, args, iterator, op, partition);
          } else {
            const Steps steps = {computes_statistics(problem, args), needs_sums(problem, args),
                                 problem.has_output || problem.has_dz};
            return run_backward<T>(device, args, iterator, op, partition, steps);
          }
        });
  });
}

cubnStatus_t run(cubn_device *device, const cubn_problem *problem, const cubn_args *args) {
  const cubn_device_scope scope(device);
  CUBN_TRY(scope.status());
  return visit_type(problem->type, [&](auto tag) {
    return run_type<typename decltype(tag)::Type>(device, *problem, *args);
  });
}

cubn_refusal reject(const cubn_device *, const cubn_problem *problem) {
  return packed_reject(*problem);
}

// The whole workspace, so that there are as few slices as possible.
size_t workspace_bytes(const cubn_device *, const cubn_problem *) {
  return CUBN_WORKSPACE_BYTES;
}

}  // namespace
}  // namespace cubn

const cubn_algo cubn_cuda_train_two_pass = {"two_pass", cubn::reject, cubn::workspace_bytes,
                                            cubn::run};
const cubn_algo cubn_cuda_backward_two_pass = {"two_pass", cubn::reject, cubn::workspace_bytes,
                                               cubn::run};
