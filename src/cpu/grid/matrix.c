/* One step over a grid: what blocks.c and shared.c have in common. */
#include "cpu/common/arith.h"
#include "cpu/fast/columns.h"
#include "cpu/fast/epilogue.h"
#include "cpu/fast/gaps.h"
#include "cpu/grid/grid.h"

void cubn_grid_place(cubn_grid_coefficients *coef, void *memory, int64_t padded) {
  void **const arrays[CUBN_GRID_ARRAYS] = {
      &coef->center, &coef->prescale, &coef->dy_prescale, &coef->gain,
      &coef->slope,  &coef->shift,    &coef->preact_gain, &coef->preact_shift};
  for (int64_t i = 0; i < CUBN_GRID_ARRAYS; ++i) *arrays[i] = (double *)memory + i * padded;
}

static void spread(const cubn_call *call, const cubn_channels *channels, cubn_pattern pattern,
                   const double *values, void *to) {
  call->kernels->spread(values, channels->count, pattern.each, pattern.times, to);
}

static void spread_centers(const cubn_call *call, const cubn_channels *channels,
                           cubn_pattern pattern, const double *centers,
                           cubn_grid_coefficients *coef) {
  coef->is_prescaled = channels->any_prescaled;
  int64_t any = coef->is_prescaled;
  for (int64_t i = 0; i < channels->count; ++i) any |= centers[i] != 0;
  const bool needs_all = cubn_has_row_bits(call);
  coef->is_centered = any != 0;
  if (coef->is_centered || call->has_epilogue || needs_all)
    spread(call, channels, pattern, centers, coef->center);
  if (!coef->is_prescaled && !(needs_all && call->problem->pass != CUBN_PASS_INFER)) return;
  spread(call, channels, pattern, channels->prescale, coef->prescale);
  spread(call, channels, pattern, channels->dy_prescale, coef->dy_prescale);
}

void cubn_grid_set_sum_coef(const cubn_call *call, const cubn_channels *channels,
                            cubn_pattern pattern, cubn_grid_coefficients *coef) {
  spread_centers(call, channels, pattern, channels->pivot, coef);
  if (call->sums == 2 || !cubn_recomputes_preactivation(call->problem)) return;
  spread(call, channels, pattern, channels->preact_gain, coef->preact_gain);
  spread(call, channels, pattern, channels->preact_shift, coef->preact_shift);
}

void cubn_grid_set_output_coef(const cubn_call *call, const cubn_channels *channels,
                               cubn_pattern pattern, cubn_grid_coefficients *coef) {
  const bool backward = call->problem->pass == CUBN_PASS_BACKWARD;
  if (backward && !call->sums) cubn_grid_set_sum_coef(call, channels, pattern, coef);
  spread_centers(call, channels, pattern, channels->center, coef);
  spread(call, channels, pattern, channels->gain, coef->gain);
  spread(call, channels, pattern, channels->shift, coef->shift);
  if (backward) spread(call, channels, pattern, channels->slope, coef->slope);
}

/* Adds up neighboring columns of one channel, in eight sums. */
static double add_neighbors(const double *columns, int64_t count) {
  double sums[8] = {0};
  int64_t i = 0;
  for (; i + 8 <= count; i += 8)
    for (int k = 0; k < 8; ++k) sums[k] += columns[i + k];
  for (; i < count; ++i) sums[i % 8] += columns[i];
  for (int half = 4; half > 0; half /= 2)
    for (int k = 0; k < half; ++k) sums[k] += sums[k + half];
  return sums[0];
}

void cubn_grid_fold(const double *columns, int64_t channels, cubn_pattern pattern, double *sums) {
  for (int64_t c = 0; c < channels; ++c) sums[c] = 0;
  for (int64_t t = 0; t < pattern.times; ++t, columns += channels * pattern.each) {
    if (pattern.each == 1)
      for (int64_t c = 0; c < channels; ++c) sums[c] += columns[c];
    else
      for (int64_t c = 0; c < channels; ++c)
        sums[c] += add_neighbors(columns + c * pattern.each, pattern.each);
  }
}

bool cubn_grid_can_store_nontemporal(const cubn_call *call, int64_t offset, int64_t stride) {
  const uintptr_t bytes = (uintptr_t)call->kernels->store_bytes;
  if (call->places) return call->nontemporal; /* gaps.c looks at the rows */
  return call->nontemporal && (uintptr_t)cubn_output_at(call, offset) % bytes == 0 &&
         (uintptr_t)(stride * call->element_bytes) % bytes == 0;
}

/* dy at this offset; NULL unless the sums are those of backward, or dx is computed. */
static const void *dy_at(const cubn_call *call, int64_t offset) {
  return call->sums != 2 && call->problem->pass == CUBN_PASS_BACKWARD
             ? cubn_element_at(call, call->args->dy, offset)
             : NULL;
}

static cubn_fused make_fused(cubn_grid grid, const cubn_grid_coefficients *coef, bool nontemporal) {
  return (cubn_fused){.rows = grid.rows,
                      .width = grid.width,
                      .stride = grid.stride,
                      .columns = coef,
                      .nontemporal = nontemporal};
}

