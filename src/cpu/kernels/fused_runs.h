/* Fused kernels on runs, one or several aside: sums of some, alone or with the output of others. */
#ifndef CUBN_CPU_KERNELS_FUSED_RUNS_H
#define CUBN_CPU_KERNELS_FUSED_RUNS_H

#include "cpu/kernels/fused_steps.h"

enum { SUM_VECTORS = 28, TILE_VALUES = SUM_VECTORS * LANES };

/* Sums of forward, as the other kernels form them. */
INLINED void moments_at(const place *at, int64_t i, int64_t part, const coefficients *coef,
                        vec sums[CUBN_RUN_SUMS_MAX]) {
  vec centered = load_lanes(at->x + i, part) - coef->center;
  if (part) centered = vec_first(centered, part);
  sums[0] += centered;
  sums[1] = vec_multiply_add(centered, centered, sums[1]);
}

/* What an instance of a loop does. */
typedef struct run_task {
  bool backward;
  bool
      interleaved; /* STEP_VECTORS rows: each has its side of the sums; else each vector of a step */
  kind which;
} run_task;

typedef vec run_sum[CUBN_RUN_SUMS_MAX];

/* Adds a step of row r. */
INLINED void add_step(const cubn_fused *it, const place *at, int64_t r, int64_t i, int64_t left,
                      const coefficients *coef, const fusion *f, run_task of, run_sum sums[]) {
  decisions by;
  prefetch_step(it->prefetch_x, r * it->stride + i);
  prefetch_step(it->prefetch_dy, r * it->stride + i);
  if (of.backward) get_decisions(NULL, at, coef, f, i, left, false, &by);
  for (int k = 0; k < STEP_VECTORS && (!left || k * LANES < left); ++k) {
    vec *const to = sums[of.interleaved ? 0 : k];
    if (of.backward)
      sums_at(at, i + k * LANES, part_of(left, k), &by, k, coef, f, to);
    else
      moments_at(at, i + k * LANES, part_of(left, k), coef, to);
  }
}

/* Values i .. end - 1 of rows first .. first + rows - 1, which are few; each has its side of the sums,
 * if there are several. One copy serves all kinds. */
OUTLINED void add_tail(const cubn_fused *it, int64_t first, int64_t rows, int64_t i, int64_t end,
                       bool interleaved, run_sum sums[]) {
  const coefficients coef = coefficients_of(it->coef);
  const fusion f = fusion_of(it, it->fusion->smooth != CUBN_SMOOTH_NONE ? SMOOTH : ANYTHING);
  const run_task backward = {true, interleaved, ANYTHING}, forward = {false, interleaved, ANYTHING};
  for (int64_t r = 0; r < rows; ++r) {
    const place at = place_of(it, first + r);
    for (int64_t k = i; k < end; k += STEP)
      if (it->dy)
        add_step(it, &at, first + r, k, least(end - k, STEP), &coef, &f, backward, sums + r);
      else
        add_step(it, &at, first + r, k, least(end - k, STEP), &coef, &f, forward, sums + r);
  }
}

INLINED void flush_vector_sums(const run_sum sums[STEP_VECTORS], bool backward, double *to) {
  for (int s = 0; s < (backward ? 3 : 2); ++s)
    vec_add_to(to + s * LANES, (sums[0][s] + sums[1][s]) + (sums[2][s] + sums[3][s]));
}

/* Row r, or STEP_VECTORS rows. */
INLINED void sums_of_kind(const cubn_fused *it, int64_t r, double *to, run_task of) {
  const coefficients coef = coefficients_of(it->coef);
  const fusion f = fusion_of(it, of.which);
  place at[STEP_VECTORS];
  for (int k = 0; k < (of.interleaved ? STEP_VECTORS : 1); ++k) at[k] = place_of(it, r + k);
  for (int64_t i = 0, end; i < it->width; i = end) {
    run_sum sums[STEP_VECTORS] = {{{0}}}, all[STEP_VECTORS];
    end = i + least(it->width - i, of.interleaved ? TILE_VALUES : STEP_VECTORS * TILE_VALUES);
    for (; i + STEP <= end; i += STEP) {
      add_step(it, &at[0], r, i, 0, &coef, &f, of, sums);
      if (!of.interleaved) continue;
      add_step(it, &at[1], r + 1, i, 0, &coef, &f, of, sums + 1);
      add_step(it, &at[2], r + 2, i, 0, &coef, &f, of, sums + 2);
      add_step(it, &at[3], r + 3, i, 0, &coef, &f, of, sums + 3);
    }
    memcpy(all, sums, sizeof all);
    if (i < end) add_tail(it, r, of.interleaved ? STEP_VECTORS : 1, i, end, of.interleaved, all);
    flush_vector_sums(all, of.backward, to);
  }
}

