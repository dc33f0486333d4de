/* Calls of the fused kernels. Kernels write and read the bits of a row one behind the other; where
 * rows of the mask lie otherwise, the bits take a way over a buffer. */
#include "cpu/fast_fused.h"

#include <math.h>

#include "cpu/bits.h"
#include "cpu/input.h"

enum { BITS_BYTES = CUBN_FUSED_WIDTH_MAX / 8 };

bool cubn_is_rich(const cubn_problem *problem) {
  return cubn_is_fused(problem) || problem->blends || problem->is_frozen;
}

static bool is_single(const cubn_call *call) {
  return call->kernels->real_bytes == sizeof(float);
}

/* The least number of the kernels' type that is not below. */
static double round_up(const cubn_call *call, double value) {
  if (!is_single(call)) return value;
  const float nearest = (float)value;
  return (double)((double)nearest >= value ? nearest : nextafterf(nearest, INFINITY));
}

static double round_down(const cubn_call *call, double value) {
  return -round_up(call, -value);
}

static cubn_curve curve_of(cubnActivationMode_t mode) {
  switch (mode) {
    case CUBN_ACTIVATION_ELU:
      return CUBN_CURVE_ELU;
    case CUBN_ACTIVATION_SIGMOID:
      return CUBN_CURVE_SIGMOID;
    case CUBN_ACTIVATION_TANH:
      return CUBN_CURVE_TANH;
    case CUBN_ACTIVATION_SWISH:
      return CUBN_CURVE_SWISH;
    case CUBN_ACTIVATION_GELU:
      return CUBN_CURVE_GELU;
    default:
      return CUBN_CURVE_NONE;
  }
}

/* Whether a factor of the call is beyond float. */
static bool has_wide_factor(const cubn_call *call) {
  const cubn_activation *activation = &call->problem->activation;
  const bool is_float = cubn_is_single(call->param_type);
  if (activation->mode == CUBN_ACTIVATION_ELU && cubn_is_wide(is_float, activation->coef))
    return true;
  if (activation->mode == CUBN_ACTIVATION_SWISH && cubn_is_wide(is_float, activation->swish_beta))
    return true;
  return cubn_is_wide(is_float, call->args->alpha);
}

void cubn_fused_begin(cubn_call *call) {
  const cubn_problem *problem = call->problem;
  cubn_activator *const activator = &call->activator;
  cubn_fusion *const it = &call->fusion;
  const bool is_clipped = problem->activation.mode == CUBN_ACTIVATION_CLIPPED_RELU;
  *activator = cubn_activator_of(&problem->activation, call->type);
  it->decides = problem->activation.mode != CUBN_ACTIVATION_IDENTITY;
  it->curve = curve_of(problem->activation.mode);
  it->swish_beta = problem->activation.swish_beta;
  it->is_leaky = problem->activation.mode == CUBN_ACTIVATION_LEAKY_RELU;
  it->nan_passes = activator->nan_passes;
  it->blends = problem->blends;
  it->least = round_up(call, activator->least);
  it->most = round_down(call, activator->most);
  it->ceiling = is_clipped ? problem->activation.coef : INFINITY;
  it->coef = problem->activation.coef;
  it->alpha = call->args->alpha;
  it->beta = call->args->beta;
  call->has_wide_factor = has_wide_factor(call);
}

int64_t cubn_values_before_alignment(const cubn_call *call, int64_t offset) {
  const int64_t excess = (int64_t)((uintptr_t)cubn_output_at(call, offset) % CUBN_LINE_BYTES);
  return call->stream && excess ? (CUBN_LINE_BYTES - excess) / call->element_bytes : 0;
}

static bool is_aligned(const cubn_call *call, const void *array, int64_t offset) {
  return (uintptr_t)cubn_at(call, array, offset) % (uintptr_t)call->kernels->store_bytes == 0;
}

static void place(const cubn_call *call, int64_t offset, bool for_sums, cubn_fused *it) {
  const cubn_args *args = call->args;
  const cubn_problem *problem = call->problem;
  const bool backward = problem->pass == CUBN_PASS_BACKWARD;
  it->fusion = &call->fusion;
  it->recomputes = cubn_recomputes_input(problem);
  it->dx_needs_x = problem->has_output && !problem->is_frozen;
  if (!backward || for_sums || it->recomputes || it->dx_needs_x)
    it->x = cubn_at(call, args->x, offset);
  it->dy = backward ? cubn_at(call, args->dy, offset) : NULL;
  it->z = !backward && problem->adds ? cubn_at(call, args->z, offset) : NULL;
  it->output = problem->has_output ? cubn_output_at(call, offset) : NULL;
  it->dz = problem->has_dz ? (void *)(uintptr_t)cubn_at(call, args->dz, offset) : NULL;
  it->stream_dz = it->stream && it->dz && is_aligned(call, args->dz, offset);
  if (problem->reserve != CUBN_RESERVE_INPUT) return;
  it->input = (void *)(uintptr_t)cubn_at(call, args->reserve, offset);
  it->stream_input = it->stream && is_aligned(call, args->reserve, offset);
}

/* Calls the kernel; its sums go to `sums` unless that is NULL. */
static void run_kernel(const cubn_call *call, const cubn_fused *it, double *sums,
                       int64_t sum_stride) {
  if (!sums)
    call->kernels->fused->output(it);
  else if (it->with)
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
    cubn_mask_get_bits(mask, offset + r * it->stride, it->width, bytes, bits + r * it->bits_stride);
  run_kernel(call, it, sums, sum_stride);
  for (int64_t r = 0; !it->dy && r < it->rows; ++r)
    cubn_mask_put_bits(mask, offset + r * it->stride, it->width, bits + r * it->bits_stride, bytes);
}

static const void *move_on(const cubn_call *call, const void *ahead, int64_t elements) {
  return ahead ? cubn_at(call, ahead, elements) : NULL;
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
    it.ahead_x = move_on(call, it.ahead_x, r * it.stride);
    it.ahead_dy = move_on(call, it.ahead_dy, r * it.stride);
    it.ahead_z = move_on(call, it.ahead_z, r * it.stride);
    if (has_bits)
      run_with_bits(call, &it, offset + r * it.stride, sums, sum_stride);
    else
      run_kernel(call, &it, sums, sum_stride);
  }
}

void cubn_fused_output(const cubn_call *call, const cubn_fused *shape, int64_t offset) {
  cubn_fused it = *shape;
  int64_t lead = 0;
  if (it.stream && it.rows == 1) lead = cubn_values_before_alignment(call, offset);
  if (lead > 0) {
    if (lead > it.width) lead = it.width;
    it.width = lead;
    it.stream = false;
    run_rows(call, &it, offset, NULL, 0);
    it.width = shape->width - lead;
    it.stream = true;
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
  if (has_bits && it->stream && cubn_values_before_alignment(call, offset) % 8 != 0) return false;
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
