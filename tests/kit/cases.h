/* The lists of problem lines that every algorithm runs. */
#ifndef CUBN_TESTS_CASES_H
#define CUBN_TESTS_CASES_H

#include <stdbool.h>

typedef enum {
  CASES_SMOKE, /* about eighty small lines: every kind of variation once */
  CASES_ALL,   /* CASES_SMOKE, and every shape with every pass and type, with alternating options */
  CASES_BIG    /* too large for an emulated device */
} case_list;

/* Calls visit(line, context) for each line of the list. */
void cases_visit(case_list list, void (*visit)(const char *line, void *context), void *context);

#endif /* CUBN_TESTS_CASES_H */
