/* The process of a library: answers the questions of bench/peers/protocol.h. */
#ifndef CUBN_BENCH_SERVE_H
#define CUBN_BENCH_SERVE_H

#include "rows/session.h"

/* Serves "cubn" or "cubn_1", whose threads CUBN_THREADS says, or "onednn", until the
 * other process closes its end. Returns NULL, or what is wrong with options->worker. */
const char *bench_serve(bench_session *session);

#endif /* CUBN_BENCH_SERVE_H */
