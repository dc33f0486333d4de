/* Batch norm layers in files of other programs: their parameters, as the files hold them. */
#ifndef IMPORT_NORMS_H
#define IMPORT_NORMS_H

#include <stdbool.h>
#include <stdint.h>

/* y = scale * (x - mean) / root + bias, and root is: */
typedef enum {
  IMPORT_INSIDE,  /* sqrt(var + epsilon) */
  IMPORT_OUTSIDE, /* sqrt(var) + epsilon; darknet on the CPU */
  IMPORT_NO_ZERO  /* sqrt(var + epsilon), and 1e-4 if that is 0; ncnn */
} import_root;

enum { IMPORT_NAME_MAX = 64 };

typedef struct import_norm {
  char name[IMPORT_NAME_MAX]; /* the layer's, or "4 [convolutional]"; cut where it is longer */
  int64_t channels;
  float *scale, *bias, *mean, *var; /* of the channels each; one allocation, which scale begins */
  double epsilon;
  import_root root;
} import_norm;

/* All of a file, in its order. */
typedef struct import_norms {
  import_norm *list;
  int count;
} import_norms;

/* Reads FILE.param with FILE.bin (ncnn), FILE.cfg with FILE.weights (darknet), or FILE.bn (what
 * onnx_params.py writes). False with a message (nn_message) that names the file, where in it, and
 * what was expected; norms is then empty. */
bool import_read(const char *path, import_norms *norms);

/* Adds a layer, whose arrays are zeros, with root IMPORT_INSIDE; or NULL with a message that names
 * the file. */
import_norm *import_add(import_norms *norms, const char *file, const char *name, int64_t channels);
void import_free(import_norms *norms);

/* The readers of one format each; what they added stays in norms when they fail. */
bool import_ncnn(const char *path, import_norms *norms);
bool import_darknet(const char *path, import_norms *norms);
bool import_text(const char *path, import_norms *norms);

#endif /* IMPORT_NORMS_H */
