/* An open CPU device, and its threads. */
#ifndef CUBN_CPU_COMMON_DEVICE_H
#define CUBN_CPU_COMMON_DEVICE_H

#include "core/backend.h"
#include "core/check.h"
#include "cpu/common/machine.h"
#include "cpu/pool/pool.h"

/* Enough for every algorithm, which static asserts check. Pages that nobody touches take no
 * memory. */
#define CUBN_CPU_WORKSPACE_BYTES ((size_t)7 << 20)

struct cubn_device {
  cubn_pool *pool;      /* of machine.threads threads */
  void *workspace;      /* CUBN_CPU_WORKSPACE_BYTES */
  cubn_machine machine; /* caches, threads and kernels */
  char *worker_scratch; /* CUBN_WORKER_BYTES for each of machine.threads workers, see grid/grid.h */
  char *stages;         /* CUBN_STAGE_BYTES for each worker, see fast/call.h */
  void *spans;          /* CUBN_SPANS_BYTES, see fast/places.h */
  /* Of one virtual batch among several, [2][c]: receives mean and variance in place of the running
   * statistics, or dscale and dbias; else NULL. See batches.c. */
  double *deferred;
};

/* Fails if the host gave an algorithm less workspace than it asked for. */
static inline cubnStatus_t cubn_check_workspace(const cubn_args *args, size_t needed,
                                                const char *function) {
  if (args->workspace_bytes >= needed) return CUBN_STATUS_SUCCESS;
  return cubn_fail(CUBN_STATUS_INTERNAL_ERROR, function, "workspace has %zu bytes, needs %zu",
                   args->workspace_bytes, needed);
}

/* Threads for a call of so many values: 1 if it is too small for more. */
int cubn_threads_for(const cubn_device *device, int64_t values);

/* Calls work(context, index) once for each index 0 .. count - 1, on up to `threads` threads. */
void cubn_for_each(const cubn_device *device, int threads, int64_t count,
                   void (*work)(void *context, int64_t index), void *context);

/* Calls work(context, worker, items) on up to `threads` threads, which claim items 0 .. count - 1,
 * `grain` at a time, until none are left. */
void cubn_share(const cubn_device *device, int64_t threads, int64_t count, int64_t grain,
                cubn_pool_work *work, void *context);

#endif /* CUBN_CPU_COMMON_DEVICE_H */
