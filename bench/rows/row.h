/* One row of the results: a problem and all implementations that were timed on it. */
#ifndef CUBN_BENCH_ROW_H
#define CUBN_BENCH_ROW_H

#include "rows/session.h"
#include "rows/suites.h"

#define BENCH_ENTRIES_MAX (3 + BENCH_PEERS_MAX * BENCH_VARIANTS_MAX)

typedef struct bench_row {
  int pass, count;
  int busy; /* processes that computed beside it */
  char problem[160];
  char checked[48]; /* "all", or which sample of channels */
  char note[256];   /* of the library's own entry, if it could not be timed */
  double floor_bytes;
  /* First the library itself, then the peers' variants, last the copies of floor_bytes. */
  bench_entry entries[BENCH_ENTRIES_MAX];
  int entry_count;
} bench_row;

/* Makes the library's own entry, the first one, to be called on that problem. */
bench_entry *bench_row_start(bench_row *row, bench_case *bench);

/* Runs the library once and checks its results. Sets the first entry's algorithm and error, and a
 * note if something is wrong. */
void bench_row_verify(bench_session *session, bench_case *bench, bench_row *row);

/* Checks and times one problem: a row for each number of busy processes (options->busy_count). */
void bench_row_time(bench_session *session, const bench_item *item, bench_row *rows);

/* The fastest entry of an implementation that was timed, or NULL. */
const bench_entry *bench_row_best(const bench_row *row, const char *implementation);

/* The largest ratio of the library's percentiles, from the 5th to the 95th, to those of one thread;
 * NAN: unknown. */
double bench_over_one_thread(const bench_row *row);
/* Time over that of moving the floor's bytes at the bandwidth of a large copy; NAN: unknown. */
double bench_over_floor(const bench_session *session, const bench_row *row,
                        const bench_entry *entry);
/* Time of a copy of the floor's bytes over the entry's time; NAN: unknown. */
double bench_copy_share(const bench_row *row, const bench_entry *entry);

#endif /* CUBN_BENCH_ROW_H */
