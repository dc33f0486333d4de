/* NaN and infinity have an exponent of ones. Bits are compared as integers, many at a time. */
#include "cpu/fast/nonfinite.h"

#include <math.h>
#include <string.h>

#include "cpu/common/arith.h"
#include "cpu/common/clones.h"
#include "cpu/fast/exact_tiles.h"
#include "cpu/fast/gaps.h"

/* Runs of so many values are searched one by one; shorter ones as columns, so many at a time. A
 * search ends soon after the values that it looks for. */
enum { RUN_MIN = 16, RUN_PART = 1024, COLUMNS = 512, ROWS_PART = 32 };

#define EXPONENT_F64 UINT64_C(0x7ff0000000000000)

/* Rows of `width` values. */
typedef struct rows {
  int64_t count, width, stride;
} rows;

/* Whether one of some neighboring values is not finite. Those of 16 bits are bf16: sums of half do
 * not overflow, so nobody asks. */
CUBN_CLONES static bool search_16(const uint16_t *values, int64_t count) {
  uint16_t any = 0;
  for (int64_t i = 0; i < count; ++i) any |= (uint16_t)((values[i] & 0x7f80u) == 0x7f80u);
  return any != 0;
}

CUBN_CLONES static bool search_32(const uint32_t *values, int64_t count) {
  uint32_t any = 0;
  for (int64_t i = 0; i < count; ++i) any |= (values[i] & 0x7f800000u) == 0x7f800000u;
  return any != 0;
}

CUBN_CLONES static bool search_64(const uint64_t *values, int64_t count) {
  uint64_t any = 0;
  for (int64_t i = 0; i < count; ++i) any |= (values[i] & EXPONENT_F64) == EXPONENT_F64;
  return any != 0;
}

/* The same for rows of columns, `stride` values apart: adds what is found in column i to any[i]. */
CUBN_CLONES static void mark_16(const uint16_t *values, rows rows, uint16_t *restrict any) {
  for (int64_t r = 0; r < rows.count; ++r, values += rows.stride)
    for (int64_t i = 0; i < rows.width; ++i) any[i] |= (uint16_t)((values[i] & 0x7f80u) == 0x7f80u);
}

CUBN_CLONES static void mark_32(const uint32_t *values, rows rows, uint32_t *restrict any) {
  for (int64_t r = 0; r < rows.count; ++r, values += rows.stride)
    for (int64_t i = 0; i < rows.width; ++i) any[i] |= (values[i] & 0x7f800000u) == 0x7f800000u;
}

CUBN_CLONES static void mark_64(const uint64_t *values, rows rows, uint64_t *restrict any) {
  for (int64_t r = 0; r < rows.count; ++r, values += rows.stride)
    for (int64_t i = 0; i < rows.width; ++i) any[i] |= (values[i] & EXPONENT_F64) == EXPONENT_F64;
}

/* ---- runs */

static bool search(const cubn_call *call, const void *values, int64_t count) {
  for (int64_t i = 0; i < count; i += RUN_PART) {
    const void *const part = cubn_element_at(call, values, i);
    const int64_t length = cubn_min(count - i, RUN_PART);
    const bool found = call->element_bytes == 8   ? search_64(part, length)
                       : call->element_bytes == 4 ? search_32(part, length)
                                                  : search_16(part, length);
    if (found) return true;
  }
  return false;
}

static bool search_runs(const cubn_call *call, const void *array, int64_t channel) {
  const cubn_problem *problem = call->problem;
  for (int64_t n = 0; n < problem->n; ++n) {
    const int64_t offset = (n * problem->c + channel) * problem->s;
    if (search(call, cubn_element_at(call, array, offset), problem->s)) return true;
  }
  return false;
}

/* ---- columns */

/* Neighboring channels, and what is found in their columns: a number as wide as an element. */
typedef struct columns {
  int64_t first, count; /* channels, counted from the first of `channels` */
  uint64_t any[COLUMNS];
} columns;

static bool is_marked(const cubn_call *call, const columns *columns, int64_t column) {
  const char *const any = (const char *)columns->any + column * call->element_bytes;
  for (int64_t byte = 0; byte < call->element_bytes; ++byte)
    if (any[byte]) return true;
  return false;
}

static void mark_rows(const cubn_call *call, const void *values, rows rows, columns *columns) {
  if (call->element_bytes == 8)
    mark_64(values, rows, columns->any);
  else if (call->element_bytes == 4)
    mark_32(values, rows, (uint32_t *)columns->any);
  else
    mark_16(values, rows, (uint16_t *)columns->any);
}

/* Whether all channels of the columns are seen; sets `seen`. */
static bool are_all_seen(const cubn_call *call, const columns *columns, double *seen) {
  const int64_t s = call->problem->s;
  bool all = true;
  for (int64_t i = 0; i < columns->count; ++i) {
    double *const channel = &seen[columns->first + i];
    for (int64_t k = 0; k < s && *channel == 0; ++k)
      if (is_marked(call, columns, i * s + k)) *channel = 1;
    if (*channel == 0) all = false;
  }
  return all;
}

static void search_columns(const cubn_call *call, const cubn_channels *channels, const void *array,
                           columns *columns, double *seen) {
  const cubn_problem *problem = call->problem;
  const int64_t first = (channels->first + columns->first) * problem->s;
  rows rows = {.width = columns->count * problem->s, .stride = problem->c * problem->s};
  memset(columns->any, 0, sizeof columns->any);
  if (are_all_seen(call, columns, seen)) return;
  for (int64_t n = 0; n < problem->n; n += ROWS_PART) {
    rows.count = cubn_min(problem->n - n, ROWS_PART);
    mark_rows(call, cubn_element_at(call, array, n * rows.stride + first), rows, columns);
    if (are_all_seen(call, columns, seen)) return;
  }
}

/* ---- tensors that are not packed: element by element, which is slower */

static bool search_places(const cubn_call *call, cubn_array array, int64_t channel) {
  cubn_exact_tiles tiles = {cubn_fast_values(call->problem, channel), 0, 0};
  double values[CUBN_EXACT_TILE];
  cubn_patch tile;
  while (cubn_next_exact_tile(&tiles, &tile)) {
    cubn_gaps_load(call, array, tile, values);
    for (int64_t i = 0; i < tile.count; ++i)
      if (!isfinite(values[i])) return true;
  }
  return false;
}

void cubn_fast_find_nonfinite(const cubn_call *call, const cubn_channels *channels,
                              cubn_array which, double *seen) {
  const int64_t s = call->problem->s;
  const void *const array = which == CUBN_ARRAY_X ? call->args->x : call->args->dy;
  if (call->places) {
    for (int64_t i = 0; i < channels->count; ++i)
      if (seen[i] == 0 && search_places(call, which, channels->first + i)) seen[i] = 1;
    return;
  }
  if (s >= RUN_MIN) {
    for (int64_t i = 0; i < channels->count; ++i)
      if (seen[i] == 0 && search_runs(call, array, channels->first + i)) seen[i] = 1;
    return;
  }
  columns columns = {.first = 0};
  for (; columns.first < channels->count; columns.first += columns.count) {
    columns.count = cubn_min(COLUMNS / s, channels->count - columns.first);
    search_columns(call, channels, array, &columns, seen);
  }
}
