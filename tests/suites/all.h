/* The suites that the test program has. */
#ifndef CUBN_TESTS_ALL_H
#define CUBN_TESTS_ALL_H

/* Both register the suites of the current pass; see suite_begin_pass. */
void add_all_suites(void);
void add_large_suites(void); /* those that need gigabytes, for --large */

#endif /* CUBN_TESTS_ALL_H */
