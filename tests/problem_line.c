#include "problem_line.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "problem_layout.h"

/* Options by kind: the parser and the formatter walk the same tables. */
typedef struct flag_option {
  const char *name;
  size_t field; /* bool */
} flag_option;

typedef struct number_option {
  const char *name;
  size_t field; /* double */
  double preset;
} number_option;

typedef struct offset_option {
  const char *name;
  size_t field; /* int64_t */
} offset_option;

static const flag_option flags[] = {
    {"xparams", offsetof(line_problem, params_like_x)},
    {"inplace", offsetof(line_problem, in_place)},
    {"inplace_x", offsetof(line_problem, in_place_x)},
    {"norunning", offsetof(line_problem, no_running)},
    {"nosaved", offsetof(line_problem, no_saved)},
    {"foreign", offsetof(line_problem, foreign_saved)},
};

static const number_option numbers[] = {
    {"alpha", offsetof(line_problem, alpha), 1.0},
    {"beta", offsetof(line_problem, beta), 0.0},
    {"palpha", offsetof(line_problem, param_alpha), 1.0},
    {"pbeta", offsetof(line_problem, param_beta), 0.0},
    {"eps", offsetof(line_problem, epsilon), 1e-5},
    {"factor", offsetof(line_problem, factor), 0.1},
    {"mean", offsetof(line_problem, mean), 0.5},
    {"std", offsetof(line_problem, std), 1.0},
};

static const offset_option offsets[] = {
    {"offset_x", offsetof(line_problem, offset[LINE_X])},
    {"offset_out", offsetof(line_problem, offset[LINE_OUTPUT])},
    {"offset_dy", offsetof(line_problem, offset[LINE_DY])},
    {"offset_param", offsetof(line_problem, param_offset)},
};

static const char *const pass_names[] = {"train", "infer", "backward"};
static const char *const mode_names[] = {"peract", "", "persistent"}; /* in the enum's order */
static const char default_data[] = "pairs";

static const struct {
  const char *name;
  cubnDataType_t type;
} types[] = {{"f32", CUBN_DATA_FLOAT},
             {"f64", CUBN_DATA_DOUBLE},
             {"f16", CUBN_DATA_HALF},
             {"bf16", CUBN_DATA_BFLOAT16}};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static bool read_number(const char *text, double *value) {
  char *end;
  *value = strtod(text, &end);
  return *text && !*end && !isspace((unsigned char)*text);
}

static bool read_count(const char **text, int64_t *value) {
  if (!isdigit((unsigned char)**text)) return false;
  char *end;
  errno = 0;
  const long long parsed = strtoll(*text, &end, 10);
  *text = end;
  *value = parsed;
  return errno == 0;
}

static const char *read_sizes(const char *text, line_problem *problem) {
  char letters[CUBN_DIM_MAX + 1] = "";
  problem->rank = 0;
  while (*text) {
    if (problem->rank == CUBN_DIM_MAX) return "more than 8 sizes";
    letters[problem->rank] = *text++;
    if (!read_count(&text, &problem->dims[problem->rank++])) return "a size is not a number";
  }
  if (problem->rank < 2) return "fewer than 2 sizes";
  if (strcmp(letters, layout_letters(problem->rank)))
    return "sizes in another order than n, c, ...";
  return NULL;
}

static const char *read_value_option(const char *name, const char *value, line_problem *problem) {
  for (size_t i = 0; i < COUNT_OF(numbers); ++i) {
    if (!strcmp(name, numbers[i].name))
      return read_number(value, (double *)(void *)((char *)problem + numbers[i].field))
                 ? NULL
                 : "the value of an option is not a number";
  }
  if (!strcmp(name, "data")) {
    if (!*value || strlen(value) >= sizeof problem->data) return "data=NAME is empty or too long";
    strcpy(problem->data, value);
    return NULL;
  }
  int64_t count;
  const bool is_count = read_count(&value, &count) && !*value;
  if (!strcmp(name, "offset")) {
    if (!is_count) return "an offset is not a count of elements";
    for (int tensor = 0; tensor < LINE_TENSORS; ++tensor) problem->offset[tensor] = count;
    return NULL;
  }
  for (size_t i = 0; i < COUNT_OF(offsets); ++i) {
    if (strcmp(name, offsets[i].name)) continue;
    if (!is_count) return "an offset is not a count of elements";
    memcpy((char *)problem + offsets[i].field, &count, sizeof count);
    return NULL;
  }
  return "unknown option";
}

