/* See cubn_backend.fold_behind and count_nonfinite. */
#ifndef CUBN_CPU_FOLD_H
#define CUBN_CPU_FOLD_H

#include "core/fold_task.h"

cubnStatus_t cubn_cpu_fold_behind(cubn_device *device, const cubn_fold_task *task);
cubnStatus_t cubn_cpu_count_nonfinite(cubn_device *device, const cubn_problem *problem,
                                      const void *x, int64_t *count);

#endif /* CUBN_CPU_FOLD_H */
