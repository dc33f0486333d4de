/* Grids that are walked in the order of memory: their sums of reals are kept in the cache. */
#ifndef CUBN_CPU_KERNELS_GRID_WIDE_H
#define CUBN_CPU_KERNELS_GRID_WIDE_H

#include "cpu/kernels/grid_place.h"

enum {
  GROUP_ROWS = CUBN_GRID_GROUP_ROWS,
  /* Stores past the caches want to be a whole line of memory before the next row's: two vectors of
   * 32 bytes, such as those of a 16-bit type in the widest registers. */
  LINE_VECTORS = STORE_BYTES * 2 == 64 ? 2 : 1,
  INTERLEAVED_ROWS = 4, /* rows at a time, where they lie apart or are long */
  /* Columns whose sums of reals are kept: in the first two caches. */
  STRIPE_COLUMNS = CUBN_GRID_STRIPE,
  /* Groups at a time, where rows are short and in order: it pays where memory takes the time. */
  GROUP_COLUMNS = sizeof(element) == 2 ? 0 : 256,
  INTERLEAVED_GROUPS = 4
};

/* Sums of reals: array i begins SUMS_STRIDE reals after the one before. Loads wait for stores that lie
 * alike in their pages: so they must not, neighbouring arrays nor the rows that are read. */
enum {
  PAGE_BYTES = 4096,
  SUMS_STRIDE = STRIPE_COLUMNS + 1344 / sizeof(real),
  SUMS_REALS = CUBN_RUN_SUMS_MAX * SUMS_STRIDE + PAGE_BYTES / sizeof(real)
};

INLINED real *sums_at(real *sums, int i, int64_t column) {
  return sums + i * SUMS_STRIDE + column;
}

/* Half a row away from the rows, if all of these lie alike. */
INLINED real *place_sums(real *memory, const grid_place *from) {
  const uintptr_t row = (uintptr_t)from->stride * sizeof(element);
  const uintptr_t period = row > 0 && PAGE_BYTES % row == 0 ? row : PAGE_BYTES;
  const uintptr_t wanted = (uintptr_t)from->in_x + period / 2 - (uintptr_t)memory;
  return memory + wanted % period / sizeof(vec) * LANES;
}

/* One vector of columns, `rows` rows: sums go on from where they are. */
INLINED void sum_columns(const grid_place *at, int rows, int64_t j, int64_t part,
                         const cubn_grid_coefficients *in, task of, real *sums) {
  const vec center = of.centered ? reals_at(in->center, j) : (vec){0};
  vec sum[CUBN_RUN_SUMS_MAX];
  for (int i = 0; i < sums_of(of); ++i) sum[i] = vec_load_reals(sums_at(sums, i, at->kept + j));
  for (int r = 0; r < rows; ++r) add_lanes(at, r * at->stride + j, part, center, of, sum);
  for (int i = 0; i < sums_of(of); ++i)
    memcpy(sums_at(sums, i, at->kept + j), &sum[i], sizeof sum[i]);
}

/* Some vectors of columns, of which the last may be a part. */
INLINED void step_columns(const grid_place *at, int rows, int64_t j, int vectors, int64_t part,
                          const cubn_grid_coefficients *in, const cubn_grid_coefficients *out,
                          task of, real *sums) {
  prefetch_rows(at, rows, j, of);
  for (int k = 0; k < (of.sums ? vectors : 0); ++k)
    sum_columns(at, rows, j + k * LANES, part, in, of, sums);
  if (!of.output || !out) return;
  coefficients coef[2];
  for (int k = 0; k < vectors; ++k) coef[k] = columns_at(out, j + k * LANES, of);
  for (int r = 0; r < rows; ++r)
    if (LINE_VECTORS == 2 && vectors == 2)
      write_output_pair(at, r * at->stride + j, coef, of);
    else
      write_output(at, r * at->stride + j, part, coef, of);
}

INLINED void step_rows(const grid_place *at, int rows, int64_t width,
                       const cubn_grid_coefficients *in, const cubn_grid_coefficients *out, task of,
                       real *sums) {
  int64_t j = 0;
  for (; j + LINE_VECTORS * LANES <= width; j += LINE_VECTORS * LANES)
    step_columns(at, rows, j, LINE_VECTORS, 0, in, out, of, sums);
  for (; j + LANES <= width; j += LANES) step_columns(at, rows, j, 1, 0, in, out, of, sums);
  if (j < width) step_columns(at, rows, j, 1, width - j, in, out, of, sums);
}

/* Sums of reals of a group, kept from some column on, go into doubles. */
INLINED void flush_columns(real *sums, int64_t kept, int count, int64_t width, double *to,
                           int64_t sum_stride) {
  for (int i = 0; i < count; ++i) {
    real *const from = sums_at(sums, i, kept);
    for (int64_t j = 0; j < width; ++j) {
      to[i * sum_stride + j] += (double)from[j];
      from[j] = 0;
    }
  }
}

