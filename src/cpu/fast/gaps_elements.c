/* Single elements, in double. */
#include "cpu/common/arith.h"
#include "cpu/fast/gaps.h"
#include "cpu/fast/scattered.h"
#include "cpu/fast/window.h"

const void *cubn_gaps_output_at(const cubn_call *call, int64_t place) {
  int64_t count, stride;
  const cubn_view *view = &call->places->views[CUBN_ARRAY_OUTPUT];
  if (call->panel || cubn_is_scattered(call)) return NULL;
  if (!view->spans && view->size[view->rank - 1] < call->problem->s) return NULL;
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
  char *const at =
      cubn_place_at(call, array, patch->offset + row * patch->row_stride + *first * patch->stride,
                    &count, &stride);
  *elements = (cubn_patch){0, 1, 0, patch->stride == 1 ? cubn_min(left, count) : 1, stride};
  *first += elements->count;
  return at;
}

/* Scattered places: some elements of a row at a time, by a buffer. Stores also clear what is
 * between them. */
enum { BUFFERED = 256 };

static void move_buffered(const cubn_call *call, cubn_array array, const cubn_patch *patch,
                          double *loaded, const double *stored) {
  double buffer[BUFFERED + CUBN_SCATTER_SLACK]; /* of elements of any type */
  for (int64_t r = 0; r < patch->rows; ++r)
    for (int64_t i = 0, count; i < patch->count; i += count) {
      count = patch->stride == 1 ? cubn_min(patch->count - i, BUFFERED) : 1;
      const cubn_window window = {patch->offset + r * patch->row_stride + i * patch->stride, 1, 0,
                                  count};
      const cubn_patch elements = {0, 1, 0, count, 1};
      const int64_t from = r * patch->count + i;
      if (stored) call->type->store(stored + from, elements, buffer);
      cubn_copy_window(call, &window, (int)array, (char *)buffer, 0, stored != NULL, 0);
      if (loaded) call->type->load(buffer, elements, loaded + from);
    }
}

void cubn_gaps_load(const cubn_call *call, cubn_array array, cubn_patch patch, double *to) {
  cubn_patch elements;
  const cubn_spans *spans = cubn_is_scattered(call) ? &call->places->spans : NULL;
  if (spans && patch.rows == 1 && patch.stride == spans->valid && spans->valid > 1) {
    /* One sample of several channels. */
    patch.offset = cubn_scattered_offset(spans, patch.offset);
    patch.stride = spans->s;
    call->type->load(cubn_base_of(call, (int)array), patch, to);
    return;
  }
  if (spans) {
    move_buffered(call, array, &patch, to, NULL);
    return;
  }
  for (int64_t r = 0; r < patch.rows; ++r)
    for (int64_t first = 0;;) {
      const char *const at = next_elements(call, (int)array, &patch, r, &first, &elements);
      if (!at) break;
      call->type->load(at, elements, to);
      to += elements.count;
    }
}

void cubn_gaps_store(const cubn_call *call, cubn_array array, cubn_patch patch,
                     const double *from) {
  cubn_patch elements;
  if (cubn_is_scattered(call)) {
    move_buffered(call, array, &patch, NULL, from);
    return;
  }
  for (int64_t r = 0; r < patch.rows; ++r)
    for (int64_t first = 0;;) {
      char *const at = next_elements(call, (int)array, &patch, r, &first, &elements);
      if (!at) break;
      call->type->store(from, elements, at);
      from += elements.count;
    }
}
