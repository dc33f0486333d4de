/* An open CPU device, and its threads. */
#ifndef CUBN_CPU_COMMON_DEVICE_H
#define CUBN_CPU_COMMON_DEVICE_H

#include "core/backend.h"
#include "cpu/common/machine.h"

/* Enough for every job, see job.c. Pages that no job touches take no memory. */
#define CUBN_CPU_WORKSPACE_BYTES ((size_t)9 << 19)

struct cubn_device {
  int threads; /* CUBN_THREADS, or 0: what OpenMP chooses */
  void *workspace;
  cubn_machine machine;
  char *worker_scratch; /* scratch memory of machine.threads tasks, see grid_blocks.c */
};

/* Threads for a job of so many values: 1 if it is too small to share. */
int cubn_threads_for(const cubn_device *device, int64_t values);

/* Calls task(context, 0 .. count - 1), each once, on up to `threads` threads. */
void cubn_for_each(int threads, int64_t count, void (*task)(void *context, int64_t index),
                   void *context);

/* Shares 0 .. count - 1 out among at most `tasks` tasks, as ranges of neighbours; they run on as
 * many threads. */
void cubn_for_ranges(int64_t tasks, int64_t count,
                     void (*task)(void *context, int64_t worker, int64_t first, int64_t end),
                     void *context);

#endif /* CUBN_CPU_COMMON_DEVICE_H */
