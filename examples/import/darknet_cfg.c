#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import/darknet.h"
#include "nn/device.h"

/* As darknet reads it: blanks do not count anywhere, '#' and ';' begin comments. Lines end with 0
 * afterwards; empty ones are gone, and an empty one ends all. */
static void squeeze(import_source *source) {
  char *to = source->data;
  for (char *line = import_line(source); line != NULL; line = import_line(source)) {
    char *const begin = to;
    for (; *line != 0; line++)
      if (strchr(" \t\r", *line) == NULL) *to++ = *line;
    if (to == begin || *begin == '#' || *begin == ';')
      to = begin;
    else
      *to++ = 0;
  }
  *to = 0;
}

static const char *next(const char *line) {
  return line + strlen(line) + 1;
}

static bool list_sections(darknet_cfg *cfg) {
  const char *const text = cfg->source.data;
  size_t count = 0;
  for (const char *line = text; *line != 0; line = next(line)) count += *line == '[';
  if (strcmp(text, "[net]") != 0 && strcmp(text, "[network]") != 0)
    return nn_fail("%s: in the first line: expected [net] or [network], found '%.20s'",
                   cfg->source.path, text);
  cfg->sections = calloc(count, sizeof *cfg->sections);
  if (cfg->sections == NULL)
    return nn_fail("%s: no memory for %zu layers", cfg->source.path, count);
  for (const char *line = text; *line != 0; line = next(line)) {
    if (*line != '[') continue;
    darknet_section *section = &cfg->sections[cfg->count];
    section->type = line;
    section->options = next(line);
    if (cfg->count == 0)
      snprintf(section->name, sizeof section->name, "%s", line);
    else
      snprintf(section->name, sizeof section->name, "layer %d %.40s", cfg->count - 1, line);
    cfg->count++;
  }
  return true;
}

bool darknet_open_cfg(darknet_cfg *cfg, const char *path) {
  *cfg = (darknet_cfg){.sections = NULL};
  if (!import_open(&cfg->source, path, NULL)) return false;
  squeeze(&cfg->source);
  return list_sections(cfg);
}

void darknet_close_cfg(darknet_cfg *cfg) {
  free(cfg->sections);
  import_close(&cfg->source);
}

bool darknet_fail(const darknet_cfg *cfg, const darknet_section *section, const char *expected) {
  return nn_fail("%s: %s: expected %s", cfg->source.path, section->name, expected);
}

const char *darknet_text(const darknet_section *section, const char *key) {
  const size_t length = strlen(key);
  for (const char *line = section->options; *line != 0 && *line != '['; line = next(line))
    if (strncmp(line, key, length) == 0 && line[length] == '=') return line + length + 1;
  return NULL;
}

bool darknet_option(const darknet_cfg *cfg, const darknet_section *section, const char *key,
                    int64_t otherwise, int64_t least, int64_t most, int64_t *value) {
  const char *text = darknet_text(section, key);
  *value = otherwise;
  if (text != NULL && !import_parse_int(text, value))
    return nn_fail("%s: %s: expected a whole number as %s, found '%s'", cfg->source.path,
                   section->name, key, text);
  return (*value >= least && *value <= most) ||
         nn_fail("%s: %s: expected %s from %" PRId64 " to %" PRId64 ", found %" PRId64,
                 cfg->source.path, section->name, key, least, most, *value);
}
