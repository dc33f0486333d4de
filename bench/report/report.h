/* Results as text, CSV and JSON. */
#ifndef CUBN_BENCH_REPORT_H
#define CUBN_BENCH_REPORT_H

#include <stdio.h>

#include "row.h"

void report_header(const bench_session *session);
void report_row(const bench_session *session, const bench_row *row);
/* Totals per pass, and one line per peer, or one about the floor if there is no peer. */
void report_summary(const bench_session *session, const bench_row *rows, int count);

/* One record per problem and implementation. CSV is written row by row and JSON anew with each row,
 * so that a run that is cut short leaves what it has measured. report_csv_open: NULL if the file cannot be written. */
FILE *report_csv_open(const char *path);
void report_csv_row(FILE *file, const bench_session *session, const bench_row *row);
/* Closes a file. False: something could not be written. */
bool report_close(FILE *file);
bool report_json(const char *path, const bench_session *session, const bench_row *rows, int count);

#endif /* CUBN_BENCH_REPORT_H */
