/* Calls of the fused kernels. Kernels write and read the bits of a row consecutively; where rows of
 * the mask are laid out otherwise, a buffer is in between. */
#include "cpu/fast/epilogue.h"

#include "cpu/common/arith.h"
#include "cpu/common/mask_bits.h"
#include "cpu/fast/gaps.h"
#include "cpu/fast/long_runs.h"

/* The buffer of bits: those of a group of rows of the widest block, or of any row. Of narrow rows,
 * as many groups as take FEW_BYTES. */
enum { BITS_BYTES = CUBN_GRID_GROUP_ROWS * CUBN_BLOCK_COLUMNS_MAX / 8, FEW_BYTES = 4096 };

_Static_assert(BITS_BYTES * 8 >= CUBN_EPILOGUE_WIDTH_MAX, "the bits of any row fit in the buffer");

int64_t cubn_values_before_alignment(const cubn_call *call, int64_t offset) {
  if (!call->nontemporal) return 0;
  const void *const output =
      call->places ? cubn_gaps_output_at(call, offset) : cubn_output_at(call, offset);
  const int64_t excess = (int64_t)((uintptr_t)output % CUBN_LINE_BYTES);
  return excess ? (CUBN_LINE_BYTES - excess) / call->element_bytes : 0;
}

/* Whether the array has whole vectors to store where the output has. The output itself may begin
 * within one: then the kernel takes care of the values before. */
static bool is_aligned_like_output(const cubn_call *call, const void *array) {
  return ((uintptr_t)array - (uintptr_t)call->args->output) %
             (uintptr_t)call->kernels->store_bytes ==
         0;
}

/* Sets the arrays that the kernel reads and writes, from `offset` on. */
static void set_arrays(const cubn_call *call, int64_t offset, bool for_sums, cubn_fused *fused) {
  const cubn_args *args = call->args;
  const cubn_problem *problem = call->problem;
  const bool backward = problem->pass == CUBN_PASS_BACKWARD;
  fused->fusion = &call->fusion;
  fused->dx_needs_x = problem->has_output && !problem->is_frozen;
  if (!backward || for_sums || cubn_recomputes_preactivation(problem) || fused->dx_needs_x)
    fused->x = cubn_element_at(call, args->x, offset);
  fused->dy = backward ? cubn_element_at(call, args->dy, offset) : NULL;
  fused->z = !backward && problem->adds ? cubn_element_at(call, args->z, offset) : NULL;
  fused->output = problem->has_output ? cubn_output_at(call, offset) : NULL;
  fused->dz = problem->has_dz ? (void *)(uintptr_t)cubn_element_at(call, args->dz, offset) : NULL;
  fused->nontemporal_dz = fused->nontemporal && fused->dz && is_aligned_like_output(call, args->dz);
  if (problem->reserve != CUBN_RESERVE_INPUT) return;
  fused->preact = (void *)(uintptr_t)cubn_element_at(call, args->reserve, offset);
  fused->nontemporal_preact = fused->nontemporal && is_aligned_like_output(call, args->reserve);
}

/* Calls the kernel: for sums, unless these are NULL, or for output. */
static void run_kernel(const cubn_call *call, const cubn_fused *fused, int64_t offset, double *sums,
                       int64_t sum_stride) {
  if (call->places)
    cubn_gaps_fused(call, fused, offset, sums, sum_stride);
  else if (!sums)
    call->kernels->fused->output(fused);
  else if (fused->coef)
    call->kernels->fused->run_sums(fused, sums);
  else
    call->kernels->fused->grid_sums(fused, sums, sum_stride);
}

/* Whether a kernel can use the mask's own bytes for the rows. */
static bool can_use_mask(const cubn_call *call, const cubn_fused *fused, int64_t offset) {
  const cubn_mask *mask = &call->problem->mask;
  const int64_t row = offset / mask->row;
  if (cubn_mask_bit(mask, row, offset) % 8 != 0 || offset % mask->row + fused->width > mask->row)
    return false;
  return fused->rows == 1 || (fused->stride % mask->row == 0 && !mask->is_phased);
}

static void use_mask(const cubn_call *call, cubn_fused *fused, int64_t offset) {
  const cubn_mask *mask = &call->problem->mask;
  fused->bits =
      (uint8_t *)call->args->reserve + cubn_mask_bit(mask, offset / mask->row, offset) / 8;
  fused->bits_stride = fused->stride / mask->row * mask->row_bytes;
}

/* After a forward pass has stored bits of one row in the mask itself. */
static void end_row(const cubn_call *call, const cubn_fused *fused, int64_t offset) {
  const cubn_mask *mask = &call->problem->mask;
  if (fused->dy || !mask->is_phased || (offset + fused->width) % mask->row != 0) return;
  const int64_t last = cubn_mask_bit(mask, offset / mask->row, offset + fused->width - 1);
  cubn_mask_end_row(mask, last + 1, call->args->reserve);
}

