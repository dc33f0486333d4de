/* See cubn_backend.run_batches. */
#ifndef CUBN_CPU_BATCHES_H
#define CUBN_CPU_BATCHES_H

#include "core/backend.h"

cubnStatus_t cubn_cpu_run_batches(cubn_device *device, const cubn_algo *algo,
                                  const cubn_problem *problem, const cubn_args *args,
                                  cubn_batches *batches);

#endif /* CUBN_CPU_BATCHES_H */
