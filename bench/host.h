/* The host's part of a call: --host. */
#ifndef CUBN_BENCH_HOST_H
#define CUBN_BENCH_HOST_H

#include "row.h"

/* Checks a problem, and times until a call returns, nothing waited for. The row gets two entries:
 * "call", the whole of it, and "front", what comes before the algorithm: validation, collapse,
 * selection. */
void bench_host_time(bench_session *session, const bench_item *item, bench_row *row);

void bench_host_header(const bench_session *session);
void bench_host_report(const bench_row *row);
/* The dearest calls per pass. */
void bench_host_summary(const bench_row *rows, int count);

#endif /* CUBN_BENCH_HOST_H */
