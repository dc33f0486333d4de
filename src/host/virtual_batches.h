/* Virtual batches: consecutive samples with statistics of their own. */
#ifndef CUBN_HOST_VIRTUAL_BATCHES_H
#define CUBN_HOST_VIRTUAL_BATCHES_H

#include "core/backend.h"
#include "host/descriptor.h"

/* How many the problem's x is divided into; its descriptor is set. */
static inline int64_t cubn_virtual_batches(const cubn_problem *problem) {
  const int64_t samples = problem->virtual_batch;
  const int64_t all = problem->descriptors[CUBN_ARRAY_X]->dims[0];
  return samples == 0 || all <= samples ? 1 : (all - 1) / samples + 1;
}

/* Validates the whole call, then runs a call for each virtual batch, in order. */
struct cubn_call;
cubnStatus_t cubn_run_virtual_batches(const struct cubn_call *call);

#endif /* CUBN_HOST_VIRTUAL_BATCHES_H */
