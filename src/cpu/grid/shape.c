/* Divides the rows of a grid into chunks, and folds narrow ones. */
#include "cpu/grid/shape.h"

#include "cpu/common/arith.h"

enum { CHUNKS_MAX = 64 };
/* The sums of all chunks and CHUNKS_ARRAYS arrays of a slice take at most so many bytes. This
 * limits the number of chunks, on which the bits of results depend: both stay as they are. */
enum { CHUNKS_BYTES = 4 << 20, CHUNKS_ARRAYS = 14 };
/* Folded rows have at least so many columns; wider grids are not folded. */
enum { FOLDED_COLUMNS = 64, FOLD_COLUMNS_BELOW = 512 };

_Static_assert(CHUNKS_BYTES + (CUBN_SLICE_ARRAYS - CHUNKS_ARRAYS) * sizeof(double) *
                                  (CUBN_SLICE_COLUMNS_MAX + 2 * CUBN_GRID_PADDING) <=
                   CUBN_CPU_WORKSPACE_BYTES,
               "a slice fits in the workspace");

/* Rows of the problem that become one row of the grid. */
static int64_t choose_fold(const cubn_problem *problem) {
  const int64_t columns = problem->c * problem->s;
  int64_t fold = 1;
  if (columns >= FOLD_COLUMNS_BELOW) return 1;
  while ((fold * columns < FOLDED_COLUMNS || fold * columns % CUBN_GRID_PADDING) &&
         2 * fold <= problem->n && fold < FOLDED_COLUMNS)
    fold *= 2;
  return fold;
}

cubn_grid_shape cubn_choose_grid_shape(const cubn_problem *problem) {
  cubn_grid_shape shape = {.pattern = {problem->s, choose_fold(problem)}};
  shape.rows = problem->n / shape.pattern.times;
  shape.tail = problem->n % shape.pattern.times;
  shape.slice_channels = cubn_min(problem->c, CUBN_SLICE_COLUMNS_MAX / problem->s);
  const int64_t columns = shape.slice_channels * problem->s * shape.pattern.times;
  shape.padded = cubn_round_up(columns, CUBN_GRID_PADDING) + CUBN_GRID_PADDING;
  const int64_t array_bytes = shape.padded * (int64_t)sizeof(double);
  const int64_t room =
      (CHUNKS_BYTES - CHUNKS_ARRAYS * array_bytes) / (CUBN_RUN_SUMS_MAX * array_bytes);
  const int64_t chunks = cubn_at_least_1(
      cubn_min(room, cubn_min(CHUNKS_MAX, shape.rows * columns / CUBN_CHUNK_VALUES)));
  shape.chunk_rows = cubn_round_up(cubn_divide_up(shape.rows, chunks), CUBN_GRID_GROUP_ROWS);
  shape.chunks = shape.rows > 0 ? cubn_divide_up(shape.rows, shape.chunk_rows) : 1;
  return shape;
}

size_t cubn_grid_shape_bytes(const cubn_grid_shape *shape) {
  const int64_t arrays = CUBN_SLICE_ARRAYS + CUBN_RUN_SUMS_MAX * shape->chunks;
  return (size_t)(arrays * shape->padded) * sizeof(double);
}

size_t cubn_grid_shared_workspace_bytes(const cubn_problem *problem) {
  const cubn_grid_shape shape = cubn_choose_grid_shape(problem);
  return cubn_grid_shape_bytes(&shape);
}
