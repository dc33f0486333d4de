/* Replays of CUDA graphs in place of calls: what a layer costs in a captured training step. */
#ifndef CUBN_BENCH_GRAPH_H
#define CUBN_BENCH_GRAPH_H

#include "measure.h"

/* Calls in a graph. Their launches follow each other without the host. */
#define BENCH_GRAPH_CALLS 20

typedef struct bench_replay {
  bench_timer *timer;
  void *graph;
} bench_replay;

/* Makes each entry whose note is NULL a replay of a graph of BENCH_GRAPH_CALLS of its calls; those
 * that cannot be captured get a note. `replays` has room for all. The calls must have been made
 * once before, and their inputs must bear repetition. */
void bench_graph_record(bench_timer *timer, const bench_case *bench, bench_entry *entries,
                        int count, bench_replay *replays);
void bench_graph_forget(bench_replay *replays, int count);

#endif /* CUBN_BENCH_GRAPH_H */
