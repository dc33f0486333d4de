/* Divides windows into blocks, nested loops over elements at constant distances, and copies these:
 * runs of neighbors where memory and stage agree on the fastest loop, else tiles, transposed. */
#include "cpu/fast/transfer.h"

#include <string.h>

#include "cpu/common/arith.h"
#include "cpu/fast/copy_rows.h"
#include "cpu/fast/scattered.h"
#include "cpu/fast/transpose.h"

enum { LOOPS_MAX = 2 * CUBN_DIM_MAX + 1 };

typedef struct loop {
  int64_t size, memory, stage; /* steps, and elements from one to the next */
} loop;

/* The outermost loop first. */
typedef struct block {
  const cubn_transfer *transfer;
  int rank;
  loop loops[LOOPS_MAX];
} block;

/* Takes loop i out. */
static loop take(block *block, int i) {
  const loop taken = block->loops[i];
  --block->rank;
  for (; i < block->rank; ++i) block->loops[i] = block->loops[i + 1];
  return taken;
}

/* The loop whose steps are neighbors in memory, else the last one. */
static int find_neighbors(const block *block) {
  for (int i = 0; i < block->rank; ++i)
    if (block->loops[i].memory == 1) return i;
  return block->rank - 1;
}

/* Copies the two innermost loops. The elements of `inner` are neighbors on the stage. */
static void copy_plane(const cubn_transfer *transfer, char *memory, char *stage, loop outer,
                       loop inner) {
  const int64_t bytes = transfer->element_bytes;
  if (inner.memory == 1)
    cubn_copy_rows(&(cubn_row_copy){
        transfer->stores ? memory : stage, transfer->stores ? stage : memory,
        (transfer->stores ? outer.memory : outer.stage) * bytes,
        (transfer->stores ? outer.stage : outer.memory) * bytes, outer.size, inner.size * bytes,
        transfer->ahead ? transfer->ahead : CUBN_COPY_AHEAD_BYTES, transfer->stores});
  else if (transfer->stores)
    cubn_scatter_plane(memory, stage, inner.memory, outer.memory, outer.stage, inner.size,
                       outer.size, bytes, transfer->nontemporal);
  else
    cubn_gather_plane(stage, memory, inner.memory, outer.memory, outer.stage, inner.size,
                      outer.size, bytes);
}

/* Copies a block of any rank: the outer loops here, the innermost two as planes. */
static void copy_block(block *block, char *memory, char *stage) {
  const cubn_transfer *transfer = block->transfer;
  const int64_t bytes = transfer->element_bytes;
  loop inner = {1, 1, 1}, outer = {1, 0, 0};
  int64_t index[LOOPS_MAX] = {0}, planes = 1;
  if (block->rank > 0 && block->loops[block->rank - 1].stage == 1)
    inner = take(block, block->rank - 1);
  if (block->rank > 0)
    outer = take(block, inner.memory == 1 ? block->rank - 1 : find_neighbors(block));
  for (int i = 0; i < block->rank; ++i) planes *= block->loops[i].size;
  for (int64_t plane = 0; plane < planes; ++plane) {
    copy_plane(transfer, memory, stage, outer, inner);
    for (int i = block->rank - 1; i >= 0; --i) {
      const loop *const loop = &block->loops[i];
      memory += loop->memory * bytes;
      stage += loop->stage * bytes;
      if (++index[i] < loop->size) break;
      index[i] = 0;
      memory -= loop->size * loop->memory * bytes;
      stage -= loop->size * loop->stage * bytes;
    }
  }
}

static void add_loop(block *block, int64_t size, int64_t memory, int64_t stage) {
  if (size > 1) block->loops[block->rank++] = (loop){size, memory, stage};
}

/* Rows at one distance, on their way through the axes. */
typedef struct even_rows {
  const cubn_transfer *transfer;
  loop rows;
  int64_t memory, stage; /* offsets of the first row's first element */
} even_rows;

/* Copies the steps first .. first + count - 1 of an axis, with all that is inside of them. */
static void copy_steps(const even_rows *rows, int axis, int64_t first, int64_t count,
                       int64_t memory, int64_t stage) {
  const cubn_transfer *transfer = rows->transfer;
  const cubn_view *view = transfer->view;
  block block = {.transfer = transfer};
  add_loop(&block, rows->rows.size, rows->rows.memory, rows->rows.stage);
  add_loop(&block, count, view->stride[axis], view->place[axis]);
  for (int i = axis + 1; i < view->rank; ++i)
    add_loop(&block, view->size[i], view->stride[i], view->place[i]);
  memory += first * view->stride[axis];
  copy_block(&block, transfer->memory + memory * transfer->element_bytes,
             transfer->stage + stage * transfer->element_bytes);
}

