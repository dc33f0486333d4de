/* Windows on valid elements: a row, or some rows, of one span. */
#include "cpu/fast/window.h"

/* Values of a part of a row that is mapped where it is. */
enum { PART_MIN = 128 };
/* Rows of a span that are mapped where they are. */
enum { ROWS_MIN = 4 };

char *cubn_base_of(const cubn_call *call, int array) {
  const cubn_args *args = call->args;
  switch (array) {
    case CUBN_ARRAY_X:
      return (char *)(uintptr_t)args->x;
    case CUBN_ARRAY_OUTPUT:
      return args->output;
    case CUBN_ARRAY_DY:
      return (char *)(uintptr_t)args->dy;
    case CUBN_ARRAY_Z:
      return call->problem->pass == CUBN_PASS_BACKWARD ? args->dz : (char *)(uintptr_t)args->z;
    default:
      return args->reserve;
  }
}

bool cubn_map_span(const cubn_call *call, const cubn_mapper *mapper, cubn_mapping *mapping) {
  cubn_window *const window = &mapping->window;
  int64_t count;
  if (cubn_is_scattered(call)) return false;
  const int64_t offset =
      cubn_view_offset(&call->places->views[CUBN_ARRAY_X], window->offset, &count);
  if (count < window->width) {
    count -= count % mapper->unit;
    if (count < PART_MIN) return false;
    window->width = count;
  }
  for (int a = 0; a < CUBN_VIEWS; ++a) {
    mapping->stride[a] = 0;
    if (cubn_is_mapped(mapper, a))
      mapping->at[a] = cubn_base_of(call, a) + offset * call->element_bytes;
  }
  mapping->is_even = true;
  return true;
}

void cubn_leave_span(const cubn_call *call, cubn_window *window) {
  int64_t count;
  if (!cubn_has_spans(call) || cubn_has_short_spans(call) || window->rows == 1) return;
  cubn_view_offset(&call->places->views[CUBN_ARRAY_X], window->offset + window->stride, &count);
  if (count >= ROWS_MIN * window->stride) window->rows = 1;
}
