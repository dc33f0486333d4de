#include "import/source.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "nn/device.h"

static bool set_path(import_source *source, const char *path, const char *ending) {
  const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
  size_t length = strlen(path);
  if (ending != NULL && dot != NULL && (slash == NULL || dot > slash))
    length = (size_t)(dot - path);
  if (ending == NULL) ending = "";
  if (length + strlen(ending) >= sizeof source->path)
    return nn_fail("the path is too long: expected less than %d characters, found %zu",
                   IMPORT_PATH_MAX, length + strlen(ending));
  memcpy(source->path, path, length);
  strcpy(source->path + length, ending);
  return true;
}

static bool read_all(import_source *source, FILE *file) {
  struct stat status;
  if (fstat(fileno(file), &status) != 0 || !S_ISREG(status.st_mode))
    return nn_fail("%s: expected a regular file, found something else", source->path);
  source->count = (size_t)status.st_size;
  source->data = malloc(source->count + 2);
  if (source->data == NULL)
    return nn_fail("%s: no memory for %zu bytes", source->path, source->count);
  source->data[source->count] = source->data[source->count + 1] = 0;
  const size_t found = fread(source->data, 1, source->count, file);
  return found == source->count || nn_fail("%s: at byte %zu: cannot read: %s", source->path, found,
                                           ferror(file) ? strerror(errno) : "the file ends");
}

bool import_open(import_source *source, const char *path, const char *ending) {
  *source = (import_source){.data = NULL};
  if (!set_path(source, path, ending)) return false;
  FILE *file = fopen(source->path, "rb");
  if (file == NULL) return nn_fail("%s: cannot open: %s", source->path, strerror(errno));
  const bool done = read_all(source, file);
  fclose(file);
  if (!done) import_close(source);
  return done;
}

void import_close(import_source *source) {
  free(source->data);
  source->data = NULL;
}

/* ---- Bytes ---- */

/* Counts come from files: they may be negative, or so large that their bytes cannot be counted. */
static bool has_elements(const import_source *source, int64_t count, size_t size, const char *what,
                         const char *layer) {
  const size_t left = source->count - source->at;
  if (count >= 0 && (uint64_t)count <= left / size) return true;
  return nn_fail("%s: at byte %zu: expected %" PRId64
                 " elements of %zu bytes, %s of %s, found %zu "
                 "bytes up to the end",
                 source->path, source->at, count, size, what, layer, left);
}

bool import_skip(import_source *source, int64_t count, size_t size, const char *what,
                 const char *layer) {
  if (!has_elements(source, count, size, what, layer)) return false;
  source->at += (size_t)count * size;
  return true;
}

bool import_take(import_source *source, void *to, int64_t count, size_t size, const char *what,
                 const char *layer) {
  const size_t from = source->at;
  if (!import_skip(source, count, size, what, layer)) return false;
  memcpy(to, source->data + from, (size_t)count * size);
  return true;
}

import_norm *import_announce(import_source *source, import_norms *norms, const char *name,
                             int64_t channels, int arrays) {
  const size_t bytes = (size_t)arrays * sizeof(float);
  if (!has_elements(source, channels, bytes, "the batch norm", name)) return NULL;
  return import_add(norms, source->path, name, channels);
}

bool import_expect_end(const import_source *source, const char *last) {
  if (source->at == source->count) return true;
  return nn_fail(
      "%s: at byte %zu: expected the end behind %s, found %zu bytes more: the "
      "description is of another network, or a shorter one",
      source->path, source->at, last, source->count - source->at);
}

/* ---- Text ---- */

bool import_expect_newline(const import_source *source) {
  if (source->count > 0 && source->data[source->count - 1] == '\n') return true;
  return nn_fail("%s: at byte %zu: expected the end of a line: the file was cut off", source->path,
                 source->count);
}

char *import_line(import_source *source) {
  if (source->at >= source->count) return NULL;
  char *line = source->data + source->at;
  char *end = memchr(line, '\n', source->count - source->at);
  source->at = end == NULL ? source->count : (size_t)(end - source->data) + 1;
  source->line++;
  if (end != NULL) *end = 0;
  return line;
}

char *import_word(char **rest) {
  char *word = *rest + strspn(*rest, " \t\r");
  if (*word == 0) return NULL;
  char *end = word + strcspn(word, " \t\r");
  *rest = *end == 0 ? end : end + 1;
  *end = 0;
  return word;
}

bool import_parse_int(const char *word, int64_t *value) {
  char *end;
  errno = 0;
  *value = strtoll(word, &end, 10);
  return end != word && *end == 0 && errno == 0;
}

bool import_parse_real(const char *word, double *value) {
  char *end;
  *value = strtod(word, &end);
  return end != word && *end == 0;
}
