/* The loops over tiles, where the plain algorithms spend their time. Lanes are processed in blocks
 * of a fixed size, whose sums and coefficients stay in registers while the loop goes through the
 * rows. */
#include "cpu/plain/tile.h"

#include "cpu/common/arith.h"
#include "cpu/common/clones.h"
#include "cpu/common/preactivation.h"

enum { LANE_BLOCK = 16 };

int64_t cubn_lanes_for_width(int64_t width) {
  int64_t lanes = width;
  while (lanes % LANE_BLOCK != 0 && lanes < CUBN_LANES_MAX / 2) lanes *= 2;
  return lanes;
}

void cubn_lanes_spread(double *values, int64_t width, int64_t lanes) {
  for (int64_t l = width; l < lanes; ++l) values[l] = values[l - width];
}

void cubn_lanes_fold(double *sums, int64_t width, int64_t lanes) {
  for (int64_t half = lanes / 2; half >= width; half /= 2)
    for (int64_t l = 0; l < half; ++l) sums[l] += sums[l + half];
}

/* Every function processes the whole rows of a tile first, then its tail: one shorter row. The
 * functions named _block do so for n of the lanes: for the constant LANE_BLOCK, or for the
 * remaining ones; the compiler makes two of each. */
typedef struct tile_rows {
  int64_t count, lanes;
} tile_rows;

CUBN_INLINED tile_rows whole_rows(int64_t count, int64_t lanes) {
  return (tile_rows){count / lanes, lanes};
}

CUBN_INLINED tile_rows tail_row(int64_t count, int64_t lanes) {
  return (tile_rows){1, count % lanes};
}

CUBN_INLINED void sum_block(const double *restrict x, int64_t rows, int64_t stride, int64_t n,
                            const double *restrict high, double *restrict sums) {
  if (n == 0) return;
  double sum[LANE_BLOCK] = {0};
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t l = 0; l < n; ++l) sum[l] += x[r * stride + l] - high[l];
  for (int64_t l = 0; l < n; ++l) sums[l] += sum[l];
}

CUBN_CLONES void cubn_tile_sum(const double *x, int64_t count, int64_t lanes, const double *high,
                               double *sums) {
  tile_rows rows = whole_rows(count, lanes);
  for (int i = 0; i < 2; ++i) {
    int64_t l = 0;
    for (; l + LANE_BLOCK <= rows.lanes; l += LANE_BLOCK)
      sum_block(x + l, rows.count, lanes, LANE_BLOCK, high + l, sums + l);
    sum_block(x + l, rows.count, lanes, rows.lanes - l, high + l, sums + l);
    x += rows.count * lanes;
    rows = tail_row(count, lanes);
  }
}

CUBN_INLINED double square(double value) {
  return value * value;
}

CUBN_INLINED void squares_block(const double *restrict x, int64_t rows, int64_t stride, int64_t n,
                                const double *restrict high, const double *restrict low,
                                double *restrict sums) {
  if (n == 0) return;
  double sum[LANE_BLOCK] = {0};
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t l = 0; l < n; ++l) sum[l] += square((x[r * stride + l] - high[l]) - low[l]);
  for (int64_t l = 0; l < n; ++l) sums[l] += sum[l];
}

CUBN_CLONES void cubn_tile_squares(const double *x, int64_t count, int64_t lanes,
                                   const double *high, const double *low, double *sums) {
  tile_rows rows = whole_rows(count, lanes);
  for (int i = 0; i < 2; ++i) {
    int64_t l = 0;
    for (; l + LANE_BLOCK <= rows.lanes; l += LANE_BLOCK)
      squares_block(x + l, rows.count, lanes, LANE_BLOCK, high + l, low + l, sums + l);
    squares_block(x + l, rows.count, lanes, rows.lanes - l, high + l, low + l, sums + l);
    x += rows.count * lanes;
    rows = tail_row(count, lanes);
  }
}

CUBN_INLINED void gradient_sums_block(const double *restrict x, const double *restrict dy,
                                      int64_t rows, int64_t stride, int64_t n, int64_t lane,
                                      const cubn_lanes *restrict coef,
                                      cubn_lane_sums *restrict sums) {
  if (n == 0) return;
  const double *high = coef->mean_high + lane, *low = coef->mean_low + lane;
  const double *inv_std = coef->inv_std + lane;
  double sum_dy[LANE_BLOCK] = {0}, sum_dy_x_hat[LANE_BLOCK] = {0}, sum_x[LANE_BLOCK] = {0};
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t l = 0; l < n; ++l) {
      const double centered = (x[r * stride + l] - high[l]) - low[l];
      sum_dy[l] += dy[r * stride + l];
      sum_dy_x_hat[l] += dy[r * stride + l] * (centered * inv_std[l]);
      sum_x[l] += centered;
    }
  for (int64_t l = 0; l < n; ++l) {
    sums->dy[lane + l] += sum_dy[l];
    sums->dy_x_hat[lane + l] += sum_dy_x_hat[l];
    sums->x[lane + l] += sum_x[l];
  }
}

CUBN_CLONES void cubn_tile_gradient_sums(const double *x, const double *dy, int64_t count,
                                         int64_t lanes, const cubn_lanes *coef,
                                         cubn_lane_sums *sums) {
  tile_rows rows = whole_rows(count, lanes);
  for (int i = 0; i < 2; ++i) {
    int64_t l = 0;
    for (; l + LANE_BLOCK <= rows.lanes; l += LANE_BLOCK)
      gradient_sums_block(x + l, dy + l, rows.count, lanes, LANE_BLOCK, l, coef, sums);
    gradient_sums_block(x + l, dy + l, rows.count, lanes, rows.lanes - l, l, coef, sums);
    x += rows.count * lanes;
    dy += rows.count * lanes;
    rows = tail_row(count, lanes);
  }
}

