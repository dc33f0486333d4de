#include "measure/measure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPEATS_MIN 5
#define REPEATS_MAX 1000
#define ENTRIES_MAX 8
/* Limit for the time of the rounds that are enqueued before waiting. */
#define BATCH_SECONDS 0.05
/* Calls without waiting in between, few enough for the launch queue of a GPU. */
#define HOST_CALLS_MIN 10
#define HOST_CALLS_MAX 100
#define HOST_BATCH_SECONDS 0.01 /* limit for the work of these calls */
#define HOST_REPEATS 5

typedef struct recorder {
  bench_timer *timer;
  bench_entry *entries;
  double *samples[ENTRIES_MAX];
  int counts[ENTRIES_MAX];
  int slots[BENCH_SLOTS_MAX]; /* the entry in each slot */
  int used;
} recorder;

static int compare_doubles(const void *a, const void *b) {
  const double left = *(const double *)a, right = *(const double *)b;
  return (left > right) - (left < right);
}

/* Quantile of sorted values, interpolated linearly. */
static double quantile(const double *sorted, int count, double fraction) {
  const double position = fraction * (count - 1);
  const int below = (int)position;
  if (below + 1 >= count) return sorted[count - 1];
  return sorted[below] + (position - below) * (sorted[below + 1] - sorted[below]);
}

bench_times bench_summarize(double *samples, int count) {
  bench_times times = {.repeats = count};
  if (!count) return times;
  qsort(samples, (size_t)count, sizeof *samples, compare_doubles);
  times.median = quantile(samples, count, 0.5);
  times.min = samples[0];
  times.spread = quantile(samples, count, 0.75) - quantile(samples, count, 0.25);
  return times;
}

/* Waits for what is enqueued, and records its times. */
static void collect(recorder *record) {
  const char *error = record->timer->wait(record->timer);
  for (int slot = 0; slot < record->used; ++slot) {
    const int entry = record->slots[slot];
    if (!error) {
      record->samples[entry][record->counts[entry]++] = record->timer->seconds(record->timer, slot);
      continue;
    }
    record->entries[entry].note = error;
    record->entries[entry].failed = true;
  }
  record->used = 0;
}

static void enqueue(recorder *record, bench_case *bench, int entry) {
  bench_timer *timer = record->timer;
  bench_entry *work = &record->entries[entry];
  if (bench && bench->restores && !bench_case_restore(bench)) work->note = "cannot be restored";
  timer->flush(timer);
  timer->start(timer, record->used);
  const bool good = work->call(work->state);
  timer->stop(timer, record->used);
  if (!good) {
    work->note = "a repeated call failed";
    work->failed = true;
    return;
  }
  record->slots[record->used++] = entry;
  if (record->used == timer->slots) collect(record);
}

static void repeat(recorder *record, bench_case *bench, int count, double budget_seconds) {
  const double begin = bench_clock();
  double round_seconds = 0;
  for (int round = 0; round < REPEATS_MAX; ++round) {
    for (int turn = 0; turn < count; ++turn) {
      /* The order rotates, because the entry that ran before may have an influence. */
      const int entry = (turn + round) % count;
      if (!record->entries[entry].note) enqueue(record, bench, entry);
    }
    const double now = bench_clock() - begin;
    if (round == 0) {
      collect(record);
      round_seconds = bench_clock() - begin;
    } else if (round_seconds > BATCH_SECONDS / 4) {
      collect(record);
    }
    if (round + 1 >= REPEATS_MIN && now > budget_seconds) break;
  }
  collect(record);
}

/* Converts the time of a call(), which may stand for several calls, to the time of one. */
static void scale_times(bench_entry *entry) {
  if (entry->calls <= 1) return;
  entry->times.median /= entry->calls;
  entry->times.min /= entry->calls;
  entry->times.spread /= entry->calls;
}

void bench_measure(bench_timer *timer, bench_case *bench, bench_entry *entries, int count,
                   double budget_seconds) {
  recorder record = {.timer = timer, .entries = entries};
  bool good = count <= ENTRIES_MAX;
  for (int entry = 0; entry < count && good; ++entry)
    good = (record.samples[entry] = malloc(REPEATS_MAX * sizeof(double))) != NULL;
  for (int entry = 0; entry < count && good; ++entry) { /* warm up: code, tables, clocks */
    if (entries[entry].note) continue;
    if (!entries[entry].call(entries[entry].state)) entries[entry].note = "the first call failed";
    const char *error = timer->wait(timer);
    if (error) entries[entry].note = error;
    entries[entry].failed = entries[entry].note != NULL;
  }
  if (good) repeat(&record, bench, count, budget_seconds);
  for (int entry = 0; entry < count; ++entry) {
    entries[entry].times =
        good ? bench_summarize(record.samples[entry], record.counts[entry]) : (bench_times){0};
    scale_times(&entries[entry]);
    if (!good) entries[entry].note = "no memory for the samples";
    if (entry < ENTRIES_MAX) free(record.samples[entry]);
  }
}

double bench_host_seconds(bench_timer *timer, const bench_entry *entry) {
  double samples[HOST_REPEATS];
  const int calls_per_entry = entry->calls > 1 ? entry->calls : 1;
  const double call_seconds = calls_per_entry * entry->times.median;
  int calls = HOST_CALLS_MAX;
  if (call_seconds * calls > HOST_BATCH_SECONDS) calls = (int)(HOST_BATCH_SECONDS / call_seconds);
  if (calls < HOST_CALLS_MIN) calls = HOST_CALLS_MIN;
  timer->wait(timer);
  for (int repeat = 0; repeat < HOST_REPEATS; ++repeat) {
    const double begin = bench_clock();
    for (int call = 0; call < calls; ++call)
      if (!entry->call(entry->state)) return 0;
    samples[repeat] = (bench_clock() - begin) / calls / calls_per_entry;
    if (timer->wait(timer)) return 0;
  }
  return bench_summarize(samples, HOST_REPEATS).median;
}

static bool call_copy(void *state) {
  const bench_copy *copy = state;
  if (copy->is_non_temporal)
    copy->timer->copy_non_temporal(copy->timer, copy->bytes / 2);
  else
    copy->timer->copy(copy->timer, copy->bytes / 2);
  return true;
}

bench_entry bench_copy_entry(bench_copy *copy) {
  bench_entry entry = {.call = call_copy, .state = copy, .error = NAN};
  strcpy(entry.implementation, "copy");
  if (copy->is_non_temporal) strcpy(entry.algorithm, "streaming");
  entry.note = copy->timer->reserve_copy(copy->timer, copy->bytes / 2 + 1);
  return entry;
}

double bench_copy_bandwidth(bench_timer *timer) {
  /* Eight times the cache, and so large that the start of a copy does not count. */
  const size_t bytes =
      16 * timer->cache_bytes > ((size_t)512 << 20) ? 16 * timer->cache_bytes : (size_t)512 << 20;
  bench_copy copy = {timer, bytes, false};
  bench_entry entry = bench_copy_entry(&copy);
  bench_measure(timer, NULL, &entry, 1, 0.5);
  return entry.times.median > 0 ? (double)copy.bytes / entry.times.median : 0;
}
