#include "import/norms.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nn/device.h"

/* cubn's descriptors of tensors count elements of a dimension in an int. */
static const int64_t CHANNELS_MAX = INT32_MAX / 4;

import_norm *import_add(import_norms *norms, const char *file, const char *name, int64_t channels) {
  if (channels < 1 || channels > CHANNELS_MAX) {
    nn_fail("%s: %s: expected 1 to %" PRId64 " channels, found %" PRId64, file, name, CHANNELS_MAX,
            channels);
    return NULL;
  }
  float *values = calloc((size_t)channels, 4 * sizeof *values);
  import_norm *list = values == NULL
                          ? NULL
                          : realloc(norms->list, ((size_t)norms->count + 1) * sizeof *norms->list);
  if (list == NULL) {
    free(values);
    nn_fail("%s: %s: no memory for %" PRId64 " channels", file, name, channels);
    return NULL;
  }
  norms->list = list;
  import_norm *norm = &list[norms->count++];
  *norm = (import_norm){.channels = channels, .root = IMPORT_INSIDE};
  snprintf(norm->name, sizeof norm->name, "%s", name);
  norm->scale = values;
  norm->bias = values + channels;
  norm->mean = values + 2 * channels;
  norm->var = values + 3 * channels;
  return norm;
}

void import_free(import_norms *norms) {
  for (int i = 0; i < norms->count; i++) free(norms->list[i].scale);
  free(norms->list);
  *norms = (import_norms){NULL, 0};
}

bool import_read(const char *path, import_norms *norms) {
  static const struct {
    const char *ending;
    bool (*read)(const char *, import_norms *);
  } formats[] = {{".param", import_ncnn}, {".cfg", import_darknet}, {".bn", import_text}};
  const char *dot = strrchr(path, '.');
  *norms = (import_norms){NULL, 0};
  if (dot != NULL && strcmp(dot, ".onnx") == 0)
    return nn_fail(
        "%s: write its parameters to a .bn file first: "
        "python3 examples/import/onnx_params.py %s FILE.bn",
        path, path);
  for (size_t i = 0; dot != NULL && i < sizeof formats / sizeof *formats; i++) {
    if (strcmp(dot, formats[i].ending) != 0) continue;
    if (formats[i].read(path, norms)) return true;
    import_free(norms);
    return false;
  }
  return nn_fail("%s: expected a file .param (ncnn), .cfg (darknet) or .bn (of onnx_params.py)",
                 path);
}
