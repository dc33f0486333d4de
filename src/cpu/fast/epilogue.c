/* Calls of the fused kernels. Kernels write and read the bits of a row one behind the other; where
 * rows of the mask lie otherwise, the bits take a way over a buffer. */
#include "cpu/fast/epilogue.h"

#include <math.h>

#include "cpu/common/mask_bits.h"
#include "cpu/common/preactivation.h"

enum { BITS_BYTES = CUBN_FUSED_WIDTH_MAX / 8 };

int64_t cubn_values_before_alignment(const cubn_call *call, int64_t offset) {
  const int64_t excess = (int64_t)((uintptr_t)cubn_output_at(call, offset) % CUBN_LINE_BYTES);
  return call->nontemporal && excess ? (CUBN_LINE_BYTES - excess) / call->element_bytes : 0;
}

static bool is_aligned(const cubn_call *call, const void *array, int64_t offset) {
  return (uintptr_t)cubn_at(call, array, offset) % (uintptr_t)call->kernels->store_bytes == 0;
}

static void place(const cubn_call *call, int64_t offset, bool for_sums, cubn_fused *it) {
  const cubn_args *args = call->args;
  const cubn_problem *problem = call->problem;
  const bool backward = problem->pass == CUBN_PASS_BACKWARD;
  it->fusion = &call->fusion;
  it->recomputes = cubn_recomputes_preactivation(problem);
  it->dx_needs_x = problem->has_output && !problem->is_frozen;
  if (!backward || for_sums || it->recomputes || it->dx_needs_x)
    it->x = cubn_at(call, args->x, offset);
  it->dy = backward ? cubn_at(call, args->dy, offset) : NULL;
  it->z = !backward && problem->adds ? cubn_at(call, args->z, offset) : NULL;
  it->output = problem->has_output ? cubn_output_at(call, offset) : NULL;
  it->dz = problem->has_dz ? (void *)(uintptr_t)cubn_at(call, args->dz, offset) : NULL;
  it->nontemporal_dz = it->nontemporal && it->dz && is_aligned(call, args->dz, offset);
  if (problem->reserve != CUBN_RESERVE_INPUT) return;
  it->input = (void *)(uintptr_t)cubn_at(call, args->reserve, offset);
  it->nontemporal_preact = it->nontemporal && is_aligned(call, args->reserve, offset);
}

/* Calls the kernel; its sums go to `sums` unless that is NULL. */
static void run_kernel(const cubn_call *call, const cubn_fused *it, double *sums,
                       int64_t sum_stride) {
  if (!sums)
    call->kernels->fused->output(it);
  else if (it->coef)
    call->kernels->fused->run_sums(it, sums);
  else
    call->kernels->fused->grid_sums(it, sums, sum_stride);
}

/* Whether a kernel can use the mask's own bytes for the rows of the shape. */
static bool lies_as_mask(const cubn_call *call, const cubn_fused *it, int64_t offset) {
  const cubn_mask *mask = &call->problem->mask;
  const int64_t at = offset / mask->row;
  if (cubn_mask_bit(mask, at, offset) % 8 != 0 || offset % mask->row + it->width > mask->row)
    return false;
  return it->rows == 1 || (it->stride % mask->row == 0 && !mask->is_phased);
}

static void use_mask(const cubn_call *call, cubn_fused *it, int64_t offset) {
  const cubn_mask *mask = &call->problem->mask;
  it->bits = (uint8_t *)call->args->reserve + cubn_mask_bit(mask, offset / mask->row, offset) / 8;
  it->bits_stride = it->stride / mask->row * mask->row_bytes;
}