void cubn_grid_sum(const cubn_call *call, cubn_grid grid, cubn_grid_operand summed, double *sums,
                   int64_t sum_stride) {
  if (call->sums == 3 && call->fusion.decides) {
    const cubn_fused shape = make_fused(grid, summed.coef, false);
    cubn_epilogue_sums(call, &shape, summed.offset, sums, sum_stride);
    return;
  }
  if (call->places) {
    const cubn_window window = {summed.offset, grid.rows, grid.stride, grid.width};
    cubn_gaps_grid_sums(call, &window, summed.coef, sums, sum_stride);
    return;
  }
  const cubn_grid_input in = {cubn_element_at(call, call->args->x, summed.offset),
                              dy_at(call, summed.offset),
                              summed.coef,
                              sums,
                              sum_stride,
                              0};
  call->kernels->grid_sums(grid, &in, NULL);
}

static cubn_grid_output make_output(const cubn_call *call, cubn_grid_operand written,
                                    bool nontemporal) {
  return (cubn_grid_output){.x = cubn_element_at(call, call->args->x, written.offset),
                            .dy = dy_at(call, written.offset),
                            .output = cubn_output_at(call, written.offset),
                            .coef = written.coef,
                            .nontemporal = nontemporal};
}

/* Rows that kernels prefetch before they read them: as many as they read at the same time. */
enum { PREFETCHED_ROWS = 4 };

/* With an epilogue: writes rows while those at offset `next` are prefetched. */
static void write_and_prefetch(const cubn_call *call, cubn_grid grid, cubn_grid_operand written,
                               int64_t next, bool nontemporal) {
  cubn_fused shape = make_fused(grid, written.coef, nontemporal);
  shape.prefetch_x = cubn_element_at(call, call->args->x, next);
  if (call->problem->adds) shape.prefetch_z = cubn_element_at(call, call->args->z, next);
  cubn_epilogue_output(call, &shape, written.offset);
}

/* With an epilogue: writes rows. In inference, where nothing is summed meanwhile, rows that are
 * apart are prefetched, and with the last ones the first of the columns beside. */
static __attribute__((noinline)) void write_epilogue(const cubn_call *call, cubn_grid grid,
                                                     cubn_grid_operand written, bool nontemporal) {
  const int64_t rows = grid.rows, top = written.offset;
  const bool prefetches = grid.stride > grid.width && call->problem->pass == CUBN_PASS_INFER;
  if (!prefetches) {
    const cubn_fused shape = make_fused(grid, written.coef, nontemporal);
    cubn_epilogue_output(call, &shape, top);
    return;
  }
  grid.rows = (rows - 1) / PREFETCHED_ROWS * PREFETCHED_ROWS;
  if (grid.rows > 0)
    write_and_prefetch(call, grid, written, top + PREFETCHED_ROWS * grid.stride, nontemporal);
  written.offset = top + grid.rows * grid.stride;
  grid.rows = rows - grid.rows;
  write_and_prefetch(call, grid, written, top + grid.width, nontemporal);
}

void cubn_grid_write(const cubn_call *call, cubn_grid grid, cubn_grid_operand written,
                     bool nontemporal) {
  if (call->has_epilogue) {
    write_epilogue(call, grid, written, nontemporal);
    return;
  }
  if (call->places) {
    const cubn_window window = {written.offset, grid.rows, grid.stride, grid.width};
    cubn_gaps_grid_output(call, &window, written.coef);
    return;
  }
  const cubn_grid_output out = make_output(call, written, nontemporal);
  call->kernels->grid_output(grid, &out);
}

/* Writes the output. With an epilogue, it prefetches the values from offset `prefetched` on. */
static void output_before_sums(const cubn_call *call, cubn_grid grid, cubn_grid_operand written,
                               int64_t prefetched, bool nontemporal) {
  if (!call->has_epilogue) {
    cubn_grid_write(call, grid, written, nontemporal);
    return;
  }
  cubn_fused shape = make_fused(grid, written.coef, nontemporal);
  shape.prefetch_x = cubn_element_at(call, call->args->x, prefetched);
  shape.prefetch_dy = dy_at(call, prefetched);
  if (call->problem->adds && call->problem->pass == CUBN_PASS_TRAIN)
    shape.prefetch_z =
        cubn_element_at(call, call->args->z, written.offset + PREFETCHED_ROWS * grid.stride);
  cubn_epilogue_output(call, &shape, written.offset);
}

void cubn_grid_sum_and_write(const cubn_call *call, cubn_grid grid, cubn_grid_operand summed,
                             double *sums, int64_t sum_stride, cubn_grid_operand written,
                             bool nontemporal) {
  const int64_t rows = grid.rows;
  const bool can_join = summed.coef->is_centered == written.coef->is_centered &&
                        !summed.coef->is_prescaled && !written.coef->is_prescaled;
  if (call->has_epilogue || !can_join || call->places) {
    /* Alternates by as many rows as are summed before they go to doubles. */
    for (int64_t r = 0; r < rows; r += CUBN_GRID_GROUP_ROWS) {
      grid.rows = cubn_min(rows - r, CUBN_GRID_GROUP_ROWS);
      output_before_sums(call, grid, written, summed.offset, nontemporal);
      cubn_grid_sum(call, grid, summed, sums, sum_stride);
      written.offset += grid.rows * grid.stride;
      summed.offset += grid.rows * grid.stride;
    }
    return;
  }
  const cubn_grid_input in = {cubn_element_at(call, call->args->x, summed.offset),
                              dy_at(call, summed.offset),
                              summed.coef,
                              sums,
                              sum_stride,
                              0};
  const cubn_grid_output out = make_output(call, written, nontemporal);
  call->kernels->grid_sums(grid, &in, &out);
}
