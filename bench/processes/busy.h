/* Processes that compute without pause, so that rows are measured beside other work. */
#ifndef CUBN_BENCH_BUSY_H
#define CUBN_BENCH_BUSY_H

#include <stdbool.h>

#define BENCH_BUSY_MAX 64

/* Starts `count` processes, at most BENCH_BUSY_MAX, and stops each until it is wanted. Call it
 * before the program has threads. They have the niceness of this process, and end with it, however
 * it ends. Returns false if the system refuses one; then none are left. */
bool bench_busy_start(int count);

/* Lets so many compute, and stops the others. */
void bench_busy_set(int count);

/* Ends all of them, and returns when they are gone. */
void bench_busy_end(void);

#endif /* CUBN_BENCH_BUSY_H */
