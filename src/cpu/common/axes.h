/* Where the elements of axes are. */
#ifndef CUBN_CPU_COMMON_AXES_H
#define CUBN_CPU_COMMON_AXES_H

#include "core/backend.h"

/* The offset of linear element `index` of the first `rank` axes. */
static inline int64_t cubn_axes_offset(const cubn_axes *axes, int rank, cubn_array array,
                                       int64_t index) {
  int64_t offset = 0;
  for (int axis = rank - 1; axis >= 0; --axis) {
    offset += index % axes->size[axis] * axes->stride[array][axis];
    index /= axes->size[axis];
  }
  return offset;
}

/* Whether the channels differ in what is valid. */
static inline bool cubn_channels_differ(const cubn_problem *problem) {
  for (int i = 0; i < problem->channels.rank; ++i)
    if (problem->channels.stride[CUBN_ARRAY_VALID][i] != 0) return true;
  return false;
}

#endif /* CUBN_CPU_COMMON_AXES_H */
