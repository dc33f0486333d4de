/* Maps windows. */
#include "cpu/fast/window.h"

#include "cpu/common/arith.h"

/* Narrower rows are not mapped one by one. */
enum { NARROW = 16 };
/* The memory of an array on the stage, and that of its panel. */
static char *stage_of(const cubn_call *call, int array) {
  return call->stage + array * (int64_t)CUBN_STAGE_ARRAY_BYTES;
}

static char *panel_of(const cubn_call *call, int array) {
  return stage_of(call, CUBN_VIEWS) + (array - 1) * (int64_t)CUBN_PANEL_BYTES;
}

/* Elements from row to row of a panel. */
static int64_t panel_distance(const cubn_panel *panel) {
  return panel->channels * panel->padded;
}

/* The element of a panel, at column *column of its row. */
static char *panel_at(const cubn_call *call, int array, int64_t place, int64_t *column) {
  const cubn_panel *panel = call->panel;
  const int64_t s = call->problem->s;
  const int64_t channel = place / s % call->problem->c - panel->channel;
  const int64_t distance = place - panel->offset - channel * s;
  const int64_t row = distance / panel->stride;
  *column = distance % panel->stride;
  const int64_t element = row * panel_distance(panel) + channel * panel->padded + *column;
  return panel_of(call, array) + element * call->element_bytes;
}

char *cubn_place_at(const cubn_call *call, int array, int64_t place, int64_t *count,
                    int64_t *stride) {
  if (cubn_has_panel(call, array)) {
    int64_t column;
    char *const at = panel_at(call, array, place, &column);
    *count = call->panel->count - column;
    *stride = 1;
    return at;
  }
  const cubn_view *view = &call->places->views[array];
  const int64_t offset = cubn_view_offset(view, place, count);
  *stride = view->spans ? 1 : view->stride[view->rank - 1];
  return cubn_base_of(call, array) + offset * call->element_bytes;
}

/* How many rows of the window lie in memory at one distance, each of neighbors; 0 if not even the
 * first one does. */
static int64_t map_rows(const cubn_call *call, int array, const cubn_window *window, char **at,
                        int64_t *distance) {
  int64_t count, stride;
  if (cubn_is_scattered(call)) return 0;
  *at = cubn_place_at(call, array, window->offset, &count, &stride);
  if (window->width > 1 && (stride != 1 || count < window->width)) return 0;
  if (!cubn_has_panel(call, array))
    return cubn_even_rows(&call->places->views[array], window, distance);
  /* Rows are those of the panel, or parts of one of them. */
  const bool is_divided = window->stride < call->panel->stride;
  *distance = is_divided ? window->stride : panel_distance(call->panel);
  return window->rows;
}

/* Whether the rows of all arrays are at one distance. */
static bool is_even(const cubn_mapper *mapper, const cubn_mapping *mapping) {
  int64_t stride = 0;
  if (mapping->window.rows == 1) return true;
  for (int a = 0; a < CUBN_VIEWS; ++a) {
    if (!cubn_is_mapped(mapper, a)) continue;
    if (stride != 0 && mapping->stride[a] != stride) return false;
    stride = mapping->stride[a];
  }
  return true;
}

/* Maps memory; false if it does not lie as the kernels want it. */
static bool map_memory(const cubn_call *call, const cubn_mapper *mapper, cubn_mapping *mapping) {
  cubn_window *const window = &mapping->window;
  const int64_t left = window->rows;
  for (int a = 0; a < CUBN_VIEWS; ++a) {
    mapping->stride[a] = 0;
    if (!cubn_is_mapped(mapper, a)) continue;
    const int64_t rows = map_rows(call, a, window, &mapping->at[a], &mapping->stride[a]);
    /* Kernels do not take several rows in one place. */
    if (rows == 0 || (rows > 1 && mapping->stride[a] == 0)) return false;
    window->rows = cubn_min(window->rows, rows);
  }
  if (window->rows < left) window->rows -= window->rows % mapper->row_unit;
  mapping->is_even = is_even(mapper, mapping);
  if (!mapping->is_even && (mapper->one_stride || window->width < NARROW)) return false;
  return window->rows == left || window->rows > 1 || (window->rows == 1 && window->width >= NARROW);
}

/* Elements from row to row on the stage: an odd number of cache lines, which are in different sets
 * of L1. */
static int64_t pad(const cubn_call *call, int64_t width) {
  const int64_t line = CUBN_LINE_BYTES / call->element_bytes;
  return (cubn_divide_up(width, line) | 1) * line;
}

/* Limits the window to what fits on the stage. */
static void fit_stage(const cubn_call *call, const cubn_mapper *mapper, cubn_window *window) {
  const bool is_mixed = call->spread && !call->panel && window->rows > 1;
  const int64_t capacity =
      is_mixed ? CUBN_STAGE_BYTES_MAX / call->element_bytes : CUBN_STAGE_VALUES;
  const int64_t most = mapper->row_unit == 1 ? CUBN_GRID_GROUP_ROWS : mapper->row_unit;
  const int64_t together = cubn_min(window->rows, most);
  if (together * pad(call, window->width) > capacity) {
    const int64_t line = 2 * CUBN_LINE_BYTES / call->element_bytes;
    const int64_t width = capacity / together - line;
    window->width = cubn_min(window->width, width - width % mapper->unit);
  }
  /* Between long spans, one group of rows at a time, whatever the width. */
  if (mapper->row_unit == 1 && cubn_has_spans(call))
    window->rows = cubn_min(window->rows, CUBN_GRID_GROUP_ROWS);
  const int64_t rows = capacity / pad(call, window->width);
  if (rows < window->rows) window->rows = rows - rows % mapper->row_unit;
}

