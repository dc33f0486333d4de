// Virtual batches of one launch: problems alike, whose tensors follow each other in memory.
//
// Blocks find their elements by an offset (BlockSlice), and an operation what belongs to its
// channels by move_to(). What all batches add to, in order, is left to a kernel of
// virtual_batches.cu: running statistics, dscale and dbias.
#pragma once
#include <cuda_runtime.h>

#include <cstdint>

namespace cubn {

// All are 0 for one batch.
struct BatchSteps {
  int64_t saved, reserved;  // From the saved or reserved statistics of one batch to the next one's.
  int64_t channels;
  double *deferred;  // Receives two numbers per channel and batch; NULL if there is nothing to add.

  // False if there is one batch, whose operation writes its results itself.
  __device__ bool defer(int64_t channel, double first, double second) const {
    if (!deferred) return false;
    deferred[2 * channel] = first;
    deferred[2 * channel + 1] = second;
    return true;
  }
};

}  // namespace cubn
