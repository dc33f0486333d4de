/* Tiles of a patch, for loops over values in double. */
#ifndef CUBN_CPU_FAST_EXACT_TILES_H
#define CUBN_CPU_FAST_EXACT_TILES_H

#include <stdbool.h>

#include "cpu/common/arith.h"
#include "cpu/common/convert.h"
#include "cpu/common/params.h"

#define CUBN_EXACT_TILE 1024 /* values of a tile, at most */

/* The tiles of a patch. */
typedef struct cubn_exact_tiles {
  cubn_patch patch;
  int64_t row, column; /* where the next tile begins */
} cubn_exact_tiles;

/* The next tile, as a patch of one row; false if there is none. */
static inline bool cubn_next_exact_tile(cubn_exact_tiles *tiles, cubn_patch *tile) {
  const cubn_patch *patch = &tiles->patch;
  if (tiles->row >= patch->rows || patch->count == 0) return false;
  const int64_t count = cubn_min(patch->count - tiles->column, CUBN_EXACT_TILE);
  const int64_t offset =
      patch->offset + tiles->row * patch->row_stride + tiles->column * patch->stride;
  *tile = (cubn_patch){offset, 1, 0, count, patch->stride};
  tiles->column += count;
  if (tiles->column == patch->count) ++tiles->row, tiles->column = 0;
  return true;
}

#endif /* CUBN_CPU_FAST_EXACT_TILES_H */
