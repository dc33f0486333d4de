/* Runs of the fast algorithms. Problems with padding are squeezed: valid elements are numbered
 * without gaps, as a packed problem would have them, and views find them in memory. What depends on
 * the mask depends on its spans alone, so that the results are the same for all threads. */
#ifndef CUBN_CPU_FAST_SQUEEZE_H
#define CUBN_CPU_FAST_SQUEEZE_H

#include "cpu/fast/call.h"

/* Runs a problem that is packed or, in places, may be seen so. `places` is NULL if it is packed. */
typedef cubnStatus_t cubn_fast_runner(cubn_device *device, const cubn_problem *problem,
                                      const cubn_args *args, const cubn_places *places);

/* Calls the runner for a problem that may be strided or have padding, whose outputs it sets. */
cubnStatus_t cubn_fast_run(cubn_device *device, const cubn_problem *problem, const cubn_args *args,
                           cubn_fast_runner *run);

/* Sets the padding of the outputs to 0: padding.c. */
void cubn_clear_padding(const cubn_device *device, const cubn_problem *problem,
                        const cubn_spans *spans, const cubn_args *args);

/* Why an algorithm of this layout cannot squeeze a problem with padding, if so. */
cubn_refusal cubn_squeeze_reject(const cubn_device *device, const cubn_problem *problem,
                                 cubn_layout layout);

#endif /* CUBN_CPU_FAST_SQUEEZE_H */
