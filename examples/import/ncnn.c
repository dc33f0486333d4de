/* ncnn: FILE.param is a text of layers, and FILE.bin has their weights in the same order, without
 * anything that says where a layer begins. So the weights of all layers in front of a batch norm
 * are counted. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "import/source.h"
#include "nn/device.h"

static const char MAGIC[] = "7767517";
enum { KEYS = 32, NONE = -1, FROM_INPUT = -233 };

/* A line of FILE.param: "type name inputs outputs ... key=value key=value ...". */
typedef struct ncnn_layer {
  const char *type, *name;
  const char *values[KEYS]; /* NULL where the line has none */
} ncnn_layer;

/* What a layer has in FILE.bin: weights, then biases; in keys of its line. */
typedef struct ncnn_rule {
  const char *type;
  bool tagged;       /* the weights begin with four bytes that tell their type; else float32 */
  int weights, bias; /* how many */
  int has_bias;      /* without the key: none; NONE: always */
  int affine;        /* 0: neither weights nor biases; without the key: both */
  int dynamic;       /* 1: neither of them */
} ncnn_rule;

static const ncnn_rule with_weights[] = {
    {"Bias", false, 0, NONE, NONE, NONE, NONE},
    {"Convolution", true, 6, 0, 5, NONE, 19},
    {"Convolution1D", true, 6, 0, 5, NONE, 19},
    {"ConvolutionDepthWise", true, 6, 0, 5, NONE, 19},
    {"Deconvolution", true, 6, 0, 5, NONE, 28},
    {"DeconvolutionDepthWise", true, 6, 0, 5, NONE, 28},
    {"GroupNorm", false, 1, 1, NONE, 3, NONE},
    {"InnerProduct", true, 2, 0, 1, NONE, NONE},
    {"InstanceNorm", false, 0, 0, NONE, 2, NONE},
    {"LayerNorm", false, 0, 0, NONE, 2, NONE},
    {"PReLU", false, 0, NONE, NONE, NONE, NONE},
    {"Scale", false, 0, 0, 1, NONE, NONE},
};

static const char *const without_weights[] = {
    "AbsVal",   "BinaryOp",       "BNLL",      "CELU",    "Clip",      "Concat",     "Crop",
    "DeepCopy", "Dropout",        "ELU",       "Eltwise", "Exp",       "ExpandDims", "Flatten",
    "GELU",     "HardSigmoid",    "HardSwish", "Input",   "Interp",    "Log",        "LRN",
    "MatMul",   "Mish",           "Noop",      "Packing", "Padding",   "Permute",    "PixelShuffle",
    "Pooling",  "Pooling1D",      "Power",     "ReLU",    "Reduction", "Reorg",      "Reshape",
    "SELU",     "ShuffleChannel", "Sigmoid",   "Slice",   "Softmax",   "Softplus",   "Split",
    "Squeeze",  "Swish",          "TanH",      "Tile",    "UnaryOp",
};

/* ---- FILE.param ---- */

static bool fail_here(const import_source *param, const char *expected, const char *found) {
  return nn_fail("%s: in line %d: expected %s, found '%s'", param->path, param->line, expected,
                 found == NULL ? "" : found);
}

static bool take_count(const import_source *param, char **rest, const char *what, int64_t *count) {
  const char *word = import_word(rest);
  if (word != NULL && import_parse_int(word, count) && *count >= 0) return true;
  return fail_here(param, what, word);
}

/* "key=value ..." into layer->values. Keys from -23300 down are arrays, of which none counts. */
static bool take_values(const import_source *param, char *rest, ncnn_layer *layer) {
  for (char *word = import_word(&rest); word != NULL; word = import_word(&rest)) {
    char *equals = strchr(word, '=');
    int64_t key;
    if (equals == NULL) return fail_here(param, "key=value", word);
    *equals = 0;
    if (!import_parse_int(word, &key)) return fail_here(param, "a number as key", word);
    if (key >= 0 && key < KEYS) layer->values[key] = equals + 1;
  }
  return true;
}

static bool take_layer(import_source *param, ncnn_layer *layer) {
  int64_t inputs, outputs;
  char *rest = import_line(param);
  if (rest == NULL)
    return nn_fail("%s: behind line %d: expected a layer, found the end", param->path, param->line);
  *layer = (ncnn_layer){.type = import_word(&rest), .name = import_word(&rest)};
  if (layer->name == NULL) return fail_here(param, "type and name of a layer", layer->type);
  if (!take_count(param, &rest, "a number of inputs", &inputs) ||
      !take_count(param, &rest, "a number of outputs", &outputs))
    return false;
  for (int64_t i = 0; i < inputs || i - inputs < outputs; i++)
    if (import_word(&rest) == NULL) return fail_here(param, "as many blobs as announced", "none");
  return take_values(param, rest, layer);
}

/* The value of a key that is a whole number. */
static bool whole(const import_source *param, const ncnn_layer *layer, int key, int64_t otherwise,
                  int64_t *value) {
  *value = otherwise;
  if (key == NONE || layer->values[key] == NULL || import_parse_int(layer->values[key], value))
    return true;
  return fail_here(param, "a whole number", layer->values[key]);
}

