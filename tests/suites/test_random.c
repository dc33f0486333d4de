/* Random problems, which no list has. They are the same on every machine; the schedule of the
 * emulator chooses others. A failing problem is named by its line, which then goes to a list. */
#include <stdio.h>
#include <string.h>

#include "suites/support/scenario.h"

enum { SMOKE_COUNT = 200, ALL_COUNT = 1600, LINE_BYTES = 320 };

/* A sequence of numbers (Marsaglia 2003, xorshift). */
static uint64_t next(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state >> 11;
}

static int below(uint64_t *state, int limit) {
  return (int)(next(state) % (uint64_t)limit);
}

static const char *one_of(uint64_t *state, int count, const char *const choices[]) {
  return choices[below(state, count)];
}

/* Appends a word, with a blank before it. */
static void add(char *line, const char *word) {
  const size_t length = strlen(line);
  snprintf(line + length, LINE_BYTES - length, "%s%s", length > 0 ? " " : "", word);
}

/* A memory order of the letters of a rank: mostly the two that the fast algorithms know. */
static void add_layout(uint64_t *state, const char *letters, char *layout, size_t layout_bytes) {
  const int rank = (int)strlen(letters), kind = below(state, 8);
  char order[8];
  memcpy(order, letters, (size_t)rank);
  if (kind < 4 && kind > 1) { /* channels last */
    memmove(order + 1, order + 2, (size_t)(rank - 2));
    order[rank - 1] = 'c';
  }
  for (int i = rank - 1; i > 0 && kind == 4; --i) { /* any */
    const int k = below(state, i + 1);
    const char letter = order[i];
    order[i] = order[k];
    order[k] = letter;
  }
  const size_t length = strlen(layout);
  snprintf(layout + length, layout_bytes - length, "%.*s%s", rank, order, kind == 5 ? "+1" : "");
}

static void add_sizes(uint64_t *state, const char *letters, char *line) {
  static const int sizes[] = {1, 1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 33};
  const int rank = (int)strlen(letters);
  char text[64] = "";
  int64_t elements = 1;
  for (int i = 0; i < rank; ++i) {
    int size = sizes[below(state, (int)(sizeof sizes / sizeof *sizes))];
    if (elements * size > 20000) size = 1;
    if (below(state, 100) == 0) size = 0;
    elements *= size;
    snprintf(text + strlen(text), sizeof text - strlen(text), "%c%d", letters[i], size);
  }
  add(line, text);
}

static void add_options(uint64_t *state, bool backward, bool one_layout, char *line) {
  static const char *const blends[] = {"alpha=0.5", "alpha=-2", "beta=1", "beta=0.25",
                                       "alpha=2 beta=-0.5"};
  static const char *const gradient_blends[] = {"pbeta=1", "palpha=0.5", "palpha=-1 pbeta=0.5"};
  static const char *const values[] = {"mean=100",  "std=0.01",     "data=spread",
                                       "data=ramp", "data=outlier", "data=constant",
                                       "data=nan",  "data=onehot"};
  static const char *const offsets[] = {"offset=1", "offset_x=1", "offset_out=3", "offset_param=1"};
  static const char *const others[] = {"eps=0.1", "factor=1", "factor=0", "norunning", "nosaved"};
  if (below(state, 4) == 0) add(line, "peract");
  if (below(state, 12) == 0) add(line, "persistent");
  if (below(state, 4) == 0) add(line, one_of(state, 5, blends));
  if (backward && below(state, 4) == 0) add(line, one_of(state, 3, gradient_blends));
  if (below(state, 3) == 0) add(line, one_of(state, 8, values));
  if (below(state, 3) == 0) add(line, one_of(state, 4, offsets));
  if (below(state, 3) == 0) add(line, one_of(state, 5, others));
  if (one_layout && below(state, 4) == 0)
    add(line, backward && below(state, 2) ? "inplace_x" : "inplace");
}

/* Appends the words if the line stays valid. */
static void try_to_add(char *line, const char *words) {
  const size_t length = strlen(line);
  line_problem problem;
  add(line, words);
  if (line_parse(line, &problem)) line[length] = '\0';
}

/* Fused operations, and words of the extended interface. */
static void add_fused(uint64_t *state, char *line) {
  static const char *const activations[] = {
      "relu",         "clipped", "clipped coef=0.5",      "leaky",
      "leaky coef=2", "elu",     "elu coef=0.5",          "sigmoid",
      "tanh",         "swish",   "swish swish_beta=-1.5", "gelu",
      "relu dropnan"};
  static const char *const words[] = {"noscale",         "nobias",    "nodx",       "nodz",
                                      "nodscale",        "nodbias",   "statistics", "biased",
                                      "separate",        "devfactor", "noreserve",  "reserve",
                                      "frozen",          "invstd",    "sums",       "sums count=37",
                                      "foreign",         "unbiased",  "epsout",     "guard",
                                      "r_max=3 d_max=5", "from_y"};
  static const char *const places[] = {"inplace_z", "inplace_zx", "offset_z=1", "data=nanz",
                                       "data=infz", "data=ties",  "data=ties",  "data=nandy"};
  char word[64];
  const bool adds = below(state, 2);
  if (below(state, 3) > 0) {
    snprintf(word, sizeof word, "%s%s", adds ? "add_" : "", one_of(state, 13, activations));
    try_to_add(line, word);
  } else if (adds) {
    try_to_add(line, "add");
  }
  for (int i = below(state, 8); i > 3; --i) try_to_add(line, one_of(state, 22, words));
  for (int i = below(state, 4); i > 1; --i) try_to_add(line, one_of(state, 8, places));
}

static void make_line(uint64_t *state, char *line) {
  static const char *const passes[] = {"train", "infer", "backward"};
  static const char *const types[] = {"f32", "f64", "f16", "bf16"};
  static const char *const ranks[] = {"nc", "ncw", "nchw", "nchw", "ncdhw", "ncedhw"};
  const char *const pass = one_of(state, 3, passes), *const letters = one_of(state, 6, ranks);
  const bool backward = strcmp(pass, "backward") == 0;
  char layout[64] = "";
  add_layout(state, letters, layout, sizeof layout);
  const bool one_layout = below(state, 4) > 0;
  for (int i = 0; i < 3 && !one_layout; ++i) { /* also those of dy and z, if they are used */
    strcat(layout, ":");
    add_layout(state, letters, layout, sizeof layout);
  }
  line[0] = '\0';
  add(line, pass);
  add(line, layout);
  add(line, one_of(state, 4, types));
  add_sizes(state, letters, line);
  add_options(state, backward, one_layout, line);
  if (below(state, 3) > 0) add_fused(state, line);
}

static void test_random(void) {
  uint64_t state = 0x9e3779b97f4a7c15u + suite_seed();
  const int count = suite_all_cases() ? ALL_COUNT : SMOKE_COUNT;
  for (int i = 0; i < count; ++i) {
    char line[LINE_BYTES];
    make_line(&state, line);
    scenario_line("random", line);
  }
}

void test_random_suites(void) {
  static const suite_test tests[] = {{"random problems", test_random}, {NULL, NULL}};
  suite_add("random", SUITE_DEVICES, tests);
}
