/* The table of kernels of one target and one element type. The Makefile defines CUBN_KERNELS, the
 * name of this table, CUBN_FUSED_KERNELS, that of the table in fused.c, and CUBN_TARGET. */
#include "cpu/kernels/kernels.h"

#include "cpu/kernels/grids.h"
#include "cpu/kernels/run_parts.h"
#include "cpu/kernels/runs.h"
#include "cpu/kernels/scatter.h"

static void spread(const double *values, int64_t channels, int64_t each, int64_t times, void *to) {
  real *restrict reals = to;
  if (each == 1 && times == 1) {
    for (int64_t c = 0; c < channels; ++c) reals[c] = (real)values[c];
    return;
  }
  for (int64_t t = 0; t < times; ++t)
    for (int64_t c = 0; c < channels; ++c, reals += each) {
      const real value = (real)values[c];
      for (int64_t i = 0; i < each; ++i) reals[i] = value;
    }
}

static void clear(void *to, int64_t bytes) {
  element *const elements = to;
  const int64_t count = bytes / (int64_t)sizeof(element);
  for (int64_t i = 0; i < count; i += 2 * LANES) store_pair(elements + i, (vec){0}, (vec){0}, true);
}

_Static_assert(CUBN_CLEAR_BYTES % (2 * LANES * sizeof(element)) == 0, "pairs of vectors");

static void fence(void) {
  vec_fence();
}

_Static_assert(LANES <= CUBN_RUN_LANES_MAX && LANES <= CUBN_GRID_PADDING,
               "arrays of sums and coefficients have room for all lanes");

extern const cubn_fused_kernels CUBN_FUSED_KERNELS;
extern const cubn_kernels CUBN_KERNELS;
const cubn_kernels CUBN_KERNELS = {
    .target = CUBN_TARGET,
    .store_bytes = STORE_BYTES,
    .real_bytes = sizeof(real),
    .lanes = LANES,
    .run_sums = run_sums,
    .run_output = run_output,
    .part_sums = HAS_RARE_LOOPS ? part_sums : NULL,
    .part_output = HAS_RARE_LOOPS ? part_output : NULL,
    .grid_sums = grid_sums,
    .grid_output = grid_output,
    .fused = &CUBN_FUSED_KERNELS,
    .spread = spread,
    .clear = clear,
    .fence = fence,
    .compress = compress,
    .expand = expand,
};
