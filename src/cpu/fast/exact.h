/* Channels in double, value by value: for the few whose values are too large, too small or too far
 * from where float arithmetic was centered. */
#ifndef CUBN_CPU_EXACT_H
#define CUBN_CPU_EXACT_H

#include "cpu/common/convert.h"
#include "cpu/kernels/kernels.h"

/* Pieces of a patch, each in one row. */
#define CUBN_PIECE_VALUES 1024
typedef struct cubn_pieces {
  cubn_patch patch;
  int64_t row, at; /* of the next piece */
} cubn_pieces;

/* The next piece, as a patch of one row; false at the end. */
bool cubn_next_piece(cubn_pieces *walk, cubn_patch *piece);

/* The mean of the patch, and the sum of squared differences from it. */
void cubn_exact_moments(const cubn_conversion *type, const void *x, cubn_patch patch, double *mean,
                        double *squares);

/* Sums of dy, dy * x_hat and x - center. */
void cubn_exact_gradient_sums(const cubn_conversion *type, const void *x, const void *dy,
                              cubn_patch patch, const cubn_coefficients *coef, double sums[3]);

void cubn_exact_normalize(const cubn_conversion *type, const void *x, void *y, cubn_patch patch,
                          const cubn_coefficients *coef);
void cubn_exact_gradient(const cubn_conversion *type, const void *x, const void *dy, void *dx,
                         cubn_patch patch, const cubn_coefficients *coef);

#endif /* CUBN_CPU_EXACT_H */
