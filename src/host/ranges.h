/* NVTX ranges: what Nsight shows of a call, with its problem as one line of text. */
#ifndef CUBN_HOST_RANGES_H
#define CUBN_HOST_RANGES_H

#include "core/handle.h"

/* Whether a tool that shows ranges is attached, or CUBN_NVTX=1 says so. Called when a handle is
 * created: without a tool a call costs one comparison more. */
bool cubn_ranges_wanted(void);

/* Begins the range of a call, if handle->has_ranges; ends it. */
void cubn_range_begin(cubnHandle_t handle, const cubn_problem *problem, const cubn_args *args);
void cubn_range_end(cubnHandle_t handle);

#endif /* CUBN_HOST_RANGES_H */
