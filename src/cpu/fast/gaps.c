/* Kernels on windows. */
#include "cpu/fast/gaps.h"

#include "cpu/common/arith.h"
#include "cpu/fast/columns.h"
#include "cpu/fast/window.h"

/* Values of a run after which kernels have added all to doubles, on every target: a run of sums may
 * be divided there. */
enum { RUN_UNIT = 28 * 64 };
/* Columns of a grid may be divided at these, where their bits are whole bytes. */
enum { COLUMN_UNIT = CUBN_GRID_PADDING };

enum {
  X = 1U << CUBN_ARRAY_X,
  OUTPUT = 1U << CUBN_ARRAY_OUTPUT,
  DY = 1U << CUBN_ARRAY_DY,
  Z = 1U << CUBN_ARRAY_Z,
  PREACT = 1U << CUBN_ARRAY_PLACE
};

static unsigned dy_of_sums(const cubn_call *call) {
  return call->sums == 3 ? DY : 0U;
}

static unsigned dy_of_output(const cubn_call *call) {
  return call->problem->pass == CUBN_PASS_BACKWARD ? DY : 0U;
}

/* Whether non-temporal stores can write rows: all begin where a vector can be stored. */
static bool are_aligned(const cubn_call *call, const cubn_mapping *mapping, int array) {
  const uintptr_t bytes = (uintptr_t)call->kernels->store_bytes;
  const uintptr_t stride = (uintptr_t)(mapping->stride[array] * call->element_bytes);
  return !(mapping->staged >> array & 1) && (uintptr_t)mapping->at[array] % bytes == 0 &&
         (mapping->window.rows == 1 || stride % bytes == 0);
}

static void *move(const cubn_call *call, void *pointer, int64_t elements) {
  return (char *)pointer + elements * call->element_bytes;
}

/* From a place to the one so many places further on, in elements of the array. */
static int64_t get_distance(const cubn_call *call, int array, int64_t place, int64_t places) {
  const cubn_view *view = &call->places->views[array];
  int64_t count;
  if (places == 0 || call->panel) return 0;
  return cubn_view_offset(view, place + places, &count) - cubn_view_offset(view, place, &count);
}

static void set_input(const cubn_call *call, const cubn_mapping *mapping, cubn_run_input *in) {
  const int64_t offset = mapping->window.offset;
  const int64_t distance = mapping->staged ? 0 : in->prefetch_distance;
  in->x = mapping->at[CUBN_ARRAY_X];
  in->runs = mapping->window.rows;
  in->stride = mapping->stride[CUBN_ARRAY_X];
  in->count = mapping->window.width;
  in->prefetch_distance = get_distance(call, CUBN_ARRAY_X, offset, distance);
  if (!dy_of_sums(call)) return;
  in->dy = mapping->at[CUBN_ARRAY_DY];
  in->dy_stride = mapping->stride[CUBN_ARRAY_DY];
  in->dy_distance = get_distance(call, CUBN_ARRAY_DY, offset, distance);
}

void cubn_gaps_run_sums(const cubn_call *call, const cubn_window *runs,
                        const cubn_coefficients *coef, int64_t prefetch_distance, double *sums) {
  cubn_mapper mapper = {.window = *runs,
                        .reads = X | dy_of_sums(call),
                        .row_unit = runs->rows,
                        .unit = RUN_UNIT};
  cubn_mapping mapping;
  while (cubn_next_mapping(call, &mapper, &mapping)) {
    cubn_run_input in = {.coef = coef, .prefetch_distance = prefetch_distance};
    set_input(call, &mapping, &in);
    call->kernels->run_sums(&in, sums, NULL);
  }
}

