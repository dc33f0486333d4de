/* Command lines. */
#include "nn/options.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nn/device.h"

static const char *const activations[] = {"identity", "sigmoid", "tanh", "relu"};

static bool read_real(const nn_option *option, const char *text, float *value) {
  char *end;
  errno = 0;
  const double number = strtod(text, &end);
  if (end == text || *end != '\0' || errno != 0 ||
      !(number >= option->least && number <= option->most))
    return nn_fail("%s: expected a number from %g to %g, found '%s'", option->name, option->least,
                   option->most, text);
  *value = (float)number;
  return true;
}

static bool read_integer(const nn_option *option, const char *text) {
  char *end;
  errno = 0;
  const long number = strtol(text, &end, 10);
  if (end == text || *end != '\0' || errno != 0 || !((double)number >= option->least) ||
      !((double)number <= option->most))
    return nn_fail("%s: expected a whole number from %g to %g, found '%s'", option->name,
                   option->least, option->most, text);
  *(int32_t *)option->value = (int32_t)number;
  return true;
}

static bool read_seed(const nn_option *option, const char *text) {
  char *end;
  errno = 0;
  const unsigned long long number = strtoull(text, &end, 10);
  if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0)
    return nn_fail("%s: expected a whole number, 0 or more, found '%s'", option->name, text);
  *(uint64_t *)option->value = number;
  return true;
}

static bool read_rate(const nn_option *option, const char *text) {
  nn_rates *rates = option->value;
  if (rates->count == NN_RATE_MAX)
    return nn_fail("%s: expected at most %d rates, found another: '%s'", option->name, NN_RATE_MAX,
                   text);
  return read_real(option, text, &rates->values[rates->count]) && rates->count++ >= 0;
}

static bool read_activation(const nn_option *option, const char *text) {
  for (uint32_t i = NN_SIGMOID; i <= NN_RELU; i++) {
    if (strcmp(text, activations[i]) != 0) continue;
    *(uint32_t *)option->value = i;
    return true;
  }
  return nn_fail("%s: expected sigmoid, tanh or relu, found '%s'", option->name, text);
}

static bool read_value(const nn_option *option, const char *text) {
  switch (option->kind) {
    case NN_OPTION_INT:
      return read_integer(option, text);
    case NN_OPTION_REAL:
      return read_real(option, text, option->value);
    case NN_OPTION_RATES:
      return read_rate(option, text);
    case NN_OPTION_SEED:
      return read_seed(option, text);
    case NN_OPTION_ACTIVATION:
      return read_activation(option, text);
    default:
      *(const char **)option->value = text;
      return true;
  }
}

bool nn_parse_options(const nn_option *options, int argc, char **argv, bool *help) {
  *help = false;
  for (int i = 1; i < argc; i++) {
    const nn_option *option = options;
    if (strcmp(argv[i], "--help") == 0) {
      *help = true;
      return true;
    }
    while (option->name != NULL && strcmp(argv[i], option->name) != 0) option++;
    if (option->name == NULL) return nn_fail("unknown option '%s'; --help lists them", argv[i]);
    if (option->kind == NN_OPTION_FLAG) {
      *(bool *)option->value = true;
      continue;
    }
    if (i + 1 == argc) return nn_fail("%s: expected a value behind it", argv[i]);
    if (!read_value(option, argv[++i])) return false;
  }
  return true;
}

static void print_default(const nn_option *option) {
  const void *value = option->value;
  switch (option->kind) {
    case NN_OPTION_INT:
      printf(" (default %d)", *(const int32_t *)value);
      break;
    case NN_OPTION_REAL:
      printf(" (default %g)", (double)*(const float *)value);
      break;
    case NN_OPTION_SEED:
      printf(" (default %llu)", (unsigned long long)*(const uint64_t *)value);
      break;
    case NN_OPTION_ACTIVATION:
      printf(" (default %s)", activations[*(const uint32_t *)value]);
      break;
    case NN_OPTION_TEXT:
      if (*(const char *const *)value != NULL) printf(" (default %s)", *(const char *const *)value);
      break;
    default:
      break;
  }
}

void nn_print_usage(const char *program, const char *summary, const nn_option *options) {
  printf("usage: %s [OPTION]...\n%s\n\n", program, summary);
  for (; options->name != NULL; options++) {
    char head[40];
    snprintf(head, sizeof head, "%s %s", options->name,
             options->argument != NULL ? options->argument : "");
    printf("  %-20s %s", head, options->help);
    print_default(options);
    printf("\n");
  }
  printf("  %-20s %s\n\n", "--help", "this text");
  printf("Exit code: 0, 1 if a training failed, 2 for wrong options or data.\n");
}
