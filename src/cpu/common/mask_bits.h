/* Bits of neighbouring elements, one behind the other, to and from the mask in the reserve space,
 * whose rows begin at bytes of their own. Element `place` of the mask is bit 0. */
#ifndef CUBN_CPU_BITS_H
#define CUBN_CPU_BITS_H

#include "core/backend.h"

/* Parts of a row come in order: a part that begins within a byte keeps the bits before it, and the
 * bits behind it in its last byte become 0. */
void cubn_mask_store_bits(const cubn_mask *mask, int64_t place, int64_t count, const uint8_t *bits,
                          uint8_t *bytes);

void cubn_mask_load_bits(const cubn_mask *mask, int64_t place, int64_t count, const uint8_t *bytes,
                         uint8_t *bits);

#endif /* CUBN_CPU_BITS_H */
