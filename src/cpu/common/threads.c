/* Threads, by OpenMP. Without it everything runs on the calling thread, with the same results. */
#include "cpu/common/device.h"

#ifdef _OPENMP
#include <omp.h>
#endif

/* Fewer values than this are normalized sooner than other threads are woken and waited for. */
enum { VALUES_FOR_THREADS = 32768 };

int cubn_threads_for(const cubn_device *device, int64_t values) {
  if (values < VALUES_FOR_THREADS) return 1;
  if (device->threads > 0) return device->threads;
#ifdef _OPENMP
  return omp_get_max_threads();
#else
  return 1;
#endif
}

void cubn_for_each(int threads, int64_t count, void (*task)(void *context, int64_t index),
                   void *context) {
  const int used = count < threads ? (int)count : threads;
  if (used <= 1) {
    for (int64_t i = 0; i < count; ++i) task(context, i);
    return;
  }
#ifdef _OPENMP
#pragma omp parallel for num_threads(used) schedule(static)
#endif
  for (int64_t i = 0; i < count; ++i) task(context, i);
}

void cubn_for_ranges(int64_t tasks, int64_t count,
                     void (*task)(void *context, int64_t worker, int64_t first, int64_t end),
                     void *context) {
  const int used = (int)(count < tasks ? count : tasks);
  if (used <= 1) {
    if (count > 0) task(context, 0, 0, count);
    return;
  }
#ifdef _OPENMP
#pragma omp parallel for num_threads(used) schedule(static)
#endif
  for (int t = 0; t < used; ++t) task(context, t, count * t / used, count * (t + 1) / used);
}
