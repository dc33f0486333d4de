/* The arrays of a call in memory of exactly their sizes: what lies before and behind is poisoned,
 * and AddressSanitizer reports every access to it. */
#ifndef CUBN_TESTS_FUZZ_EXACT_H
#define CUBN_TESTS_FUZZ_EXACT_H

#include "kit/run_call.h"

typedef struct exact_memory {
  unsigned char *blocks[DATA_ARRAYS];
  size_t offsets[DATA_ARRAYS]; /* of the first elements */
} exact_memory;

/* Moves the arrays of an open run, which has the content of `data`. */
void exact_open(exact_memory *memory, run_context *run, const data_set *data);
/* Copies them back to `data`, which was made for the same line, and frees them. */
void exact_close(exact_memory *memory, data_set *data);

#endif /* CUBN_TESTS_FUZZ_EXACT_H */
