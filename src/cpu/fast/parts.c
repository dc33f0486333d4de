/* Kernels on rows in parts. */
#include "cpu/fast/parts.h"

#include "cpu/common/arith.h"

/* Without another distance, values so far ahead are prefetched. */
enum { AHEAD_BYTES = 2048 };

static int64_t get_ahead(const cubn_call *call, int array, int64_t place, int64_t ahead) {
  const int64_t distance = cubn_get_distance(call, array, place, ahead);
  return distance != 0 ? distance : AHEAD_BYTES / call->element_bytes;
}

/* Sets where an array has the parts of each run, and their distance. Limits the window to parts at
 * one distance; those of all runs are, as the distance of runs is a multiple of a part. */
static int64_t set_array(const cubn_call *call, int array, int64_t runs, int64_t stride,
                         cubn_window *parts, void *at[CUBN_INTERLEAVE]) {
  int64_t count, element_stride, distance = 0;
  for (int64_t r = 0; r < runs; ++r)
    at[r] = cubn_place_at(call, array, parts->offset + r * stride, &count, &element_stride);
  parts->rows =
      cubn_min(parts->rows, cubn_even_rows(&call->places->views[array], parts, &distance));
  return distance;
}

static cubn_part_output make_output(const cubn_call *call, const cubn_window *runs,
                                    cubn_window *parts, bool backward, int64_t ahead) {
  cubn_part_output out = {.runs = runs->rows};
  void *x[CUBN_INTERLEAVE], *dy[CUBN_INTERLEAVE] = {NULL};
  out.x_stride = set_array(call, CUBN_ARRAY_X, runs->rows, runs->stride, parts, x);
  out.x_ahead = get_ahead(call, CUBN_ARRAY_X, parts->offset, ahead);
  out.output_stride =
      set_array(call, CUBN_ARRAY_OUTPUT, runs->rows, runs->stride, parts, out.output);
  out.output_ahead = get_ahead(call, CUBN_ARRAY_OUTPUT, parts->offset, ahead);
  if (backward) {
    out.dy_stride = set_array(call, CUBN_ARRAY_DY, runs->rows, runs->stride, parts, dy);
    out.dy_ahead = get_ahead(call, CUBN_ARRAY_DY, parts->offset, ahead);
  }
  for (int64_t r = 0; r < runs->rows; ++r) out.x[r] = x[r];
  for (int64_t r = 0; backward && r < runs->rows; ++r) out.dy[r] = dy[r];
  out.parts = parts->rows;
  out.count = parts->width;
  return out;
}

bool cubn_write_parts(const cubn_call *call, const cubn_window *runs, const cubn_coefficients *coef,
                      int64_t ahead) {
  const bool backward = call->problem->pass == CUBN_PASS_BACKWARD;
  const cubn_mapper mapper = {
      .reads = CUBN_MAP_X | (backward ? CUBN_MAP_DY : 0U), .writes = CUBN_MAP_OUTPUT, .unit = 1};
  if (!call->kernels->part_output || call->panel || cubn_has_spans(call)) return false;
  for (int64_t done = 0; done < runs->width;) {
    cubn_window parts = {runs->offset + done, 1, 0, runs->width - done};
    if (!cubn_divide_window(call, &mapper, &parts)) return false;
    if (parts.width == runs->width) return false;
    if (runs->rows > 1 && runs->stride % parts.stride != 0) return false;
    cubn_part_output out = make_output(call, runs, &parts, backward, ahead);
    out.coef = coef;
    call->kernels->part_output(&out);
    done += parts.rows * parts.width;
  }
  return true;
}

/* Sets where an array has the runs; false if not all parts of a run are at one distance. `gap`
 * becomes what is between two of them. */
static bool set_summed(const cubn_call *call, int array, const cubn_window *runs, int64_t part,
                       const void *at[CUBN_INTERLEAVE], int64_t *gap) {
  const int64_t skipped = runs->offset % part;
  const cubn_window parts = {runs->offset - skipped, cubn_divide_up(skipped + runs->width, part),
                             part, part};
  int64_t count, stride, distance = part;
  for (int64_t r = 0; r < runs->rows; ++r)
    at[r] = cubn_place_at(call, array, runs->offset + r * runs->stride, &count, &stride);
  if (cubn_even_rows(&call->places->views[array], &parts, &distance) < parts.rows) return false;
  *gap = distance - part;
  return true;
}

bool cubn_sum_parts(const cubn_call *call, const cubn_window *runs, const cubn_coefficients *coef,
                    int64_t ahead, double *sums) {
  const bool backward = call->sums == 3;
  const cubn_mapper mapper = {.reads = CUBN_MAP_X | (backward ? CUBN_MAP_DY : 0U), .unit = 1};
  cubn_window parts = {runs->offset, 1, 0, runs->width};
  cubn_part_input in = {.runs = runs->rows, .count = runs->width, .coef = coef};
  if (!call->kernels->part_sums || call->panel) return false;
  if (cubn_has_spans(call) || cubn_is_prescaled(coef)) return false;
  if (!cubn_divide_window(call, &mapper, &parts) || parts.width == runs->width) return false;
  const int64_t part = parts.stride;
  if (runs->rows > 1 && runs->stride % part != 0) return false;
  if (!set_summed(call, CUBN_ARRAY_X, runs, part, in.x, &in.x_gap)) return false;
  if (backward && !set_summed(call, CUBN_ARRAY_DY, runs, part, in.dy, &in.dy_gap)) return false;
  in.x_ahead = get_ahead(call, CUBN_ARRAY_X, runs->offset, ahead);
  if (backward) in.dy_ahead = get_ahead(call, CUBN_ARRAY_DY, runs->offset, ahead);
  in.part = part;
  in.left = part - runs->offset % part;
  call->kernels->part_sums(&in, sums);
  return true;
}
