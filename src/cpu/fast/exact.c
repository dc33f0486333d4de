/* Channels in double, piece by piece. Rare, so it is short rather than fast. */
#include "cpu/fast/exact.h"

enum { PIECE = CUBN_PIECE_VALUES };

bool cubn_next_piece(cubn_pieces *walk, cubn_patch *piece) {
  if (walk->row >= walk->patch.rows || walk->patch.count == 0) return false;
  const int64_t left = walk->patch.count - walk->at, count = left < PIECE ? left : PIECE;
  const int64_t offset =
      walk->patch.offset + walk->row * walk->patch.row_stride + walk->at * walk->patch.stride;
  *piece = (cubn_patch){offset, 1, 0, count, walk->patch.stride};
  walk->at += count;
  if (walk->at == walk->patch.count) ++walk->row, walk->at = 0;
  return true;
}

/* Pieces are summed by themselves, so that no sum has many terms. */
static double mean_of(const cubn_conversion *type, const void *x, cubn_patch patch) {
  double v[PIECE], first = 0, sum = 0;
  cubn_patch piece;
  type->load(x, (cubn_patch){patch.offset, 1, 0, 1, 1}, &first);
  for (cubn_pieces at = {patch, 0, 0}; cubn_next_piece(&at, &piece);) {
    double part = 0;
    type->load(x, piece, v);
    for (int64_t i = 0; i < piece.count; ++i) part += v[i] - first;
    sum += part;
  }
  return first + sum / ((double)patch.rows * (double)patch.count);
}

void cubn_exact_moments(const cubn_conversion *type, const void *x, cubn_patch patch, double *mean,
                        double *squares) {
  double v[PIECE];
  cubn_patch piece;
  *mean = mean_of(type, x, patch);
  *squares = 0;
  for (cubn_pieces at = {patch, 0, 0}; cubn_next_piece(&at, &piece);) {
    double part = 0;
    type->load(x, piece, v);
    for (int64_t i = 0; i < piece.count; ++i) part += (v[i] - *mean) * (v[i] - *mean);
    *squares += part;
  }
}

void cubn_exact_gradient_sums(const cubn_conversion *type, const void *x, const void *dy,
                              cubn_patch patch, const cubn_coefficients *coef, double sums[3]) {
  double v[PIECE], g[PIECE];
  cubn_patch piece;
  sums[0] = sums[1] = sums[2] = 0;
  for (cubn_pieces at = {patch, 0, 0}; cubn_next_piece(&at, &piece);) {
    double part[3] = {0};
    type->load(x, piece, v);
    type->load(dy, piece, g);
    for (int64_t i = 0; i < piece.count; ++i) {
      part[0] += g[i];
      part[1] += g[i] * ((v[i] - coef->center) * coef->inv_std);
      part[2] += v[i] - coef->center;
    }
    for (int k = 0; k < 3; ++k) sums[k] += part[k];
  }
}

void cubn_exact_normalize(const cubn_conversion *type, const void *x, void *y, cubn_patch patch,
                          const cubn_coefficients *coef) {
  double v[PIECE];
  cubn_patch piece;
  for (cubn_pieces at = {patch, 0, 0}; cubn_next_piece(&at, &piece);) {
    type->load(x, piece, v);
    for (int64_t i = 0; i < piece.count; ++i)
      v[i] = (v[i] - coef->center) * coef->gain + coef->shift;
    type->store(v, piece, y);
  }
}

void cubn_exact_gradient(const cubn_conversion *type, const void *x, const void *dy, void *dx,
                         cubn_patch patch, const cubn_coefficients *coef) {
  double v[PIECE], g[PIECE];
  cubn_patch piece;
  for (cubn_pieces at = {patch, 0, 0}; cubn_next_piece(&at, &piece);) {
    type->load(x, piece, v);
    type->load(dy, piece, g);
    for (int64_t i = 0; i < piece.count; ++i) {
      const double x_hat = (v[i] - coef->center) * coef->inv_std;
      g[i] = g[i] * coef->gain + (x_hat * coef->slope + coef->shift);
    }
    type->store(g, piece, dx);
  }
}
