/* Finds the order of x, and the views of all arrays in it. */
#include "cpu/fast/places.h"

#include "cpu/fast/scattered.h"

/* All axes of a problem, the slowest in the order of x first. */
typedef struct ordered_axes {
  int rank;
  const cubn_axes *axes[2 * CUBN_DIM_MAX]; /* those that the axis belongs to: channels or samples */
  int index[2 * CUBN_DIM_MAX];             /* its number there */
} ordered_axes;

static int64_t stride_of(const ordered_axes *all, int axis, int array) {
  return all->axes[axis]->stride[array][all->index[axis]];
}

static int64_t size_of(const ordered_axes *all, int axis) {
  return all->axes[axis]->size[all->index[axis]];
}

static void insert_axes(ordered_axes *all, const cubn_axes *axes) {
  for (int i = 0; i < axes->rank; ++i) {
    const int64_t place = axes->stride[CUBN_ARRAY_PLACE][i];
    int at = all->rank++;
    for (; at > 0 && stride_of(all, at - 1, CUBN_ARRAY_PLACE) < place; --at) {
      all->axes[at] = all->axes[at - 1];
      all->index[at] = all->index[at - 1];
    }
    all->axes[at] = axes;
    all->index[at] = i;
  }
}

static ordered_axes order_axes(const cubn_problem *problem) {
  ordered_axes all;
  all.rank = 0;
  insert_axes(&all, &problem->channels);
  insert_axes(&all, &problem->samples);
  return all;
}

/* Whether the channels follow one another in the order of x, as their parameters do. `*inner`
 * becomes the number of places from one channel to the next. */
static bool find_channels(const cubn_problem *problem, const ordered_axes *all, int64_t *inner) {
  int64_t channels = 1;
  for (int i = all->rank - 1; i >= 0; --i) {
    if (all->axes[i] != &problem->channels) continue;
    const int64_t place = stride_of(all, i, CUBN_ARRAY_PLACE);
    if (channels == 1) *inner = place;
    if (place != *inner * channels || stride_of(all, i, CUBN_ARRAY_PARAM) != channels) return false;
    channels *= size_of(all, i);
  }
  return true;
}

bool cubn_order_problem(const cubn_problem *problem, cubn_problem *packed) {
  const int64_t samples = cubn_count(problem);
  if (problem->c == 0 || samples == 0) return false;
  const ordered_axes all = order_axes(problem);
  int64_t inner = samples; /* of a single channel */
  if (!find_channels(problem, &all, &inner)) return false;
  *packed = *problem;
  packed->layout = inner == 1 ? CUBN_LAYOUT_COLUMNS : CUBN_LAYOUT_ROWS;
  packed->n = samples / inner;
  packed->s = inner;
  return true;
}

const cubn_problem *cubn_packed_problem(const cubn_problem *problem, cubn_problem *packed) {
  if (problem->layout != CUBN_LAYOUT_STRIDED) return problem;
  return cubn_order_problem(problem, packed) ? packed : NULL;
}

/* Places have no gaps, so that only the memory decides whether axes are merged. */
static void set_view(const ordered_axes *all, int array, cubn_view *view) {
  view->rank = 0;
  view->spans = NULL;
  for (int i = 0; i < all->rank; ++i) {
    const int64_t size = size_of(all, i), stride = stride_of(all, i, array);
    const int last = view->rank - 1;
    const bool joins = last >= 0 && view->stride[last] == stride * size;
    const int at = joins ? last : view->rank++;
    view->size[at] = joins ? view->size[at] * size : size;
    view->stride[at] = stride;
    view->place[at] = stride_of(all, i, CUBN_ARRAY_PLACE);
  }
  if (view->rank == 0) {
    view->rank = 1;
    view->size[0] = view->stride[0] = view->place[0] = 1;
  }
}

