/* The mask in the reserve space, from and to the decisions of a tile. */
#ifndef CUBN_CPU_COMMON_MASK_TILES_H
#define CUBN_CPU_COMMON_MASK_TILES_H

#include "core/backend.h"
#include "cpu/common/convert.h"

/* Bytes of the mask of this problem. */
int64_t cubn_mask_bytes(const cubn_problem *problem);

/* Sets the bits of the elements that pass; the bytes were 0. The patch is one of CUBN_ARRAY_PLACE.
 * passes[i] has all bits set, or is 0. Several workers may set bits of the same byte. */
void cubn_mask_store(const cubn_mask *mask, cubn_patch patch, const uint64_t *passes,
                     uint8_t *bytes);

/* Loads the decisions: passes[i] has all bits set, or is 0. */
void cubn_mask_load(const cubn_mask *mask, cubn_patch patch, const uint8_t *bytes,
                    uint64_t *passes);

#endif /* CUBN_CPU_COMMON_MASK_TILES_H */