/* Rows at `offset`, all of which find room in a buffer of bits. */
static void run_with_bits(const cubn_call *call, cubn_fused *it, int64_t offset, double *sums,
                          int64_t sum_stride) {
  const cubn_mask *mask = &call->problem->mask;
  uint8_t *const bytes = call->args->reserve;
  if (lies_as_mask(call, it, offset)) {
    use_mask(call, it, offset);
    run_kernel(call, it, sums, sum_stride);
    return;
  }
  uint8_t bits[BITS_BYTES];
  it->bits = bits;
  it->bits_stride = CUBN_BITS_BYTES(it->width);
  for (int64_t r = 0; it->dy && r < it->rows; ++r)
    cubn_mask_load_bits(mask, offset + r * it->stride, it->width, bytes,
                        bits + r * it->bits_stride);
  run_kernel(call, it, sums, sum_stride);
  for (int64_t r = 0; !it->dy && r < it->rows; ++r)
    cubn_mask_store_bits(mask, offset + r * it->stride, it->width, bits + r * it->bits_stride,
                         bytes);
}

static const void *move_on(const cubn_call *call, const void *prefetch_distance, int64_t elements) {
  return prefetch_distance ? cubn_at(call, prefetch_distance, elements) : NULL;
}

/* Batches of rows whose bits fit in the buffer. */
static void run_rows(const cubn_call *call, const cubn_fused *shape, int64_t offset, double *sums,
                     int64_t sum_stride) {
  const bool has_bits = call->problem->reserve == CUBN_RESERVE_MASK;
  const int64_t most = has_bits ? BITS_BYTES / CUBN_BITS_BYTES(shape->width) : shape->rows;
  for (int64_t r = 0; r < shape->rows; r += most) {
    cubn_fused it = *shape;
    if (it.rows - r < most)
      it.rows -= r;
    else
      it.rows = most;
    place(call, offset + r * it.stride, sums != NULL, &it);
    it.prefetch_x = move_on(call, it.prefetch_x, r * it.stride);
    it.prefetch_dy = move_on(call, it.prefetch_dy, r * it.stride);
    it.prefetch_z = move_on(call, it.prefetch_z, r * it.stride);
    if (has_bits)
      run_with_bits(call, &it, offset + r * it.stride, sums, sum_stride);
    else
      run_kernel(call, &it, sums, sum_stride);
  }
}

void cubn_fused_output(const cubn_call *call, const cubn_fused *shape, int64_t offset) {
  cubn_fused it = *shape;
  int64_t lead = 0;
  /* Only a run: a row of a grid has coefficients per column, and begins where vectors can be stored. */
  if (it.nontemporal && it.coef && it.rows == 1)
    lead = cubn_values_before_alignment(call, offset);
  if (lead > 0) {
    if (lead > it.width) lead = it.width;
    it.width = lead;
    it.nontemporal = false;
    run_rows(call, &it, offset, NULL, 0);
    it.width = shape->width - lead;
    it.nontemporal = true;
  }
  if (it.width > 0) run_rows(call, &it, offset + lead, NULL, 0);
}

void cubn_fused_sums(const cubn_call *call, const cubn_fused *shape, int64_t offset, double *sums,
                     int64_t sum_stride) {
  run_rows(call, shape, offset, sums, sum_stride);
}

/* Places what is written; false if the kernel that does both cannot do it. */
static bool place_joined(const cubn_call *call, int64_t offset, cubn_fused *it) {
  const bool has_bits = call->problem->reserve == CUBN_RESERVE_MASK;
  place(call, offset, false, it);
  if (has_bits && !lies_as_mask(call, it, offset)) return false;
  if (has_bits && it->nontemporal && cubn_values_before_alignment(call, offset) % 8 != 0)
    return false;
  if (has_bits) use_mask(call, it, offset);
  return call->kernels->fused->joins(it);
}

bool cubn_fused_both(const cubn_call *call, const cubn_fused *summed, int64_t offset, double *sums,
                     const cubn_fused *written, int64_t output_offset) {
  cubn_fused in = *summed, out = *written;
  const bool backward = call->problem->pass == CUBN_PASS_BACKWARD;
  const bool has_bits = backward && call->problem->reserve == CUBN_RESERVE_MASK;
  if (!place_joined(call, output_offset, &out)) return false;
  place(call, offset, true, &in);
  if (has_bits && !lies_as_mask(call, &in, offset)) return false;
  if (has_bits) use_mask(call, &in, offset);
  call->kernels->fused->run_both(&in, sums, &out);
  return true;
}
