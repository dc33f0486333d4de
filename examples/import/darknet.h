/* darknet's FILE.cfg: the layers of a network, and what goes in and comes out of each. */
#ifndef IMPORT_DARKNET_H
#define IMPORT_DARKNET_H

#include "import/source.h"

typedef struct darknet_shape {
  int64_t c, h, w;
} darknet_shape;

/* "[convolutional]" and what follows it. */
typedef struct darknet_section {
  const char *type;           /* with the brackets */
  const char *options;        /* "key=value", each ended by 0, up to an empty one or a section */
  char name[IMPORT_NAME_MAX]; /* for messages: "layer 3 [convolutional]", as darknet counts */
  darknet_shape in, out;
} darknet_section;

typedef struct darknet_cfg {
  import_source source;
  darknet_section *sections; /* the first is [net] */
  int count;
} darknet_cfg;

/* The sections, and what goes in and comes out of each: darknet_shapes.c. */
bool darknet_open_cfg(darknet_cfg *cfg, const char *path);
void darknet_close_cfg(darknet_cfg *cfg);
bool darknet_set_shapes(darknet_cfg *cfg);

/* The text of an option, or NULL. */
const char *darknet_text(const darknet_section *section, const char *key);
/* The option, a whole number, or `otherwise`. False with a message if it is not within least and
 * most. */
bool darknet_option(const darknet_cfg *cfg, const darknet_section *section, const char *key,
                    int64_t otherwise, int64_t least, int64_t most, int64_t *value);
/* Sets the message "FILE: layer 3 [convolutional]: expected ..."; returns false. */
bool darknet_fail(const darknet_cfg *cfg, const darknet_section *section, const char *expected);

/* Beyond these no network goes; and a product of four of them fits into 64 bits. */
enum { DARKNET_SIDE_MAX = 1 << 14, DARKNET_CHANNELS_MAX = 1 << 20, DARKNET_WINDOW_MAX = 1 << 10 };

#endif /* IMPORT_DARKNET_H */
