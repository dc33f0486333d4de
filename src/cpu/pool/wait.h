/* Waiting: actively for some microseconds, which is what falling asleep and waking up take, and
 * then asleep. */
#ifndef CUBN_CPU_POOL_WAIT_H
#define CUBN_CPU_POOL_WAIT_H

#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "cpu/pool/pool.h"

/* A thread that waits, or may. */
typedef struct cubn_waiter {
  _Atomic bool sleeps; /* or is about to */
  sem_t posts;
} cubn_waiter;

/* False if the system refuses. */
bool cubn_waiter_init(cubn_waiter *waiter);
void cubn_waiter_destroy(cubn_waiter *waiter);

/* Returns when the condition is met. Whoever may have met it calls cubn_wake afterwards. */
void cubn_wait_until(cubn_waiter *self, bool (*is_met)(const cubn_pool *pool),
                     const cubn_pool *pool);

/* Wakes the thread if it sleeps. */
void cubn_wake(cubn_waiter *waiter);

#endif /* CUBN_CPU_POOL_WAIT_H */
