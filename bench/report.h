/* Results as text, CSV and JSON. */
#ifndef CUBN_BENCH_REPORT_H
#define CUBN_BENCH_REPORT_H

#include "row.h"

void report_header(const bench_session *session);
void report_row(const bench_session *session, const bench_row *row);
/* Totals per pass, and one line per peer, or one about the floor if there is no peer. */
void report_summary(const bench_session *session, const bench_row *rows, int count);

/* One record per problem and implementation. False: the file cannot be written. */
bool report_csv(const char *path, const bench_session *session, const bench_row *rows, int count);
bool report_json(const char *path, const bench_session *session, const bench_row *rows, int count);

#endif /* CUBN_BENCH_REPORT_H */
