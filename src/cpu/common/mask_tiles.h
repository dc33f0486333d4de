/* The mask in the reserve space: decisions of a tile to and from bits. */
#ifndef CUBN_CPU_MASK_H
#define CUBN_CPU_MASK_H

#include "core/backend.h"
#include "cpu/common/convert.h"

/* Bytes of the mask of this problem. */
int64_t cubn_mask_bytes(const cubn_problem *problem);

/* Sets the bits of the elements that pass, those of a patch by CUBN_ARRAY_PLACE; the bytes were 0.
 * passes[i]: all bits set, or 0. Several threads may set bits of the same byte. */
void cubn_mask_store(const cubn_mask *mask, cubn_patch patch, const uint64_t *passes,
                     uint8_t *bytes);

void cubn_mask_load(const cubn_mask *mask, cubn_patch patch, const uint8_t *bytes,
                    uint64_t *passes);

#endif /* CUBN_CPU_MASK_H */
