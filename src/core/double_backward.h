/* Double backward, the derivative of backward: its arguments and formulas, for both backends.
 *
 * Backward is dx = scale * inv_std * (dy - mean(dy) - x_hat * mean(dy * x_hat)), dscale =
 * sum(dy * x_hat), dbias = sum(dy). Given are the gradients ddx, ddscale and ddbias of a number L
 * with respect to its results. Then
 *
 *     dL / d dy    = ddy = scale * inv_std * (ddx - mean(ddx) - x_hat * C) +
 *                          ddscale * x_hat + ddbias
 *     dL / d scale = gscale = m * inv_std * (covariance(ddx, dy) - B * C)
 *
 * with B = covariance(dy, x_hat) and C = covariance(ddx, x_hat), which are mean(dy * x_hat) and
 * mean(ddx * x_hat), because the mean of x_hat is 0. In dL / dx, what x changes are x_hat and, as a
 * factor of dx, inv_std. With respect to x[j], and d the Kronecker delta,
 *
 *     d inv_std  = -inv_std^2 * x_hat[j] / m
 *     d x_hat[i] = inv_std * (d[i][j] - 1 / m - x_hat[i] * x_hat[j] / m)
 *     d (m * B)  = inv_std * (dy[j] - mean(dy) - x_hat[j] * B), and the same of C with ddx
 *
 * so that of L = scale * inv_std * m * (covariance(ddx, dy) - B * C) + ddscale * m * B +
 * ddbias * sum(dy) the derivative is
 *
 *     gx = -scale * inv_std^2 * (x_hat * (covariance(ddx, dy) - 3 * B * C) +
 *                                B * (ddx - mean(ddx)) + C * (dy - mean(dy))) +
 *          ddscale * inv_std * (dy - mean(dy) - x_hat * B)
 *
 * If the statistics are constants, dx is scale * inv_std * dy and B, C and both means fall away:
 *
 *     ddy = scale * inv_std * ddx + ddscale * x_hat + ddbias
 *     gscale = inv_std * sum(ddx * dy),     gx = ddscale * inv_std * dy
 *
 * Per element all of these are linear in ddx, dy and x_hat; see cubn_double_factors. */
#ifndef CUBN_CORE_DOUBLE_BACKWARD_H
#define CUBN_CORE_DOUBLE_BACKWARD_H

#include <stdbool.h>

/* Before a function that the host and CUDA kernels call. */
#ifdef __CUDACC__
#define CUBN_HOST_DEVICE static __host__ __device__ inline
#else
#define CUBN_HOST_DEVICE static inline
#endif

/* The arguments that no other pass has. gx is the output of cubn_args. */
typedef struct cubn_double_backward {
  const void *ddx;              /* NULL: 0 */
  const void *ddscale, *ddbias; /* parameters; NULL: 0 */
  void *ddy;                    /* NULL: not wanted */
  void *gscale;                 /* a parameter; NULL: not wanted */
} cubn_double_backward;

/* Sums over a channel. ddx and dy are relative to pivots, values of theirs, so that their means may
 * be large; centered is x minus the mean in use, with which x_hat is computed. A mean that is a
 * little off changes no covariance. */
typedef struct cubn_double_sums {
  double ddx, dy, ddx_dy, ddx_x_hat, dy_x_hat, centered;
} cubn_double_sums;

/* What else a channel is computed from. */
typedef struct cubn_double_channel {
  double count, inv_std, scale, ddscale, ddbias;
  double ddx_pivot, dy_pivot;
} cubn_double_channel;

/* Per element, with u = ddx - ddx_pivot, v = dy - dy_pivot and x_hat,
 *     gx  = gx_ddx * u + gx_dy * v + gx_x_hat * x_hat + gx_shift
 *     ddy = ddy_ddx * u + ddy_x_hat * x_hat + ddy_shift */
typedef struct cubn_double_factors {
  double ddx_pivot, dy_pivot;
  double gx_ddx, gx_dy, gx_x_hat, gx_shift;
  double ddy_ddx, ddy_x_hat, ddy_shift;
} cubn_double_factors;

/* The factors of a channel, and gscale. */
CUBN_HOST_DEVICE cubn_double_factors cubn_double_factors_of(const cubn_double_channel *channel,
                                                            const cubn_double_sums *sums,
                                                            bool is_frozen, double *gscale) {
  const double m = channel->count, inv_std = channel->inv_std;
  const double gain = channel->scale * inv_std, slope = channel->ddscale * inv_std;
  const double ddx = sums->ddx / m, dy = sums->dy / m; /* means, relative to the pivots */
  if (is_frozen) {
    const double products = sums->ddx_dy + channel->ddx_pivot * sums->dy +
                            channel->dy_pivot * (sums->ddx + m * channel->ddx_pivot);
    const cubn_double_factors frozen = {
        0, 0, 0, slope, 0, 0, gain, channel->ddscale, channel->ddbias};
    *gscale = inv_std * products;
    return frozen;
  }
  const double x_hat = sums->centered / m * inv_std;
  const double b = sums->dy_x_hat / m - dy * x_hat, c = sums->ddx_x_hat / m - ddx * x_hat;
  const double covariance = sums->ddx_dy / m - ddx * dy;
  cubn_double_factors factors;
  factors.ddx_pivot = channel->ddx_pivot;
  factors.dy_pivot = channel->dy_pivot;
  factors.gx_ddx = -gain * (inv_std * b);
  factors.gx_dy = slope - gain * (inv_std * c);
  factors.gx_x_hat = -gain * (inv_std * (covariance - 3 * b * c)) - slope * b;
  factors.gx_shift = -(factors.gx_ddx * ddx + factors.gx_dy * dy);
  factors.ddy_ddx = gain;
  factors.ddy_x_hat = channel->ddscale - gain * c;
  factors.ddy_shift = channel->ddbias - gain * ddx;
  *gscale = m * (inv_std * (covariance - b * c));
  return factors;
}

#endif /* CUBN_CORE_DOUBLE_BACKWARD_H */
