/* What the library writes to stderr, caught in a file. */
#ifndef CUBN_TESTS_CAPTURE_H
#define CUBN_TESTS_CAPTURE_H

#include <stdio.h>

typedef struct capture {
  FILE *file;
  int saved;
} capture;

capture capture_begin(void);
/* Gives stderr back, and what was written there as a string. */
void capture_end(capture *c, char *text, size_t text_bytes);

#endif /* CUBN_TESTS_CAPTURE_H */
