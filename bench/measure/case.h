/* One problem of the benchmark: its data, its memory on the device, the check of its results. */
#ifndef CUBN_BENCH_CASE_H
#define CUBN_BENCH_CASE_H

#include "kit/run_line.h"

typedef struct bench_case {
  line_problem problem;
  char text[160]; /* the problem line */
  run_context run;
  data_set before, after; /* what was uploaded; the results of the last call that was checked */
  int64_t channel_step;   /* channels 0, step, 2 * step, ... are checked */
  /* The call overwrites its inputs, so they are uploaded again before each call. */
  bool restores;
} bench_case;

/* Generates the data and uploads it. All channels are checked if the problem has at most
 * verify_elements elements, else a sample of about so many elements, of two channels at least.
 *
 * Problems of more elements repeat the data of their first images, so that large problems are quick
 * to set up. To a cache or a memory controller their values are still random. Returns NULL, or what
 * failed; then nothing is left allocated. */
const char *bench_case_open(cubnHandle_t handle, const line_problem *problem,
                            int64_t verify_elements, bench_case *bench);
void bench_case_close(bench_case *bench);

/* Runs the operation once and compares its outputs with the oracle. Returns NULL, or the message
 * of a call that failed. */
const char *bench_case_verify(bench_case *bench, compare_result *result);

/* Compares bench->after, the results of another library, with the oracle. */
compare_result bench_case_compare(const bench_case *bench);

/* Uploads the inputs again. */
bool bench_case_restore(bench_case *bench);

/* "all" or "3 of 64 channels". */
void bench_case_describe_sample(const bench_case *bench, char *text, size_t text_bytes);

#endif /* CUBN_BENCH_CASE_H */
