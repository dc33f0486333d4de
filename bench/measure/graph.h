/* Replays of CUDA graphs instead of calls: the cost of a layer in a captured training step. */
#ifndef CUBN_BENCH_GRAPH_H
#define CUBN_BENCH_GRAPH_H

#include "measure/measure.h"

/* Calls per graph. Their launches follow each other without the host. */
#define BENCH_GRAPH_CALLS 20

typedef struct bench_replay {
  bench_timer *timer;
  void *graph;
} bench_replay;

/* Turns each entry whose note is NULL into a replay of a graph of BENCH_GRAPH_CALLS of its calls.
 * An entry that cannot be captured gets a note. `replays` has as many elements as `entries`. The
 * calls must have been made once before, and must not change their inputs. */
void bench_graph_record(bench_timer *timer, const bench_case *bench, bench_entry *entries,
                        int count, bench_replay *replays);
void bench_graph_forget(bench_replay *replays, int count);

#endif /* CUBN_BENCH_GRAPH_H */
