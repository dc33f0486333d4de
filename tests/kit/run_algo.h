/* Runs problem lines with one algorithm of the backend's table, as if it were the whole table. */
#ifndef CUBN_TESTS_RUN_ALGO_H
#define CUBN_TESTS_RUN_ALGO_H

#include "core/handle.h"
#include "kit/run_line.h"

typedef enum { ALGO_PASSED, ALGO_FAILED, ALGO_REFUSED } algo_outcome;

/* Runs the line, and checks it as run_line_keep does. `report` says why the algorithm failed or
 * refused. Afterwards handle->last_algo is NULL if it refused, or if there was nothing to
 * compute. */
algo_outcome run_algo(cubnHandle_t handle, const cubn_algo *algo, const line_problem *problem,
                      data_set *before, data_set *after, compare_result *result, char *report,
                      size_t report_bytes);

/* ---- In single steps ---- */
/* A handle whose table of one pass has one algorithm. */
typedef struct sole_algo {
  cubnHandle_t handle;
  const cubn_backend *whole; /* the backend with all its tables */
  cubn_backend narrowed;
  const cubn_algo *wanted;
  cubn_algo observed; /* `wanted`, with a reject() that keeps the answer */
  const cubn_algo *table[2];
} sole_algo;

/* From now on calls of this pass go to `algo` or fail. One at a time: the refusal is kept in a
 * static variable, because reject() has no argument to carry it. */
void sole_algo_begin(sole_algo *sole, cubnHandle_t handle, int pass, const cubn_algo *algo);
/* Gives the handle its table back. Returns the last answer of reject(). */
cubn_refusal sole_algo_end(sole_algo *sole);

#endif /* CUBN_TESTS_RUN_ALGO_H */
