#include "measure/measure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPEATS_MIN 5
#define REPEATS_MAX 1000
#define REPEATS_MAX_LONG 20000 /* if entries have a time of their own */
#define ENTRIES_MAX 24
#define TURNS 10 /* of an entry with a time of its own: a slow one does not get more turns */
/* Calls before a timed one when caches are kept: as long as a slice of a scheduler, so that no call
 * runs on the credit of a process that has slept. */
#define WARM_SECONDS 0.002
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
  double wall[ENTRIES_MAX];   /* seconds of the turns of an entry, flushes included */
  int slots[BENCH_SLOTS_MAX]; /* the entry in each slot */
  int used;
} recorder;

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

static void fail(bench_entry *entry, const char *note) {
  entry->note = note;
  entry->failed = true;
}

/* Uploads inputs again that a call overwrites. */
static bool restore(bench_case *bench) {
  return !bench || !bench->restores || bench_case_restore(bench);
}

/* Calls without timing; see WARM_SECONDS. */
static bool warm_up(bench_timer *timer, bench_case *bench, bench_entry *work) {
  const double end = timer->warms_up ? bench_clock() + WARM_SECONDS : 0;
  while (bench_clock() < end)
    if (!work->call(work->state) || !restore(bench)) return false;
  return true;
}

static bool call_once(bench_timer *timer, bench_case *bench, bench_entry *work, int slot) {
  bool good = restore(bench);
  timer->flush(timer);
  good = good && warm_up(timer, bench, work);
  timer->start(timer, slot);
  good = good && work->call(work->state);
  timer->stop(timer, slot);
  return good;
}

double bench_sample(bench_timer *timer, bench_case *bench, bench_entry *entry) {
  if (!call_once(timer, bench, entry, 0) || timer->wait(timer)) return -1;
  return timer->seconds(timer, 0);
}

static void enqueue(recorder *record, bench_case *bench, int entry) {
  bench_timer *timer = record->timer;
  bench_entry *work = &record->entries[entry];
  if (work->sample) {
    const double seconds = work->sample(work->state);
    if (seconds >= 0)
      record->samples[entry][record->counts[entry]++] = seconds;
    else
      fail(work, "a repeated call failed");
    return;
  }
  if (!call_once(timer, bench, work, record->used)) {
    fail(work, "a repeated call failed");
    return;
  }
  record->slots[record->used++] = entry;
  if (record->used == timer->slots) collect(record);
}

/* A turn of each entry: one call, and further ones for so long. The order rotates, because the
 * entry that ran before may have an influence. */
static void take_turns(recorder *record, bench_case *bench, int count, int round,
                       double turn_seconds) {
  for (int turn = 0; turn < count; ++turn) {
    const int entry = (turn + round) % count;
    const double begin = bench_clock();
    double now = begin;
    while (!record->entries[entry].note && record->counts[entry] < REPEATS_MAX_LONG) {
      enqueue(record, bench, entry);
      now = bench_clock();
      if (now - begin >= turn_seconds) break;
    }
    record->wall[entry] += now - begin;
  }
}

static bool is_long_enough(const recorder *record, int count, double entry_seconds) {
  for (int entry = 0; entry < count; ++entry)
    if (!record->entries[entry].note && record->wall[entry] < entry_seconds) return false;
  return true;
}

static void repeat(recorder *record, bench_case *bench, int count, const bench_plan *plan) {
  const int rounds = plan->entry_seconds > 0 ? REPEATS_MAX_LONG : REPEATS_MAX;
  const double begin = bench_clock();
  double round_seconds = 0;
  for (int round = 0; round < rounds; ++round) {
    take_turns(record, bench, count, round, plan->entry_seconds / TURNS);
    const double now = bench_clock() - begin;
    if (round == 0) {
      collect(record);
      round_seconds = bench_clock() - begin;
    } else if (round_seconds > BATCH_SECONDS / 4) {
      collect(record);
    }
    if (round + 1 >= REPEATS_MIN && now > plan->seconds &&
        is_long_enough(record, count, plan->entry_seconds))
      break;
  }
  collect(record);
}

/* Code, tables, clocks; beside busy processes also what the scheduler knows of this one. */
static void warm_up_all(recorder *record, bench_case *bench, int count, double seconds) {
  const double end = bench_clock() + seconds;
  int round = 0;
  do take_turns(record, bench, count, round++, 0);
  while (round < REPEATS_MAX && bench_clock() < end);
  collect(record);
  for (int entry = 0; entry < count; ++entry) record->counts[entry] = 0, record->wall[entry] = 0;
}

static void write_samples(const recorder *record, int count, const bench_plan *plan) {
  for (int entry = 0; plan->samples && entry < count; ++entry)
    for (int i = 0; i < record->counts[entry]; ++i)
      fprintf(plan->samples, "%s,%s,%s,%.9g\n", plan->label, record->entries[entry].implementation,
              record->entries[entry].algorithm, 1e6 * record->samples[entry][i]);
}

/* Converts the time of a call(), which may stand for several calls, to the time of one. */
static void scale_times(bench_entry *entry) {
  if (entry->calls <= 1) return;
  bench_times *t = &entry->times;
  double *const all[] = {&t->median, &t->min, &t->spread, &t->p5,
                         &t->p25,    &t->p75, &t->p90,    &t->p95};
  for (size_t i = 0; i < sizeof all / sizeof *all; ++i) *all[i] /= entry->calls;
}

/* The first call of each, waited for on a GPU, so that an error belongs to its entry. */
static void call_first(bench_timer *timer, bench_entry *entries, int count) {
  for (int entry = 0; entry < count; ++entry) {
    bench_entry *work = &entries[entry];
    if (work->note || work->sample) continue;
    if (!work->call(work->state)) fail(work, "the first call failed");
    const char *error = timer->wait(timer);
    if (error) fail(work, error);
  }
}

void bench_measure(bench_timer *timer, bench_case *bench, bench_entry *entries, int count,
                   const bench_plan *plan) {
  recorder record = {.timer = timer, .entries = entries};
  bool good = count <= ENTRIES_MAX;
  for (int entry = 0; entry < count && good; ++entry)
    good = (record.samples[entry] = malloc(REPEATS_MAX_LONG * sizeof(double))) != NULL;
  if (good) {
    call_first(timer, entries, count);
    if (!timer->asynchronous) warm_up_all(&record, bench, count, plan->warm_up_seconds);
    repeat(&record, bench, count, plan);
    write_samples(&record, count, plan);
  }
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
  bench_measure(timer, NULL, &entry, 1, &(bench_plan){.seconds = 0.5});
  return entry.times.median > 0 ? (double)copy.bytes / entry.times.median : 0;
}
