/* Runs single problem lines, for debugging: cubn-tests 'train nhwc f16 n2c64h5w5'. */
#ifndef CUBN_TESTS_LINES_H
#define CUBN_TESTS_LINES_H

#include "cubn.h"

/* Runs the line with every algorithm of the handle's table, compares the outputs with the oracle,
 * and prints for each algorithm whether it passed, failed or refused, and why. Returns the number
 * of failures: algorithms that failed, or 1 if the line cannot be read or no algorithm ran. */
unsigned lines_run(cubnHandle_t handle, const char *line);

#endif /* CUBN_TESTS_LINES_H */
