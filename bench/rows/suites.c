#include "rows/suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rows/suite_tables.h"

static const char *const passes[] = {"train", "infer", "backward", NULL};
static const char *const types[] = {"f32", "f64", "f16", "bf16", NULL};

static bool is_one_of(const char *word, const char *const *words) {
  while (*words && strcmp(word, *words)) ++words;
  return *words != NULL;
}

const char *bench_suite_names(void) {
  static char names[128];
  size_t used = 0;
  for (const suite_table *suite = bench_suite_tables; suite->name; ++suite)
    used +=
        (size_t)snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "", suite->name);
  return names;
}

/* Puts two texts into a message. */
static const char *explain(const char *format, const char *value, const char *allowed) {
  static char message[400];
  snprintf(message, sizeof message, format, value, allowed);
  return message;
}

static const suite_table *find_suite(const char *name) {
  for (const suite_table *suite = bench_suite_tables; suite->name; ++suite)
    if (!strcmp(name, suite->name)) return suite;
  return NULL;
}

/* Reads a count like "6x " at the beginning of a line. Returns what follows. */
static const char *read_count(const char *text, int *count) {
  char *end;
  const long value = strtol(text, &end, 10);
  if (end == text || *end != 'x' || value < 1 || value > 1000000) return text;
  *count = (int)value;
  return end + 1;
}

/* Adds a line; `count` applies to a line without a count. */
static const char *add_line(bench_list *list, const char *text, int count) {
  if (list->count == list->capacity) {
    const int capacity = list->capacity ? 2 * list->capacity : 64;
    bench_item *items = realloc(list->items, (size_t)capacity * sizeof *items);
    if (!items) return "no memory for the list of problems";
    list->items = items;
    list->capacity = capacity;
  }
  bench_item *item = &list->items[list->count];
  const char *wrong = line_parse(read_count(text, &count), &item->problem);
  if (wrong) return explain("problem line '%.150s': %.150s", text, wrong);
  item->count = count;
  ++list->count;
  return NULL;
}

/* Sets the letters of the dimensions of "c48d5h17w17" in memory order, the batch included; or the
 * layout that the sizes begin with. */
static void layout_of(const char *sizes, bool channels_last, char layout[16]) {
  size_t length = strcspn(sizes, " ");
  if (sizes[length] && length < 15) {
    memcpy(layout, sizes, length);
    layout[length] = '\0';
    return;
  }
  length = 0;
  layout[length++] = 'n';
  for (const char *at = sizes; *at && length < 14; ++at)
    if (*at >= 'a' && *at <= 'z' && !(channels_last && *at == 'c')) layout[length++] = *at;
  if (channels_last) layout[length++] = 'c';
  layout[length] = '\0';
}

static const char *add_suite(const bench_options *options, const suite_table *suite,
                             bench_list *list) {
  const char *wanted = options->pass ? options->pass : suite->passes;
  const bool channels_last = !strcmp(options->layout, "nhwc");
  const long long batch = options->batch ? options->batch : suite->batch;
  if (!channels_last && strcmp(options->layout, "nchw"))
    return explain("--layout is '%.100s', must be %s", options->layout, "nchw or nhwc");
  if (!is_one_of(options->type, types))
    return explain("--type is '%.100s', must be %s", options->type, "f32, f64, f16 or bf16");
  if (options->pass && strcmp(options->pass, "all") && !is_one_of(options->pass, passes))
    return explain("--pass is '%.100s', must be %s", options->pass,
                   "train, infer, backward or all");
  for (size_t pass = 0; passes[pass]; ++pass) {
    if (strcmp(wanted, "all") && !strstr(wanted, passes[pass])) continue;
    for (const suite_layer *layer = suite->layers; layer->sizes; ++layer) {
      char layout[16], text[256];
      const char *const blank = strchr(layer->sizes, ' ');
      layout_of(layer->sizes, channels_last, layout);
      snprintf(text, sizeof text, "%s %s %s n%lld%s %s %s", passes[pass], layout, options->type,
               batch, blank ? blank + 1 : layer->sizes, layer->words ? layer->words : "",
               options->words ? options->words : "");
      const char *wrong = add_line(list, text, layer->count);
      if (wrong) return wrong;
    }
  }
  return NULL;
}

static const char *add_file(const char *path, bench_list *list) {
  FILE *file = fopen(path, "r");
  if (!file) return explain("--file is '%.200s', %s", path, "which cannot be opened");
  char text[512];
  const char *wrong = NULL;
  while (!wrong && fgets(text, sizeof text, file)) {
    text[strcspn(text, "#\r\n")] = '\0';
    if (text[strspn(text, " \t")]) wrong = add_line(list, text, 1);
  }
  fclose(file);
  return wrong;
}

const char *bench_list_build(const bench_options *options, bench_list *list) {
  *list = (bench_list){0};
  const char *wrong = NULL;
  const char *name = options->suite;
  if (!name && !options->file && !options->line_count) name = options->host ? "host" : "resnet50";
  if (name) {
    const suite_table *suite = find_suite(name);
    wrong = suite ? add_suite(options, suite, list)
                  : explain("--suite is '%.100s', must be one of %s", name, bench_suite_names());
  }
  if (!wrong && options->file) wrong = add_file(options->file, list);
  for (int i = 0; !wrong && i < options->line_count; ++i)
    wrong = add_line(list, options->lines[i], 1);
  return wrong;
}

void bench_list_free(bench_list *list) {
  free(list->items);
  *list = (bench_list){0};
}
