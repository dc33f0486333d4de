/* Consecutive elements of the mask, row by row: each row begins at a byte of its own. */
#ifndef CUBN_CPU_COMMON_MASK_ROWS_H
#define CUBN_CPU_COMMON_MASK_ROWS_H

#include "core/backend.h"
#include "cpu/common/arith.h"

/* Iterates over consecutive elements of the mask. */
typedef struct cubn_mask_ranges {
  int64_t place; /* the number of the next element, as in CUBN_ARRAY_PLACE */
  int64_t count; /* elements that are left */
} cubn_mask_ranges;

/* Elements of one row. */
typedef struct cubn_mask_range {
  int64_t bit;   /* the number of the first element's bit in the mask */
  int64_t count; /* elements of the range */
  bool begins_row, ends_row;
} cubn_mask_range;

/* The next range, which ends where the row ends, or where no element is left; false if there is
 * none. */
static inline bool cubn_next_mask_range(const cubn_mask *mask, cubn_mask_ranges *ranges,
                                        cubn_mask_range *range) {
  if (ranges->count == 0) return false;
  const int64_t row = ranges->place / mask->row, skipped = ranges->place % mask->row;
  range->bit = cubn_mask_bit(mask, row, ranges->place);
  range->count = cubn_min(ranges->count, mask->row - skipped);
  range->begins_row = skipped == 0;
  range->ends_row = skipped + range->count == mask->row;
  ranges->place += range->count;
  ranges->count -= range->count;
  return true;
}

#endif /* CUBN_CPU_COMMON_MASK_ROWS_H */
