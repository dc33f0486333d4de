/* Lines on every algorithm of the device's table. */
#ifndef CUBN_TESTS_ALL_ROWS_H
#define CUBN_TESTS_ALL_ROWS_H

/* Runs the lines with each algorithm that does not refuse them, and compares with the oracle. The
 * last algorithm of a table must accept. The list ends with NULL. */
void all_rows_check(const char *const lines[]);

#endif /* CUBN_TESTS_ALL_ROWS_H */