static const char *read_option(char *word, line_problem *problem) {
  char *const equals = strchr(word, '=');
  if (equals) {
    *equals = 0;
    return read_value_option(word, equals + 1, problem);
  }
  for (size_t i = 0; i < COUNT_OF(flags); ++i) {
    if (strcmp(word, flags[i].name)) continue;
    *(bool *)(void *)((char *)problem + flags[i].field) = true;
    return NULL;
  }
  for (size_t i = 0; i < COUNT_OF(mode_names); ++i) {
    if (strcmp(word, mode_names[i])) continue;
    problem->mode = (cubnBatchNormMode_t)i;
    return NULL;
  }
  return "unknown option";
}

static const char *read_layouts(char *word, line_problem *problem) {
  int tensor = 0;
  for (char *rest = word; rest; ++tensor) {
    if (tensor == LINE_TENSORS) return "more than 3 layouts";
    char *const colon = strchr(rest, ':');
    if (colon) *colon = 0;
    if (strlen(rest) >= sizeof problem->layout[0]) return "a layout is too long";
    strcpy(problem->layout[tensor], rest);
    rest = colon ? colon + 1 : NULL;
  }
  for (; tensor < LINE_TENSORS; ++tensor) strcpy(problem->layout[tensor], problem->layout[LINE_X]);
  return NULL;
}

static const char *check_saved(const line_problem *problem) {
  if (!problem->foreign_saved) return NULL;
  return problem->pass == LINE_BACKWARD && !problem->no_saved ? NULL
                                                              : "foreign is for saved statistics";
}

static const char *check_in_place(const line_problem *problem) {
  if (!problem->in_place && !problem->in_place_x) return NULL;
  const bool backward = problem->pass == LINE_BACKWARD;
  if (problem->in_place && problem->in_place_x) return "both inplace and inplace_x";
  if (problem->in_place_x && !backward) return "inplace_x is for backward";
  const int source = backward && problem->in_place ? LINE_DY : LINE_X;
  if (strcmp(problem->layout[LINE_OUTPUT], problem->layout[source]))
    return "in place with two layouts";
  return NULL;
}

static void set_defaults(line_problem *problem) {
  *problem = (line_problem){.mode = CUBN_BATCHNORM_SPATIAL};
  for (size_t i = 0; i < COUNT_OF(numbers); ++i)
    memcpy((char *)problem + numbers[i].field, &numbers[i].preset, sizeof(double));
  strcpy(problem->data, default_data);
}

/* The four words that every line begins with. */
static const char *read_fixed_word(int position, char *word, line_problem *problem) {
  switch (position) {
    case 0:
      for (size_t i = 0; i < COUNT_OF(pass_names); ++i) {
        if (strcmp(word, pass_names[i])) continue;
        problem->pass = (int)i;
        return NULL;
      }
      return "the pass is none of train, infer, backward";
    case 1:
      return read_layouts(word, problem);
    case 2:
      for (size_t i = 0; i < COUNT_OF(types); ++i) {
        if (strcmp(word, types[i].name)) continue;
        problem->type = types[i].type;
        return NULL;
      }
      return "the type is none of f32, f64, f16, bf16";
    default:
      return read_sizes(word, problem);
  }
}

