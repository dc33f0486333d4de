/* The lines of CASES_ALL that are made of combinations. */
#ifndef CUBN_TESTS_CASES_PRODUCTS_H
#define CUBN_TESTS_CASES_PRODUCTS_H

/* Calls visit(line, context) for every shape with every pass and type, the options alternating. */
void cases_visit_products(void (*visit)(const char *line, void *context), void *context);

#endif /* CUBN_TESTS_CASES_PRODUCTS_H */
