/* Output of grids some of whose channels need double, or are NaN. */
#include "cpu/common/arith.h"
#include "cpu/fast/columns.h"
#include "cpu/fast/exact.h"
#include "cpu/fast/settle.h"
#include "cpu/grid/grid.h"

/* Without an epilogue, neighboring channels of NaN that have so many columns are filled. */
enum { FILLED_COLUMNS = 64 };

static bool is_for_kernels(const cubn_channels *channels, int64_t channel) {
  return channels->needs_double[channel % channels->count] == 0;
}

/* Where the channels from `first` on that are NaN, and need no double, end. */
static int64_t get_nan_end(const cubn_channels *channels, int64_t first, int64_t count) {
  int64_t channel = first % channels->count;
  while (first < count && channels->is_nan[channel] != 0 && channels->needs_double[channel] == 0) {
    ++first;
    if (++channel == channels->count) channel = 0;
  }
  return first;
}

/* Where the channels from `first` on that kernels write end. Channels of NaN are among them if they
 * are few, or if there is an epilogue. */
static int64_t get_kernels_end(const cubn_call *call, const cubn_channels *channels, int64_t first,
                               int64_t count) {
  while (first < count && is_for_kernels(channels, first)) {
    const int64_t nan_end = get_nan_end(channels, first, count);
    if (!call->has_epilogue && (nan_end - first) * call->problem->s >= FILLED_COLUMNS) break;
    first = cubn_max(nan_end, first + 1);
  }
  return first;
}

/* Goes from left to right, because ranges of a row of the mask must be stored in order. */
static void write_rows(const cubn_call *call, cubn_grid grid, cubn_grid_operand written,
                       const cubn_channels *channels) {
  const int64_t s = call->problem->s, count = grid.width / s;
  for (int64_t first = 0, end; first < count; first = end) {
    const int64_t offset = written.offset + first * s;
    if (!is_for_kernels(channels, first)) {
      const cubn_coefficients coef = cubn_fast_coefficients(channels, first % channels->count);
      cubn_exact_output(call, (cubn_patch){offset, grid.rows, grid.stride, s, 1}, &coef);
      end = first + 1;
      continue;
    }
    end = get_kernels_end(call, channels, first, count);
    const cubn_grid_coefficients coef = cubn_skip_columns(call, written.coef, first * s);
    grid.width = (end - first) * s;
    if (end > first) cubn_grid_write(call, grid, (cubn_grid_operand){offset, &coef}, false);
    if (end == first) end = get_nan_end(channels, first, count);
  }
}

/* Marks columns of channels that are NaN, from column `first` on; returns how many. */
static int64_t mark_columns(const cubn_call *call, const cubn_channels *channels, int64_t first,
                            int64_t count, bool *marks) {
  const int64_t s = call->problem->s;
  int64_t channel = first / s % channels->count, position = first % s, marked = 0;
  for (int64_t i = 0; i < count; ++i) {
    marks[i] = channels->is_nan[channel] != 0 && channels->needs_double[channel] == 0;
    marked += marks[i];
    if (++position < s) continue;
    position = 0;
    if (++channel == channels->count) channel = 0;
  }
  return marked;
}

static void settle_rows(const cubn_call *call, cubn_grid grid, int64_t offset,
                        const cubn_channels *channels) {
  const bool are_all = get_nan_end(channels, 0, channels->count) == channels->count;
  bool marks[CUBN_SETTLE_COLUMNS];
  for (int64_t first = 0, count; first < grid.width; first += count) {
    count = cubn_min(grid.width - first, CUBN_SETTLE_COLUMNS);
    const int64_t marked = are_all ? count : mark_columns(call, channels, first, count, marks);
    const cubn_patch values = {offset + first, grid.rows, grid.stride, count, 1};
    if (marked > 0) cubn_settle_columns(call, values, marked < count ? marks : NULL);
  }
}

/* Some rows at a time, which are in the caches when they are settled. */
void cubn_grid_write_mixed(const cubn_call *call, cubn_grid grid, cubn_grid_operand written,
                           const cubn_channels *channels) {
  const int64_t rows = grid.rows;
  for (int64_t r = 0; r < rows; r += CUBN_GRID_GROUP_ROWS) {
    grid.rows = cubn_min(rows - r, CUBN_GRID_GROUP_ROWS);
    write_rows(call, grid, written, channels);
    settle_rows(call, grid, written.offset, channels);
    written.offset += grid.rows * grid.stride;
  }
}
