/* A file in memory, read from its beginning to its end. Every failure leaves a message with the
 * file, the place in it, and what was expected there. */
#ifndef IMPORT_SOURCE_H
#define IMPORT_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "import/norms.h"

enum { IMPORT_PATH_MAX = 1024 };

typedef struct import_source {
  char path[IMPORT_PATH_MAX];
  char *data; /* two 0s follow the last byte */
  size_t count, at;
  int line; /* of text: the number of the last line that was taken */
} import_source;

/* The file `path`, with everything from its last dot on replaced by `ending`, if that is not
 * NULL. */
bool import_open(import_source *source, const char *path, const char *ending);
void import_close(import_source *source);

/* Moves past count elements of `size` bytes; `what` and `layer` are for the message, "the mean" of
 * "layer 4". */
bool import_skip(import_source *source, int64_t count, size_t size, const char *what,
                 const char *layer);
/* The same, and copies them to `to`. */
bool import_take(import_source *source, void *to, int64_t count, size_t size, const char *what,
                 const char *layer);
/* The parameters of a layer that was announced with a number of channels: adds it if the file has
 * as many bytes as `arrays` of them take. */
import_norm *import_announce(import_source *source, import_norms *norms, const char *name,
                             int64_t channels, int arrays);
/* True if nothing is left. */
bool import_expect_end(const import_source *source, const char *last);

/* True for a text whose last line has its end; without one it may have been cut off. */
bool import_expect_newline(const import_source *source);
/* The next line of a text, without its end; NULL behind the last one. The line is cut out of the
 * data, and may be changed. */
char *import_line(import_source *source);
/* The next word of a line, which is cut out of it; NULL if there is none. */
char *import_word(char **rest);
/* Whole numbers and reals, with nothing behind them. */
bool import_parse_int(const char *word, int64_t *value);
bool import_parse_real(const char *word, double *value);

#endif /* IMPORT_SOURCE_H */
