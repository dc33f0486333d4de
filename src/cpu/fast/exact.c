/* Channels in double, tile by tile. This is rare, so it is short rather than fast. */
#include "cpu/fast/exact.h"

#include "cpu/fast/exact_epilogue.h"
#include "cpu/fast/exact_tiles.h"
#include "cpu/fast/gaps.h"

enum { TILE = CUBN_EXACT_TILE };

/* Tiles are summed by themselves, here and below, so that no sum has many terms. */
static double get_distance(const cubn_call *call, cubn_patch values, double first) {
  cubn_exact_tiles tiles = {values, 0, 0};
  cubn_patch tile;
  double x[TILE], sum = 0;
  while (cubn_next_exact_tile(&tiles, &tile)) {
    double tile_sum = 0;
    cubn_load_elements(call, CUBN_ARRAY_X, call->args->x, tile, x);
    for (int64_t i = 0; i < tile.count; ++i) tile_sum += x[i] - first;
    sum += tile_sum;
  }
  return sum / ((double)values.rows * (double)values.count);
}

void cubn_exact_moments(const cubn_call *call, cubn_patch values, double *first, double *distance,
                        double *var) {
  cubn_exact_tiles tiles = {values, 0, 0};
  cubn_patch tile;
  double x[TILE], squares = 0;
  cubn_load_elements(call, CUBN_ARRAY_X, call->args->x, (cubn_patch){values.offset, 1, 0, 1, 1},
                     first);
  *distance = get_distance(call, values, *first);
  while (cubn_next_exact_tile(&tiles, &tile)) {
    double tile_sum = 0;
    cubn_load_elements(call, CUBN_ARRAY_X, call->args->x, tile, x);
    for (int64_t i = 0; i < tile.count; ++i) {
      const double difference = (x[i] - *first) - *distance;
      tile_sum += difference * difference;
    }
    squares += tile_sum;
  }
  *var = squares / ((double)values.rows * (double)values.count);
}

static void gradient_sums(const cubn_call *call, cubn_patch values, const cubn_coefficients *coef,
                          double sums[3]) {
  cubn_exact_tiles tiles = {values, 0, 0};
  cubn_patch tile;
  double x[TILE], dy[TILE];
  sums[0] = sums[1] = sums[2] = 0;
  while (cubn_next_exact_tile(&tiles, &tile)) {
    double tile_sums[3] = {0};
    cubn_load_elements(call, CUBN_ARRAY_X, call->args->x, tile, x);
    cubn_load_elements(call, CUBN_ARRAY_DY, call->args->dy, tile, dy);
    for (int64_t i = 0; i < tile.count; ++i) {
      tile_sums[0] += dy[i];
      tile_sums[1] += dy[i] * ((x[i] - coef->center) * coef->inv_std);
      tile_sums[2] += x[i] - coef->center;
    }
    for (int k = 0; k < 3; ++k) sums[k] += tile_sums[k];
  }
}

static void normalize(const cubn_call *call, cubn_patch values, const cubn_coefficients *coef) {
  cubn_exact_tiles tiles = {values, 0, 0};
  cubn_patch tile;
  double x[TILE];
  while (cubn_next_exact_tile(&tiles, &tile)) {
    cubn_load_elements(call, CUBN_ARRAY_X, call->args->x, tile, x);
    for (int64_t i = 0; i < tile.count; ++i)
      x[i] = (x[i] - coef->center) * coef->gain + coef->shift;
    cubn_settle_nans(x, tile.count);
    cubn_store_elements(call, CUBN_ARRAY_OUTPUT, x, tile, call->args->output);
  }
}

static void gradient(const cubn_call *call, cubn_patch values, const cubn_coefficients *coef) {
  cubn_exact_tiles tiles = {values, 0, 0};
  cubn_patch tile;
  double x[TILE], dy[TILE];
  while (cubn_next_exact_tile(&tiles, &tile)) {
    cubn_load_elements(call, CUBN_ARRAY_X, call->args->x, tile, x);
    cubn_load_elements(call, CUBN_ARRAY_DY, call->args->dy, tile, dy);
    for (int64_t i = 0; i < tile.count; ++i) {
      const double x_hat = (x[i] - coef->center) * coef->inv_std;
      dy[i] = dy[i] * coef->gain + (x_hat * coef->slope + coef->shift);
    }
    cubn_settle_nans(dy, tile.count);
    cubn_store_elements(call, CUBN_ARRAY_OUTPUT, dy, tile, call->args->output);
  }
}

void cubn_exact_sums(const cubn_call *call, cubn_patch values, const cubn_coefficients *coef,
                     double sums[3]) {
  if (call->has_epilogue)
    cubn_exact_epilogue_sums(call, values, coef, sums);
  else
    gradient_sums(call, values, coef, sums);
}

void cubn_exact_output(const cubn_call *call, cubn_patch values, const cubn_coefficients *coef) {
  if (call->has_epilogue)
    cubn_exact_epilogue_output(call, values, coef);
  else if (call->problem->pass == CUBN_PASS_BACKWARD)
    gradient(call, values, coef);
  else
    normalize(call, values, coef);
}
