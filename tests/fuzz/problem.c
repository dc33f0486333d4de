#include "fuzz/problem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kit/problem_layout.h"
#include "kit/problem_options.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

enum { ELEMENTS_MAX = 4096 };

static void choose_dims(fuzz_input *input, line_problem *p) {
  static const int sizes[] = {1,  2,  3,  4,  5,  7,  8,   9,   0,   15,  16,  17,   31,
                              32, 33, 63, 64, 65, 96, 127, 128, 129, 256, 257, 1024, 4096};
  int64_t elements = 1;
  p->rank = 2 + fuzz_below(input, CUBN_DIM_MAX - 1);
  for (int i = 0; i < p->rank; ++i) {
    p->dims[i] = FUZZ_PICK(input, sizes);
    if (elements * p->dims[i] > ELEMENTS_MAX) p->dims[i] = 1;
    elements *= p->dims[i] ? p->dims[i] : 1;
  }
}

/* An order of the letters, and padding. */
static void write_layout(fuzz_input *input, int rank, char layout[16]) {
  char letters[16];
  const int kind = fuzz_below(input, 4); /* NCHW, NHWC, any */
  snprintf(letters, sizeof letters, "%s", layout_letters(rank));
  if (kind == 1) {
    memmove(letters + 1, letters + 2, (size_t)rank - 2);
    letters[rank - 1] = 'c';
  }
  for (int i = 0; i < rank && kind > 1; ++i) {
    const int other = i + fuzz_below(input, rank - i);
    const char kept = letters[i];
    letters[i] = letters[other];
    letters[other] = kept;
  }
  const int padding = fuzz_one_in(input, 4) ? 1 + fuzz_below(input, 2) : 0;
  if (padding)
    snprintf(layout, 16, "%.8s+%d", letters, padding);
  else
    snprintf(layout, 16, "%.8s", letters);
}

static bool choose_layouts(fuzz_input *input, line_problem *p) {
  write_layout(input, p->rank, p->layout[LINE_X]);
  const int others = fuzz_below(input, 8); /* bits; most often all are like x */
  for (int tensor = LINE_X + 1; tensor < LINE_TENSORS; ++tensor) {
    if (others >> (tensor - 1) & 1)
      write_layout(input, p->rank, p->layout[tensor]);
    else
      memcpy(p->layout[tensor], p->layout[LINE_X], sizeof p->layout[tensor]);
  }
  for (int tensor = 0; tensor < LINE_TENSORS; ++tensor)
    if (layout_strides(p, tensor)) return false;
  return true;
}

/* Elements of an input that share memory: stride 0 in one dimension. */
static void repeat_elements(fuzz_input *input, line_problem *p) {
  static const int inputs[] = {LINE_X, LINE_DY, LINE_Z};
  const int tensor = FUZZ_PICK(input, inputs), dim = fuzz_below(input, p->rank);
  if (p->in_place || p->in_place_x || p->in_place_z || p->in_place_zx) return;
  if (tensor == LINE_Z && p->pass == LINE_BACKWARD) return; /* of dz, too */
  p->strides[tensor][dim] = 0;
}

static void choose_numbers(fuzz_input *input, line_problem *p) {
  static const double factors[] = {1, 0, 0.5, -1, 2, 1e-3};
  static const double epsilons[] = {1e-5, 0, 1e-3, 1, 1e-12, 1e-30, 1e-300};
  static const double weights[] = {0.1, 0, 1, 0.5}, counts[] = {0, 1, 100, 1e6};
  static const double means[] = {0.5, 0, -3, 100, 1e4}, stds[] = {1, 0.01, 100, 1e-3};
  static const double betas[] = {1, 0, -1, 0.5, 3};
  const unsigned which = fuzz_byte(input);
  if (which & 1) p->epsilon = FUZZ_PICK(input, epsilons);
  if (which & 2) p->factor = FUZZ_PICK(input, weights);
  if (which & 4) p->mean = FUZZ_PICK(input, means);
  if (which & 8) p->std = FUZZ_PICK(input, stds);
  if (which & 16) p->alpha = FUZZ_PICK(input, factors), p->beta = FUZZ_PICK(input, factors);
  if (which & 32)
    p->param_alpha = FUZZ_PICK(input, factors), p->param_beta = FUZZ_PICK(input, factors);
  if (which & 64 && p->given_sums) p->count = FUZZ_PICK(input, counts);
  if (which & 128 && p->activation == CUBN_ACTIVATION_SWISH)
    p->swish_beta = FUZZ_PICK(input, betas);
}

