/* Packed problems seen as a grid, a matrix whose columns belong to channels:
 *   [n][c]     columns are channels (NHWC, NC)
 *   [n][c][s]  with small s: c * s columns, s neighboring ones for each channel
 * Narrow grids are folded: some rows become one, so that rows are long enough for vectors. */
#ifndef CUBN_CPU_GRID_GRID_H
#define CUBN_CPU_GRID_GRID_H

#include "cpu/fast/channels.h"
#include "cpu/fast/columns.h"
#include "cpu/fast/long_runs.h"

/* Columns of a slice, at most. */
#define CUBN_SLICE_COLUMNS_MAX 8192

/* Scratch memory of a worker that processes blocks: the coefficients of two blocks and the numbers
 * of their channels, and the sums of one block. */
#define CUBN_BLOCK_COLUMNS_PADDED (CUBN_BLOCK_COLUMNS_MAX + CUBN_GRID_PADDING)
#define CUBN_WORKER_ARRAYS (2 * CUBN_GRID_ARRAYS + CUBN_RUN_SUMS_MAX + 2 * CUBN_CHANNEL_ARRAYS)
#define CUBN_WORKER_BYTES \
  ((sizeof(double) * CUBN_BLOCK_COLUMNS_PADDED * CUBN_WORKER_ARRAYS + 255) / 256 * 256)

/* How channels are spread over columns: each channel has `each` neighboring columns, and all
 * channels are repeated `times` times. */
typedef struct cubn_pattern {
  int64_t each, times;
} cubn_pattern;

/* Elements of a grid: the offset of the first one, and the coefficients of their columns. */
typedef struct cubn_grid_operand {
  int64_t offset;
  const cubn_grid_coefficients *coef;
} cubn_grid_operand;

/* ---- matrix.c: one step over a grid */
/* Sets the arrays, in memory for CUBN_GRID_ARRAYS arrays of `padded` doubles. */
void cubn_grid_place(cubn_grid_coefficients *coef, void *memory, int64_t padded);

/* Sets the coefficients that sums need: pivots as centers, and those of the pre-activation. */
void cubn_grid_set_sum_coef(const cubn_call *call, const cubn_channels *channels,
                            cubn_pattern pattern, cubn_grid_coefficients *coef);

/* Sets the coefficients that the output needs. */
void cubn_grid_set_output_coef(const cubn_call *call, const cubn_channels *channels,
                               cubn_pattern pattern, cubn_grid_coefficients *coef);

/* Adds up the columns of each channel. */
void cubn_grid_fold(const double *columns, int64_t channels, cubn_pattern pattern, double *sums);

/* Whether rows that are `stride` apart can be written with non-temporal stores: all of them begin
 * where whole vectors can be stored. */
bool cubn_grid_can_store_nontemporal(const cubn_call *call, int64_t offset, int64_t stride);

/* Adds to the sums of the columns. */
void cubn_grid_sum(const cubn_call *call, cubn_grid grid, cubn_grid_operand summed, double *sums,
                   int64_t sum_stride);

/* Writes the output. */
void cubn_grid_write(const cubn_call *call, cubn_grid grid, cubn_grid_operand written,
                     bool nontemporal);

/* Writes the output of channels of which some need double. */
void cubn_grid_write_mixed(const cubn_call *call, cubn_grid grid, cubn_grid_operand written,
                           const cubn_channels *channels);

/* Forms sums and writes output at the same time, of grids of the same shape. */
void cubn_grid_sum_and_write(const cubn_call *call, cubn_grid grid, cubn_grid_operand summed,
                             double *sums, int64_t sum_stride, cubn_grid_operand written,
                             bool nontemporal);

/* ---- blocks.c: for columns with so few values that a block of them stays in L2 */
void cubn_grid_run_blocks(const cubn_call *call);

/* ---- shared.c: threads share the rows */
cubnStatus_t cubn_grid_run_shared(const cubn_call *call);
size_t cubn_grid_shared_workspace_bytes(const cubn_problem *problem);

#endif /* CUBN_CPU_GRID_GRID_H */
