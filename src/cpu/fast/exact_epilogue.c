/* Channels in double, for calls with an epilogue. Whether p passes is decided as the kernels decide
 * it. */
#include "cpu/fast/exact_epilogue.h"

#include "cpu/common/mask_bits.h"
#include "cpu/common/preactivation.h"
#include "cpu/fast/exact_tiles.h"
#include "cpu/fast/gaps.h"

enum { TILE = CUBN_EXACT_TILE };

/* Computes the pre-activation; `gain` and `shift` are those of the pass. */
static void get_preact(const cubn_call *call, const double *x, int64_t count, double center,
                       double gain, double shift, double *p) {
  const bool is_single = call->fusion.decides && cubn_is_single(call->param_type);
  for (int64_t i = 0; i < count; ++i)
    p[i] = cubn_preact_value(is_single, x[i], center, gain, shift);
}

static void store_passes(const cubn_call *call, int64_t place, int64_t count,
                         const uint64_t *passes) {
  uint8_t bits[TILE / 8] = {0};
  for (int64_t i = 0; i < count; ++i) bits[i / 8] |= (uint8_t)((passes[i] & 1) << i % 8);
  cubn_mask_store_bits(&call->problem->mask, place, count, bits, call->args->reserve);
}

static void load_passes(const cubn_call *call, int64_t place, int64_t count, uint64_t *passes) {
  uint8_t bits[TILE / 8] = {0};
  cubn_mask_load_bits(&call->problem->mask, place, count, call->args->reserve, bits);
  for (int64_t i = 0; i < count; ++i) passes[i] = 0 - (uint64_t)(bits[i / 8] >> i % 8 & 1);
}

/* Blends with the prior output, and writes the result. */
static void write_output(const cubn_call *call, cubn_patch tile, double *values) {
  double prior[TILE];
  if (call->fusion.blends) {
    cubn_load_elements(call, CUBN_ARRAY_OUTPUT, call->args->output, tile, prior);
    for (int64_t i = 0; i < tile.count; ++i) values[i] += call->fusion.beta * prior[i];
  }
  cubn_settle_nans(values, tile.count);
  cubn_store_elements(call, CUBN_ARRAY_OUTPUT, values, tile, call->args->output);
}

static void forward(const cubn_call *call, cubn_patch tile, const cubn_coefficients *coef) {
  double x[TILE], p[TILE];
  cubn_load_elements(call, CUBN_ARRAY_X, call->args->x, tile, x);
  get_preact(call, x, tile.count, coef->center, coef->gain, coef->shift, p);
  if (call->problem->adds) {
    cubn_load_elements(call, CUBN_ARRAY_Z, call->args->z, tile, x);
    for (int64_t i = 0; i < tile.count; ++i) p[i] += x[i];
  }
  if (call->problem->reserve == CUBN_RESERVE_MASK) {
    uint64_t passes[TILE];
    cubn_tile_decide(&call->activator, p, tile.count, passes);
    store_passes(call, tile.offset, tile.count, passes);
  }
  cubn_settle_nans(p, tile.count);
  if (call->problem->reserve == CUBN_RESERVE_INPUT)
    cubn_store_elements(call, CUBN_ARRAY_PLACE, p, tile, call->args->reserve);
  cubn_tile_activate(&call->activator, p, tile.count, call->fusion.alpha);
  write_output(call, tile, p);
}

/* dy becomes dp, not yet rounded, of a smooth activation. */
static void multiply_slope(const cubn_call *call, cubn_patch tile, const double *x,
                           const cubn_coefficients *coef, double *dy) {
  double p[TILE];
  if (call->problem->reserve == CUBN_RESERVE_INPUT)
    cubn_load_elements(call, CUBN_ARRAY_PLACE, call->args->reserve, tile, p);
  else
    get_preact(call, x, tile.count, coef->center, coef->preact_gain, coef->preact_shift, p);
  cubn_tile_multiply_slope(&call->activator, dy, tile.count, p);
}

/* Computes dp of a tile. */
static void get_dp(const cubn_call *call, cubn_patch tile, const double *x,
                   const cubn_coefficients *coef, double *dp) {
  uint64_t passes[TILE];
  double p[TILE];
  cubn_load_elements(call, CUBN_ARRAY_DY, call->args->dy, tile, dp);
  if (!call->fusion.decides) return;
  if (call->fusion.smooth != CUBN_SMOOTH_NONE) {
    multiply_slope(call, tile, x, coef, dp);
    call->type->round(dp, tile.count);
    return;
  }
  if (call->problem->reserve == CUBN_RESERVE_MASK) {
    load_passes(call, tile.offset, tile.count, passes);
  } else {
    get_preact(call, x, tile.count, coef->center, coef->preact_gain, coef->preact_shift, p);
    cubn_tile_decide(&call->activator, p, tile.count, passes);
  }
  cubn_tile_select_gradient(&call->activator, dp, tile.count, passes);
  call->type->round(dp, tile.count);
}

static void backward(const cubn_call *call, cubn_patch tile, const cubn_coefficients *coef) {
  const bool is_frozen = call->problem->is_frozen;
  double x[TILE], v[TILE];
  cubn_load_elements(call, CUBN_ARRAY_X, call->args->x, tile, x);
  get_dp(call, tile, x, coef, v);
  cubn_settle_nans(v, tile.count);
  if (call->problem->has_dz) cubn_store_elements(call, CUBN_ARRAY_Z, v, tile, call->args->dz);
  if (!call->problem->has_output) return;
  for (int64_t i = 0; i < tile.count; ++i) {
    const double x_hat = (x[i] - coef->center) * coef->inv_std;
    v[i] *= coef->gain;
    if (!is_frozen) v[i] += x_hat * coef->slope + coef->shift;
  }
  write_output(call, tile, v);
}

void cubn_exact_epilogue_output(const cubn_call *call, cubn_patch values,
                                const cubn_coefficients *coef) {
  cubn_exact_tiles tiles = {values, 0, 0};
  cubn_patch tile;
  while (cubn_next_exact_tile(&tiles, &tile))
    if (call->problem->pass == CUBN_PASS_BACKWARD)
      backward(call, tile, coef);
    else
      forward(call, tile, coef);
}

void cubn_exact_epilogue_sums(const cubn_call *call, cubn_patch values,
                              const cubn_coefficients *coef, double sums[3]) {
  cubn_exact_tiles tiles = {values, 0, 0};
  cubn_patch tile;
  double x[TILE], dp[TILE];
  sums[0] = sums[1] = sums[2] = 0;
  while (cubn_next_exact_tile(&tiles, &tile)) {
    double tile_sums[3] = {0};
    cubn_load_elements(call, CUBN_ARRAY_X, call->args->x, tile, x);
    get_dp(call, tile, x, coef, dp);
    for (int64_t i = 0; i < tile.count; ++i) {
      const double centered = x[i] - coef->center;
      tile_sums[0] += dp[i];
      tile_sums[1] += dp[i] * (centered * coef->inv_std);
      tile_sums[2] += centered;
    }
    for (int k = 0; k < 3; ++k) sums[k] += tile_sums[k];
  }
}
