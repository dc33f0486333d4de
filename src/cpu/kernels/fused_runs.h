/* Fused kernels on runs, one or several aside: sums of some, alone or with the output of others. */
#ifndef CUBN_CPU_KERNELS_FUSED_RUNS_H
#define CUBN_CPU_KERNELS_FUSED_RUNS_H

#include "cpu/kernels/fused_steps.h"

enum { SUM_VECTORS = 28, TILE_VALUES = SUM_VECTORS * LANES };

/* Sums of forward, as the other kernels form them. */
INLINED void moments_at(const place *at, int64_t i, int64_t part, const coefficients *with,
                        vec sums[CUBN_RUN_SUMS_MAX]) {
  vec centered = load_lanes(at->x + i, part) - with->center;
  if (part) centered = vec_first(centered, part);
  sums[0] += centered;
  sums[1] = vec_multiply_add(centered, centered, sums[1]);
}

/* What an instance of a loop does. */
typedef struct run_task {
  bool backward;
  bool aside; /* SIDE rows at a time: each has its side of the sums; else each vector of a step */
  kind which;
} run_task;

INLINED int rows_of(run_task of) {
  return of.aside ? SIDE : 1;
}

/* Adds a step of a row. */
INLINED void add_step(const cubn_fused *it, const place *at, int64_t r, int64_t i, int64_t left,
                      const coefficients *with, const fusion *f, run_task of,
                      vec sums[][CUBN_RUN_SUMS_MAX]) {
  decisions by;
  prefetch_step(it->ahead_x, r * it->stride + i);
  prefetch_step(it->ahead_dy, r * it->stride + i);
  if (of.backward) get_decisions(NULL, at, with, f, i, left, false, &by);
  for (int k = 0; k < SIDE && (!left || k * LANES < left); ++k) {
    vec *const to = sums[of.aside ? 0 : k];
    if (of.backward)
      sums_at(at, i + k * LANES, part_of(left, k), &by, k, with, f, to);
    else
      moments_at(at, i + k * LANES, part_of(left, k), with, to);
  }
}

typedef vec run_sum[CUBN_RUN_SUMS_MAX];

/* The end of a tile, and what goes into doubles. */
INLINED void end_tile(const cubn_fused *it, const place at[], int64_t i, int64_t end,
                      const coefficients *with, const fusion *f, run_task of, run_sum sums[SIDE],
                      double *to) {
  run_sum all[SIDE];
  memcpy(all, sums, sizeof all);
  for (; i < end; i += STEP)
    for (int r = 0; r < rows_of(of); ++r)
      add_step(it, &at[r], r, i, least(end - i, STEP), with, f, of, all + r);
  for (int s = 0; s < (of.backward ? 3 : 2); ++s)
    vec_add_to(to + s * LANES, (all[0][s] + all[1][s]) + (all[2][s] + all[3][s]));
}

/* Rows from `first` on. */
INLINED void sums_of_kind(const cubn_fused *it, int64_t first, double *to, run_task of) {
  const coefficients with = coefficients_of(it->with);
  const fusion f = fusion_of(it, of.which);
  place at[SIDE];
  for (int r = 0; r < rows_of(of); ++r) at[r] = place_of(it, first + r);
  for (int64_t i = 0, end; i < it->width; i = end) {
    run_sum sums[SIDE] = {{{0}}};
    end = i + least(it->width - i, of.aside ? TILE_VALUES : SIDE * TILE_VALUES);
    for (; i + STEP <= end; i += STEP) {
      add_step(it, &at[0], 0, i, 0, &with, &f, of, sums);
      if (!of.aside) continue;
      add_step(it, &at[1], 1, i, 0, &with, &f, of, sums + 1);
      add_step(it, &at[2], 2, i, 0, &with, &f, of, sums + 2);
      add_step(it, &at[3], 3, i, 0, &with, &f, of, sums + 3);
    }
    end_tile(it, at, i, end, &with, &f, of, sums, to);
  }
}

/* Rows that no loop sums together with output come one after the other. */
INLINED void sums_of_rows(const cubn_fused *it, double *to, kind which) {
  if (it->rows == SIDE && is_special(which)) {
    sums_of_kind(it, 0, to, (run_task){true, true, which});
    return;
  }
  for (int64_t r = 0; r < it->rows; ++r) sums_of_kind(it, r, to, (run_task){true, false, which});
}

/* Rows that are written. */
typedef struct written {
  const cubn_fused *it;
  coefficients with;
  place at[SIDE];
} written;

