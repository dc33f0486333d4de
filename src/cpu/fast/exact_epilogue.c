/* Fused operations on channels in double; see exact.h. Decisions are those of the kernels: a channel
 * is here because one of its block's cannot be computed in float, not each for itself. */
#include "cpu/common/mask_bits.h"
#include "cpu/common/preactivation.h"
#include "cpu/fast/epilogue.h"
#include "cpu/fast/exact.h"

enum { PIECE = CUBN_PIECE_VALUES };

/* The input of the activation; `gain` and `shift` are those of the pass. */
static void get_input(const cubn_call *call, const double *x, int64_t count, double center,
                      double gain, double shift, double *p) {
  const bool is_single = call->fusion.decides && cubn_is_single(call->param_type);
  for (int64_t i = 0; i < count; ++i) p[i] = cubn_preact_of(is_single, x[i], center, gain, shift);
}

static void put_passes(const cubn_call *call, int64_t place, int64_t count,
                       const uint64_t *passes) {
  uint8_t bits[PIECE / 8] = {0};
  for (int64_t i = 0; i < count; ++i) bits[i / 8] |= (uint8_t)((passes[i] & 1) << i % 8);
  cubn_mask_store_bits(&call->problem->mask, place, count, bits, call->args->reserve);
}

static void get_passes(const cubn_call *call, int64_t place, int64_t count, uint64_t *passes) {
  uint8_t bits[PIECE / 8] = {0};
  cubn_mask_load_bits(&call->problem->mask, place, count, call->args->reserve, bits);
  for (int64_t i = 0; i < count; ++i) passes[i] = 0 - (uint64_t)(bits[i / 8] >> i % 8 & 1);
}

/* Blends with what the output was, and writes it. */
static void write_output(const cubn_call *call, cubn_patch piece, double *values) {
  double prior[PIECE];
  if (call->fusion.blends) {
    call->type->load(call->args->output, piece, prior);
    for (int64_t i = 0; i < piece.count; ++i) values[i] += call->fusion.beta * prior[i];
  }
  call->type->store(values, piece, call->args->output);
}

static void forward_piece(const cubn_call *call, cubn_patch piece, const cubn_coefficients *coef) {
  double x[PIECE], p[PIECE];
  call->type->load(call->args->x, piece, x);
  get_input(call, x, piece.count, coef->center, coef->gain, coef->shift, p);
  if (call->problem->adds) {
    call->type->load(call->args->z, piece, x);
    for (int64_t i = 0; i < piece.count; ++i) p[i] += x[i];
  }
  if (call->problem->reserve == CUBN_RESERVE_MASK) {
    uint64_t passes[PIECE];
    cubn_tile_decide(&call->activator, p, piece.count, passes);
    put_passes(call, piece.offset, piece.count, passes);
  }
  if (call->problem->reserve == CUBN_RESERVE_INPUT)
    call->type->store(p, piece, call->args->reserve);
  cubn_tile_activate(&call->activator, p, piece.count, call->fusion.alpha);
  write_output(call, piece, p);
}

/* dy becomes dp, not yet rounded, of a smooth activation. */
static void multiply_slope(const cubn_call *call, cubn_patch piece, const double *x,
                           const cubn_coefficients *coef, double *dy) {
  double p[PIECE];
  if (call->problem->reserve == CUBN_RESERVE_INPUT)
    call->type->load(call->args->reserve, piece, p);
  else
    get_input(call, x, piece.count, coef->center, coef->preact_gain, coef->preact_shift, p);
  cubn_tile_multiply_slope(&call->activator, dy, piece.count, p);
}

/* dp of a piece. */
static void get_dp(const cubn_call *call, cubn_patch piece, const double *x,
                   const cubn_coefficients *coef, double *dp) {
  uint64_t passes[PIECE];
  double p[PIECE];
  call->type->load(call->args->dy, piece, dp);
  if (!call->fusion.decides) return;
  if (call->fusion.smooth != CUBN_SMOOTH_NONE) {
    multiply_slope(call, piece, x, coef, dp);
    call->type->round(dp, piece.count);
    return;
  }
  if (call->problem->reserve == CUBN_RESERVE_MASK) {
    get_passes(call, piece.offset, piece.count, passes);
  } else {
    get_input(call, x, piece.count, coef->center, coef->preact_gain, coef->preact_shift, p);
    cubn_tile_decide(&call->activator, p, piece.count, passes);
  }
  cubn_tile_select_gradient(&call->activator, dp, piece.count, passes);
  call->type->round(dp, piece.count);
}

static void backward_piece(const cubn_call *call, cubn_patch piece, const cubn_coefficients *coef) {
  const bool is_frozen = call->problem->is_frozen;
  double x[PIECE], v[PIECE];
  call->type->load(call->args->x, piece, x);
  get_dp(call, piece, x, coef, v);
  if (call->problem->has_dz) call->type->store(v, piece, call->args->dz);
  if (!call->problem->has_output) return;
  for (int64_t i = 0; i < piece.count; ++i) {
    const double x_hat = (x[i] - coef->center) * coef->inv_std;
    v[i] *= coef->gain;
    if (!is_frozen) v[i] += x_hat * coef->slope + coef->shift;
  }
  write_output(call, piece, v);
}

void cubn_fused_exact_output(const cubn_call *call, cubn_patch values,
                             const cubn_coefficients *coef) {
  cubn_patch piece;
  for (cubn_pieces at = {values, 0, 0}; cubn_next_piece(&at, &piece);)
    if (call->problem->pass == CUBN_PASS_BACKWARD)
      backward_piece(call, piece, coef);
    else
      forward_piece(call, piece, coef);
}

void cubn_fused_exact_sums(const cubn_call *call, cubn_patch values, const cubn_coefficients *coef,
                           double sums[3]) {
  double x[PIECE], dp[PIECE];
  cubn_patch piece;
  sums[0] = sums[1] = sums[2] = 0;
  for (cubn_pieces at = {values, 0, 0}; cubn_next_piece(&at, &piece);) {
    double part[3] = {0};
    call->type->load(call->args->x, piece, x);
    get_dp(call, piece, x, coef, dp);
    for (int64_t i = 0; i < piece.count; ++i) {
      const double centered = x[i] - coef->center;
      part[0] += dp[i];
      part[1] += dp[i] * (centered * coef->inv_std);
      part[2] += centered;
    }
    for (int k = 0; k < 3; ++k) sums[k] += part[k];
  }
}