const cubn_problem *cubn_set_places(const cubn_problem *problem, cubn_places *places) {
  if (problem->layout != CUBN_LAYOUT_STRIDED) return problem;
  const ordered_axes all = order_axes(problem);
  cubn_order_problem(problem, &places->problem);
  for (int a = 0; a < CUBN_VIEWS; ++a) set_view(&all, a, &places->views[a]);
  return &places->problem;
}

unsigned cubn_spread_arrays(const cubn_problem *problem) {
  const bool backward = problem->pass == CUBN_PASS_BACKWARD;
  const cubn_axes *samples = &problem->samples;
  unsigned arrays = 0, spread = 0;
  if (problem->layout != CUBN_LAYOUT_ROWS) return 0;
  if (problem->has_output) arrays |= 1U << CUBN_ARRAY_OUTPUT;
  if (backward) arrays |= 1U << CUBN_ARRAY_DY;
  if (backward ? problem->has_dz : problem->adds) arrays |= 1U << CUBN_ARRAY_Z;
  for (int i = 0; i < samples->rank; ++i)
    for (int a = CUBN_ARRAY_OUTPUT; a <= CUBN_ARRAY_Z; ++a)
      if (samples->stride[CUBN_ARRAY_PLACE][i] == 1 && samples->stride[a][i] != 1)
        spread |= arrays & 1U << a;
  return spread;
}

static cubn_span_place begin_span(const cubn_spans *spans, int64_t index, int64_t base) {
  const cubn_span *const span = &spans->list[index];
  const int64_t count = (span[1].begin - span->begin) * spans->step;
  return (cubn_span_place){index, base, base + span->memory, count};
}

/* The span of a valid sample. The search begins where it would be if all spans were as long, as
 * the list may be larger than the caches. */
static int64_t find_index(const cubn_spans *spans, int64_t valid) {
  const double share = (double)valid / (double)spans->valid;
  int64_t low = (int64_t)(share * (double)(spans->count - 1)), high = low + 1;
  for (int64_t step = 1; low > 0 && spans->list[low].begin > valid; step *= 2) {
    high = low;
    low = low > step ? low - step : 0;
  }
  for (int64_t step = 1; high < spans->count && spans->list[high].begin <= valid; step *= 2) {
    low = high;
    high = spans->count - high > step ? high + step : spans->count;
  }
  while (high - low > 1) {
    const int64_t middle = low + (high - low) / 2;
    if (spans->list[middle].begin <= valid)
      low = middle;
    else
      high = middle;
  }
  return low;
}

cubn_span_place cubn_find_span(const cubn_spans *spans, int64_t place) {
  /* Places are those of [n][c], or of [c][valid samples]. */
  const bool are_columns = spans->are_columns;
  const int64_t valid = are_columns ? place / spans->c : place % spans->valid;
  const int64_t base = are_columns ? 0 : place / spans->valid * spans->s;
  const int64_t low = find_index(spans, valid);
  cubn_span_place found = begin_span(spans, low, base);
  const int64_t before =
      are_columns ? place - spans->list[low].begin * spans->c : valid - spans->list[low].begin;
  found.offset += before;
  found.count -= before;
  return found;
}

cubn_span_place cubn_next_span(const cubn_spans *spans, cubn_span_place at) {
  const bool is_last = at.index + 1 == spans->count;
  return begin_span(spans, is_last ? 0 : at.index + 1, is_last ? at.base + spans->s : at.base);
}

int64_t cubn_view_offset(const cubn_view *view, int64_t place, int64_t *count) {
  if (view->spans && view->spans->bits.words) {
    *count = 1;
    return cubn_scattered_offset(view->spans, place);
  }
  if (view->spans) {
    const cubn_span_place found = cubn_find_span(view->spans, place);
    *count = found.count;
    return found.offset;
  }
  int64_t offset = 0;
  for (int i = 0; i < view->rank; ++i) {
    const int64_t index = place / view->place[i];
    offset += index * view->stride[i];
    place -= index * view->place[i];
    *count = view->size[i] - index;
  }
  return offset;
}