/* Copies `width` places from `place` on, counted from where `axis` begins: the rest of a step,
 * whole steps, and the begin of one. */
static void copy_places(const even_rows *rows, int axis, int64_t place, int64_t width,
                        int64_t memory, int64_t stage) {
  const cubn_view *view = rows->transfer->view;
  while (width > 0) {
    const int64_t step = view->place[axis], index = place / step, skipped = place % step;
    const int64_t whole = width / step;
    if (skipped == 0 && whole > 0) {
      copy_steps(rows, axis, index, whole, memory, stage);
      place += whole * step;
      width -= whole * step;
      stage += whole * step;
      continue;
    }
    const int64_t count = cubn_min(step - skipped, width);
    copy_places(rows, axis + 1, skipped, count, memory + index * view->stride[axis], stage);
    place += count;
    width -= count;
    stage += count;
  }
}

int64_t cubn_even_rows(const cubn_view *view, const cubn_window *window, int64_t *distance) {
  int axis = 0;
  if (window->rows == 1) return 1;
  if (view->spans) { /* those of one span */
    int64_t count;
    cubn_view_offset(view, window->offset, &count);
    *distance = window->stride;
    return cubn_min(window->rows, cubn_max(count - window->width, 0) / window->stride + 1);
  }
  while (axis < view->rank - 1 && view->place[axis] > window->stride) ++axis;
  const int64_t place = view->place[axis], all = place * view->size[axis];
  if (window->stride % place != 0) return 1;
  *distance = window->stride / place * view->stride[axis];
  if (axis == 0) return window->rows;
  /* No row may reach the next step of an outer axis. */
  const int64_t room = all - window->offset % all - window->width;
  return room < 0 ? 1 : cubn_min(window->rows, room / window->stride + 1);
}

/* Copies one row, span by span. */
static void copy_spans(const cubn_transfer *transfer, int64_t place, int64_t width, char *stage) {
  const int64_t bytes = transfer->element_bytes;
  cubn_span_place at = cubn_find_span(transfer->view->spans, place);
  for (; width > 0; width -= at.count, at = cubn_next_span(transfer->view->spans, at)) {
    char *const memory = transfer->memory + at.offset * bytes;
    at.count = cubn_min(at.count, width);
    memcpy(transfer->stores ? memory : stage, transfer->stores ? stage : memory,
           (size_t)(at.count * bytes));
    stage += at.count * bytes;
  }
}

/* Copies rows of columns, span by span: rows are neighbors in a span. */
static void copy_span_rows(const cubn_transfer *transfer, const cubn_window *window) {
  const cubn_spans *spans = transfer->view->spans;
  const int64_t bytes = transfer->element_bytes, column = window->offset % spans->c;
  const size_t row_bytes = (size_t)(window->width * bytes);
  cubn_span_place at = cubn_find_span(spans, window->offset);
  char *stage = transfer->stage;
  for (int64_t r = 0; r < window->rows; ++r, stage += transfer->stage_stride * bytes) {
    if (at.count <= 0) {
      at = cubn_next_span(spans, at);
      at.offset += column;
      at.count -= column;
    }
    char *const memory = transfer->memory + at.offset * bytes;
    memcpy(transfer->stores ? memory : stage, transfer->stores ? stage : memory, row_bytes);
    at.offset += spans->c;
    at.count -= spans->c;
  }
}

void cubn_transfer_window(const cubn_transfer *transfer, const cubn_window *window) {
  const cubn_spans *const spans = transfer->view->spans;
  if (spans && spans->are_columns && window->stride == spans->c && window->width <= spans->c) {
    copy_span_rows(transfer, window);
    return;
  }
  for (int64_t r = 0; spans && r < window->rows; ++r)
    (spans->bits.words ? cubn_copy_scattered : copy_spans)(
        transfer, window->offset + r * window->stride, window->width,
        transfer->stage + r * transfer->stage_stride * transfer->element_bytes);
  if (spans) return;
  cubn_window rest = *window;
  for (int64_t r = 0; r < window->rows;) {
    int64_t distance = 0;
    rest.offset = window->offset + r * window->stride;
    rest.rows = window->rows - r;
    const int64_t count = cubn_even_rows(transfer->view, &rest, &distance);
    const even_rows rows = {transfer, {count, distance, transfer->stage_stride}, 0, 0};
    copy_places(&rows, 0, rest.offset, rest.width, 0, r * transfer->stage_stride);
    r += count;
  }
}
