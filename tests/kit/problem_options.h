/* The words of a problem line: the parser and the formatter use the same tables. Internal to
 * problem_*.c. */
#ifndef CUBN_TESTS_PROBLEM_OPTIONS_H
#define CUBN_TESTS_PROBLEM_OPTIONS_H

#include "kit/problem_line.h"

typedef struct line_flag {
  const char *name;
  size_t field; /* bool */
} line_flag;

typedef struct line_number {
  const char *name;
  size_t field; /* double */
  double preset;
} line_number;

typedef struct line_offset {
  const char *name;
  size_t field; /* int64_t */
} line_offset;

typedef struct line_activation {
  const char *name; /* "" for the identity */
  cubnActivationMode_t mode;
  double coef; /* the default; NaN: it has none */
} line_activation;

typedef struct line_type {
  const char *name;
  cubnDataType_t type;
} line_type;

/* Each ends with a NULL name. */
extern const line_flag line_flags[];
extern const line_number line_numbers[];
extern const line_offset line_offsets[];
extern const line_activation line_activations[];
extern const line_type line_types[];
extern const char *const line_pass_names[]; /* in the order of LINE_TRAIN, ... */
extern const char *const line_mode_names[]; /* in the enum's order; "" for the default */
extern const char line_default_data[];

const line_activation *line_find_activation(cubnActivationMode_t mode);

/* Returns NULL, or what does not go together in a line that was read. */
const char *line_check(const line_problem *problem);

#endif /* CUBN_TESTS_PROBLEM_OPTIONS_H */
