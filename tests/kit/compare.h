/* Compares the results of a call with the oracle, within the tolerances of tolerance.c. */
#ifndef CUBN_TESTS_COMPARE_H
#define CUBN_TESTS_COMPARE_H

#include "kit/oracle.h"

typedef struct compare_result {
  int64_t failures; /* elements outside their tolerance */
  /* The worst element: the one with the largest error / allowed. array is NULL if there was
   * none. */
  const char *array;
  int64_t channel, sample; /* sample: in the order of the descriptor; -1 for per-channel arrays */
  double got, wanted, allowed;
  double ratio;        /* error / allowed of the worst element; below 1: it passes */
  double output_error; /* largest |got - exact| in y or dx over finite elements */
} compare_result;

/* Compares all outputs of channels 0, channel_step, 2 * channel_step, ... (1: all). */
compare_result compare_outputs(const line_problem *problem, const data_set *before,
                               const data_set *after, int64_t channel_step);

/* Returns whether the call left alone what it must not change: inputs, guards, gaps of strided
 * tensors. If not, writes a sentence to report. */
bool compare_untouched(const line_problem *problem, const data_set *before, const data_set *after,
                       char *report, size_t report_bytes);

/* Whether the call writes the array, which may also be the output or dz in place. */
bool compare_writes(const line_problem *problem, const data_set *set, int array);

/* Whether the outputs agree bit by bit; `a` and `b` may differ in whether they are in place. */
bool compare_equal(const line_problem *a_problem, const data_set *a, const line_problem *b_problem,
                   const data_set *b, char *report, size_t report_bytes);

/* One line: "dx[channel 3, sample 17]: got 1.5, wanted 1.25, allowed error 1e-06 (2 failures)". */
void compare_describe(const compare_result *result, char *report, size_t report_bytes);

#endif /* CUBN_TESTS_COMPARE_H */
