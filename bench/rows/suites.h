/* The lists of problems to time. */
#ifndef CUBN_BENCH_SUITES_H
#define CUBN_BENCH_SUITES_H

#include "kit/problem_line.h"
#include "rows/options.h"

typedef struct bench_item {
  line_problem problem;
  int count; /* how often the network has this layer; the weight in the summary */
} bench_item;

typedef struct bench_list {
  bench_item *items;
  int count, capacity;
} bench_list;

/* Makes the list that the options specify: the suite, the problem lines of files and of the command
 * line. Returns NULL, or what is wrong (static text, or text that lives as long as `options`). */
const char *bench_list_build(const bench_options *options, bench_list *list);
void bench_list_free(bench_list *list);

/* Names of the suites, for the usage text. */
const char *bench_suite_names(void);

#endif /* CUBN_BENCH_SUITES_H */
