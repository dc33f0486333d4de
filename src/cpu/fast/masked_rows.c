/* Divides rows into steps. Rows that are columns of channels are summed 32 at a time, runs by as
 * many additions, before the sums go to doubles. */
#include "cpu/fast/masked_rows.h"

#include <string.h>

#include "cpu/common/arith.h"

enum { WORD = 64, ROWS = CUBN_MASKED_ROWS, GROUP_ROWS = CUBN_GRID_GROUP_ROWS };
enum { STEP_COLUMNS_MAX = 64, ELEMENT_BYTES_MAX = sizeof(float) };

/* Rows of a few elements, one after the other. */
typedef struct masked_tail {
  char arrays[5][ROWS * STEP_COLUMNS_MAX * ELEMENT_BYTES_MAX];
} masked_tail;

static const void *copy_rows(char *to, const void *from, const cubn_masked_step *step,
                             int64_t columns, int64_t row_bytes, int64_t bytes) {
  if (!from) return NULL;
  for (int64_t r = 0; r < step->rows; ++r)
    memcpy(to + r * row_bytes, (const char *)from + r * step->stride * bytes,
           (size_t)(columns * bytes));
  return to;
}

/* The last columns, fewer than a step: by a buffer, as kernels would read and write beyond. */
static void run_tail(const cubn_masked_kernels *kernels, const cubn_masked_step *step,
                     int64_t columns, int64_t bytes, masked_tail *tail) {
  const int64_t row_bytes = kernels->columns * bytes;
  cubn_masked_step part = *step;
  part.summed_x = copy_rows(tail->arrays[0], step->summed_x, step, columns, row_bytes, bytes);
  part.summed_dy = copy_rows(tail->arrays[1], step->summed_dy, step, columns, row_bytes, bytes);
  part.x = copy_rows(tail->arrays[2], step->x, step, columns, row_bytes, bytes);
  part.dy = copy_rows(tail->arrays[3], step->dy, step, columns, row_bytes, bytes);
  part.output = step->output ? tail->arrays[4] : NULL;
  part.stride = kernels->columns;
  part.prefetch_distance = 0;
  part.nontemporal = false;
  kernels->step(&part);
  for (int64_t r = 0; step->output && r < step->rows; ++r)
    memcpy((char *)step->output + r * step->stride * bytes, tail->arrays[4] + r * row_bytes,
           (size_t)(columns * bytes));
}

static const void *skip(const void *from, int64_t bytes) {
  return from ? (const char *)from + bytes : NULL;
}

static void move(cubn_masked_step *step, int64_t bytes) {
  step->summed_x = skip(step->summed_x, bytes);
  step->summed_dy = skip(step->summed_dy, bytes);
  step->x = skip(step->x, bytes);
  step->dy = skip(step->dy, bytes);
  if (step->output) step->output = (char *)step->output + bytes;
}

static uint64_t bits_at(const uint64_t *bits, int64_t column, int64_t count) {
  return bits[column / WORD] >> (column % WORD) & ~UINT64_C(0) >> (WORD - count);
}

/* The bits of `count` columns from `column` on. */
static uint64_t bits_of(const cubn_masked_rows *args, int64_t row, int64_t column, int64_t count) {
  if (!args->is_by_row) return bits_at(args->bits + row * args->bits_stride, column, count);
  return UINT64_C(0) - bits_at(args->bits, args->first_row + row, 1);
}

/* Columns first .. end - 1 of at most ROWS rows, from `row` on. */
static void run_columns(const cubn_masked_kernels *kernels, const cubn_masked_rows *args,
                        int64_t row, int64_t first, int64_t end, float *sums, masked_tail *tail) {
  const int64_t offset = row * args->step.stride, left = args->rows - row;
  const int64_t bytes = args->element_bytes, columns = kernels->columns;
  cubn_masked_step step = args->step;
  step.rows = cubn_min(left, ROWS);
  if (args->prefetch_distance)
    step.prefetch_distance = left > ROWS ? ROWS * step.stride : args->prefetch_distance - offset;
  move(&step, (offset + first) * bytes);
  for (int64_t i = first; i < end; i += columns) {
    const int64_t count = cubn_min(end - i, columns);
    step.sums = sums + (args->is_run ? 0 : i - first);
    step.column = args->is_run ? 0 : i;
    for (int64_t r = 0; r < step.rows; ++r) step.bits[r] = bits_of(args, row + r, i, count);
    if (count < columns)
      run_tail(kernels, &step, count, bytes, tail);
    else
      kernels->step(&step);
    move(&step, columns * bytes);
  }
}

static void flush(const cubn_masked_rows *args, int count, int64_t first, int64_t columns,
                  const float *sums) {
  for (int i = 0; i < count; ++i) {
    double *const to = args->sums + i * args->sum_stride + first;
    for (int64_t j = 0; j < columns; ++j) to[j] += (double)sums[i * CUBN_MASKED_SUMS + j];
  }
}

void cubn_masked_run(const cubn_masked_kernels *kernels, const cubn_masked_rows *args) {
  const int64_t step = kernels->columns;
  const int64_t stripe = args->is_run ? GROUP_ROWS / ROWS * step : CUBN_GRID_STRIPE;
  const int64_t group = args->is_run ? ROWS : GROUP_ROWS;
  const int count = !args->step.summed_x ? 0 : args->step.summed_dy ? 3 : 2;
  float sums[CUBN_RUN_SUMS_MAX * CUBN_MASKED_SUMS];
  masked_tail tail;
  if (args->width % step != 0) memset(&tail, 0, sizeof tail);
  for (int64_t first = 0; first < args->width; first += stripe) {
    const int64_t end = cubn_min(first + stripe, args->width);
    const int64_t columns = args->is_run ? step : end - first;
    for (int64_t row = 0; row < args->rows; row += group) {
      const int64_t group_end = cubn_min(row + group, args->rows);
      for (int i = 0; i < count; ++i)
        memset(sums + i * CUBN_MASKED_SUMS, 0, (size_t)(columns + step) * sizeof *sums);
      for (int64_t r = row; r < group_end; r += ROWS)
        run_columns(kernels, args, r, first, end, sums, &tail);
      flush(args, count, args->is_run ? 0 : first, columns, sums);
    }
  }
}
