/* Arrays of a call that share memory. */
#ifndef CUBN_HOST_OVERLAP_H
#define CUBN_HOST_OVERLAP_H

#include "core/backend.h"

/* BAD_PARAM if an output certainly has an element in common with another array, unless it may be
 * that very array (in place). Arrays whose addresses interleave without a common element, such as
 * slices of the channels of one buffer, are right. Where strides differ in a way that no simple
 * rule decides, the call is accepted. pointers.c compares the strides of tensors in place. */
cubnStatus_t cubn_check_overlap(const cubn_problem *problem, const cubn_args *args,
                                size_t reserve_bytes, const char *function);

#endif /* CUBN_HOST_OVERLAP_H */
