/* --host: how long a call takes to return. */
#ifndef CUBN_BENCH_HOST_H
#define CUBN_BENCH_HOST_H

#include "rows/row.h"

/* The entries of a row of --host: "call" is a whole call, "front" its work before an algorithm
 * runs: validation, collapse, selection. */
enum { HOST_ENTRY_CALL, HOST_ENTRY_FRONT, HOST_ENTRIES };

/* Checks a problem, and times until a call returns, without waiting for results. */
void bench_host_time(bench_session *session, const bench_item *item, bench_row *row);

#endif /* CUBN_BENCH_HOST_H */
