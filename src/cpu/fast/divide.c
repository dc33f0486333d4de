/* Divides rows into parts. */
#include "cpu/common/arith.h"
#include "cpu/fast/window.h"

/* Narrower parts are copied to the stage. */
enum { NARROW = 16 };

bool cubn_divide_window(const cubn_call *call, const cubn_mapper *mapper, cubn_window *window) {
  int64_t part = INT64_MAX, left = window->width;
  for (int a = 0; a < CUBN_VIEWS; ++a) {
    if (!cubn_is_mapped(mapper, a) || cubn_has_panel(call, a)) continue;
    const cubn_view *view = &call->places->views[a];
    const int last = view->rank - 1;
    if (view->spans || view->stride[last] != 1) return false;
    part = cubn_min(part, view->size[last]);
    left = cubn_min(left, view->size[last] - window->offset % view->size[last]);
  }
  if (part < NARROW || part % mapper->unit != 0) return false;
  if (left < window->width && left % mapper->unit != 0) return false;
  window->rows = left == part ? window->width / part : 1;
  window->stride = part;
  window->width = left;
  return window->rows > 0;
}

int64_t cubn_get_distance(const cubn_call *call, int array, int64_t place, int64_t places) {
  const cubn_view *view = &call->places->views[array];
  int64_t count;
  if (places == 0 || view->spans) return 0;
  return cubn_view_offset(view, place + places, &count) - cubn_view_offset(view, place, &count);
}
