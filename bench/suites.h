/* The lists of problems to time. */
#ifndef CUBN_BENCH_SUITES_H
#define CUBN_BENCH_SUITES_H

#include "kit/problem_line.h"
#include "options.h"

typedef struct bench_item {
  line_problem problem;
  int count; /* how often the network has this layer: its weight in the summary */
} bench_item;

typedef struct bench_list {
  bench_item *items;
  int count, capacity;
} bench_list;

/* What the options ask for: the suite, the problem lines of files and of the command line. Returns
 * NULL, or what is wrong with them (static text or text kept in `options`' lifetime). */
const char *bench_list_build(const bench_options *options, bench_list *list);
void bench_list_free(bench_list *list);

/* Names of the suites, for the usage text. */
const char *bench_suite_names(void);

#endif /* CUBN_BENCH_SUITES_H */
