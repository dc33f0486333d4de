/* Capture and replay of CUDA graphs, for the CUDA timer. */
#ifndef CUBN_BENCH_TIMER_CUDA_GRAPH_H
#define CUBN_BENCH_TIMER_CUDA_GRAPH_H

#include "timers/timer.h"

/* Members of bench_timer. */
const char *timer_cuda_record(bench_timer *timer, bool (*call)(void *state), void *state, int calls,
                              void **graph);
bool timer_cuda_replay(bench_timer *timer, void *graph);
void timer_cuda_forget(bench_timer *timer, void *graph);

#endif /* CUBN_BENCH_TIMER_CUDA_GRAPH_H */
