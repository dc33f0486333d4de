/* CPU handles for each algorithm, instruction set and number of threads. */
#ifndef CUBN_TESTS_FUZZ_HANDLES_H
#define CUBN_TESTS_FUZZ_HANDLES_H

#include "cubn.h"

/* Algorithms by number; number 0 is the library's own choice. */
enum { FUZZ_ALGOS = 7, FUZZ_TARGETS = 2 };

/* The handle that prefers the algorithm; 1 thread or 3. It stays open. */
cubnHandle_t fuzz_handle(int algo, int target, int threads);

#endif /* CUBN_TESTS_FUZZ_HANDLES_H */