/* Rows that no loop sums together with output come one after the other. */
INLINED void sums_of_rows(const cubn_fused *it, double *to, kind which) {
  for (int64_t r = 0; r < it->rows; ++r) sums_of_kind(it, r, to, (run_task){true, false, which});
}

/* Values o .. end - 1 of all rows, which are few. */
INLINED void output_tail_of_rows(const cubn_fused *it, int64_t o, int64_t end) {
  for (; o < end; o += STEP) output_tail(it, 0, STEP_VECTORS, o, least(end - o, STEP));
}

/* Values up to the first line of memory, if there must be lines: a part of a vector, then whole ones.
 * Returns how many. */
INLINED int64_t store_until_line(const cubn_fused *it) {
  const int64_t line = CUBN_LINE_BYTES / sizeof(element);
  const uintptr_t bytes = (uintptr_t)it->output % CUBN_LINE_BYTES;
  const int64_t before = line - (int64_t)(bytes / sizeof(element));
  if (!it->nontemporal || bytes == 0) return 0;
  output_tail_of_rows(it, 0, least(before % LANES, it->width));
  output_tail_of_rows(it, before % LANES, least(before, it->width));
  return least(before, it->width);
}

/* Rows that are summed, and those that are written. */
typedef struct both {
  const cubn_fused *in, *out;
  coefficients in_coef, out_coef;
  place summed[STEP_VECTORS], written[STEP_VECTORS];
  fusion f;
} both;

/* A step of row r. */
INLINED void step_of_both(const both *it, int64_t r, int64_t i, int64_t o, run_task of,
                          run_sum *sums) {
  const task put = {of.backward, false, it->out->nontemporal, of.which};
  prefetch_step(it->out->prefetch_z, r * it->out->stride + o);
  output_step(it->out, &it->written[r], &it->out_coef, &it->f, o, 0, put);
  add_step(it->in, &it->summed[r], r, i, 0, &it->in_coef, &it->f, of, sums);
}

/* STEP_VECTORS rows of sums, and as many of output. */
INLINED void both_of_kind(const cubn_fused *in, double *to, const cubn_fused *out, run_task of) {
  both it = {.in = in, .out = out, .f = fusion_of(out, of.which)};
  it.in_coef = coefficients_of(in->coef);
  it.out_coef = coefficients_of(out->coef);
  for (int r = 0; r < STEP_VECTORS; ++r)
    it.summed[r] = place_of(in, r), it.written[r] = place_of(out, r);
  int64_t o = store_until_line(out);
  for (int64_t i = 0, end; i < in->width; i = end) {
    run_sum sums[STEP_VECTORS] = {{{0}}}, rest[STEP_VECTORS];
    end = i + least(in->width - i, TILE_VALUES);
    for (; i + STEP <= end && o + STEP <= in->width; i += STEP, o += STEP) {
      step_of_both(&it, 0, i, o, of, sums);
      step_of_both(&it, 1, i, o, of, sums + 1);
      step_of_both(&it, 2, i, o, of, sums + 2);
      step_of_both(&it, 3, i, o, of, sums + 3);
    }
    memcpy(rest, sums, sizeof rest);
    if (i < end) add_tail(in, 0, STEP_VECTORS, i, end, true, rest);
    flush_vector_sums(rest, of.backward, to);
  }
  output_tail_of_rows(out, o, in->width);
}

/* Two outputs of four rows are too many places to write to, where memory is what takes the time. */
static bool joins(const cubn_fused *out) {
  const bool is_narrow = sizeof(element) == 2;
  return out->rows == STEP_VECTORS && is_special(kind_of(out)) &&
         (is_narrow || !(out->dy && out->dz));
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

/* One row is of any kind. */
static void run_sums(const cubn_fused *it, double *to) {
  const kind which = kind_of(it);
  if (which == SMOOTH)
    sums_of_rows(it, to, SMOOTH);
  else if (it->rows < STEP_VECTORS || which == ANYTHING)
    sums_of_rows(it, to, ANYTHING);
  else if (which == RELU)
    sums_of_kind(it, 0, to, (run_task){true, true, RELU});
  else if (which == RELU_NAN)
    sums_of_kind(it, 0, to, (run_task){true, true, RELU_NAN});
  else
    sums_of_kind(it, 0, to, (run_task){true, true, ADD_RELU});
}

#endif /* CUBN_CPU_KERNELS_FUSED_RUNS_H */
