/* One row of the results: a problem and all implementations that were timed on it. */
#ifndef CUBN_BENCH_ROW_H
#define CUBN_BENCH_ROW_H

#include "peers/peer.h"
#include "rows/suites.h"

#define BENCH_PEERS_MAX 2
#define BENCH_ENTRIES_MAX (3 + BENCH_PEERS_MAX * BENCH_VARIANTS_MAX)

/* What all rows of a run share. */
typedef struct bench_session {
  const bench_options *options;
  cubnHandle_t handle;
  bench_timer *timer;
  bench_peer *peers[BENCH_PEERS_MAX];
  int peer_count;
  double copy_bandwidth; /* bytes read and written per second by a large copy; 0: unknown */
} bench_session;

typedef struct bench_row {
  int pass, count;
  char problem[160];
  char checked[48]; /* "all", or which sample of channels */
  char note[256];   /* of the library's own entry, if it could not be timed */
  double floor_bytes;
  /* First the library itself, then the peers' variants, last the copies of floor_bytes. */
  bench_entry entries[BENCH_ENTRIES_MAX];
  int entry_count;
} bench_row;

/* Runs the library once and checks its results. Sets the first entry's algorithm and error, and a
 * note if something is wrong. */
void bench_row_verify(bench_session *session, bench_case *bench, bench_row *row);

/* Checks and times one problem. */
void bench_row_time(bench_session *session, const bench_item *item, bench_row *row);

/* The fastest entry of an implementation that was timed, or NULL. */
const bench_entry *bench_row_best(const bench_row *row, const char *implementation);

/* Time over that of moving the floor's bytes at the bandwidth of a large copy; NAN: unknown. */
double bench_over_floor(const bench_session *session, const bench_row *row,
                        const bench_entry *entry);
/* Time of a copy of the floor's bytes over the entry's time; NAN: unknown. */
double bench_copy_share(const bench_row *row, const bench_entry *entry);

#endif /* CUBN_BENCH_ROW_H */
