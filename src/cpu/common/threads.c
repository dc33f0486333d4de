/* Shares work among the threads of a handle. */
#include "cpu/common/arith.h"
#include "cpu/common/device.h"

/* Below this, waking other threads takes longer than the values. Fuzzers use them for less. */
#ifndef VALUES_FOR_THREADS
#define VALUES_FOR_THREADS (1 << 17)
#endif
/* Claims of each thread, of many small items: enough for all to end at the same time. */
enum { CLAIMS_PER_THREAD = 16 };

int cubn_threads_for(const cubn_device *device, int64_t values) {
  return values < VALUES_FOR_THREADS ? 1 : device->machine.threads;
}

void cubn_share(const cubn_device *device, int64_t threads, int64_t count, int64_t grain,
                cubn_pool_work *work, void *context) {
  const int useful = (int)cubn_min(cubn_divide_up(count, grain), threads);
  cubn_items items = {.count = count, .grain = grain};
  if (count > 0) cubn_pool_run(device->pool, useful, &items, work, context);
}

/* Work on single items. */
typedef struct each {
  void (*work)(void *context, int64_t index);
  void *context;
} each;

static void each_task(void *context, int64_t worker, cubn_items *items) {
  const each *each = context;
  (void)worker;
  for (int64_t index, end; cubn_claim(items, &index, &end);)
    for (; index < end; ++index) each->work(each->context, index);
}

void cubn_for_each(const cubn_device *device, int threads, int64_t count,
                   void (*work)(void *context, int64_t index), void *context) {
  each each = {work, context};
  const int64_t grain = cubn_at_least_1(count / ((int64_t)threads * CLAIMS_PER_THREAD));
  cubn_share(device, threads, count, grain, each_task, &each);
}
