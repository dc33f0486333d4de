/* The processors that this process may use, and where threads run. */
#ifndef CUBN_CPU_POOL_PROCESSORS_H
#define CUBN_CPU_POOL_PROCESSORS_H

#include <pthread.h>
#include <stdbool.h>

/* How many the calling thread may use; at least 1. */
int cubn_processors(void);

/* The one that runs the calling thread, or -1 where the system does not say. */
int cubn_current_processor(void);

/* Lets a thread run wherever the calling thread may run, but not on this processor. False if no
 * other is left, or the system cannot. */
bool cubn_avoid_processor(pthread_t thread, int processor);

#endif /* CUBN_CPU_POOL_PROCESSORS_H */
