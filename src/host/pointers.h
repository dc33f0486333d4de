/* The pointers of a call. */
#ifndef CUBN_HOST_POINTERS_H
#define CUBN_HOST_POINTERS_H

#include "core/backend.h"

/* Checks the pointers of a collapsed problem. */
cubnStatus_t cubn_check_pointers(const cubn_problem *problem, const cubn_args *args,
                                 const char *function);

#endif /* CUBN_HOST_POINTERS_H */
