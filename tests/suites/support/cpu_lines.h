/* Problem lines that take every path of the CPU backend. */
#ifndef CUBN_TESTS_CPU_LINES_H
#define CUBN_TESTS_CPU_LINES_H

#include <stddef.h>

/* Long and short runs, channels last, folded or not, with a tail of rows, far from zero, and beyond
 * the range of float; every type in every pass. */
extern const char *const cpu_lines[];
extern const size_t cpu_line_count;

#endif /* CUBN_TESTS_CPU_LINES_H */
