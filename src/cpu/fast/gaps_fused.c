/* Fused kernels on windows. */
#include "cpu/fast/columns.h"
#include "cpu/fast/gaps.h"
#include "cpu/fast/window.h"

/* The columns of a grid may be divided at these: see gaps.c. Outputs are divided where their bits
 * are whole bytes. */
enum { COLUMN_UNIT = CUBN_GRID_PADDING, BYTE_UNIT = 8 };

/* The place that a pointer would have if the array were packed. */
static int64_t get_place(const cubn_call *call, int array, const void *packed) {
  return ((const char *)packed - cubn_base_of(call, array)) / call->element_bytes;
}

static cubn_mapper map_fused(const cubn_call *call, const cubn_fused *fused, int64_t offset,
                             bool for_sums) {
  const bool backward = fused->dy;
  const int64_t sums_unit = fused->coef ? fused->rows : cubn_row_unit(call);
  cubn_mapper mapper = {.window = {offset, fused->rows, fused->stride, fused->width},
                        .row_unit = for_sums ? sums_unit : 1,
                        .unit = !fused->coef ? COLUMN_UNIT
                                : for_sums   ? cubn_run_unit(call)
                                             : BYTE_UNIT,
                        .one_stride = for_sums && !fused->coef,
                        .may_divide = !for_sums && fused->coef && fused->rows == 1};
  if (for_sums && fused->prefetch_dy)
    mapper.ahead = get_place(call, CUBN_ARRAY_DY, fused->prefetch_dy) - offset;
  if (fused->x) mapper.reads |= CUBN_MAP_X;
  if (backward) mapper.reads |= CUBN_MAP_DY;
  if (fused->z) mapper.reads |= CUBN_MAP_Z;
  if (fused->preact && backward) mapper.reads |= CUBN_MAP_PREACT;
  if (for_sums) return mapper;
  if (fused->output && fused->fusion->blends) mapper.reads |= CUBN_MAP_OUTPUT;
  if (fused->output) mapper.writes |= CUBN_MAP_OUTPUT;
  if (fused->dz) mapper.writes |= CUBN_MAP_Z;
  if (fused->preact && !backward) mapper.writes |= CUBN_MAP_PREACT;
  return mapper;
}

/* Values to prefetch, which `fused` gives as if the array were packed, where they are. */
static const void *find_prefetched(const cubn_call *call, const cubn_mapping *mapping, int array,
                                   const void *packed) {
  const cubn_view *view = &call->places->views[array];
  int64_t count;
  if (!packed || call->panel || view->spans || mapping->staged >> array & 1) return NULL;
  const int64_t place = get_place(call, array, packed) + mapping->column;
  return cubn_base_of(call, array) + cubn_view_offset(view, place, &count) * call->element_bytes;
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
  part.nontemporal = !for_sums && fused->nontemporal && !call->panel &&
                     cubn_rows_are_aligned(call, mapping, CUBN_ARRAY_OUTPUT);
  part.nontemporal_dz =
      part.nontemporal && part.dz && cubn_rows_are_aligned(call, mapping, CUBN_ARRAY_Z);
  part.nontemporal_preact =
      part.nontemporal && part.preact && cubn_rows_are_aligned(call, mapping, CUBN_ARRAY_PLACE);
  part.prefetch_x = part.prefetch_dy = part.prefetch_z = NULL;
  if (fused->rows > 1) return part;
  part.prefetch_x = find_prefetched(call, mapping, CUBN_ARRAY_X, fused->prefetch_x);
  part.prefetch_dy = find_prefetched(call, mapping, CUBN_ARRAY_DY, fused->prefetch_dy);
  part.prefetch_z = find_prefetched(call, mapping, CUBN_ARRAY_Z, fused->prefetch_z);
  return part;
}

static cubn_fused_strides get_strides(const cubn_mapping *mapping) {
  const int64_t *const strides = mapping->stride;
  return (cubn_fused_strides){strides[CUBN_ARRAY_X], strides[CUBN_ARRAY_DY],
                              strides[CUBN_ARRAY_Z], strides[CUBN_ARRAY_OUTPUT],
                              strides[CUBN_ARRAY_Z], strides[CUBN_ARRAY_PLACE]};
}

void cubn_gaps_fused(const cubn_call *call, const cubn_fused *fused, int64_t offset, double *sums,
                     int64_t sum_stride) {
  const cubn_fused_kernels *kernels = call->kernels->fused;
  cubn_mapper mapper = map_fused(call, fused, offset, sums != NULL);
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