INLINED void put_row(const written *out, int r, int64_t o, int64_t left, const fusion *f,
                     run_task of) {
  prefetch_step(out->it->ahead_z, r * out->it->stride + o);
  output_step(out->it, &out->at[r], &out->with, f, o, left,
              (task){of.backward, false, out->it->stream, of.which});
}

/* Values o .. end - 1 of all rows. */
INLINED void put_rows(const written *out, int64_t o, int64_t end, const fusion *f, run_task of) {
  for (; o < end; o += STEP)
    for (int r = 0; r < SIDE; ++r) put_row(out, r, o, least(end - o, STEP), f, of);
}

/* Values up to the first line of memory, if there must be lines: a part of a vector, then whole ones.
 * Returns how many. */
INLINED int64_t put_first(const written *out, const fusion *f, run_task of) {
  const int64_t line = CUBN_LINE_BYTES / sizeof(element), width = out->it->width;
  const uintptr_t bytes = (uintptr_t)out->at[0].output % CUBN_LINE_BYTES;
  const int64_t before = line - (int64_t)(bytes / sizeof(element));
  if (!out->it->stream || bytes == 0) return 0;
  put_rows(out, 0, least(before % LANES, width), f, of);
  put_rows(out, before % LANES, least(before, width), f, of);
  return least(before, width);
}

/* SIDE rows of sums, and as many of output. */
INLINED void both_of_kind(const cubn_fused *it, double *to, const cubn_fused *out_it, run_task of) {
  const coefficients with = coefficients_of(it->with);
  const fusion f = fusion_of(out_it, of.which);
  written out = {.it = out_it, .with = coefficients_of(out_it->with)};
  place at[SIDE];
  for (int r = 0; r < SIDE; ++r) at[r] = place_of(it, r), out.at[r] = place_of(out_it, r);
  int64_t o = put_first(&out, &f, of);
  for (int64_t i = 0, end; i < it->width; i = end) {
    run_sum sums[SIDE] = {{{0}}};
    end = i + least(it->width - i, TILE_VALUES);
    for (; i + STEP <= end && o + STEP <= it->width; i += STEP, o += STEP) {
      put_row(&out, 0, o, 0, &f, of);
      add_step(it, &at[0], 0, i, 0, &with, &f, of, sums);
      put_row(&out, 1, o, 0, &f, of);
      add_step(it, &at[1], 1, i, 0, &with, &f, of, sums + 1);
      put_row(&out, 2, o, 0, &f, of);
      add_step(it, &at[2], 2, i, 0, &with, &f, of, sums + 2);
      put_row(&out, 3, o, 0, &f, of);
      add_step(it, &at[3], 3, i, 0, &with, &f, of, sums + 3);
    }
    end_tile(it, at, i, end, &with, &f, of, sums, to);
  }
  put_rows(&out, o, it->width, &f, of);
}

/* Two outputs of four rows are too many places to write to, where memory is what takes the time. */
static bool joins(const cubn_fused *out) {
  const bool is_narrow = sizeof(element) == 2;
  return out->rows == SIDE && is_special(kind_of(out)) && (is_narrow || !(out->dy && out->dz));
}

INLINED void both_of(const cubn_fused *in, double *sums, const cubn_fused *out, kind which) {
  if (in->dy)
    both_of_kind(in, sums, out, (run_task){true, true, which});
  else
    both_of_kind(in, sums, out, (run_task){false, true, which});
}

static void run_both(const cubn_fused *in, double *sums, const cubn_fused *out) {
  switch (kind_of(out)) {
    case RELU:
      both_of(in, sums, out, RELU);
      return;
    case RELU_NAN:
      both_of(in, sums, out, RELU_NAN);
      return;
    case ADD_RELU:
      both_of(in, sums, out, ADD_RELU);
      return;
    case ADD_RELU_NAN:
      if (!in->dy) both_of_kind(in, sums, out, (run_task){false, true, ADD_RELU_NAN});
      return;
    case SMOOTH:
    case ANYTHING: /* see joins */
      return;
  }
}

static void run_sums(const cubn_fused *it, double *to) {
  switch (kind_of(it)) {
    case RELU:
      sums_of_rows(it, to, RELU);
      return;
    case RELU_NAN:
      sums_of_rows(it, to, RELU_NAN);
      return;
    case ADD_RELU:
    case ADD_RELU_NAN: /* no kind of backward */
      sums_of_rows(it, to, ADD_RELU);
      return;
    case SMOOTH:
      sums_of_rows(it, to, SMOOTH);
      return;
    case ANYTHING:
      sums_of_rows(it, to, ANYTHING);
  }
}

#endif /* CUBN_CPU_KERNELS_FUSED_RUNS_H */
