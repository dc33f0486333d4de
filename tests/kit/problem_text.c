/* Writes problem lines. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kit/problem_layout.h"
#include "kit/problem_options.h"

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
  int last = LINE_TENSORS - 1;
  while (last > 0 && !strcmp(problem->layout[last], problem->layout[LINE_X])) --last;
  for (int tensor = 0; tensor <= last; ++tensor)
    append(text, "%s%s", tensor ? ":" : " ", problem->layout[tensor]);
}

static void append_activation(text_buffer *text, const line_problem *problem) {
  const line_activation *const activation = line_find_activation(problem->activation);
  const bool is_identity = problem->activation == CUBN_ACTIVATION_IDENTITY;
  if (!line_is_fused(problem)) return;
  append(text, " %s%s%s", problem->adds ? "add" : "", problem->adds && !is_identity ? "_" : "",
         activation->name);
  if (!isnan(activation->coef) && problem->coef != activation->coef)
    append_number(text, "coef", problem->coef);
}

static void append_offsets(text_buffer *text, const line_problem *problem) {
  const int64_t *const offset = problem->offset;
  bool same = true;
  for (int tensor = 0; tensor < LINE_TENSORS; ++tensor) same &= offset[tensor] == offset[LINE_X];
  if (same && offset[LINE_X]) append(text, " offset=%lld", (long long)offset[LINE_X]);
  for (const line_offset *i = line_offsets; i->name; ++i) {
    int64_t value;
    memcpy(&value, (const char *)problem + i->field, sizeof value);
    const bool of_tensor = i->field != offsetof(line_problem, param_offset);
    if (value && !(same && of_tensor)) append(text, " %s=%lld", i->name, (long long)value);
  }
}

void line_format(const line_problem *problem, char *text, size_t text_bytes) {
  text_buffer out = {text, text_bytes};
  append(&out, "%s", line_pass_names[problem->pass]);
  append_layouts(&out, problem);
  for (const line_type *i = line_types; i->name; ++i)
    if (i->type == problem->type) append(&out, " %s ", i->name);
  for (int i = 0; i < problem->rank; ++i)
    append(&out, "%c%lld", layout_letters(problem->rank)[i], (long long)problem->dims[i]);
  if (problem->mode != CUBN_BATCHNORM_SPATIAL) append(&out, " %s", line_mode_names[problem->mode]);
  append_activation(&out, problem);
  for (const line_flag *i = line_flags; i->name; ++i)
    if (*((const bool *)(const void *)((const char *)problem + i->field)))
      append(&out, " %s", i->name);
  for (const line_number *i = line_numbers; i->name; ++i) {
    double value;
    memcpy(&value, (const char *)problem + i->field, sizeof value);
    if (value != i->preset) append_number(&out, i->name, value);
  }
  if (strcmp(problem->data, line_default_data)) append(&out, " data=%s", problem->data);
  append_offsets(&out, problem);
}
