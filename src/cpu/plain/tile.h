/* Tiles: some hundred values of a group of channels, as doubles in the first-level cache, and the
 * loops over them.
 *
 * A tile is packed [samples][width], the values of `width` neighbouring channels side by side. Some
 * samples are taken together as one row of `lanes` values, so that rows are long enough for vector
 * instructions: lane l belongs to channel l % width, and lanes / width is a power of 2. Every lane
 * is summed on its own, from the first row to the last, and lanes are then added in a fixed tree:
 * the bits do not depend on the instruction set. */
#ifndef CUBN_CPU_TILE_H
#define CUBN_CPU_TILE_H

#include <stdbool.h>
#include <stdint.h>

#define CUBN_TILE_VALUES 1024
#define CUBN_WIDTH_MAX 128
#define CUBN_LANES_MAX 256

/* What the values of each lane are normalized with.
 *   forward   y  = ((x - mean_high) - mean_low) * gain + offset
 *   backward  dx = (dy - offset - x_hat * slope) * gain,
 *             x_hat = ((x - mean_high) - mean_low) * inv_std,
 * mean_high is a number near the mean and mean_low the rest, so that the mean is known to more than
 * a double and a constant channel, where both differences are 0, to all digits. The input of an
 * activation is computed as input.h says, with mean_high as the center. */
typedef struct cubn_lanes {
  double mean_high[CUBN_LANES_MAX], mean_low[CUBN_LANES_MAX], inv_std[CUBN_LANES_MAX];
  double gain[CUBN_LANES_MAX], offset[CUBN_LANES_MAX], slope[CUBN_LANES_MAX];
  double preact_gain[CUBN_LANES_MAX], preact_shift[CUBN_LANES_MAX];
  bool preact_is_single, preact_needs_double; /* P is float; there are wide gains */
} cubn_lanes;

/* Lanes for so many channels: a multiple of 16 where the fold stays small. */
int64_t cubn_lanes_for_width(int64_t width);

/* Copies the first `width` values to all lanes. */
void cubn_lanes_spread(double *values, int64_t width, int64_t lanes);

/* Adds up the lanes of each channel into the first `width`. */
void cubn_lanes_fold(double *sums, int64_t width, int64_t lanes);

/* sums += sum of x - high. Here and below: tiles of `count` values. */
void cubn_tile_sum(const double *x, int64_t count, int64_t lanes, const double *high, double *sums);

/* sums += sum of ((x - high) - low)^2. */
void cubn_tile_squares(const double *x, int64_t count, int64_t lanes, const double *high,
                       const double *low, double *sums);

/* Sums of dy, of dy * x_hat, and of (x - mean_high) - mean_low. */
typedef struct cubn_lane_sums {
  double dy[CUBN_LANES_MAX], dy_x_hat[CUBN_LANES_MAX], x[CUBN_LANES_MAX];
} cubn_lane_sums;

/* Adds to the sums. */
void cubn_tile_gradient_sums(const double *x, const double *dy, int64_t count, int64_t lanes,
                             const cubn_lanes *coef, cubn_lane_sums *sums);

/* x becomes y. */
void cubn_tile_normalize(double *x, int64_t count, int64_t lanes, const cubn_lanes *coef);

/* p becomes the input of the activation. */
void cubn_tile_input(const double *x, double *p, int64_t count, int64_t lanes,
                     const cubn_lanes *coef);

/* dy becomes dx. */
void cubn_tile_gradient(const double *x, double *dy, int64_t count, int64_t lanes,
                        const cubn_lanes *coef);

/* values *= gain of their lane: dy becomes dx where the statistics are constants. */
void cubn_tile_scale(double *values, int64_t count, int64_t lanes, const cubn_lanes *coef);

/* result += beta * prior. */
void cubn_tile_blend(double *result, const double *prior, int64_t count, double beta);

#endif /* CUBN_CPU_TILE_H */