void cubn_copy_window(const cubn_call *call, const cubn_window *window, int array, char *stage,
                      int64_t stride, bool stores, int64_t ahead) {
  const cubn_transfer transfer = {&call->places->views[array],
                                  cubn_base_of(call, array),
                                  stage,
                                  stride,
                                  call->element_bytes,
                                  stores,
                                  call->nontemporal,
                                  call->prefetches,
                                  ahead * call->element_bytes};
  cubn_transfer_window(&transfer, window);
}

/* Maps the stage. Arrays are copied only where they must be, or where all rows must be at one
 * distance. */
static void map_stage(const cubn_call *call, const cubn_mapper *mapper, cubn_mapping *mapping) {
  cubn_window *const window = &mapping->window;
  cubn_leave_span(call, window);
  fit_stage(call, mapper, window);
  const int64_t stride = pad(call, window->width);
  for (int a = 0; a < CUBN_VIEWS; ++a) {
    mapping->stride[a] = stride;
    if (!cubn_is_mapped(mapper, a)) continue;
    if (!mapper->one_stride &&
        map_rows(call, a, window, &mapping->at[a], &mapping->stride[a]) >= window->rows &&
        (window->rows == 1 || mapping->stride[a] != 0))
      continue;
    mapping->stride[a] = stride;
    mapping->at[a] = stage_of(call, a);
    mapping->staged |= 1U << a;
    if (mapper->reads >> a & 1)
      cubn_copy_window(call, window, a, mapping->at[a], stride, false,
                       cubn_get_distance(call, a, window->offset, mapper->ahead));
  }
  mapping->is_even = is_even(mapper, mapping);
}

bool cubn_next_mapping(const cubn_call *call, cubn_mapper *mapper, cubn_mapping *mapping) {
  const cubn_window *all = &mapper->window;
  if (mapper->row == all->rows) return false;
  const int64_t rows = mapper->column > 0 ? mapper->rows : all->rows - mapper->row;
  const cubn_window rest = {all->offset + mapper->row * all->stride + mapper->column, rows,
                            all->stride, all->width - mapper->column};
  mapping->row = mapper->row;
  mapping->column = mapper->column;
  mapping->staged = 0;
  mapping->window = rest;
  const bool has_spans = rows == 1 && cubn_has_spans(call);
  bool is_divided = false;
  const bool gathers = mapper->writes == 0 && cubn_has_short_spans(call);
  if (gathers || !(has_spans ? cubn_map_span : map_memory)(call, mapper, mapping) ||
      (mapper->column > 0 && mapping->window.rows != rows)) {
    mapping->window = rest;
    is_divided = mapper->may_divide && cubn_divide_window(call, mapper, &mapping->window) &&
                 map_memory(call, mapper, mapping);
    if (!is_divided) {
      mapping->window = rest;
      map_stage(call, mapper, mapping);
    }
  }
  mapper->rows = is_divided ? 1 : mapping->window.rows;
  mapper->column += mapping->window.width * (is_divided ? mapping->window.rows : 1);
  if (mapper->column == all->width) mapper->column = 0, mapper->row += mapper->rows;
  return true;
}

bool cubn_map_memory(const cubn_call *call, const cubn_mapper *mapper, cubn_mapping *mapping) {
  mapping->window = mapper->window;
  return map_memory(call, mapper, mapping) && mapping->window.rows == mapper->window.rows;
}

void cubn_finish_mapping(const cubn_call *call, const cubn_mapper *mapper,
                         const cubn_mapping *mapping) {
  for (int a = 0; a < CUBN_VIEWS; ++a)
    if ((mapper->writes & mapping->staged) >> a & 1)
      cubn_copy_window(call, &mapping->window, a, mapping->at[a], mapping->stride[a], true, 0);
}

/* Copies panels of the arrays that have one: channel by channel of every row. */
void cubn_copy_panels(const cubn_call *call, unsigned arrays, bool stores) {
  const cubn_panel *panel = call->panel;
  for (int a = 0; a < CUBN_VIEWS; ++a) {
    if (!((arrays & panel->arrays) >> a & 1)) continue;
    for (int64_t r = 0; r < panel->rows; ++r) {
      const cubn_window window = {panel->offset + r * panel->stride, panel->channels,
                                  call->problem->s, panel->count};
      char *const row = panel_of(call, a) + r * panel_distance(panel) * call->element_bytes;
      cubn_copy_window(call, &window, a, row, panel->padded, stores, 0);
    }
  }
}

bool cubn_rows_are_aligned(const cubn_call *call, const cubn_mapping *mapping, int array) {
  const uintptr_t bytes = (uintptr_t)call->kernels->store_bytes;
  const uintptr_t stride = (uintptr_t)(mapping->stride[array] * call->element_bytes);
  return !(mapping->staged >> array & 1) && (uintptr_t)mapping->at[array] % bytes == 0 &&
         (mapping->window.rows == 1 || stride % bytes == 0);
}
