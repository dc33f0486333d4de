/* The loops of double backward, as those of tile.c: core/double_backward.h has the formulas. Blocks
 * have fewer lanes, because there are twice as many sums to keep in registers. */
#include "cpu/common/clones.h"
#include "cpu/plain/tile.h"

enum { LANE_BLOCK = 8 };

/* Lanes first .. first + n - 1 of some rows of a tile; its values begin at `at`. */
typedef struct lane_block {
  int64_t at, rows, stride, lane;
} lane_block;

CUBN_INLINED void sums_block(const cubn_double_tile *restrict tile, lane_block block, int64_t n,
                             const cubn_lanes *restrict coef,
                             cubn_double_lane_sums *restrict sums) {
  const int64_t lane = block.lane;
  const double *high = coef->mean_high + lane, *low = coef->mean_low + lane;
  const double *inv_std = coef->inv_std + lane;
  const double *ddx_pivot = coef->second.ddx_pivot + lane, *dy_pivot = coef->second.dy_pivot + lane;
  double ddx[LANE_BLOCK] = {0}, dy[LANE_BLOCK] = {0}, ddx_dy[LANE_BLOCK] = {0};
  double ddx_x_hat[LANE_BLOCK] = {0}, dy_x_hat[LANE_BLOCK] = {0}, sum[LANE_BLOCK] = {0};
  for (int64_t r = 0; r < block.rows; ++r) {
    const int64_t at = block.at + r * block.stride;
    for (int64_t l = 0; l < n; ++l) {
      const double centered = (tile->x[at + l] - high[l]) - low[l];
      const double x_hat = centered * inv_std[l];
      const double u = tile->ddx[at + l] - ddx_pivot[l], v = tile->dy[at + l] - dy_pivot[l];
      ddx[l] += u;
      dy[l] += v;
      ddx_dy[l] += u * v;
      ddx_x_hat[l] += u * x_hat;
      dy_x_hat[l] += v * x_hat;
      sum[l] += centered;
    }
  }
  for (int64_t l = 0; l < n; ++l) {
    sums->ddx[lane + l] += ddx[l];
    sums->dy[lane + l] += dy[l];
    sums->ddx_dy[lane + l] += ddx_dy[l];
    sums->ddx_x_hat[lane + l] += ddx_x_hat[l];
    sums->dy_x_hat[lane + l] += dy_x_hat[l];
    sums->centered[lane + l] += sum[l];
  }
}

CUBN_CLONES void cubn_tile_double_sums(const cubn_double_tile *tile, int64_t count, int64_t lanes,
                                       const cubn_lanes *coef, cubn_double_lane_sums *sums) {
  const int64_t whole = count / lanes;
  for (int64_t l = 0; l < lanes; l += LANE_BLOCK) {
    const lane_block block = {l, whole, lanes, l};
    if (lanes - l >= LANE_BLOCK)
      sums_block(tile, block, LANE_BLOCK, coef, sums);
    else
      sums_block(tile, block, lanes - l, coef, sums);
  }
  const int64_t rest = count - whole * lanes;
  for (int64_t l = 0; l < rest; l += LANE_BLOCK) {
    const lane_block block = {whole * lanes + l, 1, lanes, l};
    sums_block(tile, block, rest - l < LANE_BLOCK ? rest - l : LANE_BLOCK, coef, sums);
  }
}

/* Values of n lanes of one row. */
CUBN_INLINED void gradients_row(double *restrict x, double *restrict dy, const double *restrict ddx,
                                int64_t n, const cubn_lanes *restrict coef) {
  const cubn_double_lanes *const of = &coef->second;
  for (int64_t l = 0; l < n; ++l) {
    const double x_hat = ((x[l] - coef->mean_high[l]) - coef->mean_low[l]) * coef->inv_std[l];
    const double u = ddx[l] - of->ddx_pivot[l], v = dy[l] - of->dy_pivot[l];
    x[l] = (of->gx_ddx[l] * u + of->gx_dy[l] * v) + (of->gx_x_hat[l] * x_hat + of->gx_shift[l]);
    dy[l] = (of->ddy_ddx[l] * u + of->ddy_x_hat[l] * x_hat) + of->ddy_shift[l];
  }
}

CUBN_CLONES void cubn_tile_double_gradients(cubn_double_tile *tile, int64_t count, int64_t lanes,
                                            const cubn_lanes *coef) {
  for (int64_t done = 0; done < count; done += lanes) {
    const int64_t n = count - done < lanes ? count - done : lanes;
    gradients_row(tile->x + done, tile->dy + done, tile->ddx + done, n, coef);
  }
}
