#include "measure/graph.h"

static bool call_replay(void *state) {
  const bench_replay *replay = state;
  return replay->timer->replay(replay->timer, replay->graph);
}

void bench_graph_record(bench_timer *timer, const bench_case *bench, bench_entry *entries,
                        int count, bench_replay *replays) {
  for (int i = 0; i < count; ++i) {
    bench_entry *entry = &entries[i];
    replays[i] = (bench_replay){.timer = timer};
    if (entry->note) continue;
    entry->note =
        bench->restores
            ? "its inputs would have to be restored between the calls of a graph"
            : timer->record(timer, entry->call, entry->state, BENCH_GRAPH_CALLS, &replays[i].graph);
    if (entry->note) continue;
    entry->call = call_replay;
    entry->state = &replays[i];
    entry->calls = BENCH_GRAPH_CALLS;
  }
}

void bench_graph_forget(bench_replay *replays, int count) {
  for (int i = 0; i < count; ++i)
    if (replays[i].graph) replays[i].timer->forget(replays[i].timer, replays[i].graph);
}
