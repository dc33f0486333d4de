/* The lists of problem lines that every algorithm runs. */
#ifndef CUBN_TESTS_CASES_H
#define CUBN_TESTS_CASES_H

#include <stdbool.h>

typedef enum {
  CASES_SMOKE, /* some eighty small lines: every kind of variation once */
  CASES_ALL,   /* smoke, and every shape with every pass and type, the options taken in turns */
  CASES_BIG    /* too large for an emulated device */
} case_list;

/* Calls visit(line, context) for each line of the list. */
void cases_visit(case_list list, void (*visit)(const char *line, void *context), void *context);

/* The part of CASES_ALL that is made of combinations (cases_products.c). */
void cases_visit_products(void (*visit)(const char *line, void *context), void *context);

#endif /* CUBN_TESTS_CASES_H */
