/* A pool of threads, one for each CPU handle. What the threads of a call do is divided into items,
 * which they claim as they go: an item's result does not depend on who computes it, and a thread
 * that loses its processor delays the call by the item it holds, and no more. A helper that wakes
 * up late finds the call closed and delays nobody.
 *
 *   waiting    some microseconds actively, then asleep; the caller likewise
 *   start      helpers start with the first call that wants them, with all signals blocked. Where
 *              the system refuses one, the pool makes do with those it has
 *   fork       a child has no helpers; it starts its own
 *   end        cubn_pool_destroy joins all helpers, so the library can be unloaded
 *   floats     helpers compute in the caller's floating-point mode (rounding, subnormals)
 *   company    all pools of a process together keep no more threads busy than there are
 *              processors, unless the number of threads was asked for */
#ifndef CUBN_CPU_POOL_POOL_H
#define CUBN_CPU_POOL_POOL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct cubn_pool cubn_pool;

/* Items 0 .. count - 1 of a call, of which those from `next` on are not claimed yet. */
typedef struct cubn_items {
  _Atomic int64_t next;
  int64_t count;
  int64_t grain; /* items of a claim */
} cubn_items;

/* Claims items first .. end - 1. False if none are left. */
static inline bool cubn_claim(cubn_items *items, int64_t *first, int64_t *end) {
  if (atomic_load_explicit(&items->next, memory_order_relaxed) >= items->count) return false;
  *first = atomic_fetch_add_explicit(&items->next, items->grain, memory_order_relaxed);
  if (*first >= items->count) return false;
  *end = items->count - *first < items->grain ? items->count : *first + items->grain;
  return true;
}

/* Claims items until none are left. `worker` is 0 for the caller, and at most threads - 1 of the
 * pool. */
typedef void cubn_pool_work(void *context, int64_t worker, cubn_items *items);

/* The threads that a pool has by default: OMP_NUM_THREADS if it is set, else one for each processor
 * that this process may use. */
int cubn_pool_default_threads(void);

/* Creates a pool of `threads`, the caller included. is_fixed: so many were asked for, whatever else
 * the process does. NULL if there is no memory. */
cubn_pool *cubn_pool_create(int threads, bool is_fixed);

/* Ends all helpers. NULL is allowed. */
void cubn_pool_destroy(cubn_pool *pool);

/* Calls work on at most `threads` threads, the caller among them, and returns when all items are
 * done. One call at a time. */
void cubn_pool_run(cubn_pool *pool, int threads, cubn_items *items, cubn_pool_work *work,
                   void *context);

#endif /* CUBN_CPU_POOL_POOL_H */
