/* Reads problem lines. */
#include "kit/problem_line.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kit/problem_layout.h"
#include "kit/problem_options.h"

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
  double *number = strcmp(name, "coef") ? NULL : &problem->coef;
  for (const line_number *i = line_numbers; i->name; ++i)
    if (!strcmp(name, i->name)) number = (double *)(void *)((char *)problem + i->field);
  if (number) return read_number(value, number) ? NULL : "the value of an option is not a number";
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
  for (const line_offset *i = line_offsets; i->name; ++i) {
    if (strcmp(name, i->name)) continue;
    if (!is_count) return "an offset is not a count of elements";
    memcpy((char *)problem + i->field, &count, sizeof count);
    return NULL;
  }
  return "unknown option";
}

/* "relu", "add_relu" or "add". */
static bool read_activation(const char *word, line_problem *problem) {
  const bool adds = !strncmp(word, "add", 3) && (word[3] == '_' || !word[3]);
  const char *const name = adds ? word + (word[3] ? 4 : 3) : word;
  const line_activation *found = line_activations;
  while (found->name && strcmp(name, found->name)) ++found;
  if (!found->name || (!*name && (!adds || word[3]))) return false;
  problem->adds = adds;
  problem->activation = found->mode;
  return true;
}

static const char *read_option(char *word, line_problem *problem) {
  char *const equals = strchr(word, '=');
  if (equals) {
    *equals = 0;
    return read_value_option(word, equals + 1, problem);
  }
  for (const line_flag *i = line_flags; i->name; ++i) {
    if (strcmp(word, i->name)) continue;
    *(bool *)(void *)((char *)problem + i->field) = true;
    return NULL;
  }
  for (int i = 0; line_mode_names[i]; ++i) {
    if (strcmp(word, line_mode_names[i])) continue;
    problem->mode = (cubnBatchNormMode_t)i;
    return NULL;
  }
  return read_activation(word, problem) ? NULL : "unknown option";
}

static const char *read_layouts(char *word, line_problem *problem) {
  int tensor = 0;
  for (char *rest = word; rest; ++tensor) {
    if (tensor == LINE_TENSORS) return "more than 4 layouts";
    char *const colon = strchr(rest, ':');
    if (colon) *colon = 0;
    if (strlen(rest) >= sizeof problem->layout[0]) return "a layout is too long";
    strcpy(problem->layout[tensor], rest);
    rest = colon ? colon + 1 : NULL;
  }
  for (; tensor < LINE_TENSORS; ++tensor) strcpy(problem->layout[tensor], problem->layout[LINE_X]);
  return NULL;
}

static void set_defaults(line_problem *problem) {
  *problem = (line_problem){
      .mode = CUBN_BATCHNORM_SPATIAL, .activation = CUBN_ACTIVATION_IDENTITY, .coef = NAN};
  for (const line_number *i = line_numbers; i->name; ++i)
    memcpy((char *)problem + i->field, &i->preset, sizeof(double));
  strcpy(problem->data, line_default_data);
}

/* The four words that every line begins with. */
static const char *read_fixed_word(int position, char *word, line_problem *problem) {
  switch (position) {
    case 0:
      for (int i = 0; line_pass_names[i]; ++i) {
        if (strcmp(word, line_pass_names[i])) continue;
        problem->pass = i;
        return NULL;
      }
      return "the pass is none of train, infer, backward";
    case 1:
      return read_layouts(word, problem);
    case 2:
      for (const line_type *i = line_types; i->name; ++i) {
        if (strcmp(word, i->name)) continue;
        problem->type = i->type;
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
  if (isnan(problem->coef)) problem->coef = line_find_activation(problem->activation)->coef;
  return line_check(problem);
}
