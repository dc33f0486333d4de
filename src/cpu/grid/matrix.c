/* Steps over parts of a matrix: what blocks.c and shared.c have in common. */
#include "cpu/fast/epilogue.h"
#include "cpu/grid/grid.h"

void cubn_grid_place(cubn_grid_coefficients *coefficients, void *memory, int64_t padded) {
  void **const arrays[CUBN_GRID_ARRAYS] = {&coefficients->center,      &coefficients->gain,
                                           &coefficients->slope,       &coefficients->shift,
                                           &coefficients->preact_gain, &coefficients->preact_shift};
  for (int64_t i = 0; i < CUBN_GRID_ARRAYS; ++i) *arrays[i] = (double *)memory + i * padded;
}

static void spread(const cubn_call *call, const cubn_channels *channels, cubn_pattern pattern,
                   const double *values, void *to) {
  call->kernels->spread(values, channels->count, pattern.each, pattern.times, to);
}

static void spread_centers(const cubn_call *call, const cubn_channels *channels,
                           cubn_pattern pattern, const double *centers,
                           cubn_grid_coefficients *to) {
  to->is_centered = false;
  for (int64_t i = 0; i < channels->count; ++i)
    if (centers[i] != 0) to->is_centered = true;
  if (to->is_centered || call->has_epilogue) spread(call, channels, pattern, centers, to->center);
}

void cubn_grid_spread_begin(const cubn_call *call, const cubn_channels *channels,
                            cubn_pattern pattern, cubn_grid_coefficients *to) {
  spread_centers(call, channels, pattern, channels->pivot, to);
  if (call->sums == 2 || !cubn_recomputes_preactivation(call->problem)) return;
  spread(call, channels, pattern, channels->preact_gain, to->preact_gain);
  spread(call, channels, pattern, channels->preact_shift, to->preact_shift);
}

void cubn_grid_spread_output(const cubn_call *call, const cubn_channels *channels,
                             cubn_pattern pattern, cubn_grid_coefficients *to) {
  const bool backward = call->problem->pass == CUBN_PASS_BACKWARD;
  if (backward && !call->sums) cubn_grid_spread_begin(call, channels, pattern, to);
  spread_centers(call, channels, pattern, channels->center, to);
  spread(call, channels, pattern, channels->gain, to->gain);
  spread(call, channels, pattern, channels->shift, to->shift);
  if (backward) spread(call, channels, pattern, channels->slope, to->slope);
}

/* Neighbouring columns of one channel, in eight sums. */
static double add_neighbours(const double *columns, int64_t count) {
  double sums[8] = {0};
  int64_t i = 0;
  for (; i + 8 <= count; i += 8)
    for (int k = 0; k < 8; ++k) sums[k] += columns[i + k];
  for (; i < count; ++i) sums[i % 8] += columns[i];
  for (int half = 4; half > 0; half /= 2)
    for (int k = 0; k < half; ++k) sums[k] += sums[k + half];
  return sums[0];
}

void cubn_grid_fold(const double *columns, int64_t channels, cubn_pattern pattern, int64_t first,
                    int64_t end, double *sums) {
  for (int64_t c = first; c < end; ++c) sums[c] = 0;
  for (int64_t t = 0; t < pattern.times; ++t, columns += channels * pattern.each) {
    if (pattern.each == 1)
      for (int64_t c = first; c < end; ++c) sums[c] += columns[c];
    else
      for (int64_t c = first; c < end; ++c)
        sums[c] += add_neighbours(columns + c * pattern.each, pattern.each);
  }
}

static const void *dy_at(const cubn_call *call, int64_t offset) {
  return call->sums != 2 && call->problem->pass == CUBN_PASS_BACKWARD
             ? cubn_at(call, call->args->dy, offset)
             : NULL;
}

static cubn_fused fused_shape(cubn_grid grid, const cubn_grid_coefficients *coef,
                              bool nontemporal) {
  return (cubn_fused){.rows = grid.rows,
                      .width = grid.width,
                      .stride = grid.stride,
                      .columns = coef,
                      .nontemporal = nontemporal};
}

void cubn_grid_sum(const cubn_call *call, cubn_grid grid, cubn_grid_part part, double *sums,
                   int64_t sum_stride) {
  if (call->sums == 3 && call->fusion.decides) {
    const cubn_fused shape = fused_shape(grid, part.coef, false);
    cubn_fused_sums(call, &shape, part.offset, sums, sum_stride);
    return;
  }
  const cubn_grid_input in = {cubn_at(call, call->args->x, part.offset), dy_at(call, part.offset),
                              part.coef, sums, sum_stride};
  call->kernels->grid_sums(grid, &in, NULL);
}

