/* Which packed problems have long runs, and which are grids. */
#ifndef CUBN_CPU_FAST_LONG_RUNS_H
#define CUBN_CPU_FAST_LONG_RUNS_H

#include "cpu/fast/call.h"

/* Columns of a block of a grid, at most: enough for blocks to begin at whole cache lines, for most
 * lengths of short runs. */
#define CUBN_BLOCK_COLUMNS_MAX (2 * CUBN_GRID_STRIPE)

/* The fewest channels whose values in one image are whole cache lines. */
int64_t cubn_channels_of_lines(const cubn_problem *problem);

/* Whether the runs are long; shorter ones are columns of a grid. */
bool cubn_has_long_runs(const cubn_problem *problem);

/* The refusal of an algorithm that does not take the problem's long runs. */
cubn_refusal cubn_refuse_long_runs(const cubn_problem *problem);

/* Why no fast algorithm for long runs can do this problem, if so. */
cubn_refusal cubn_long_runs_reject(const cubn_device *device, const cubn_problem *problem);

#endif /* CUBN_CPU_FAST_LONG_RUNS_H */
