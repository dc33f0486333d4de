/* The problems of the suites, as tables. */
#ifndef CUBN_BENCH_SUITE_TABLES_H
#define CUBN_BENCH_SUITE_TABLES_H

#include <stdint.h>

typedef struct suite_layer {
  const char *sizes; /* without the batch; after a layout and a blank, if the layout is fixed */
  int count;         /* how often the network has it */
  const char *words; /* options of the problem line, or NULL */
} suite_layer;

typedef struct suite_table {
  const char *name;
  int64_t batch; /* without --batch */
  const char *passes;
  const suite_layer *layers; /* sizes is NULL in the last element */
} suite_table;

/* The last element has no name. */
extern const suite_table bench_suite_tables[];

#endif /* CUBN_BENCH_SUITE_TABLES_H */
