/* darknet: FILE.cfg is a text of layers, FILE.weights has their weights in the same order behind a
 * header, without anything that says where a layer begins. */
#include "import/darknet.h"

#include <stdio.h>
#include <string.h>

#include "nn/device.h"

/* Of its CPU's code. Its kernels for GPUs have sqrt(var + 1e-5), with the same files. */
static const double EPSILON = 1e-6;

/* Three numbers of a version, and how many images were seen in training: 4 bytes, in newer files
 * 8. */
static bool take_header(import_source *weights) {
  int32_t version[3];
  if (!import_take(weights, version, 3, 4, "the version", "the header")) return false;
  const int32_t major = version[0], minor = version[1];
  if (major < 0 || minor < 0 || major > 2000 || minor > 2000)
    return nn_fail("%s: at byte 0: expected major and minor version from 0 to 2000, found %d.%d",
                   weights->path, (int)major, (int)minor);
  const bool is_long = major * 10 + minor >= 2 && major < 1000 && minor < 1000;
  return import_skip(weights, 1, is_long ? 8 : 4, "the number of images", "the header");
}

/* Of one layer. What is no batch norm's is skipped. */
typedef struct reader {
  const darknet_cfg *cfg;
  const darknet_section *section;
  import_source *weights;
  import_norms *norms;
} reader;

static import_norm *announce(const reader *self, int64_t channels, int arrays) {
  const char *name = self->section->name + strlen("layer ");
  import_norm *norm = import_announce(self->weights, self->norms, name, channels, arrays);
  if (norm == NULL) return NULL;
  norm->epsilon = EPSILON;
  norm->root = IMPORT_OUTSIDE;
  return norm;
}

static bool take(const reader *self, float *to, int64_t channels, const char *what) {
  return import_take(self->weights, to, channels, 4, what, self->section->name);
}

static bool take_scaling(const reader *self, import_norm *norm) {
  return take(self, norm->scale, norm->channels, "the scales") &&
         take(self, norm->mean, norm->channels, "the rolling mean") &&
         take(self, norm->var, norm->channels, "the rolling variance");
}

static bool skip(const reader *self, int64_t count, const char *what) {
  return import_skip(self->weights, count, 4, what, self->section->name);
}

/* Biases, scales, mean, variance, weights. */
static bool take_convolutional(const reader *self, bool normalizes) {
  const darknet_section *section = self->section;
  const int64_t filters = section->out.c;
  int64_t size, groups;
  if (!darknet_option(self->cfg, section, "size", 1, 1, DARKNET_WINDOW_MAX, &size) ||
      !darknet_option(self->cfg, section, "groups", 1, 1, section->in.c, &groups))
    return false;
  if (normalizes) {
    import_norm *norm = announce(self, filters, 4);
    if (norm == NULL || !take(self, norm->bias, filters, "the biases") || !take_scaling(self, norm))
      return false;
  } else if (!skip(self, filters, "the biases")) {
    return false;
  }
  return skip(self, section->in.c / groups * filters * size * size, "the weights");
}

/* Biases, weights, scales, mean, variance: the biases are needed before there is a layer. */
static bool take_connected(const reader *self, bool normalizes) {
  const darknet_shape in = self->section->in;
  const int64_t outputs = self->section->out.c, inputs = in.c * in.h * in.w;
  const int64_t weights = outputs <= INT64_MAX / inputs ? inputs * outputs : INT64_MAX;
  if (!normalizes) return skip(self, outputs, "the biases") && skip(self, weights, "the weights");
  import_norm *norm = announce(self, outputs, 4);
  return norm != NULL && take(self, norm->bias, outputs, "the biases") &&
         skip(self, weights, "the weights") && take_scaling(self, norm);
}

/* Scales, mean, variance; the biases are not in the file, and 0. */
static bool take_batchnorm(const reader *self) {
  import_norm *norm = announce(self, self->section->in.c, 3);
  return norm != NULL && take_scaling(self, norm);
}

static bool take_section(const reader *self) {
  static const char *const partial[] = {"dontload", "dontloadscales", "numload", NULL};
  const char *type = self->section->type;
  int64_t value, normalizes;
  for (int i = 0; partial[i] != NULL; i++)
    if (!darknet_option(self->cfg, self->section, partial[i], 0, 0, 0, &value)) return false;
  if (!darknet_option(self->cfg, self->section, "batch_normalize", 0, 0, 1, &normalizes))
    return false;
  if (strncmp(type, "[conv", 5) == 0) return take_convolutional(self, normalizes == 1);
  if (strncmp(type, "[conn", 5) == 0) return take_connected(self, normalizes == 1);
  return strcmp(type, "[batchnorm]") != 0 || take_batchnorm(self);
}

static bool take_all(const darknet_cfg *cfg, import_source *weights, import_norms *norms) {
  if (!take_header(weights)) return false;
  for (int i = 1; i < cfg->count; i++) {
    const reader self = {cfg, &cfg->sections[i], weights, norms};
    if (!take_section(&self)) return false;
  }
  return import_expect_end(weights, cfg->sections[cfg->count - 1].name);
}

bool import_darknet(const char *path, import_norms *norms) {
  darknet_cfg cfg;
  import_source weights = {.data = NULL};
  const bool done = darknet_open_cfg(&cfg, path) && darknet_set_shapes(&cfg) &&
                    import_open(&weights, path, ".weights") && take_all(&cfg, &weights, norms);
  darknet_close_cfg(&cfg);
  import_close(&weights);
  return done;
}
