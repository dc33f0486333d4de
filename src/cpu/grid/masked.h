/* Rows of channels last with padding, as kernels take them by a bit per row. */
#ifndef CUBN_CPU_GRID_MASKED_H
#define CUBN_CPU_GRID_MASKED_H

#include "cpu/grid/grid.h"

/* The problem with its padding, for the shape of what is in memory. */
cubn_problem cubn_grid_with_padding(const cubn_call *call);

/* As cubn_grid_sum, cubn_grid_write and cubn_grid_write_mixed, of rows with padding. */
void cubn_grid_sum_masked(const cubn_call *call, cubn_grid grid, cubn_grid_operand summed,
                          double *sums, int64_t sum_stride);
void cubn_grid_write_masked(const cubn_call *call, cubn_grid grid, cubn_grid_operand written);
void cubn_grid_write_mixed_masked(const cubn_call *call, cubn_grid grid, cubn_grid_operand written,
                                  const cubn_channels *channels);

#endif /* CUBN_CPU_GRID_MASKED_H */
