/* A problem line from the bytes of a fuzzer: any shape, layout and options that go together. */
#ifndef CUBN_TESTS_FUZZ_PROBLEM_H
#define CUBN_TESTS_FUZZ_PROBLEM_H

#include "fuzz/input.h"
#include "kit/problem_line.h"

/* False if the choices do not go together. */
bool fuzz_problem(fuzz_input *input, line_problem *problem);

#endif /* CUBN_TESTS_FUZZ_PROBLEM_H */