CUBN_INLINED void normalize_block(double *restrict x, int64_t rows, int64_t stride, int64_t n,
                                  int64_t lane, const cubn_lanes *restrict coef) {
  const double *high = coef->mean_high + lane, *low = coef->mean_low + lane;
  const double *gain = coef->gain + lane, *offset = coef->offset + lane;
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t l = 0; l < n; ++l) {
      const double centered = (x[r * stride + l] - high[l]) - low[l];
      x[r * stride + l] = centered * gain[l] + offset[l];
    }
}

CUBN_CLONES void cubn_tile_normalize(double *x, int64_t count, int64_t lanes,
                                     const cubn_lanes *coef) {
  tile_rows rows = whole_rows(count, lanes);
  for (int i = 0; i < 2; ++i) {
    int64_t l = 0;
    for (; l + LANE_BLOCK <= rows.lanes; l += LANE_BLOCK)
      normalize_block(x + l, rows.count, lanes, LANE_BLOCK, l, coef);
    normalize_block(x + l, rows.count, lanes, rows.lanes - l, l, coef);
    x += rows.count * lanes;
    rows = tail_row(count, lanes);
  }
}

/* Loops over rows of all lanes; the last one may be shorter. */
CUBN_CLONES static void preact_in_double(const double *restrict x, double *restrict p,
                                         int64_t count, int64_t lanes,
                                         const cubn_lanes *restrict coef) {
  for (int64_t done = 0; done < count; done += lanes) {
    const int64_t n = cubn_min(count - done, lanes);
    for (int64_t l = 0; l < n; ++l)
      p[done + l] =
          (x[done + l] - coef->mean_high[l]) * coef->preact_gain[l] + coef->preact_shift[l];
  }
}

CUBN_CLONES static void preact_in_single(const double *restrict x, double *restrict p,
                                         int64_t count, int64_t lanes,
                                         const cubn_lanes *restrict coef) {
  float center[CUBN_LANES_MAX] = {0}, gain[CUBN_LANES_MAX] = {0}, shift[CUBN_LANES_MAX] = {0};
  for (int64_t l = 0; l < lanes; ++l) {
    center[l] = (float)coef->mean_high[l];
    gain[l] = (float)coef->preact_gain[l];
    shift[l] = (float)coef->preact_shift[l];
  }
  for (int64_t done = 0; done < count; done += lanes) {
    const int64_t n = cubn_min(count - done, lanes);
    for (int64_t l = 0; l < n; ++l)
      p[done + l] = (double)(((float)x[done + l] - center[l]) * gain[l] + shift[l]);
  }
}

void cubn_tile_preact(const double *x, double *p, int64_t count, int64_t lanes,
                      const cubn_lanes *coef) {
  if (!coef->preact_is_single)
    preact_in_double(x, p, count, lanes, coef);
  else if (!coef->preact_needs_double)
    preact_in_single(x, p, count, lanes, coef);
  else
    for (int64_t i = 0; i < count; ++i)
      p[i] = cubn_preact_value(true, x[i], coef->mean_high[i % lanes], coef->preact_gain[i % lanes],
                               coef->preact_shift[i % lanes]);
}

CUBN_INLINED void gradient_block(const double *restrict x, double *restrict dy, int64_t rows,
                                 int64_t stride, int64_t n, int64_t lane,
                                 const cubn_lanes *restrict coef) {
  const double *high = coef->mean_high + lane, *low = coef->mean_low + lane;
  const double *inv_std = coef->inv_std + lane, *gain = coef->gain + lane;
  const double *offset = coef->offset + lane, *slope = coef->slope + lane;
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t l = 0; l < n; ++l) {
      const double x_hat = ((x[r * stride + l] - high[l]) - low[l]) * inv_std[l];
      dy[r * stride + l] = ((dy[r * stride + l] - offset[l]) - x_hat * slope[l]) * gain[l];
    }
}

CUBN_CLONES void cubn_tile_gradient(const double *x, double *dy, int64_t count, int64_t lanes,
                                    const cubn_lanes *coef) {
  tile_rows rows = whole_rows(count, lanes);
  for (int i = 0; i < 2; ++i) {
    int64_t l = 0;
    for (; l + LANE_BLOCK <= rows.lanes; l += LANE_BLOCK)
      gradient_block(x + l, dy + l, rows.count, lanes, LANE_BLOCK, l, coef);
    gradient_block(x + l, dy + l, rows.count, lanes, rows.lanes - l, l, coef);
    x += rows.count * lanes;
    dy += rows.count * lanes;
    rows = tail_row(count, lanes);
  }
}

CUBN_CLONES void cubn_tile_scale(double *values, int64_t count, int64_t lanes,
                                 const cubn_lanes *coef) {
  for (int64_t done = 0; done < count; done += lanes) {
    const int64_t n = cubn_min(count - done, lanes);
    for (int64_t l = 0; l < n; ++l) values[done + l] *= coef->gain[l];
  }
}

CUBN_CLONES void cubn_tile_blend(double *restrict result, const double *restrict prior,
                                 int64_t count, double beta) {
  for (int64_t i = 0; i < count; ++i) result[i] += beta * prior[i];
}
