// The queue of the streamed kernel: blocks take tasks by ticket.
#pragma once
#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/device/pass/reduce.cuh"

namespace cubn {

// The tasks of a launch for a slice of the units, and the state by which its blocks synchronize.
struct TicketQueue {
  int64_t first_unit;
  unsigned units, chunks, lag;
  unsigned *ticket;    // The next ticket.
  unsigned *finished;  // Blocks that have finished.
  unsigned *states;    // Per unit: whether it is published, then the counters of tree_reduce().
  int states_per_unit;
  Slots slots;  // Units count from the first of the slice.

  __device__ unsigned *state(unsigned unit) const {
    return states + static_cast<int64_t>(unit) * states_per_unit;
  }
};

// Reduces a chunk of a unit, or applies the coefficients to it. Units count from the first of the
// slice.
struct Task {
  bool applies;
  unsigned unit, chunk;
};

// The task of a ticket, in the order that streamed.cu describes.
__device__ inline Task task_of_ticket(unsigned ticket, const TicketQueue &queue) {
  const unsigned chunks = queue.chunks;
  const unsigned head = queue.lag * chunks, body = (queue.units - queue.lag) * chunks * 2;
  if (ticket < head) return {false, ticket / chunks, ticket % chunks};
  ticket -= head;
  if (ticket >= body) {
    ticket -= body;
    return {true, queue.units - queue.lag + ticket / chunks, ticket % chunks};
  }
  const unsigned step = ticket / (2 * chunks), index = ticket % (2 * chunks);
  const bool applies = index >= chunks;
  return {applies, applies ? step : step + queue.lag, applies ? index - chunks : index};
}

}  // namespace cubn
