/* Results as text, and as files for other programs. */
#ifndef CUBN_BENCH_REPORT_H
#define CUBN_BENCH_REPORT_H

#include <stdio.h>

#include "rows/row.h"

void report_header(const bench_session *session);
void report_row(const bench_session *session, const bench_row *row);
/* Prints for each number of busy processes totals per pass, the geometric mean of time over floor,
 * and one line per peer. */
void report_summary(const bench_session *session, const bench_row *rows, int count);

/* The same for --host. The summary has the slowest call of each pass. */
void report_host_header(const bench_session *session);
void report_host_row(const bench_row *row);
void report_host_summary(const bench_row *rows, int count);

/* CSV with one record per problem and implementation. It is written row by row, so that a run that
 * is interrupted leaves its results. report_csv_open returns NULL if the file cannot be written. */
FILE *report_csv_open(const char *path);
void report_csv_row(FILE *file, const bench_session *session, const bench_row *row);
/* CSV with the time of each call, in the order of the calls of a library. */
FILE *report_samples_open(const char *path);
/* Closes a file. Returns false if something could not be written. */
bool report_close(FILE *file);

/* Writes the head of a run as JSON: machine, versions, commit, date, command, peers, copy rate.
 * Returns false if it cannot be written. */
bool report_head(const char *path, const bench_session *session);

#endif /* CUBN_BENCH_REPORT_H */