const char *line_parse(const char *text, line_problem *problem) {
  char copy[512];
  if (strlen(text) >= sizeof copy) return "the line is too long";
  strcpy(copy, text);
  set_defaults(problem);
  int position = 0;
  char *rest = NULL;
  for (char *word = strtok_r(copy, " \t\r\n", &rest); word;
       word = strtok_r(NULL, " \t\r\n", &rest), ++position) {
    const char *const error =
        position < 4 ? read_fixed_word(position, word, problem) : read_option(word, problem);
    if (error) return error;
  }
  if (position < 4) return "a line needs at least pass, layout, type and sizes";
  for (int tensor = 0; tensor < LINE_TENSORS; ++tensor) {
    const char *const error = layout_strides(problem, tensor);
    if (error) return error;
  }
  const char *const error = check_saved(problem);
  return error ? error : check_in_place(problem);
}

/* ---- Writing ---- */
typedef struct text_buffer {
  char *at;
  size_t left;
} text_buffer;

__attribute__((format(printf, 2, 3))) static void append(text_buffer *text, const char *format,
                                                         ...) {
  va_list arguments;
  va_start(arguments, format);
  const int length = vsnprintf(text->at, text->left, format, arguments);
  va_end(arguments);
  const size_t used = length < 0 ? 0 : (size_t)length < text->left ? (size_t)length : text->left;
  text->at += used;
  text->left -= used;
}

/* The shortest decimal number that reads back as the same value. */
static void append_number(text_buffer *text, const char *name, double value) {
  char number[40];
  for (int digits = 1; digits <= 17; ++digits) {
    snprintf(number, sizeof number, "%.*g", digits, value);
    const double back = strtod(number, NULL);
    if (back == value || isnan(value)) break;
  }
  append(text, " %s=%s", name, number);
}

static void append_layouts(text_buffer *text, const line_problem *problem) {
  const char *const x = problem->layout[LINE_X], *const output = problem->layout[LINE_OUTPUT],
                    *const dy = problem->layout[LINE_DY];
  append(text, " %s", x);
  if (strcmp(output, x) || strcmp(dy, x)) append(text, ":%s", output);
  if (strcmp(dy, x)) append(text, ":%s", dy);
}

static void append_offsets(text_buffer *text, const line_problem *problem) {
  const int64_t *const offset = problem->offset;
  const bool same = offset[LINE_X] == offset[LINE_OUTPUT] && offset[LINE_X] == offset[LINE_DY];
  if (same && offset[LINE_X]) append(text, " offset=%lld", (long long)offset[LINE_X]);
  for (size_t i = 0; i < COUNT_OF(offsets); ++i) {
    int64_t value;
    memcpy(&value, (const char *)problem + offsets[i].field, sizeof value);
    const bool of_tensor = offsets[i].field != offsetof(line_problem, param_offset);
    if (value && !(same && of_tensor)) append(text, " %s=%lld", offsets[i].name, (long long)value);
  }
}

void line_format(const line_problem *problem, char *text, size_t text_bytes) {
  text_buffer out = {text, text_bytes};
  append(&out, "%s", pass_names[problem->pass]);
  append_layouts(&out, problem);
  for (size_t i = 0; i < COUNT_OF(types); ++i)
    if (types[i].type == problem->type) append(&out, " %s ", types[i].name);
  for (int i = 0; i < problem->rank; ++i)
    append(&out, "%c%lld", layout_letters(problem->rank)[i], (long long)problem->dims[i]);
  if (problem->mode != CUBN_BATCHNORM_SPATIAL) append(&out, " %s", mode_names[problem->mode]);
  for (size_t i = 0; i < COUNT_OF(flags); ++i)
    if (*((const bool *)(const void *)((const char *)problem + flags[i].field)))
      append(&out, " %s", flags[i].name);
  for (size_t i = 0; i < COUNT_OF(numbers); ++i) {
    double value;
    memcpy(&value, (const char *)problem + numbers[i].field, sizeof value);
    if (value != numbers[i].preset) append_number(&out, numbers[i].name, value);
  }
  if (strcmp(problem->data, default_data)) append(&out, " data=%s", problem->data);
  append_offsets(&out, problem);
}
