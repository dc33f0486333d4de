/* One problem of the benchmark: its data, its memory on the device, and the check of its results.
 */
#ifndef CUBN_BENCH_CASE_H
#define CUBN_BENCH_CASE_H

#include "kit/run_line.h"

typedef struct bench_case {
  line_problem problem;
  char text[160]; /* the problem line */
  run_context run;
  data_set before, after; /* what was uploaded; what a checked call left */
  int64_t channel_step;   /* channels 0, step, 2 * step, ... are checked */
  bool restores; /* the call overwrites what it reads: inputs are uploaded again before each call */
} bench_case;

/* Generates the data and uploads it. Up to verify_elements elements all channels will be checked,
 * else a sample of about so many elements, of two channels at least.
 *
 * Problems of more elements than that repeat the data of their first images, which makes large
 * problems quick to set up; their values are still random to a cache or a memory controller.
 * Returns NULL, or what failed; then nothing is left allocated. */
const char *bench_case_open(cubnHandle_t handle, const line_problem *problem,
                            int64_t verify_elements, bench_case *bench);
void bench_case_close(bench_case *bench);

/* Runs the operation once and compares its outputs with the oracle. Returns NULL, or the message
 * of a call that failed. */
const char *bench_case_verify(bench_case *bench, compare_result *result);

/* Compares bench->after, as another library left it. */
compare_result bench_case_compare(const bench_case *bench);

/* Uploads the inputs again. */
bool bench_case_restore(bench_case *bench);

/* "all" or "3 of 64 channels". */
void bench_case_describe_sample(const bench_case *bench, char *text, size_t text_bytes);

#endif /* CUBN_BENCH_CASE_H */