INLINED void clear_columns(real *sums, int64_t kept, int count, int64_t width) {
  for (int i = 0; i < count; ++i)
    memset(sums_at(sums, i, kept), 0, (size_t)(width + LANES) * sizeof(real));
}

/* Sums of short rows in the order of memory, some groups at a time: memory is read faster in several
 * places at once. They go into doubles in the order of the groups. Returns how many rows it did. */
INLINED int64_t sum_groups(const grid_place *from, int64_t rows, int64_t width,
                           const cubn_grid_coefficients *in, task of, real *sums, double *to,
                           int64_t sum_stride) {
  enum { ALL_ROWS = INTERLEAVED_GROUPS * GROUP_ROWS, PREFETCHED_ROWS = 4 };
  int64_t done = 0;
  for (int64_t g = 0; g < INTERLEAVED_GROUPS; ++g)
    clear_columns(sums, g * GROUP_COLUMNS, sums_of(of), width);
  for (; done + ALL_ROWS <= rows; done += ALL_ROWS) {
    for (int64_t r = 0; r < GROUP_ROWS; ++r)
      for (int64_t g = 0; g < INTERLEAVED_GROUPS; ++g) {
        const int64_t beyond = r + PREFETCHED_ROWS < GROUP_ROWS ? 0 : ALL_ROWS - GROUP_ROWS;
        grid_place at = place_at(from, (done + g * GROUP_ROWS + r) * from->stride, of);
        at.prefetch_distance = (PREFETCHED_ROWS + beyond) * from->stride;
        at.kept = g * GROUP_COLUMNS;
        step_rows(&at, 1, width, in, NULL, of, sums);
      }
    for (int64_t g = 0; g < INTERLEAVED_GROUPS; ++g)
      flush_columns(sums, g * GROUP_COLUMNS, sums_of(of), width, to, sum_stride);
  }
  return done;
}

/* After the last rows, the first ones of the columns to the right are read. */
INLINED grid_place place_at_row(const grid_place *from, int64_t row, int64_t rows, int64_t width,
                                task of) {
  grid_place it = place_at(from, row * from->stride, of);
  it.prefetch_distance =
      row + INTERLEAVED_ROWS < rows ? INTERLEAVED_ROWS * from->stride : width - row * from->stride;
  return it;
}

INLINED void wide_stripe(const grid_place *from, int64_t rows, int64_t width,
                         const cubn_grid_coefficients *in, const cubn_grid_coefficients *out,
                         task of, double *to, int64_t sum_stride) {
  real memory[SUMS_REALS] __attribute__((aligned(64)));
  real *const sums = place_sums(memory, from);
  const int count = sums_of(of);
  const bool in_order = from->in_order && width <= CUBN_GRID_ORDERED_COLUMNS;
  int64_t done = 0;
  if (of.sums) clear_columns(sums, 0, count, width);
  if (in_order && !of.output && width <= GROUP_COLUMNS)
    done = sum_groups(from, rows, width, in, of, sums, to, sum_stride);
  for (int64_t group = done; group < rows; group += GROUP_ROWS) {
    const int64_t end = group + least(rows - group, GROUP_ROWS);
    int64_t r = group;
    for (; !in_order && r + INTERLEAVED_ROWS <= end; r += INTERLEAVED_ROWS) {
      const grid_place at = place_at_row(from, r, rows, width, of);
      step_rows(&at, INTERLEAVED_ROWS, width, in, out, of, sums);
    }
    for (; r < end; ++r) {
      const grid_place at = place_at_row(from, r, rows, width, of);
      step_rows(&at, 1, width, in, out, of, sums);
    }
    if (of.sums) flush_columns(sums, 0, count, width, to, sum_stride);
  }
}

INLINED cubn_grid_coefficients coefficients_from(const cubn_grid_coefficients *all, int64_t j) {
  if (!all) return (cubn_grid_coefficients){0};
  return (cubn_grid_coefficients){.center = (real *)all->center + j,
                                  .gain = (real *)all->gain + j,
                                  .slope = (real *)all->slope + j,
                                  .shift = (real *)all->shift + j};
}

INLINED void wide_grid(const grid_place *from, int64_t rows, int64_t width,
                       const cubn_grid_coefficients *in, const cubn_grid_coefficients *out, task of,
                       double *to, int64_t sum_stride) {
  for (int64_t j = 0; j < width; j += STRIPE_COLUMNS) {
    const grid_place at = place_at(from, j, of);
    const cubn_grid_coefficients in_at = coefficients_from(in, j);
    const cubn_grid_coefficients out_at = coefficients_from(out, j);
    wide_stripe(&at, rows, least(width - j, STRIPE_COLUMNS), &in_at, &out_at, of, to, sum_stride);
    if (to) to += STRIPE_COLUMNS;
  }
}

#endif /* CUBN_CPU_KERNELS_GRID_WIDE_H */