/* Padding, batch renormalization. */
static void choose_more_numbers(fuzz_input *input, line_problem *p) {
  static const double shares[] = {0.7, 0, 1, 0.1, 0.98}, limits[] = {0, 1, 3, 0.25};
  const unsigned which = fuzz_byte(input);
  if (which & 1 && p->rank > 2) p->lengths_dim = 2 + fuzz_below(input, p->rank - 2);
  if (which & 2 && line_has_padding(p)) p->valid = FUZZ_PICK(input, shares);
  if (which & 4) p->r_max = 1 + FUZZ_PICK(input, limits), p->d_max = FUZZ_PICK(input, limits);
}

static int count_flags(void) {
  int count = 0;
  while (line_flags[count].name) ++count;
  return count;
}

static void choose_activation(fuzz_input *input, line_problem *p) {
  static const double coefs[] = {1, 0, 0.25, 6};
  const line_activation *found = &line_activations[fuzz_below(input, 9)];
  p->activation = found->mode;
  p->coef = found->coef;
  p->adds = fuzz_one_in(input, 2);
  if (!isnan(p->coef) && fuzz_one_in(input, 2)) p->coef = FUZZ_PICK(input, coefs);
}

static const char *choose_data(fuzz_input *input) {
  static const char *const names[] = {"pairs", "spread",  "ramp",  "onehot", "onehot0", "constant",
                                      "zeros", "outlier", "large", "tiny",   "nan",     "inf",
                                      "nandy", "nanz",    "infz",  "ties"};
  return FUZZ_PICK(input, names);
}

bool fuzz_problem(fuzz_input *input, line_problem *p) {
  static const cubnDataType_t types[] = {CUBN_DATA_FLOAT, CUBN_DATA_BFLOAT16, CUBN_DATA_DOUBLE,
                                         CUBN_DATA_HALF};
  *p = (line_problem){.pass = LINE_TRAIN};
  for (const line_number *i = line_numbers; i->name; ++i)
    *(double *)((char *)p + i->field) = i->preset;
  p->activation = CUBN_ACTIVATION_IDENTITY;
  p->coef = NAN;
  p->pass = fuzz_below(input, 3);
  p->type = FUZZ_PICK(input, types);
  p->mode = (cubnBatchNormMode_t)((fuzz_below(input, 3) + 1) % 3);
  choose_dims(input, p);
  if (!choose_layouts(input, p)) return false;
  if (fuzz_one_in(input, 2)) choose_activation(input, p);
  for (int count = fuzz_below(input, 5); count > 0; --count) {
    const line_flag *flag = &line_flags[fuzz_below(input, count_flags())];
    *(bool *)((char *)p + flag->field) = true;
  }
  choose_numbers(input, p);
  choose_more_numbers(input, p);
  snprintf(p->data, sizeof p->data, "%s", choose_data(input));
  const unsigned offsets = fuzz_byte(input);
  for (int tensor = 0; tensor < LINE_TENSORS; ++tensor)
    p->offset[tensor] = offsets >> 2 * tensor & 3;
  p->param_offset = fuzz_below(input, 4);
  if (fuzz_one_in(input, 8)) repeat_elements(input, p);
  return line_check(p) == NULL;
}
