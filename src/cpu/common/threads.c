/* Threads, by OpenMP. Without it everything runs on the calling thread, with the same results. */
#include "cpu/common/arith.h"
#include "cpu/common/device.h"

#ifdef _OPENMP
#include <omp.h>
#endif

/* Below this, waking other threads and waiting for them takes longer than the values. */
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

void cubn_for_each(int threads, int64_t count, void (*work)(void *context, int64_t index),
                   void *context) {
  const int used = (int)cubn_min(count, threads);
  if (used <= 1) {
    for (int64_t i = 0; i < count; ++i) work(context, i);
    return;
  }
#ifdef _OPENMP
#pragma omp parallel for num_threads(used) schedule(static)
#endif
  for (int64_t i = 0; i < count; ++i) work(context, i);
}

void cubn_for_ranges(int64_t workers, int64_t count,
                     void (*work)(void *context, int64_t worker, int64_t first, int64_t end),
                     void *context) {
  const int used = (int)cubn_min(count, workers);
  if (used <= 1) {
    if (count > 0) work(context, 0, 0, count);
    return;
  }
#ifdef _OPENMP
#pragma omp parallel for num_threads(used) schedule(static)
#endif
  for (int w = 0; w < used; ++w) work(context, w, count * w / used, count * (w + 1) / used);
}
