/* Packed problems seen as a matrix whose columns belong to channels:
 *   [n][c]     columns are channels (NHWC, NC)
 *   [n][c][s]  with small s: c * s columns, s neighbouring ones for each channel
 * Narrow matrices are folded: some rows become one, so that rows are long enough for vectors. */
#ifndef CUBN_CPU_GRID_H
#define CUBN_CPU_GRID_H

#include "cpu/fast/call.h"
#include "cpu/fast/shapes.h"

#define CUBN_SLICE_COLUMNS_MAX 8192

/* Scratch memory of one task that works on blocks: coefficients of two blocks, sums of one, and the
 * numbers of their channels. */
#define CUBN_BLOCK_COLUMNS_PADDED (CUBN_BLOCK_COLUMNS_MAX + CUBN_GRID_PADDING)
#define CUBN_GRID_ARRAYS 6
#define CUBN_WORKER_ARRAYS (2 * CUBN_GRID_ARRAYS + CUBN_RUN_SUMS_MAX + 2 * CUBN_CHANNEL_ARRAYS)
#define CUBN_WORKER_BYTES \
  ((sizeof(double) * CUBN_BLOCK_COLUMNS_PADDED * CUBN_WORKER_ARRAYS + 255) / 256 * 256)

/* Coefficients of columns, in memory for CUBN_GRID_ARRAYS arrays of `padded` doubles. */
void cubn_grid_place(cubn_grid_coefficients *coefficients, void *memory, int64_t padded);

/* Spreads the coefficients of channels over columns: each channel has `each` neighbouring columns,
 * and all that `times` times. */
typedef struct cubn_pattern {
  int64_t each, times;
} cubn_pattern;

/* What is needed before there are sums: pivots (as centers) in training, else what is known. */
void cubn_grid_spread_begin(const cubn_call *call, const cubn_channels *channels,
                            cubn_pattern pattern, cubn_grid_coefficients *to);
void cubn_grid_spread_output(const cubn_call *call, const cubn_channels *channels,
                             cubn_pattern pattern, cubn_grid_coefficients *to);

/* Adds up the columns of each channel: sums[i] of channels first .. end - 1. */
void cubn_grid_fold(const double *columns, int64_t channels, cubn_pattern pattern, int64_t first,
                    int64_t end, double *sums);

/* Elements from `offset` on: adds to the sums of columns, writes outputs, or both at the same time,
 * which must have the same shape. */
typedef struct cubn_grid_part {
  int64_t offset;
  const cubn_grid_coefficients *coef;
} cubn_grid_part;
void cubn_grid_sum(const cubn_call *call, cubn_grid grid, cubn_grid_part part, double *sums,
                   int64_t sum_stride);
void cubn_grid_output_part(const cubn_call *call, cubn_grid grid, cubn_grid_part part,
                           bool nontemporal);
/* Writes outputs of channels of which some are wide. */
void cubn_grid_output_mixed(const cubn_call *call, cubn_grid grid, cubn_grid_part part,
                            const cubn_channels *channels);
void cubn_grid_sum_and_output(const cubn_call *call, cubn_grid grid, cubn_grid_part summed,
                              double *sums, int64_t sum_stride, cubn_grid_part put,
                              bool nontemporal);

/* Columns with values so few that a block of them stays in a core's cache: each thread takes blocks
 * of columns (grid_blocks.c). Otherwise threads share the rows (grid_shared.c). */
void cubn_grid_run_blocks(const cubn_call *call);
void cubn_grid_run_shared(const cubn_call *call);
size_t cubn_grid_shared_workspace_bytes(const cubn_problem *problem);

#endif /* CUBN_CPU_GRID_H */
