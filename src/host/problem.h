/* From the arguments of a public call to a problem. */
#ifndef CUBN_HOST_PROBLEM_H
#define CUBN_HOST_PROBLEM_H

#include "core/backend.h"

/* Checks the descriptors of a call and collapses them. `problem` comes in with pass, mode,
 * descriptors, activation and the has_ and is_ flags, the rest is filled in; `function` is named in
 * messages. */
cubnStatus_t cubn_problem_describe(cubn_problem *problem, const char *function);

/* The same, and checks the arguments. Sets cubn_args.normalizer; a count of 0 becomes that of x. */
cubnStatus_t cubn_problem_init(cubn_problem *problem, cubn_args *args, const char *function);

/* How m values per channel are normalized, where sums of backward run over sums_m. */
cubn_normalizer cubn_make_normalizer(const cubn_problem *problem, double epsilon, double m,
                                     double sums_m);

/* Reads a blending factor, a double for double tensors and else a float. */
cubnStatus_t cubn_read_factor(const char *function, const char *argument, const void *pointer,
                              cubnTensorDescriptor_t tensor, double *value);

#endif /* CUBN_HOST_PROBLEM_H */
