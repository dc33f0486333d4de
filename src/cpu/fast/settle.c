/* Fills with NaN, and makes NaN alike. */
#include "cpu/fast/settle.h"

#include <math.h>
#include <string.h>

#include "cpu/common/arith.h"
#include "cpu/common/clones.h"
#include "cpu/common/params.h"
#include "cpu/fast/gaps.h"

/* What becomes of an array: marked elements whose bits without the sign are above a number become
 * NAN. So all do, or only those that are NaN already. */
typedef struct settlement {
  const void *marks; /* of the elements of a row: all bits or none, in numbers of their size */
  int64_t above;
  uint64_t nan; /* its bits */
} settlement;

static uint64_t bits_of(const cubn_call *call, double value) {
  const cubn_patch one = {0, 1, 0, 1, 1};
  union {
    uint64_t of_8;
    uint32_t of_4;
    uint16_t of_2;
  } bits = {0};
  call->type->store(&value, one, &bits);
  return call->element_bytes == 8 ? bits.of_8 : call->element_bytes == 4 ? bits.of_4 : bits.of_2;
}

/* ---- patches of elements of 8, 4 and 2 bytes */

CUBN_CLONES static void settle_64(uint64_t *restrict values, const cubn_patch *patch,
                                  settlement with) {
  const uint64_t *const marks = with.marks;
  for (int64_t r = 0; r < patch->rows; ++r, values += patch->row_stride)
    for (int64_t i = 0; i < patch->count; ++i) {
      const uint64_t value = values[i], mark = marks[i];
      const uint64_t hit = (int64_t)(value & INT64_MAX) > with.above ? mark : 0;
      values[i] = (value & ~hit) | (with.nan & hit);
    }
}

CUBN_CLONES static void settle_32(uint32_t *restrict values, const cubn_patch *patch,
                                  settlement with) {
  const uint32_t *const marks = with.marks, nan = (uint32_t)with.nan;
  const int32_t above = (int32_t)with.above;
  for (int64_t r = 0; r < patch->rows; ++r, values += patch->row_stride)
    for (int64_t i = 0; i < patch->count; ++i) {
      const uint32_t value = values[i], mark = marks[i];
      const uint32_t hit = (int32_t)(value & INT32_MAX) > above ? mark : 0;
      values[i] = (value & ~hit) | (nan & hit);
    }
}

CUBN_CLONES static void settle_16(uint16_t *restrict values, const cubn_patch *patch,
                                  settlement with) {
  const uint16_t *const marks = with.marks, nan = (uint16_t)with.nan;
  const int16_t above = (int16_t)with.above;
  for (int64_t r = 0; r < patch->rows; ++r, values += patch->row_stride)
    for (int64_t i = 0; i < patch->count; ++i) {
      const uint16_t value = values[i], mark = marks[i];
      const uint16_t hit = (int16_t)(value & INT16_MAX) > above ? mark : 0;
      values[i] = (uint16_t)((value & ~hit) | (nan & hit));
    }
}

/* ---- arrays */

/* Where elements are not packed: those that are marked, one run of neighbors after the other. */
static void settle_places(const cubn_call *call, cubn_array array, cubn_patch values,
                          const bool *marks, bool fills) {
  cubn_patch run = values;
  double elements[CUBN_SETTLE_COLUMNS];
  for (int64_t first = 0, end; first < values.count; first = end) {
    for (end = first + 1; end < values.count && (!marks || marks[end] == marks[first]);) ++end;
    if (marks && !marks[first]) continue;
    run.offset = values.offset + first;
    run.count = end - first;
    run.rows = 1;
    for (int64_t r = 0; r < values.rows; ++r, run.offset += values.row_stride) {
      for (int64_t i = 0; i < run.count; ++i) elements[i] = NAN;
      if (!fills) cubn_gaps_load(call, array, run, elements);
      cubn_settle_nans(elements, run.count);
      cubn_gaps_store(call, array, run, elements);
    }
  }
}

/* A row of elements of 8, 4 or 2 bytes. */
typedef union row {
  uint64_t of_8[CUBN_SETTLE_COLUMNS];
  uint32_t of_4[CUBN_SETTLE_COLUMNS];
  uint16_t of_2[CUBN_SETTLE_COLUMNS];
} row;

/* Sets marked elements to `bits`, others to 0. */
static void set_row(row *row, int64_t element_bytes, const bool *marks, int64_t count,
                    uint64_t bits) {
  for (int64_t i = 0; i < count; ++i) {
    const uint64_t value = !marks || marks[i] ? bits : 0;
    if (element_bytes == 8)
      row->of_8[i] = value;
    else if (element_bytes == 4)
      row->of_4[i] = (uint32_t)value;
    else
      row->of_2[i] = (uint16_t)value;
  }
}

static void settle_array(const cubn_call *call, cubn_array array, void *tensor, cubn_patch values,
                         const bool *marks, bool fills) {
  const int64_t bytes = call->element_bytes;
  const uint64_t nan = bits_of(call, (double)NAN);
  char *first = (char *)tensor + values.offset * bytes;
  row row;
  if (call->places) {
    settle_places(call, array, values, marks, fills);
    return;
  }
  if (fills && !marks) {
    set_row(&row, bytes, marks, values.count, nan);
    for (int64_t r = 0; r < values.rows; ++r, first += values.row_stride * bytes)
      memcpy(first, &row, (size_t)(values.count * bytes));
    return;
  }
  const settlement with = {&row, fills ? -1 : (int64_t)bits_of(call, (double)INFINITY), nan};
  set_row(&row, bytes, marks, values.count, UINT64_MAX);
  if (bytes == 8)
    settle_64((uint64_t *)(void *)first, &values, with);
  else if (bytes == 4)
    settle_32((uint32_t *)(void *)first, &values, with);
  else
    settle_16((uint16_t *)(void *)first, &values, with);
}

/* Whether an activation may make something else of NaN. */
static bool may_drop_nan(const cubn_call *call) {
  const cubn_fusion *fusion = &call->fusion;
  return call->problem->pass != CUBN_PASS_BACKWARD && fusion->decides &&
         fusion->smooth == CUBN_SMOOTH_NONE && !fusion->nan_passes;
}

void cubn_settle_columns(const cubn_call *call, cubn_patch values, const bool *marks) {
  const cubn_problem *problem = call->problem;
  const cubn_args *args = call->args;
  const bool backward = problem->pass == CUBN_PASS_BACKWARD;
  if (problem->has_output)
    settle_array(call, CUBN_ARRAY_OUTPUT, args->output, values, marks, !may_drop_nan(call));
  /* Where dz is dy, a multiple of it, or 0, all kernels make the same of NaN. */
  if (backward && problem->has_dz && call->fusion.smooth != CUBN_SMOOTH_NONE)
    settle_array(call, CUBN_ARRAY_Z, args->dz, values, marks, false);
  if (!backward && problem->reserve == CUBN_RESERVE_INPUT)
    settle_array(call, CUBN_ARRAY_PLACE, args->reserve, values, marks, true);
}

void cubn_settle_output(const cubn_call *call, cubn_patch values) {
  const int64_t count = values.count;
  for (int64_t first = 0; first < count; first += CUBN_SETTLE_COLUMNS) {
    values.count = cubn_min(count - first, CUBN_SETTLE_COLUMNS);
    cubn_settle_columns(call, values, NULL);
    values.offset += values.count;
  }
}
