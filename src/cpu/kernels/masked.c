/* The kernel of elements with bits, for one target and one element type. Its table has the name of
 * that of kernels.c, followed by _masked. */
#include "cpu/kernels/masked.h"

#include "cpu/kernels/affine.h"
#include "cpu/kernels/masks.h"

#define JOIN(a, b) a##b
#define TABLE(kernels) JOIN(kernels, _masked)
extern const cubn_masked_kernels TABLE(CUBN_KERNELS);

#if defined(CUBN_ELEMENT_F64)
const cubn_masked_kernels TABLE(CUBN_KERNELS) = {0};
#else

enum { DEPTH = 2 }; /* vectors of a row */

INLINED vec valid_or_zero(const cubn_masked_step *step, int64_t row, int k, vec v) {
  return vec_choose(flags_of_bits(step->bits[row] >> (k * LANES)), v, (vec){0});
}

INLINED void sum_step(const cubn_masked_step *step, bool backward) {
  const int count = backward ? 3 : 2;
  real *const reals = step->sums;
  vec sums[CUBN_RUN_SUMS_MAX][DEPTH], prescale[DEPTH], shift[DEPTH], dy_prescale[DEPTH];
  for (int k = 0; k < DEPTH; ++k) {
    const int64_t column = step->column + k * LANES;
    prescale[k] = reals_at(step->summed_coef.prescale, column);
    shift[k] = -(reals_at(step->summed_coef.center, column) * prescale[k]);
    if (backward) dy_prescale[k] = reals_at(step->summed_coef.dy_prescale, column);
    for (int i = 0; i < count; ++i)
      sums[i][k] = vec_load_reals(reals + i * CUBN_MASKED_SUMS + k * LANES);
  }
  for (int64_t r = 0; r < step->rows; ++r) {
    const element *const x = (const element *)step->summed_x + r * step->stride;
    const element *const dy = backward ? (const element *)step->summed_dy + r * step->stride : NULL;
    if (step->prefetch_distance) {
      prefetch(x + step->prefetch_distance, DEPTH * STORE_BYTES);
      if (backward) prefetch(dy + step->prefetch_distance, DEPTH * STORE_BYTES);
    }
    for (int k = 0; k < DEPTH; ++k) {
      const vec difference = vec_multiply_add(vec_load(x + k * LANES), prescale[k], shift[k]);
      const vec centered = valid_or_zero(step, r, k, difference);
      if (!backward) {
        add_forward_sums(centered, &sums[0][k], DEPTH);
        continue;
      }
      const vec valid = valid_or_zero(step, r, k, vec_load(dy + k * LANES) * dy_prescale[k]);
      add_backward_sums(centered, valid, true, &sums[0][k], DEPTH);
    }
  }
  for (int i = 0; i < count; ++i)
    for (int k = 0; k < DEPTH; ++k)
      memcpy(reals + i * CUBN_MASKED_SUMS + k * LANES, &sums[i][k], sizeof(vec));
}

INLINED void write_step(const cubn_masked_step *step, bool backward) {
  const affine_task task = {.backward = backward, .centered = true, .prescaled = backward};
  coefficients coef[DEPTH];
  for (int k = 0; k < DEPTH; ++k) {
    const int64_t column = step->column + k * LANES;
    coef[k] = (coefficients){.center = reals_at(step->coef.center, column),
                             .gain = reals_at(step->coef.gain, column),
                             .shift = reals_at(step->coef.shift, column)};
    if (backward) coef[k].slope = reals_at(step->coef.slope, column);
    if (backward) coef[k].prescale = reals_at(step->coef.prescale, column);
  }
  for (int64_t r = 0; r < step->rows; ++r) {
    const int64_t offset = r * step->stride;
    element *const to = (element *)step->output + offset;
    vec v[DEPTH];
    for (int k = 0; k < DEPTH; ++k) {
      const vec x = vec_load((const element *)step->x + offset + k * LANES);
      const vec dy = backward ? vec_load((const element *)step->dy + offset + k * LANES) : (vec){0};
      v[k] = valid_or_zero(step, r, k, output_value(x, dy, &coef[k], task));
    }
    if (step->nontemporal)
      store_pair(to, v[0], v[1], true);
    else
      store_pair(to, v[0], v[1], false);
  }
}

OUTLINED void backward_step(const cubn_masked_step *step) {
  if (step->summed_dy) sum_step(step, true);
  if (step->output) write_step(step, true);
}

static void masked_step(const cubn_masked_step *step) {
  if (step->summed_dy || step->dy) {
    backward_step(step);
    return;
  }
  if (step->summed_x) sum_step(step, false);
  if (step->output) write_step(step, false);
}

const cubn_masked_kernels TABLE(CUBN_KERNELS) = {DEPTH * LANES, masked_step};
#endif
