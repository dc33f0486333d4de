/* A problem as one line of text, in the language of tests and benchmark. */
#ifndef CUBN_HOST_PROBLEM_TEXT_H
#define CUBN_HOST_PROBLEM_TEXT_H

#include "core/backend.h"

#define CUBN_PROBLEM_TEXT_MAX 256

/* Writes a line such as "train nhwc f16 n32c64h56w56 inplace". Options that the algorithm does not
 * depend on (epsilon, factor, the values) are left out; tensors that are not packed are "strided".
 */
void cubn_problem_text(const cubn_problem *problem, const cubn_args *args, char *text,
                       size_t text_bytes);

/* Name of an array in messages. */
const char *cubn_array_name(const cubn_problem *problem, int array);

#endif /* CUBN_HOST_PROBLEM_TEXT_H */
