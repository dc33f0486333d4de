/* Functions that the linker sends through wrappers (tests.mk), for the library, the tests and the
 * emulator: malloc and its kin, free, getenv, fopen, and operator new of the .cu files. Those
 * inside the C library are not. They are counted; and allocations fail on request. */
#ifndef CUBN_TESTS_WRAPPED_H
#define CUBN_TESTS_WRAPPED_H

#include <stdatomic.h>

enum { WRAPPED_ALLOCATIONS, WRAPPED_RELEASES, WRAPPED_ENVIRONMENT, WRAPPED_FILES, WRAPPED_COUNTS };
extern atomic_int wrapped_counts[WRAPPED_COUNTS];
void wrapped_reset(void);

/* From now on allocations of malloc and its kin are remembered until they are freed; the nth fails
 * (0: none). */
void wrapped_watch(int nth);
/* Ends that. Returns how many allocations there were. */
int wrapped_end_watch(void);
/* How many of the remembered allocations have not been freed, also after the watch. */
int wrapped_live(void);

#endif /* CUBN_TESTS_WRAPPED_H */
