/* The mask in the reserve space, from and to consecutive bits: the first element has bit 0. In the
 * mask, each row begins at a byte of its own. */
#ifndef CUBN_CPU_COMMON_MASK_BITS_H
#define CUBN_CPU_COMMON_MASK_BITS_H

#include "core/backend.h"

/* Stores the bits of `count` elements from element `place` on. Ranges of a row must be stored in
 * order: a range that begins within a byte keeps the bits before it, and the bits after it in its
 * last byte become 0. */
void cubn_mask_store_bits(const cubn_mask *mask, int64_t place, int64_t count, const uint8_t *bits,
                          uint8_t *bytes);

/* Clears the byte, if there is one, that a phased row has after its last element. `end` is the bit
 * after that of the element. */
void cubn_mask_end_row(const cubn_mask *mask, int64_t end, uint8_t *bytes);

/* Loads the bits of `count` elements from element `place` on. */
void cubn_mask_load_bits(const cubn_mask *mask, int64_t place, int64_t count, const uint8_t *bytes,
                         uint8_t *bits);

#endif /* CUBN_CPU_COMMON_MASK_BITS_H */
