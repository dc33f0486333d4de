/* What all rows of a run share: handle, timer, peers. */
#ifndef CUBN_BENCH_SESSION_H
#define CUBN_BENCH_SESSION_H

#include "peers/peer.h"
#include "rows/options.h"

#define BENCH_PEERS_MAX 4

typedef struct bench_session {
  const bench_options *options;
  cubnHandle_t handle;
  bench_timer *timer;
  bench_peer *peers[BENCH_PEERS_MAX];
  int peer_count;
  bench_peer *own;       /* cubn in a process as its peers are; NULL: it is timed in this one */
  double copy_bandwidth; /* bytes read and written per second by a large copy; 0: unknown */
  FILE *samples;         /* gets the time of each call, or NULL */
} bench_session;

/* Opens the device. If that is impossible, prints one line that says why and returns false. */
bool bench_session_open(bench_session *session);
/* Opens what the options name beside the library itself; prints what is not found. */
void bench_session_open_peers(bench_session *session);
void bench_session_close(bench_session *session);

/* Prints which peers there are. Needs no device. */
void bench_list_peers(const bench_options *options);

#endif /* CUBN_BENCH_SESSION_H */
