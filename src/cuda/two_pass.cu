/* two_pass: x is read twice, first for the sums, then for the output.
 *
 * Idea. A block reduces one chunk of one unit of channels to a slot per channel. Groups of FAN_IN
 * chunks arrive at a counter; the last of a group combines its slots, in the order of the chunks
 * and in double, and goes on to the next level, until one block has the whole channel: it writes
 * the statistics and the coefficients. A second launch applies them, from the last chunk to the
 * first, so that it begins with what the first launch left in the cache; its blocks may take the
 * places of those of the first launch that have ended, and wait there. Backward without saved
 * statistics reduces twice, first for these.
 *
 * Fused operations have reductions and second passes of their own in backward, where the gradient
 * dp of the pre-activation is computed twice rather than kept in memory. What needs no sums is a
 * second pass alone.
 *
 * The results do not depend on the order in which blocks run: chunks, slots and the order of all
 * additions follow from the problem and the device. If the slots do not fit into the workspace, the
 * launches are repeated for slices of the units. */
#include "cuda/device/pass/apply.cuh"
#include "cuda/device/pass/gather.cuh"
#include "cuda/plan/operations.cuh"
#include "cuda/plan/partition.cuh"

namespace cubn {
namespace {

/* What the launches of a slice of units share. */
template <class Coefficients>
struct Slice {
  int64_t unit0;
  int units;
  int counters_per_unit;
  unsigned *counters;         /* of the slice; 0 between launches */
  Slots slots;                /* units count from the slice's first */
  Coefficients *coefficients; /* of the slice's channels */
};

template <class Iterator, class Op>
__global__ void __launch_bounds__(PASS_THREADS, PASS_BLOCKS<Iterator::CHANNELS, Op::FUSED>)
    reduce_kernel(const Iterator iterator, const Op op,
                  const Slice<typename Op::Coefficients> slice) {
  CUBN_SHARED(double, scratch, [REDUCE_SCRATCH<Iterator>]);
  let_next_launch_begin();
  const int64_t local = blockIdx.x % static_cast<unsigned>(slice.units);
  const int64_t unit = slice.unit0 + local;
  const int64_t chunk = blockIdx.x / static_cast<unsigned>(slice.units);
  const int channels = iterator.unit_channels(unit);
  reduce_chunk(iterator, op, unit, static_cast<unsigned>(chunk), slice.slots.at(local, chunk, 0),
               scratch);
  unsigned *const counters = slice.counters + local * slice.counters_per_unit;
  if (!gather<Op>(slice.slots, local, chunk, channels, counters, scratch)) return;
  const int i = static_cast<int>(threadIdx.x);
  if (i < channels)
    finalize_unit(iterator, op, unit, i, slice.slots.at(local, 0, i),
                  slice.coefficients + local * slice.slots.unit_channels + i);
}

template <class Iterator, class Op>
__global__ void __launch_bounds__(PASS_THREADS, PASS_BLOCKS<Iterator::CHANNELS>)
    apply_kernel(const Iterator iterator, const Op op, int64_t unit0, int units) {
  wait_for_launch_before();
  const unsigned block = gridDim.x - 1 - blockIdx.x; /* the latest read first */
  apply_chunk<Cache::STREAMING>(iterator, op, unit0 + block % static_cast<unsigned>(units),
                                block / static_cast<unsigned>(units));
}

/* How the scratch part of the workspace is divided among the units of a slice. */
struct Layout {
  int64_t units;                                      /* of a full slice */
  int64_t slot_bytes, coefficient_bytes, saved_bytes; /* per unit */
};
template <class Op>
Layout layout_of(const Partition &partition, size_t workspace_bytes, bool recomputes) {
  using Real = typename Op::Real;
  Layout layout;
  layout.slot_bytes =
      partition.chunks * partition.unit_channels * static_cast<int64_t>(sizeof(double[SLOT]));
  layout.coefficient_bytes =
      partition.unit_channels * static_cast<int64_t>(sizeof(typename Op::Coefficients));
  layout.saved_bytes =
      recomputes ? partition.unit_channels * static_cast<int64_t>(sizeof(Real)) : 0;
  const int64_t scratch_bytes = static_cast<int64_t>(workspace_bytes - CUBN_COUNTER_BYTES);
  const int64_t counters = static_cast<int64_t>(CUBN_COUNTER_BYTES / sizeof(unsigned));
  layout.units =
      scratch_bytes / (layout.slot_bytes + layout.coefficient_bytes + 2 * layout.saved_bytes);
  if (partition.chunks > 1)
    layout.units = clamp(layout.units, 1, counters / counters_of(partition.chunks));
  layout.units = clamp(layout.units, 1, partition.units);
  return layout;
}

template <class Coefficients>
Slice<Coefficients> slice_of(const cubn_args &args, const Partition &partition,
                             const Layout &layout, int64_t unit0) {
  unsigned char *scratch = static_cast<unsigned char *>(args.workspace) + CUBN_COUNTER_BYTES;
  Slice<Coefficients> slice;
  slice.unit0 = unit0;
  slice.units = static_cast<int>(clamp(partition.units - unit0, 0, layout.units));
  slice.counters_per_unit = counters_of(partition.chunks);
  slice.counters = static_cast<unsigned *>(args.workspace);
  slice.slots = {reinterpret_cast<double *>(scratch), static_cast<int>(partition.chunks),
                 static_cast<int>(partition.unit_channels)};
  slice.coefficients = reinterpret_cast<Coefficients *>(scratch + layout.units * layout.slot_bytes);
  return slice;
}

template <class Iterator, class Op>
cubnStatus_t reduce_slice(const cubn_device *device, const Iterator &iterator, const Op &op,
                          const Partition &partition,
                          const Slice<typename Op::Coefficients> &slice) {
  return launch(device, reduce_kernel<Iterator, Op>, slice.units * partition.chunks, PASS_THREADS,
                0, iterator, op, slice);
}

/* stored: the coefficients of the slice, or NULL. */
template <class Iterator, class Op>
cubnStatus_t apply_slice(const cubn_device *device, const Iterator &iterator, const Op &op,
                         const Partition &partition, const Slice<typename Op::Coefficients> &slice,
                         typename Op::Coefficients *stored) {
  Stored<Op> apply = {};
  static_cast<Op &>(apply) = op;
  apply.stored = stored;
  apply.channel0 = iterator.first_channel(slice.unit0);
  const auto kernel = apply_kernel<Iterator, Stored<Op>>;
  const int64_t blocks = slice.units * partition.chunks;
  return stored ? launch_behind(device, kernel, blocks, PASS_THREADS, 0, iterator, apply,
                                slice.unit0, slice.units)
                : launch(device, kernel, blocks, PASS_THREADS, 0, iterator, apply, slice.unit0,
                         slice.units);
}

/* Forward. The first pass is the same for all; Op is the operation of the second. */
template <class T, class Iterator, class Op>
cubnStatus_t run_forward(const cubn_device *device, const cubn_args &args, const Iterator &iterator,
                         const Op &op, const Partition &partition) {
  const Layout layout = layout_of<Op>(partition, args.workspace_bytes, false);
  for (int64_t unit0 = 0; unit0 < partition.units; unit0 += layout.units) {
    const auto slice = slice_of<typename Op::Coefficients>(args, partition, layout, unit0);
    CUBN_TRY((reduce_slice<Iterator, Forward<T>>(device, iterator, op, partition, slice)));
    if (op.output)
      CUBN_TRY(apply_slice(device, iterator, op, partition, slice, slice.coefficients));
  }
  return CUBN_STATUS_SUCCESS;
}

/* Computes saved statistics of the slice's channels in the workspace, behind the coefficients, and
 * makes the operation read them there. */
template <class T, class Iterator>
cubnStatus_t recompute_saved(const cubn_device *device, const cubn_args &args,
                             const Iterator &iterator, const Partition &partition,
                             const Layout &layout, int64_t unit0, Backward<T> *backward) {
  using Real = Compute<T>;
  using Op = Forward<T>;
  const auto slice = slice_of<typename Op::Coefficients>(args, partition, layout, unit0);
  unsigned char *memory = reinterpret_cast<unsigned char *>(slice.coefficients) +
                          layout.units * layout.coefficient_bytes;
  Op op = make_forward<T>(args, false, false, false);
  op.output = nullptr;
  op.saved_mean = reinterpret_cast<Real *>(memory);
  op.saved_inv_std = reinterpret_cast<Real *>(memory + layout.units * layout.saved_bytes);
  op.saved_channel0 = backward->saved_channel0 = iterator.first_channel(unit0);
  backward->saved_mean = op.saved_mean;
  backward->saved_inv_std = op.saved_inv_std;
  return reduce_slice(device, iterator, op, partition, slice);
}

/* What a backward problem needs. */
struct Steps {
  bool recompute, reduce, apply;
};

template <class T, class Iterator, class Op>
cubnStatus_t run_backward(const cubn_device *device, const cubn_args &args,
                          const Iterator &iterator, Op op, const Partition &partition,
                          const Steps &steps) {
  const Layout layout = layout_of<Op>(partition, args.workspace_bytes, steps.recompute);
  for (int64_t unit0 = 0; unit0 < partition.units; unit0 += layout.units) {
    const auto slice = slice_of<typename Op::Coefficients>(args, partition, layout, unit0);
    if (steps.recompute)
      CUBN_TRY(recompute_saved<T>(device, args, iterator, partition, layout, unit0, &op));
    if (steps.reduce) CUBN_TRY(reduce_slice(device, iterator, op, partition, slice));
    auto *const stored = steps.reduce ? slice.coefficients : nullptr;
    if (steps.apply) CUBN_TRY(apply_slice(device, iterator, op, partition, slice, stored));
  }
  return CUBN_STATUS_SUCCESS;
}

template <class T>
cubnStatus_t run_plain(const cubn_device *device, const cubn_problem &problem,
                       const cubn_args &args) {
  if (problem.pass == CUBN_PASS_TRAIN) {
    const auto op =
        make_forward<T>(args, problem.has_saved, problem.has_running, problem.running_is_biased);
    return visit_iterator(device, problem, op,
                          [&](const auto &iterator, const Partition &partition) {
                            return run_forward<T>(device, args, iterator, op, partition);
                          });
  }
  const auto op = make_backward<T>(args, cubn_count(&problem));
  const Steps steps = {!problem.has_saved, true, problem.has_output};
  return visit_iterator(device, problem, op, [&](const auto &iterator, const Partition &partition) {
    return run_backward<T>(device, args, iterator, op, partition, steps);
  });
}

template <class T>
cubnStatus_t run_fused(cubn_device *device, const cubn_problem &problem, const cubn_args &args) {
  if (problem.pass == CUBN_PASS_TRAIN) {
    const auto op = make_fused_forward<T>(problem, args);
    if (!fused_phase_fits(problem, common_phase(op)))
      return cubn_cuda_train_strided.run(device, &problem, &args);
    return visit_fused_iterator(device, problem, op,
                                [&](const auto &iterator, const Partition &partition) {
                                  return run_forward<T>(device, args, iterator, op, partition);
                                });
  }
  const auto op = make_fused_backward<T>(problem, args);
  if (!fused_phase_fits(problem, common_phase(op)))
    return cubn_cuda_backward_strided.run(device, &problem, &args);
  const Steps steps = {!problem.has_saved && needs_statistics(problem, args),
                       needs_sums(problem, args), problem.has_output || problem.has_dz};
  return visit_fused_iterator(
      device, problem, op, [&](const auto &iterator, const Partition &partition) {
        return run_backward<T>(device, args, iterator, op, partition, steps);
      });
}

cubnStatus_t run(cubn_device *device, const cubn_problem *problem, const cubn_args *args) {
  const cubn_device_scope scope(device);
  CUBN_TRY(scope.status());
  return visit_type(problem->type, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    return needs_epilogue(*problem) ? run_fused<T>(device, *problem, *args)
                                    : run_plain<T>(device, *problem, *args);
  });
}

cubn_refusal reject(const cubn_device *, const cubn_problem *problem) {
  if (problem->layout == CUBN_LAYOUT_STRIDED) return cubn_refuse_strided();
  if (cubn_count(problem) == 0) return cubn_refuse_empty();
  if (needs_epilogue(*problem) && !mask_has_granules(*problem)) return refuse_mask(*problem);
  return cubn_accept();
}

/* All there is, for as few slices as possible. */
size_t workspace_bytes(const cubn_device *, const cubn_problem *) {
  return CUBN_WORKSPACE_BYTES;
}

}  // namespace
}  // namespace cubn

const cubn_algo cubn_cuda_train_two_pass = {"two_pass", cubn::reject, cubn::workspace_bytes,
                                            cubn::run};
const cubn_algo cubn_cuda_backward_two_pass = {"two_pass", cubn::reject, cubn::workspace_bytes,
                                               cubn::run};
