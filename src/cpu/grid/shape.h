/* How the rows of a grid are divided: a function of the problem alone. */
#ifndef CUBN_CPU_GRID_SHAPE_H
#define CUBN_CPU_GRID_SHAPE_H

#include "cpu/grid/grid.h"

/* Values of a chunk, unless there would be too many chunks; and the least that is worth a
 * thread. */
#define CUBN_CHUNK_VALUES 16384
/* Arrays of a slice in the workspace, beside the sums of its chunks. */
#define CUBN_SLICE_ARRAYS (CUBN_GRID_ARRAYS + CUBN_CHANNEL_ARRAYS)

/* The grid, one slice of channels wide. */
typedef struct cubn_grid_shape {
  cubn_pattern pattern;
  int64_t rows;           /* rows of the grid, each folded from pattern.times rows of the problem */
  int64_t tail;           /* rows of the problem that are left over */
  int64_t slice_channels; /* channels of a slice; the last slice may have fewer */
  int64_t padded;         /* columns of a slice, with padding */
  int64_t chunks;         /* chunks of the rows */
  int64_t chunk_rows;     /* rows of a chunk; the last chunk may have fewer */
} cubn_grid_shape;

cubn_grid_shape cubn_choose_grid_shape(const cubn_problem *problem);

/* Bytes of workspace. */
size_t cubn_grid_shape_bytes(const cubn_grid_shape *shape);

#endif /* CUBN_CPU_GRID_SHAPE_H */