static cubn_grid_output output_of(const cubn_call *call, cubn_grid_part part, bool nontemporal) {
  return (cubn_grid_output){cubn_at(call, call->args->x, part.offset), dy_at(call, part.offset),
                            cubn_output_at(call, part.offset), part.coef, nontemporal};
}

void cubn_grid_output_part(const cubn_call *call, cubn_grid grid, cubn_grid_part part,
                           bool nontemporal) {
  if (call->has_epilogue) {
    cubn_fused shape = fused_shape(grid, part.coef, nontemporal);
    if (grid.stride > grid.width && call->problem->pass == CUBN_PASS_INFER) {
      shape.prefetch_x = cubn_at(call, call->args->x, part.offset + grid.stride);
      if (call->problem->adds)
        shape.prefetch_z = cubn_at(call, call->args->z, part.offset + grid.stride);
    }
    cubn_fused_output(call, &shape, part.offset);
    return;
  }
  const cubn_grid_output out = output_of(call, part, nontemporal);
  call->kernels->grid_output(grid, &out);
}

static cubn_grid_coefficients columns_from(const cubn_call *call, const cubn_grid_coefficients *all,
                                           int64_t column) {
  cubn_grid_coefficients it = *all;
  void **const arrays[CUBN_GRID_ARRAYS] = {&it.center, &it.gain,        &it.slope,
                                           &it.shift,  &it.preact_gain, &it.preact_shift};
  for (int i = 0; i < CUBN_GRID_ARRAYS; ++i)
    *arrays[i] = (char *)*arrays[i] + column * call->kernels->real_bytes;
  return it;
}

/* From left to right, because rows of the mask are written so: see bits.c. */
void cubn_grid_output_mixed(const cubn_call *call, cubn_grid grid, cubn_grid_part part,
                            const cubn_channels *channels) {
  const int64_t s = call->problem->s, count = grid.width / s;
  for (int64_t first = 0, end; first < count; first = end) {
    const int64_t offset = part.offset + first * s, channel = first % channels->count;
    end = first + 1;
    if (channels->needs_double[channel] != 0) {
      const cubn_coefficients coef = cubn_fast_coefficients(channels, channel);
      cubn_fast_output_exact(call, (cubn_patch){offset, grid.rows, grid.stride, s, 1}, &coef);
      continue;
    }
    while (end < count && channels->needs_double[end % channels->count] == 0) ++end;
    const cubn_grid_coefficients coef = columns_from(call, part.coef, first * s);
    grid.width = (end - first) * s;
    cubn_grid_output_part(call, grid, (cubn_grid_part){offset, &coef}, false);
  }
}

/* While fused output is written, the values at `ahead` are fetched. */
static void output_before_sums(const cubn_call *call, cubn_grid grid, cubn_grid_part part,
                               int64_t prefetch_distance, bool nontemporal) {
  if (!call->has_epilogue) {
    cubn_grid_output_part(call, grid, part, nontemporal);
    return;
  }
  cubn_fused shape = fused_shape(grid, part.coef, nontemporal);
  shape.prefetch_x = cubn_at(call, call->args->x, prefetch_distance);
  shape.prefetch_dy = dy_at(call, prefetch_distance);
  if (call->problem->adds && call->problem->pass == CUBN_PASS_TRAIN)
    shape.prefetch_z = cubn_at(call, call->args->z, part.offset + grid.stride);
  cubn_fused_output(call, &shape, part.offset);
}

void cubn_grid_sum_and_output(const cubn_call *call, cubn_grid grid, cubn_grid_part summed,
                              double *sums, int64_t sum_stride, cubn_grid_part put,
                              bool nontemporal) {
  const int64_t rows = grid.rows;
  const bool alike = summed.coef->is_centered == put.coef->is_centered;
  if (call->has_epilogue || !alike) {
    /* By turns, as many rows as are summed before they go to doubles. */
    for (int64_t r = 0; r < rows; r += CUBN_GRID_GROUP_ROWS) {
      grid.rows = rows - r < CUBN_GRID_GROUP_ROWS ? rows - r : CUBN_GRID_GROUP_ROWS;
      output_before_sums(call, grid, put, summed.offset, nontemporal);
      cubn_grid_sum(call, grid, summed, sums, sum_stride);
      put.offset += grid.rows * grid.stride;
      summed.offset += grid.rows * grid.stride;
    }
    return;
  }
  const cubn_grid_input in = {cubn_at(call, call->args->x, summed.offset),
                              dy_at(call, summed.offset), summed.coef, sums, sum_stride};
  const cubn_grid_output out = output_of(call, put, nontemporal);
  call->kernels->grid_sums(grid, &in, &out);
}
