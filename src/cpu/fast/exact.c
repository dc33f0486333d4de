/* Channels in double, tile by tile. This is rare, so it is short rather than fast. */
#include "cpu/fast/exact.h"

#include <math.h>

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

bool cubn_exact_is_nan(const cubn_call *call, const cubn_coefficients *coef) {
  const double slope = call->problem->pass == CUBN_PASS_BACKWARD ? coef->slope : 0;
  return !call->has_epilogue && (isnan(coef->gain) || isnan(coef->shift) || isnan(slope));
}

static void fill_64(uint64_t *to, const cubn_patch *patch, uint64_t bits) {
  for (int64_t r = 0; r < patch->rows; ++r, to += patch->row_stride)
    for (int64_t i = 0; i < patch->count; ++i) to[i] = bits;
}

static void fill_32(uint32_t *to, const cubn_patch *patch, uint32_t bits) {
  for (int64_t r = 0; r < patch->rows; ++r, to += patch->row_stride)
    for (int64_t i = 0; i < patch->count; ++i) to[i] = bits;
}

static void fill_16(uint16_t *to, const cubn_patch *patch, uint16_t bits) {
  for (int64_t r = 0; r < patch->rows; ++r, to += patch->row_stride)
    for (int64_t i = 0; i < patch->count; ++i) to[i] = bits;
}

static void fill_places(const cubn_call *call, cubn_patch values) {
  cubn_exact_tiles tiles = {values, 0, 0};
  cubn_patch tile;
  double nans[TILE];
  for (int64_t i = 0; i < TILE; ++i) nans[i] = NAN;
  while (cubn_next_exact_tile(&tiles, &tile)) cubn_gaps_store(call, CUBN_ARRAY_OUTPUT, tile, nans);
}

void cubn_exact_fill_nan(const cubn_call *call, cubn_patch values) {
  if (call->places) {
    fill_places(call, values);
    return;
  }
  const cubn_patch one = {0, 1, 0, 1, 1};
  const double nan = NAN;
  union {
    uint64_t of_8;
    uint32_t of_4;
    uint16_t of_2;
  } bits = {0};
  void *const to = cubn_output_at(call, values.offset);
  call->type->store(&nan, one, &bits);
  if (call->element_bytes == 8)
    fill_64(to, &values, bits.of_8);
  else if (call->element_bytes == 4)
    fill_32(to, &values, bits.of_4);
  else
    fill_16(to, &values, bits.of_2);
}

void cubn_exact_output(const cubn_call *call, cubn_patch values, const cubn_coefficients *coef) {
  if (cubn_exact_is_nan(call, coef))
    cubn_exact_fill_nan(call, values);
  else if (call->has_epilogue)
    cubn_exact_epilogue_output(call, values, coef);
  else if (call->problem->pass == CUBN_PASS_BACKWARD)
    gradient(call, values, coef);
  else
    normalize(call, values, coef);
}
