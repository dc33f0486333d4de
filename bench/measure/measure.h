/* Times several implementations of one problem in one loop. */
#ifndef CUBN_BENCH_MEASURE_H
#define CUBN_BENCH_MEASURE_H

#include <stdio.h>

#include "measure/case.h"
#include "measure/times.h"
#include "timers/timer.h"

/* One implementation, ready to be called. */
typedef struct bench_entry {
  char implementation[16]; /* "cubn", "cudnn", "copy" */
  char algorithm[24];
  bool (*call)(void *state); /* runs, or enqueues; false on failure */
  /* Times one call in another process, with flushed caches: seconds, or negative on failure. NULL:
   * call() is timed here. */
  double (*sample)(void *state);
  void *state;
  int calls; /* number of calls that one call() stands for; 0 means 1 */
  /* Why the entry was not timed, or what is wrong with its results; NULL if all is well. */
  const char *note;
  bool failed; /* an unexpected failure: the run ends with status 1 */
  bench_times times;
  double host_seconds; /* until a call returns, without waiting; 0: unknown */
  double error;        /* largest error of y or dx in the checked channels; NAN: not checked */
} bench_entry;

/* How long, and where samples go. */
typedef struct bench_plan {
  double seconds;         /* all entries together, at least 5 rounds */
  double entry_seconds;   /* each entry at least so long with flushes, in ten turns */
  double warm_up_seconds; /* rounds before, whose samples do not count; at least one round */
  FILE *samples;          /* gets each sample in its order, or NULL */
  const char *label;      /* the first fields of the lines of samples */
} bench_plan;

/* Times all entries whose note is NULL, in turns, each call with flushed caches, until what the
 * plan says has passed. The order of the entries is the order of the calls. An entry that fails
 * gets a note. */
void bench_measure(bench_timer *timer, bench_case *bench, bench_entry *entries, int count,
                   const bench_plan *plan);

/* Times one call of an entry on a timer that is not asynchronous; negative if it fails. */
double bench_sample(bench_timer *timer, bench_case *bench, bench_entry *entry);

/* Time until a call returns, as the mean of many calls without waiting for their results. */
double bench_host_seconds(bench_timer *timer, const bench_entry *entry);

/* An entry that copies half of `bytes`, so that reads and writes together move `bytes`. */
typedef struct bench_copy {
  bench_timer *timer;
  size_t bytes;
  bool is_non_temporal; /* stores bypass the caches */
} bench_copy;
bench_entry bench_copy_entry(bench_copy *copy);

/* Bytes read and written per second by large copies; 0 if there is no memory for them. */
double bench_copy_bandwidth(bench_timer *timer);

#endif /* CUBN_BENCH_MEASURE_H */