/* Processes rows whose bits fit in the buffer. */
static void run_with_bits(const cubn_call *call, cubn_fused *fused, int64_t offset, double *sums,
                          int64_t sum_stride) {
  const cubn_mask *mask = &call->problem->mask;
  uint8_t *const bytes = call->args->reserve;
  if (can_use_mask(call, fused, offset)) {
    use_mask(call, fused, offset);
    run_kernel(call, fused, offset, sums, sum_stride);
    end_row(call, fused, offset);
    return;
  }
  uint8_t bits[BITS_BYTES];
  fused->bits = bits;
  fused->bits_stride = CUBN_BITS_BYTES(fused->width);
  for (int64_t r = 0; fused->dy && r < fused->rows; ++r)
    cubn_mask_load_bits(mask, offset + r * fused->stride, fused->width, bytes,
                        bits + r * fused->bits_stride);
  run_kernel(call, fused, offset, sums, sum_stride);
  for (int64_t r = 0; !fused->dy && r < fused->rows; ++r)
    cubn_mask_store_bits(mask, offset + r * fused->stride, fused->width,
                         bits + r * fused->bits_stride, bytes);
}

static const void *advance(const cubn_call *call, const void *pointer, int64_t elements) {
  return pointer ? cubn_element_at(call, pointer, elements) : NULL;
}

/* Rows whose bits fit in the buffer: whole groups in blocks, as the order of additions must not
 * depend on the width of a block. */
static int64_t choose_batch(int64_t width) {
  const int64_t row_bytes = CUBN_BITS_BYTES(width), bytes = CUBN_GRID_GROUP_ROWS * row_bytes;
  if (bytes > BITS_BYTES) return BITS_BYTES / row_bytes;
  return CUBN_GRID_GROUP_ROWS * cubn_at_least_1(FEW_BYTES / bytes);
}

/* Processes all rows, in batches whose bits fit in the buffer. */
static void run_rows(const cubn_call *call, const cubn_fused *shape, int64_t offset, double *sums,
                     int64_t sum_stride) {
  const bool has_bits = call->problem->reserve == CUBN_RESERVE_MASK;
  const int64_t most = has_bits ? choose_batch(shape->width) : shape->rows;
  for (int64_t r = 0; r < shape->rows; r += most) {
    const int64_t skipped = r * shape->stride;
    cubn_fused batch = *shape;
    batch.rows = cubn_min(shape->rows - r, most);
    set_arrays(call, offset + skipped, sums != NULL, &batch);
    batch.prefetch_x = advance(call, batch.prefetch_x, skipped);
    batch.prefetch_dy = advance(call, batch.prefetch_dy, skipped);
    batch.prefetch_z = advance(call, batch.prefetch_z, skipped);
    if (has_bits)
      run_with_bits(call, &batch, offset + skipped, sums, sum_stride);
    else
      run_kernel(call, &batch, offset + skipped, sums, sum_stride);
  }
}

/* A run begins with ordinary stores, up to a cache line. A row of a grid has coefficients per
 * column, and begins where vectors can be stored. */
void cubn_epilogue_output(const cubn_call *call, const cubn_fused *shape, int64_t offset) {
  const bool is_run = shape->coef && shape->rows == 1;
  const int64_t lead =
      shape->nontemporal && is_run ? cubn_values_before_alignment(call, offset) : 0;
  cubn_fused rows = *shape;
  if (lead > 0) {
    rows.width = cubn_min(lead, shape->width);
    rows.nontemporal = false;
    run_rows(call, &rows, offset, NULL, 0);
    offset += rows.width;
    rows.width = shape->width - rows.width;
    rows.nontemporal = true;
  }
  if (rows.width > 0) run_rows(call, &rows, offset, NULL, 0);
}

void cubn_epilogue_sums(const cubn_call *call, const cubn_fused *shape, int64_t offset,
                        double *sums, int64_t sum_stride) {
  run_rows(call, shape, offset, sums, sum_stride);
}

/* Prepares the rows whose output is written; false if no kernel forms sums at the same time. */
static bool prepare_joined_output(const cubn_call *call, int64_t offset, cubn_fused *out) {
  const bool has_bits = call->problem->reserve == CUBN_RESERVE_MASK;
  set_arrays(call, offset, false, out);
  if (has_bits && !can_use_mask(call, out, offset)) return false;
  if (has_bits && out->nontemporal && cubn_values_before_alignment(call, offset) % 8 != 0)
    return false;
  if (has_bits) use_mask(call, out, offset);
  return call->kernels->fused->can_join(out);
}

bool cubn_epilogue_sum_and_output(const cubn_call *call, const cubn_fused *summed,
                                  int64_t sum_offset, double *sums, const cubn_fused *written,
                                  int64_t output_offset) {
  cubn_fused in = *summed, out = *written;
  const bool backward = call->problem->pass == CUBN_PASS_BACKWARD;
  const bool has_bits = backward && call->problem->reserve == CUBN_RESERVE_MASK;
  if (!prepare_joined_output(call, output_offset, &out)) return false;
  set_arrays(call, sum_offset, true, &in);
  if (has_bits && !can_use_mask(call, &in, sum_offset)) return false;
  if (has_bits) use_mask(call, &in, sum_offset);
  call->kernels->fused->run_joined(&in, sums, &out);
  return true;
}