/* ---- FILE.bin ---- */

/* Weights whose first four bytes tell what they are. */
static bool skip_tagged(import_source *bin, int64_t count, const char *name) {
  enum { HALF = 0x01306B47, INT8 = 0x000D4B38, FLOAT = 0, FLOAT_SCALED = 0x0002C056 };
  uint32_t tag;
  if (!import_take(bin, &tag, 1, sizeof tag, "the type of the weights", name)) return false;
  switch (tag) {
    case FLOAT:
    case FLOAT_SCALED:
      return import_skip(bin, count, 4, "the weights", name);
    case HALF:
      return import_skip(bin, count + (count & 1), 2, "the weights, half", name);
    case INT8:
      return import_skip(bin, count + (-count & 3), 1, "the weights, int8", name);
    default: /* an index per weight into a table of 256 values */
      return import_skip(bin, 256, 4, "the table of weights", name) &&
             import_skip(bin, count + (-count & 3), 1, "the indices of weights", name);
  }
}

static bool skip_weights(const import_source *param, import_source *bin, const ncnn_layer *layer,
                         const ncnn_rule *rule) {
  int64_t weights, bias, has_bias, affine, dynamic, int8;
  if (!whole(param, layer, rule->weights, 0, &weights) ||
      !whole(param, layer, rule->bias, 0, &bias) ||
      !whole(param, layer, rule->has_bias, rule->has_bias == NONE, &has_bias) ||
      !whole(param, layer, rule->affine, 1, &affine) ||
      !whole(param, layer, rule->dynamic, 0, &dynamic) ||
      !whole(param, layer, rule->tagged ? 8 : NONE, 0, &int8))
    return false;
  if (int8 != 0) return fail_here(param, "weights without int8 scales (8=0)", layer->name);
  if (affine == 0 || dynamic == 1 || weights == FROM_INPUT) return true;
  if (weights < 0 || weights > INT32_MAX || bias < 0)
    return fail_here(param, "numbers of weights from 0 on", layer->name);
  return (rule->tagged ? skip_tagged(bin, weights, layer->name)
                       : import_skip(bin, weights, 4, "the weights", layer->name)) &&
         (has_bias == 0 || import_skip(bin, bias, 4, "the biases", layer->name));
}

/* slope, mean, variance, bias. */
static bool take_norm(const import_source *param, import_source *bin, const ncnn_layer *layer,
                      import_norms *norms) {
  int64_t channels;
  double epsilon = 0;
  if (!whole(param, layer, 0, 0, &channels)) return false;
  if (layer->values[1] != NULL && !import_parse_real(layer->values[1], &epsilon))
    return fail_here(param, "a number as epsilon (1=)", layer->values[1]);
  import_norm *norm = import_announce(bin, norms, layer->name, channels, 4);
  if (norm == NULL) return false;
  norm->epsilon = (float)epsilon;
  norm->root = IMPORT_NO_ZERO;
  return import_take(bin, norm->scale, channels, 4, "the slope", layer->name) &&
         import_take(bin, norm->mean, channels, 4, "the mean", layer->name) &&
         import_take(bin, norm->var, channels, 4, "the variance", layer->name) &&
         import_take(bin, norm->bias, channels, 4, "the bias", layer->name);
}

static bool walk(const import_source *param, import_source *bin, const ncnn_layer *layer,
                 import_norms *norms) {
  if (strcmp(layer->type, "BatchNorm") == 0) return take_norm(param, bin, layer, norms);
  for (size_t i = 0; i < sizeof with_weights / sizeof *with_weights; i++)
    if (strcmp(layer->type, with_weights[i].type) == 0)
      return skip_weights(param, bin, layer, &with_weights[i]);
  for (size_t i = 0; i < sizeof without_weights / sizeof *without_weights; i++)
    if (strcmp(layer->type, without_weights[i]) == 0) return true;
  return fail_here(param, "a type of layer whose weights this reader can count", layer->type);
}

static bool walk_all(import_source *param, import_source *bin, import_norms *norms) {
  int64_t layers, blobs;
  if (strncmp(param->data, MAGIC, strlen(MAGIC)) != 0)
    return nn_fail("%s: in line 1: expected %s, found '%.20s'", param->path, MAGIC, param->data);
  if (!import_expect_newline(param)) return false;
  import_line(param);
  char *rest = import_line(param);
  if (rest == NULL)
    return nn_fail("%s: behind line 1: expected numbers of layers and blobs", param->path);
  if (!take_count(param, &rest, "a number of layers", &layers) ||
      !take_count(param, &rest, "a number of blobs", &blobs))
    return false;
  ncnn_layer layer = {.name = "the description"};
  for (int64_t i = 0; i < layers; i++)
    if (!take_layer(param, &layer) || !walk(param, bin, &layer, norms)) return false;
  return import_expect_end(bin, layer.name);
}

bool import_ncnn(const char *path, import_norms *norms) {
  import_source param, bin = {.data = NULL};
  if (!import_open(&param, path, NULL)) return false;
  const bool done = import_open(&bin, path, ".bin") && walk_all(&param, &bin, norms);
  import_close(&param);
  import_close(&bin);
  return done;
}
