#include "suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct layer {
  const char *sizes; /* without the batch */
  int count;
} layer;

typedef struct suite {
  const char *name;
  int64_t batch;
  const char *passes;
  const layer *layers; /* the last one has NULL sizes */
} suite;

/* The 53 batch normalizations of ResNet-50 at 224 x 224 (He et al. 2015, arXiv:1512.03385). */
static const layer resnet50_layers[] = {{"c64h112w112", 1}, {"c64h56w56", 6},   {"c128h56w56", 1},
                                        {"c256h56w56", 4},  {"c128h28w28", 7},  {"c256h28w28", 1},
                                        {"c512h28w28", 5},  {"c256h14w14", 11}, {"c512h14w14", 1},
                                        {"c1024h14w14", 7}, {"c512h7w7", 5},    {"c2048h7w7", 4},
                                        {NULL, 0}};

/* Features behind fully connected layers. */
static const layer fc_layers[] = {{"c10", 1},   {"c84", 1},   {"c120", 1},   {"c512", 1},
                                  {"c1000", 1}, {"c4096", 1}, {"c16384", 1}, {NULL, 0}};

/* What vector code and round tiles like least. */
static const layer odd_layers[] = {
    {"c3h225w225", 1}, {"c12h61w61", 1},   {"c27h33w33", 1}, {"c35h7w7", 1},  {"c65h13w13", 1},
    {"c100h15w15", 1}, {"c127h27w27", 1},  {"c257h3w5", 1},  {"c1h55w55", 1}, {"c999h1w1", 1},
    {"c33w1001", 1},   {"c48d5h17w17", 1}, {NULL, 0}};

/* Where the launch or the fork of threads costs more than the memory. */
static const layer small_layers[] = {{"c4h1w1", 1},   {"c8h4w4", 1},  {"c16h7w7", 1},
                                     {"c32h8w8", 1},  {"c64h7w7", 1}, {"c64h14w14", 1},
                                     {"c256h7w7", 1}, {"c84", 1},     {NULL, 0}};

static const suite suites[] = {{"resnet50", 32, "train backward", resnet50_layers},
                               {"fc", 256, "train infer backward", fc_layers},
                               {"odd", 16, "train infer backward", odd_layers},
                               {"small", 4, "train infer backward", small_layers}};

static const char *const passes[] = {"train", "infer", "backward"};

const char *bench_suite_names(void) {
  return "resnet50, fc, odd, small";
}

/* Takes a count like "6x " off the front of a line. */
static const char *read_count(const char *text, int *count) {
  char *end;
  const long value = strtol(text, &end, 10);
  if (end == text || *end != 'x' || value < 1 || value > 1000000) return text;
  *count = (int)value;
  return end + 1;
}

/* Adds a line; `count` is for lines that begin with none. */
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
  if (wrong) {
    fprintf(stderr, "cubn-bench: problem line \"%s\"\n", text);
    return wrong;
  }
  item->count = count;
  ++list->count;
  return NULL;
}

/* The letters of the dimensions of "c48d5h17w17" in memory order, the batch among them. */
static void layout_of(const char *sizes, bool channels_last, char layout[16]) {
  size_t length = 0;
  layout[length++] = 'n';
  for (const char *at = sizes; *at && length < 14; ++at)
    if (*at >= 'a' && *at <= 'z' && !(channels_last && *at == 'c')) layout[length++] = *at;
  if (channels_last) layout[length++] = 'c';
  layout[length] = '\0';
}

static const char *add_suite(const bench_options *options, const suite *suite, bench_list *list) {
  const char *wanted = options->pass ? options->pass : suite->passes;
  const bool channels_last = !strcmp(options->layout, "nhwc");
  const long long batch = options->batch ? options->batch : suite->batch;
  if (!channels_last && strcmp(options->layout, "nchw")) return "--layout must be nchw or nhwc";
  for (size_t pass = 0; pass < sizeof passes / sizeof *passes; ++pass) {
    if (strcmp(wanted, "all") && !strstr(wanted, passes[pass])) continue;
    for (const layer *layer = suite->layers; layer->sizes; ++layer) {
      char layout[16], text[256];
      layout_of(layer->sizes, channels_last, layout);
      snprintf(text, sizeof text, "%s %s %s n%lld%s %s", passes[pass], layout, options->type, batch,
               layer->sizes, options->words ? options->words : "");
      const char *wrong = add_line(list, text, layer->count);
      if (wrong) return wrong;
    }
  }
  return list->count ? NULL : "--pass must be train, infer, backward or all";
}

static const char *add_file(const char *path, bench_list *list) {
  FILE *file = fopen(path, "r");
  if (!file) return "--file cannot be opened";
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
  if (!name && !options->file && !options->line_count) name = "resnet50";
  if (name) {
    wrong = "--suite is not one of resnet50, fc, odd, small";
    for (size_t i = 0; i < sizeof suites / sizeof *suites; ++i)
      if (!strcmp(name, suites[i].name)) wrong = add_suite(options, &suites[i], list);
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
