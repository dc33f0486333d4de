/* Output of grids some of whose channels need double, or are NaN. */
#include "cpu/common/arith.h"
#include "cpu/fast/columns.h"
#include "cpu/fast/exact.h"
#include "cpu/fast/settle.h"
#include "cpu/grid/grid.h"

/* Without an epilogue, neighboring channels with NaN of so many columns are not for kernels. */
enum { FILLED_COLUMNS = 64 };

/* Where the channels from `first` on that are NaN, and need no double, end. */
static int64_t get_nan_end(const cubn_channels *channels, int64_t first, int64_t count) {
  int64_t end = first;
  while (end < count && channels->is_nan[end % channels->count] != 0 &&
         channels->needs_double[end % channels->count] == 0)
    ++end;
  return end;
}

/* Where the channels from `first` on that kernels write end. They do not know which NaN to write,
 * but write one. */
static int64_t get_kernels_end(const cubn_call *call, const cubn_channels *channels, int64_t first,
                               int64_t count) {
  int64_t end = first;
  while (end < count && channels->needs_double[end % channels->count] == 0) {
    const int64_t nan_end = get_nan_end(channels, end, count);
    if (!call->has_epilogue && (nan_end - end) * call->problem->s >= FILLED_COLUMNS) break;
    end = cubn_max(nan_end, end + 1);
  }
  return end;
}

/* Goes from left to right, because ranges of a row of the mask must be stored in order. */
static void write_rows_mixed(const cubn_call *call, cubn_grid grid, cubn_grid_operand written,
                             const cubn_channels *channels) {
  const int64_t s = call->problem->s, count = grid.width / s;
  for (int64_t first = 0, end; first < count; first = end) {
    const int64_t offset = written.offset + first * s, channel = first % channels->count;
    if (channels->needs_double[channel] != 0) {
      const cubn_coefficients coef = cubn_fast_coefficients(channels, channel);
      cubn_exact_output(call, (cubn_patch){offset, grid.rows, grid.stride, s, 1}, &coef);
      end = first + 1;
      continue;
    }
    end = get_kernels_end(call, channels, first, count);
    if (end == first) {
      end = get_nan_end(channels, first, count);
      continue;
    }
    const cubn_grid_coefficients coef = cubn_skip_columns(call, written.coef, first * s);
    grid.width = (end - first) * s;
    cubn_grid_write(call, grid, (cubn_grid_operand){offset, &coef}, false);
  }
  for (int64_t first = 0, end; first < count; first = cubn_max(end, first + 1)) {
    const int64_t offset = written.offset + first * s;
    end = get_nan_end(channels, first, count);
    if (end > first)
      cubn_settle_output(call, (cubn_patch){offset, grid.rows, grid.stride, (end - first) * s, 1});
  }
}

/* Some rows at a time, which are in the caches when they are settled. */
void cubn_grid_write_mixed(const cubn_call *call, cubn_grid grid, cubn_grid_operand written,
                           const cubn_channels *channels) {
  const int64_t rows = grid.rows;
  for (int64_t r = 0; r < rows; r += CUBN_GRID_GROUP_ROWS) {
    grid.rows = cubn_min(rows - r, CUBN_GRID_GROUP_ROWS);
    write_rows_mixed(call, grid, written, channels);
    written.offset += grid.rows * grid.stride;
  }
}
