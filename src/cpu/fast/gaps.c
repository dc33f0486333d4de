/* Kernels on windows. */
#include "cpu/fast/gaps.h"

#include "cpu/common/arith.h"
#include "cpu/fast/columns.h"
#include "cpu/fast/parts.h"
#include "cpu/fast/window.h"

/* Columns of a grid may be divided at these, where their bits are whole bytes. */
enum { COLUMN_UNIT = CUBN_GRID_PADDING };

static unsigned dy_of_sums(const cubn_call *call) {
  return call->sums == 3 ? CUBN_MAP_DY : 0U;
}

static unsigned dy_of_output(const cubn_call *call) {
  return call->problem->pass == CUBN_PASS_BACKWARD ? CUBN_MAP_DY : 0U;
}

static void *move(const cubn_call *call, void *pointer, int64_t elements) {
  return (char *)pointer + elements * call->element_bytes;
}

static void set_input(const cubn_call *call, const cubn_mapping *mapping, cubn_run_input *in) {
  const int64_t offset = mapping->window.offset;
  const int64_t distance = mapping->staged || call->panel ? 0 : in->prefetch_distance;
  in->x = mapping->at[CUBN_ARRAY_X];
  in->runs = mapping->window.rows;
  in->stride = mapping->stride[CUBN_ARRAY_X];
  in->count = mapping->window.width;
  in->prefetch_distance = cubn_get_distance(call, CUBN_ARRAY_X, offset, distance);
  if (!dy_of_sums(call)) return;
  in->dy = mapping->at[CUBN_ARRAY_DY];
  in->dy_stride = mapping->stride[CUBN_ARRAY_DY];
  in->dy_distance = cubn_get_distance(call, CUBN_ARRAY_DY, offset, distance);
}

void cubn_gaps_run_sums(const cubn_call *call, const cubn_window *runs,
                        const cubn_coefficients *coef, int64_t prefetch_distance, double *sums) {
  if (cubn_sum_parts(call, runs, coef, prefetch_distance, sums)) return;
  cubn_mapper mapper = {.window = *runs,
                        .reads = CUBN_MAP_X | dy_of_sums(call),
                        .row_unit = runs->rows,
                        .unit = cubn_run_unit(call),
                        .ahead = prefetch_distance};
  cubn_mapping mapping;
  while (cubn_next_mapping(call, &mapper, &mapping)) {
    cubn_run_input in = {.coef = coef, .prefetch_distance = prefetch_distance};
    set_input(call, &mapping, &in);
    call->kernels->run_sums(&in, sums, NULL);
  }
}

bool cubn_gaps_map_input(const cubn_call *call, const cubn_window *runs, cubn_run_input *in) {
  const cubn_mapper mapper = {.window = *runs,
                              .reads = CUBN_MAP_X | dy_of_sums(call),
                              .row_unit = runs->rows,
                              .one_stride = true};
  cubn_mapping mapping;
  if (!cubn_map_memory(call, &mapper, &mapping)) return false;
  mapping.staged = 0;
  set_input(call, &mapping, in);
  return true;
}

bool cubn_gaps_map_output(const cubn_call *call, const cubn_window *runs, cubn_run_output *out) {
  const unsigned dy = dy_of_output(call);
  const cubn_mapper mapper = {.window = *runs,
                              .reads = CUBN_MAP_X | dy,
                              .writes = CUBN_MAP_OUTPUT,
                              .row_unit = runs->rows,
                              .one_stride = true};
  cubn_mapping mapping;
  if (!cubn_map_memory(call, &mapper, &mapping)) return false;
  out->x = mapping.at[CUBN_ARRAY_X];
  out->dy = dy ? mapping.at[CUBN_ARRAY_DY] : NULL;
  out->output = mapping.at[CUBN_ARRAY_OUTPUT];
  out->runs = runs->rows;
  out->stride = mapping.stride[CUBN_ARRAY_X];
  out->count = runs->width;
  out->nontemporal = call->nontemporal;
  return true;
}

