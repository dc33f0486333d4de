/* The reserve space: what forward leaves there for backward, and how it lies in memory. */
#ifndef CUBN_CORE_RESERVE_H
#define CUBN_CORE_RESERVE_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What forward leaves for backward in the reserve space, beside the saved statistics. Its layout
 * depends on x and the mode alone, so that any forward goes with any backward.
 *   MEANS  the statistics as forward used them, cubn_reserved of them, each [c] values of the
 *          parameters' type in the order of cubn_problem.channels. Backward computes the
 *          pre-activation again, from x, scale, bias and these, by the very operations of forward.
 *          Mean and inv_std are read only where the caller has not saved them: the host then gives
 *          all three as saved statistics, and the kind is NONE. It is NONE, too, if backward has
 *          cubn_args.mean_low from the caller.
 *   MASK   a bit per element: whether the activation let it pass (see cubn_mask)
 *   INPUT  the pre-activation itself, rounded to the type of x, packed by CUBN_ARRAY_PLACE */
typedef enum {
  CUBN_RESERVE_NONE,
  CUBN_RESERVE_STATISTICS,
  CUBN_RESERVE_MASK,
  CUBN_RESERVE_INPUT
} cubn_reserve;

/* The arrays of CUBN_RESERVE_STATISTICS. */
typedef enum {
  CUBN_RESERVED_MEAN_LOW, /* what rounding took from the mean */
  CUBN_RESERVED_MEAN,
  CUBN_RESERVED_INV_STD,
  CUBN_RESERVED_ARRAYS
} cubn_reserved;

/* The layout of mask bits. A mask row is a run of s elements of x = [n][c][s], or a row of c
 * elements of x = [n][c], gaps or not; otherwise all are one row. Each row begins at a byte of its
 * own, so that work that is divided by rows shares no byte. Work that is divided within a row ends
 * at multiples of 8 elements, or sets bits atomically. If is_phased, the bits of a row are shifted
 * so that element `place` has bit place % 8: eight elements that form an aligned vector are then
 * one byte. cubn_mask_bit states it in code. */
typedef struct cubn_mask {
  int64_t row;       /* elements of a row */
  int64_t row_bytes; /* from row to row */
  bool is_phased;
} cubn_mask;

/* Bit (byte * 8 + bit in the byte) of the element at `place`; at = place / row, if it is known. */
static inline int64_t cubn_mask_bit(const cubn_mask *mask, int64_t at, int64_t place) {
  const int64_t begin = at * mask->row;
  return at * mask->row_bytes * 8 + (place - begin) + (mask->is_phased ? begin & 7 : 0);
}

#ifdef __cplusplus
}
#endif

#endif /* CUBN_CORE_RESERVE_H */
