/* Which packed problems have long runs, and which are matrices. */
#ifndef CUBN_CPU_FAST_SHAPES_H
#define CUBN_CPU_FAST_SHAPES_H

#include "core/backend.h"
#include "cpu/kernels/kernels.h"

/* Columns that are worked on at a time: enough for blocks to begin at whole lines of memory, for most
 * lengths of short runs. */
#define CUBN_BLOCK_COLUMNS_MAX (2 * CUBN_GRID_STRIPE)

/* The fewest channels whose values, in one image, are whole lines of memory. */
int64_t cubn_channels_of_lines(const cubn_problem *problem);

/* Shorter runs are columns of a grid. */
bool cubn_has_long_runs(const cubn_problem *problem);

/* The refusal of an algorithm that takes the other kind. */
cubn_refusal cubn_refuse_runs(const cubn_problem *problem);

#endif /* CUBN_CPU_FAST_SHAPES_H */
