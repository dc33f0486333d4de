/* The form that onnx_params.py writes, and that any program can:
 *
 *     cubn batch norms 1
 *     norm NAME CHANNELS EPSILON
 *     scale V V ...
 *     bias V V ...
 *     mean V V ...
 *     var V V ...
 *     end
 *
 * with the five lines from "norm" on for each layer. epsilon is inside the root. */
#include <inttypes.h>
#include <string.h>

#include "import/source.h"
#include "nn/device.h"

static const char FIRST[] = "cubn batch norms 1";

static bool fail_here(const import_source *source, const char *expected) {
  return nn_fail("%s: in line %d: expected %s", source->path, source->line, expected);
}

/* A line "scale V V ...". */
static bool read_array(import_source *source, const char *what, int64_t channels, float *to) {
  char *rest = import_line(source), *word = rest == NULL ? NULL : import_word(&rest);
  if (word == NULL || strcmp(word, what) != 0)
    return nn_fail("%s: behind line %d: expected a line '%s V V ...' with %" PRId64 " values",
                   source->path, source->line - (rest != NULL), what, channels);
  for (int64_t i = 0; i < channels; i++) {
    double value;
    word = import_word(&rest);
    if (word == NULL || !import_parse_real(word, &value))
      return nn_fail("%s: in line %d: expected %" PRId64
                     " numbers behind '%s', found %s as number "
                     "%" PRId64,
                     source->path, source->line, channels, what, word == NULL ? "none" : word,
                     i + 1);
    to[i] = (float)value;
  }
  return import_word(&rest) == NULL || fail_here(source, "no more numbers than channels");
}

/* What follows the word "norm". */
static bool read_norm(import_source *source, char *rest, import_norms *norms) {
  const char *name = import_word(&rest), *channels_word = import_word(&rest);
  const char *epsilon_word = import_word(&rest);
  int64_t channels;
  double epsilon;
  if (epsilon_word == NULL || import_word(&rest) != NULL ||
      !import_parse_int(channels_word, &channels) || !import_parse_real(epsilon_word, &epsilon))
    return fail_here(source, "'norm NAME CHANNELS EPSILON'");
  /* A value takes a blank and a digit. */
  if (channels < 1 || (uint64_t)channels > (source->count - source->at) / 8)
    return fail_here(source, "as many channels as the file has values for");
  import_norm *norm = import_add(norms, source->path, name, channels);
  if (norm == NULL) return false;
  norm->epsilon = epsilon;
  return read_array(source, "scale", channels, norm->scale) &&
         read_array(source, "bias", channels, norm->bias) &&
         read_array(source, "mean", channels, norm->mean) &&
         read_array(source, "var", channels, norm->var);
}

static bool read_lines(import_source *source, import_norms *norms) {
  if (!import_expect_newline(source)) return false;
  if (strcmp(import_line(source), FIRST) != 0)
    return nn_fail("%s: in line 1: expected '%s'", source->path, FIRST);
  for (;;) {
    char *rest = import_line(source), *word = rest == NULL ? NULL : import_word(&rest);
    if (word != NULL && strcmp(word, "end") == 0) return import_expect_end(source, "'end'");
    if (word == NULL || strcmp(word, "norm") != 0)
      return nn_fail("%s: behind line %d: expected 'norm NAME CHANNELS EPSILON' or 'end'",
                     source->path, source->line - (rest != NULL));
    if (!read_norm(source, rest, norms)) return false;
  }
}

bool import_text(const char *path, import_norms *norms) {
  import_source source;
  if (!import_open(&source, path, NULL)) return false;
  const bool done = read_lines(&source, norms);
  import_close(&source);
  return done;
}
