/* Transposes planes of elements: two nested loops at constant distances. */
#ifndef CUBN_CPU_FAST_TRANSPOSE_H
#define CUBN_CPU_FAST_TRANSPOSE_H

#include <stdbool.h>
#include <stdint.h>

/* stage[r * stage_stride + i] = memory[r * row_stride + i * stride] for i < count and r < rows;
 * elements of 2, 4 or 8 bytes. It is fast where row_stride is 1. */
void cubn_gather_plane(char *stage, const char *memory, int64_t stride, int64_t row_stride,
                       int64_t stage_stride, int64_t count, int64_t rows, int64_t bytes);

/* The same in the other direction, of whole lines with non-temporal stores if wanted. */
void cubn_scatter_plane(char *memory, const char *stage, int64_t stride, int64_t row_stride,
                        int64_t stage_stride, int64_t count, int64_t rows, int64_t bytes,
                        bool nontemporal);

#endif /* CUBN_CPU_FAST_TRANSPOSE_H */
