/* Tiles: some hundred values of a group of channels, as doubles in L1, and the loops over them.
 *
 * A tile is packed [samples][width]: the values of `width` neighboring channels are consecutive. A
 * row of `lanes` values holds some samples, so that it is long enough for vector instructions: lane
 * l belongs to channel l % width, and lanes / width is a power of 2. Every lane is summed by
 * itself, from the first row to the last, and lanes are then added in a fixed tree: the bits do not
 * depend on the instruction set. */
#ifndef CUBN_CPU_PLAIN_TILE_H
#define CUBN_CPU_PLAIN_TILE_H

#include <stdbool.h>
#include <stdint.h>

#define CUBN_TILE_VALUES 1024 /* values of a tile, at most */
#define CUBN_WIDTH_MAX 128    /* channels of a group, at most */
#define CUBN_LANES_MAX 256    /* lanes of a tile, at most */

/* The members of cubn_double_factors for each lane. The pivots come first, the others when the sums
 * are known. */
typedef struct cubn_double_lanes {
  double ddx_pivot[CUBN_LANES_MAX], dy_pivot[CUBN_LANES_MAX];
  double gx_ddx[CUBN_LANES_MAX], gx_dy[CUBN_LANES_MAX];
  double gx_x_hat[CUBN_LANES_MAX], gx_shift[CUBN_LANES_MAX];
  double ddy_ddx[CUBN_LANES_MAX], ddy_x_hat[CUBN_LANES_MAX], ddy_shift[CUBN_LANES_MAX];
} cubn_double_lanes;

/* Coefficients of the values of each lane.
 *   forward   y  = ((x - mean_high) - mean_low) * gain + offset
 *   backward  dx = (dy - offset - x_hat * slope) * gain,
 *             x_hat = ((x - mean_high) - mean_low) * inv_std
 * mean_high is a number near the mean and mean_low what it lacks, so that the mean is known to more
 * than a double, and a constant channel, where both differences are 0, to all digits. The
 * pre-activation is computed as preactivation.h says, with mean_high as the center. */
typedef struct cubn_lanes {
  double mean_high[CUBN_LANES_MAX], mean_low[CUBN_LANES_MAX], inv_std[CUBN_LANES_MAX];
  union {
    struct {
      double gain[CUBN_LANES_MAX], offset[CUBN_LANES_MAX], slope[CUBN_LANES_MAX];
      double preact_gain[CUBN_LANES_MAX], preact_shift[CUBN_LANES_MAX];
    };
    cubn_double_lanes second; /* double backward */
  };
  bool preact_is_single;    /* the pre-activation is computed in float */
  bool preact_needs_double; /* for some lane, because float cannot represent its gain */
} cubn_lanes;

/* Lanes of a tile with so many channels: a multiple of 16 where the fold stays small. */
int64_t cubn_lanes_for_width(int64_t width);

/* Copies the first `width` values to all lanes. */
void cubn_lanes_spread(double *values, int64_t width, int64_t lanes);

/* Adds up the lanes of each channel into the first `width`. */
void cubn_lanes_fold(double *sums, int64_t width, int64_t lanes);

/* The functions below work on a tile of `count` values. */

/* sums += sum of x - high. */
void cubn_tile_sum(const double *x, int64_t count, int64_t lanes, const double *high, double *sums);

/* sums += sum of ((x - high) - low)^2. */
void cubn_tile_squares(const double *x, int64_t count, int64_t lanes, const double *high,
                       const double *low, double *sums);

/* The sums of backward per lane. */
typedef struct cubn_lane_sums {
  double dy[CUBN_LANES_MAX];       /* sums of dy */
  double dy_x_hat[CUBN_LANES_MAX]; /* sums of dy * x_hat */
  double x[CUBN_LANES_MAX];        /* sums of (x - mean_high) - mean_low */
} cubn_lane_sums;

/* Adds to the sums. */
void cubn_tile_gradient_sums(const double *x, const double *dy, int64_t count, int64_t lanes,
                             const cubn_lanes *coef, cubn_lane_sums *sums);

/* x becomes y. */
void cubn_tile_normalize(double *x, int64_t count, int64_t lanes, const cubn_lanes *coef);

/* p becomes the pre-activation. */
void cubn_tile_preact(const double *x, double *p, int64_t count, int64_t lanes,
                      const cubn_lanes *coef);

/* dy becomes dx. */
void cubn_tile_gradient(const double *x, double *dy, int64_t count, int64_t lanes,
                        const cubn_lanes *coef);

/* values *= gain of their lane: dy becomes dx if the statistics are constants. */
void cubn_tile_scale(double *values, int64_t count, int64_t lanes, const cubn_lanes *coef);

/* result += beta * prior. */
void cubn_tile_blend(double *result, const double *prior, int64_t count, double beta);

/* ---- double_tile.c: double backward */
/* The sums of cubn_double_sums for each lane. */
typedef struct cubn_double_lane_sums {
  double ddx[CUBN_LANES_MAX], dy[CUBN_LANES_MAX], ddx_dy[CUBN_LANES_MAX];
  double ddx_x_hat[CUBN_LANES_MAX], dy_x_hat[CUBN_LANES_MAX], centered[CUBN_LANES_MAX];
} cubn_double_lane_sums;

/* Values of x, dy and ddx. */
typedef struct cubn_double_tile {
  double x[CUBN_TILE_VALUES], dy[CUBN_TILE_VALUES], ddx[CUBN_TILE_VALUES];
} cubn_double_tile;

/* Adds to the sums. */
void cubn_tile_double_sums(const cubn_double_tile *tile, int64_t count, int64_t lanes,
                           const cubn_lanes *coef, cubn_double_lane_sums *sums);

/* x becomes gx, and dy ddy. */
void cubn_tile_double_gradients(cubn_double_tile *tile, int64_t count, int64_t lanes,
                                const cubn_lanes *coef);

#endif /* CUBN_CPU_PLAIN_TILE_H */
