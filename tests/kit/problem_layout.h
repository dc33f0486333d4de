/* Layouts of problem lines: letters and strides. Internal to problem_*.c. */
#ifndef CUBN_TESTS_PROBLEM_LAYOUT_H
#define CUBN_TESTS_PROBLEM_LAYOUT_H

#include "kit/problem_line.h"

/* The letters of the dimensions in the descriptor's order: "nc", "ncw", "nchw", ... */
const char *layout_letters(int rank);

/* Sets the strides of a tensor from its layout and the sizes. Returns NULL, or what is wrong. */
const char *layout_strides(line_problem *problem, int tensor);

#endif /* CUBN_TESTS_PROBLEM_LAYOUT_H */