void cubn_gaps_run_output(const cubn_call *call, int64_t offset, int64_t count,
                          const cubn_coefficients *coef) {
  const cubn_window run = {offset, 1, 0, count};
  const unsigned dy = dy_of_output(call);
  if (cubn_write_parts(call, &run, coef, 0)) return;
  cubn_mapper mapper = {.window = run,
                        .reads = CUBN_MAP_X | dy,
                        .writes = CUBN_MAP_OUTPUT,
                        .row_unit = 1,
                        .unit = 1,
                        .may_divide = true};
  cubn_mapping mapping;
  while (cubn_next_mapping(call, &mapper, &mapping)) {
    const bool is_whole = mapping.window.rows == 1;
    const bool is_panel = call->panel && (call->panel->arrays & CUBN_MAP_OUTPUT);
    cubn_run_output out = {.x = mapping.at[CUBN_ARRAY_X],
                           .dy = dy ? mapping.at[CUBN_ARRAY_DY] : NULL,
                           .output = mapping.at[CUBN_ARRAY_OUTPUT],
                           .runs = 1,
                           .count = mapping.window.width,
                           .coef = coef,
                           .nontemporal = call->nontemporal && is_whole && !is_panel &&
                                          !(mapping.staged & CUBN_MAP_OUTPUT)};
    for (int64_t r = 0; r < mapping.window.rows; ++r) {
      call->kernels->run_output(&out);
      out.x = cubn_element_at(call, out.x, mapping.stride[CUBN_ARRAY_X]);
      out.output = move(call, out.output, mapping.stride[CUBN_ARRAY_OUTPUT]);
      if (dy) out.dy = cubn_element_at(call, out.dy, mapping.stride[CUBN_ARRAY_DY]);
    }
    cubn_finish_mapping(call, &mapper, &mapping);
  }
}

/* The rows of a mapping as a grid. */
static cubn_grid grid_of(const cubn_mapping *mapping) {
  const cubn_window *window = &mapping->window;
  return (cubn_grid){window->rows, window->width, mapping->stride[CUBN_ARRAY_X], false, false};
}

void cubn_gaps_grid_sums(const cubn_call *call, const cubn_window *grid,
                         const cubn_grid_coefficients *coef, double *sums, int64_t sum_stride) {
  const unsigned dy = dy_of_sums(call);
  cubn_mapper mapper = {.window = *grid,
                        .reads = CUBN_MAP_X | dy,
                        .row_unit = cubn_row_unit(call),
                        .unit = COLUMN_UNIT};
  cubn_mapping mapping;
  while (cubn_next_mapping(call, &mapper, &mapping)) {
    const cubn_grid_coefficients columns = cubn_skip_columns(call, coef, mapping.column);
    const cubn_grid_input in = {mapping.at[CUBN_ARRAY_X],
                                dy ? mapping.at[CUBN_ARRAY_DY] : NULL,
                                &columns,
                                sums + mapping.column,
                                sum_stride,
                                dy ? mapping.stride[CUBN_ARRAY_DY] : 0};
    call->kernels->grid_sums(grid_of(&mapping), &in, NULL);
  }
}

void cubn_gaps_grid_output(const cubn_call *call, const cubn_window *grid,
                           const cubn_grid_coefficients *coef) {
  const unsigned dy = dy_of_output(call);
  cubn_mapper mapper = {.window = *grid,
                        .reads = CUBN_MAP_X | dy,
                        .writes = CUBN_MAP_OUTPUT,
                        .row_unit = 1,
                        .unit = COLUMN_UNIT};
  cubn_mapping mapping;
  while (cubn_next_mapping(call, &mapper, &mapping)) {
    const cubn_grid_coefficients columns = cubn_skip_columns(call, coef, mapping.column);
    const cubn_grid_output out = {
        .x = mapping.at[CUBN_ARRAY_X],
        .dy = dy ? mapping.at[CUBN_ARRAY_DY] : NULL,
        .output = mapping.at[CUBN_ARRAY_OUTPUT],
        .coef = &columns,
        .nontemporal =
            call->nontemporal && cubn_rows_are_aligned(call, &mapping, CUBN_ARRAY_OUTPUT),
        .is_apart = !mapping.is_even,
        .x_stride = mapping.stride[CUBN_ARRAY_X],
        .dy_stride = mapping.stride[CUBN_ARRAY_DY],
        .output_stride = mapping.stride[CUBN_ARRAY_OUTPUT]};
    call->kernels->grid_output(grid_of(&mapping), &out);
    cubn_finish_mapping(call, &mapper, &mapping);
  }
}
