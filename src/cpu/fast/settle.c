/* Fills with NaN, and makes NaN alike. */
#include "cpu/fast/settle.h"

#include <math.h>

#include "cpu/common/clones.h"
#include "cpu/fast/exact_tiles.h"
#include "cpu/fast/gaps.h"

enum { TILE = CUBN_EXACT_TILE };

/* The bits of NAN, and those of infinity, in the type of the tensors. */
typedef struct nan_bits {
  uint64_t nan, infinity;
} nan_bits;

static uint64_t bits_of(const cubn_call *call, double value) {
  const cubn_patch one = {0, 1, 0, 1, 1};
  union {
    uint64_t of_8;
    uint32_t of_4;
    uint16_t of_2;
  } bits = {0};
  call->type->store(&value, one, &bits);
  return call->element_bytes == 8 ? bits.of_8 : call->element_bytes == 4 ? bits.of_4 : bits.of_2;
}

/* ---- rows of elements of 8, 4 and 2 bytes */

CUBN_CLONES static void fill_64(uint64_t *to, int64_t count, uint64_t nan) {
  for (int64_t i = 0; i < count; ++i) to[i] = nan;
}

CUBN_CLONES static void fill_32(uint32_t *to, int64_t count, uint32_t nan) {
  for (int64_t i = 0; i < count; ++i) to[i] = nan;
}

CUBN_CLONES static void fill_16(uint16_t *to, int64_t count, uint16_t nan) {
  for (int64_t i = 0; i < count; ++i) to[i] = nan;
}

CUBN_CLONES static void settle_64(uint64_t *values, int64_t count, nan_bits bits) {
  for (int64_t i = 0; i < count; ++i)
    values[i] = (values[i] & INT64_MAX) > bits.infinity ? bits.nan : values[i];
}

CUBN_CLONES static void settle_32(uint32_t *values, int64_t count, nan_bits bits) {
  const uint32_t nan = (uint32_t)bits.nan, infinity = (uint32_t)bits.infinity;
  for (int64_t i = 0; i < count; ++i)
    values[i] = (values[i] & INT32_MAX) > infinity ? nan : values[i];
}

CUBN_CLONES static void settle_16(uint16_t *values, int64_t count, nan_bits bits) {
  const uint16_t nan = (uint16_t)bits.nan, infinity = (uint16_t)bits.infinity;
  for (int64_t i = 0; i < count; ++i)
    values[i] = (values[i] & INT16_MAX) > infinity ? nan : values[i];
}

/* ---- patches */

static void settle_row(int64_t element_bytes, void *row, int64_t count, nan_bits bits) {
  if (element_bytes == 8)
    settle_64(row, count, bits);
  else if (element_bytes == 4)
    settle_32(row, count, bits);
  else
    settle_16(row, count, bits);
}

static void fill_row(int64_t element_bytes, void *row, int64_t count, nan_bits bits) {
  if (element_bytes == 8)
    fill_64(row, count, bits.nan);
  else if (element_bytes == 4)
    fill_32(row, count, (uint32_t)bits.nan);
  else
    fill_16(row, count, (uint16_t)bits.nan);
}

/* The same, where elements are not packed. */
static void settle_places(const cubn_call *call, cubn_array array, cubn_patch values, bool fills) {
  cubn_exact_tiles tiles = {values, 0, 0};
  cubn_patch tile;
  double elements[TILE];
  for (int64_t i = 0; i < TILE; ++i) elements[i] = NAN;
  while (cubn_next_exact_tile(&tiles, &tile)) {
    if (!fills) cubn_gaps_load(call, array, tile, elements);
    cubn_settle_nans(elements, tile.count);
    cubn_gaps_store(call, array, tile, elements);
  }
}

static void settle_array(const cubn_call *call, cubn_array array, void *tensor, cubn_patch values,
                         bool fills) {
  if (call->places) {
    settle_places(call, array, values, fills);
    return;
  }
  const nan_bits bits = {bits_of(call, (double)NAN), bits_of(call, (double)INFINITY)};
  char *row = (char *)tensor + values.offset * call->element_bytes;
  for (int64_t r = 0; r < values.rows; ++r, row += values.row_stride * call->element_bytes)
    (fills ? fill_row : settle_row)(call->element_bytes, row, values.count, bits);
}

/* Whether an activation may make something else of NaN. */
static bool may_drop_nan(const cubn_call *call) {
  const cubn_fusion *fusion = &call->fusion;
  return call->problem->pass != CUBN_PASS_BACKWARD && fusion->decides &&
         fusion->smooth == CUBN_SMOOTH_NONE && !fusion->nan_passes;
}

void cubn_settle_output(const cubn_call *call, cubn_patch values) {
  const cubn_problem *problem = call->problem;
  const cubn_args *args = call->args;
  const bool backward = problem->pass == CUBN_PASS_BACKWARD;
  if (problem->has_output)
    settle_array(call, CUBN_ARRAY_OUTPUT, args->output, values, !may_drop_nan(call));
  /* Where dz is dy, a multiple of it, or 0, all kernels make the same of NaN. */
  if (backward && problem->has_dz && call->fusion.smooth != CUBN_SMOOTH_NONE)
    settle_array(call, CUBN_ARRAY_Z, args->dz, values, false);
  if (!backward && problem->reserve == CUBN_RESERVE_INPUT)
    settle_array(call, CUBN_ARRAY_PLACE, args->reserve, values, true);
}
