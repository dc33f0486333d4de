/* Problem lines with padding. */
#ifndef CUBN_TESTS_MASKED_LINES_H
#define CUBN_TESTS_MASKED_LINES_H

#include <stddef.h>

/* Masks and lengths of all kinds. */
extern const char *const masked_lines[];
extern const size_t masked_line_count;

/* Long spans of valid elements, which fast algorithms see where they are, and shorter ones, which
 * they copy; channels that float cannot compute. */
extern const char *const masked_long_lines[];
extern const size_t masked_long_line_count;

/* Short spans, which fast algorithms find by bits. */
extern const char *const masked_scattered_lines[];
extern const size_t masked_scattered_line_count;

#endif /* CUBN_TESTS_MASKED_LINES_H */
