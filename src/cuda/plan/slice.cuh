// Slices of the units of the two-pass algorithm, as many as the workspace has room for.
#pragma once
#include <cstdint>

#include "core/backend.h"
#include "cuda/common/algos.h"
#include "cuda/device/op/forward.cuh"
#include "cuda/device/pass/reduce.cuh"
#include "cuda/device/pass/tree_reduce.cuh"
#include "cuda/plan/integers.cuh"
#include "cuda/plan/partition.cuh"

namespace cubn {

// The parameters that the launches of a slice of units share.
template <class Coefficients>
struct Slice {
  int64_t first_unit;
  int units;
  int counters_per_unit;
  unsigned *counters;          // The counters of the slice; 0 between launches.
  Slots slots;                 // Units count from the first of the slice.
  Coefficients *coefficients;  // Those of the slice's channels.
};

// The layout of the scratch part of the workspace: arrays for all units of a slice.
struct SliceLayout {
  int64_t units;                                       // Units of a full slice.
  int64_t slot_bytes, coefficient_bytes, saved_bytes;  // Per unit; three saved arrays.
};

template <class Op>
SliceLayout slice_layout(const Partition &partition, size_t workspace_bytes, bool recomputes) {
  using Real = typename Op::Real;
  SliceLayout layout;
  layout.slot_bytes =
      partition.chunks * partition.unit_channels * static_cast<int64_t>(sizeof(double[SLOT]));
  layout.coefficient_bytes =
      partition.unit_channels * static_cast<int64_t>(sizeof(typename Op::Coefficients));
  layout.saved_bytes =
      recomputes ? partition.unit_channels * static_cast<int64_t>(sizeof(Real)) : 0;
  const int64_t scratch_bytes = static_cast<int64_t>(workspace_bytes - CUBN_COUNTER_BYTES);
  const int64_t counters = static_cast<int64_t>(CUBN_COUNTER_BYTES / sizeof(unsigned));
  layout.units =
      scratch_bytes / (layout.slot_bytes + layout.coefficient_bytes + 3 * layout.saved_bytes);
  if (partition.chunks > 1)
    layout.units = clamp(layout.units, 1, counters / tree_counters(partition.chunks));
  layout.units = clamp(layout.units, 1, partition.units);
  return layout;
}

// The slice whose first unit is `first_unit`.
template <class Coefficients>
Slice<Coefficients> make_slice(const cubn_args &args, const Partition &partition,
                               const SliceLayout &layout, int64_t first_unit) {
  unsigned char *scratch = static_cast<unsigned char *>(args.workspace) + CUBN_COUNTER_BYTES;
  Slice<Coefficients> slice;
  slice.first_unit = first_unit;
  slice.units = static_cast<int>(clamp(partition.units - first_unit, 0, layout.units));
  slice.counters_per_unit = tree_counters(partition.chunks);
  slice.counters = static_cast<unsigned *>(args.workspace);
  slice.slots = {reinterpret_cast<double *>(scratch), static_cast<int>(partition.chunks),
                 static_cast<int>(partition.unit_channels)};
  slice.coefficients = reinterpret_cast<Coefficients *>(scratch + layout.units * layout.slot_bytes);
  return slice;
}

}  // namespace cubn