bool cubn_gaps_map_input(const cubn_call *call, const cubn_window *runs, cubn_run_input *in) {
  const cubn_mapper mapper = {.window = *runs,
                              .reads = X | dy_of_sums(call),
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
                              .reads = X | dy,
                              .writes = OUTPUT,
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
  const unsigned dy = dy_of_output(call);
  cubn_mapper mapper = {.window = {offset, 1, 0, count},
                        .reads = X | dy,
                        .writes = OUTPUT,
                        .row_unit = 1,
                        .unit = 1,
                        .may_divide = true};
  cubn_mapping mapping;
  while (cubn_next_mapping(call, &mapper, &mapping)) {
    const bool is_whole = mapping.window.rows == 1;
    cubn_run_output out = {
        .x = mapping.at[CUBN_ARRAY_X],
        .dy = dy ? mapping.at[CUBN_ARRAY_DY] : NULL,
        .output = mapping.at[CUBN_ARRAY_OUTPUT],
        .runs = 1,
        .count = mapping.window.width,
        .coef = coef,
        .nontemporal =
            call->nontemporal && is_whole && !call->panel && !(mapping.staged & OUTPUT)};
    for (int64_t r = 0; r < mapping.window.rows; ++r) {
      call->kernels->run_output(&out);
      out.x = cubn_element_at(call, out.x, mapping.stride[CUBN_ARRAY_X]);
      out.output = move(call, out.output, mapping.stride[CUBN_ARRAY_OUTPUT]);
      if (dy) out.dy = cubn_element_at(call, out.dy, mapping.stride[CUBN_ARRAY_DY]);
    }
    cubn_finish_mapping(call, &mapper, &mapping);
  }
}

void cubn_gaps_grid_sums(const cubn_call *call, const cubn_window *grid,
                         const cubn_grid_coefficients *coef, double *sums, int64_t sum_stride) {
  const unsigned dy = dy_of_sums(call);
  cubn_mapper mapper = {.window = *grid,
                        .reads = X | dy,
                        .row_unit = CUBN_GRID_GROUP_ROWS,
                        .unit = COLUMN_UNIT};
  cubn_mapping mapping;
  while (cubn_next_mapping(call, &mapper, &mapping)) {
    const cubn_window *window = &mapping.window;
    const cubn_grid_coefficients columns = cubn_skip_columns(call, coef, mapping.column);
    const cubn_grid_input in = {mapping.at[CUBN_ARRAY_X],
                                dy ? mapping.at[CUBN_ARRAY_DY] : NULL, &columns,
                                sums + mapping.column, sum_stride,
                                dy ? mapping.stride[CUBN_ARRAY_DY] : 0};
    call->kernels->grid_sums(
        (cubn_grid){window->rows, window->width, mapping.stride[CUBN_ARRAY_X], false}, &in, NULL);
  }
}

void cubn_gaps_grid_output(const cubn_call *call, const cubn_window *grid,
                           const cubn_grid_coefficients *coef) {
  const unsigned dy = dy_of_output(call);
  cubn_mapper mapper = {
      .window = *grid, .reads = X | dy, .writes = OUTPUT, .row_unit = 1, .unit = COLUMN_UNIT};
  cubn_mapping mapping;
  while (cubn_next_mapping(call, &mapper, &mapping)) {
    const cubn_window *window = &mapping.window;
    const cubn_grid_coefficients columns = cubn_skip_columns(call, coef, mapping.column);
    const cubn_grid_output out = {
        .x = mapping.at[CUBN_ARRAY_X],
        .dy = dy ? mapping.at[CUBN_ARRAY_DY] : NULL,
        .output = mapping.at[CUBN_ARRAY_OUTPUT],
        .coef = &columns,
        .nontemporal = call->nontemporal && are_aligned(call, &mapping, CUBN_ARRAY_OUTPUT),
        .is_apart = !mapping.is_even,
        .x_stride = mapping.stride[CUBN_ARRAY_X],
        .dy_stride = mapping.stride[CUBN_ARRAY_DY],
        .output_stride = mapping.stride[CUBN_ARRAY_OUTPUT]};
    call->kernels->grid_output(
        (cubn_grid){window->rows, window->width, mapping.stride[CUBN_ARRAY_X], false}, &out);
    cubn_finish_mapping(call, &mapper, &mapping);
  }
}

/* ---- fused kernels */

static cubn_mapper map_fused(const cubn_fused *fused, int64_t offset, bool for_sums) {
  const bool backward = fused->dy;
  const int64_t sums_unit = fused->coef ? fused->rows : CUBN_GRID_GROUP_ROWS;
  cubn_mapper mapper = {.window = {offset, fused->rows, fused->stride, fused->width},
                        .row_unit = for_sums ? sums_unit : 1,
                        .unit = !fused->coef ? COLUMN_UNIT : for_sums ? RUN_UNIT : 8,
                        .one_stride = for_sums && !fused->coef,
                        .may_divide = !for_sums && fused->coef && fused->rows == 1};
  if (fused->x) mapper.reads |= X;
  if (backward) mapper.reads |= DY;
  if (fused->z) mapper.reads |= Z;
  if (fused->preact && backward) mapper.reads |= PREACT;
  if (for_sums) return mapper;
  if (fused->output && fused->fusion->blends) mapper.reads |= OUTPUT;
  if (fused->output) mapper.writes |= OUTPUT;
  if (fused->dz) mapper.writes |= Z;
  if (fused->preact && !backward) mapper.writes |= PREACT;
  return mapper;
}

/* The part of a fused operation that is mapped. */
static cubn_fused get_part(const cubn_call *call, const cubn_fused *fused,
                           const cubn_mapping *mapping, bool for_sums) {
  cubn_fused part = *fused;
  part.rows = mapping->window.rows;
  part.width = mapping->window.width;
  part.stride = mapping->stride[CUBN_ARRAY_X];
  if (fused->rows == 1) part.bits_stride = mapping->window.stride / 8; /* of a row in parts */
  if (fused->x) part.x = mapping->at[CUBN_ARRAY_X];
  if (fused->dy) part.dy = mapping->at[CUBN_ARRAY_DY];
  if (fused->z) part.z = mapping->at[CUBN_ARRAY_Z];
  /* Sums do not write, but which kernel they have depends on what the call writes. */
  if (fused->output && !for_sums) part.output = mapping->at[CUBN_ARRAY_OUTPUT];
  if (fused->dz && !for_sums) part.dz = mapping->at[CUBN_ARRAY_Z];
  if (fused->preact) part.preact = mapping->at[CUBN_ARRAY_PLACE];
  if (fused->bits) part.bits += mapping->row * fused->bits_stride + mapping->column / 8;
  part.nontemporal =
      !for_sums && fused->nontemporal && !call->panel && are_aligned(call, mapping, CUBN_ARRAY_OUTPUT);
  part.nontemporal_dz = part.nontemporal && part.dz && are_aligned(call, mapping, CUBN_ARRAY_Z);
  part.nontemporal_preact =
      part.nontemporal && part.preact && are_aligned(call, mapping, CUBN_ARRAY_PLACE);
  part.prefetch_x = part.prefetch_dy = part.prefetch_z = NULL;
  return part;
}

static cubn_fused_strides get_strides(const cubn_mapping *mapping) {
  const int64_t *const strides = mapping->stride;
  return (cubn_fused_strides){strides[CUBN_ARRAY_X], strides[CUBN_ARRAY_DY], strides[CUBN_ARRAY_Z],
                              strides[CUBN_ARRAY_OUTPUT], strides[CUBN_ARRAY_Z],
                              strides[CUBN_ARRAY_PLACE]};
}

void cubn_gaps_fused(const cubn_call *call, const cubn_fused *fused, int64_t offset, double *sums,
                     int64_t sum_stride) {
  const cubn_fused_kernels *kernels = call->kernels->fused;
  cubn_mapper mapper = map_fused(fused, offset, sums != NULL);
  cubn_mapping mapping;
  while (cubn_next_mapping(call, &mapper, &mapping)) {
    cubn_fused part = get_part(call, fused, &mapping, sums != NULL);
    const cubn_fused_strides strides = get_strides(&mapping);
    cubn_grid_coefficients columns;
    if (part.rows > 1 && !mapper.one_stride) part.strides = &strides;
    if (fused->columns) {
      columns = cubn_skip_columns(call, fused->columns, mapping.column);
      part.columns = &columns;
    }
    if (!sums)
      kernels->output(&part);
    else if (fused->coef)
      kernels->run_sums(&part, sums);
    else
      kernels->grid_sums(&part, sums + mapping.column, sum_stride);
    cubn_finish_mapping(call, &mapper, &mapping);
  }
}

/* ---- elements */

const void *cubn_gaps_output_at(const cubn_call *call, int64_t place) {
  int64_t count, stride;
  if (call->panel) return NULL;
  const void *const at = cubn_place_at(call, CUBN_ARRAY_OUTPUT, place, &count, &stride);
  return stride == 1 ? at : NULL;
}

/* The next elements of a row of the patch that are at one distance, from element *first on; NULL at
 * its end. */
static char *next_elements(const cubn_call *call, int array, const cubn_patch *patch, int64_t row,
                           int64_t *first, cubn_patch *elements) {
  const int64_t left = patch->count - *first;
  int64_t count, stride;
  if (left == 0) return NULL;
  char *const at = cubn_place_at(
      call, array, patch->offset + row * patch->row_stride + *first * patch->stride, &count,
      &stride);
  *elements = (cubn_patch){0, 1, 0, patch->stride == 1 ? cubn_min(left, count) : 1, stride};
  *first += elements->count;
  return at;
}

void cubn_gaps_load(const cubn_call *call, cubn_array array, cubn_patch patch, double *to) {
  cubn_patch elements;
  for (int64_t r = 0; r < patch.rows; ++r)
    for (int64_t first = 0;;) {
      const char *const at = next_elements(call, array, &patch, r, &first, &elements);
      if (!at) break;
      call->type->load(at, elements, to);
      to += elements.count;
    }
}

void cubn_gaps_store(const cubn_call *call, cubn_array array, cubn_patch patch,
                     const double *from) {
  cubn_patch elements;
  for (int64_t r = 0; r < patch.rows; ++r)
    for (int64_t first = 0;;) {
      char *const at = next_elements(call, array, &patch, r, &first, &elements);
      if (!at) break;
      call->type->store(from, elements, at);
      from += elements.count;
    }
}
