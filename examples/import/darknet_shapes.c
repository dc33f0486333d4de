/* What comes out of each layer: the next one's weights are counted by it. */
#include <stdlib.h>
#include <string.h>

#include "import/darknet.h"
#include "nn/device.h"

typedef bool (*shape_function)(const darknet_cfg *, darknet_section *);

/* size, stride and padding of a window, which is also padded by `more` in all. */
static bool slide(const darknet_cfg *cfg, darknet_section *section, int64_t size, int64_t stride,
                  int64_t padding) {
  const darknet_shape in = section->in;
  if (in.h + padding < size || in.w + padding < size)
    return darknet_fail(cfg, section, "an input that is not smaller than the window");
  section->out.h = (in.h + padding - size) / stride + 1;
  section->out.w = (in.w + padding - size) / stride + 1;
  return true;
}

static bool shape_convolutional(const darknet_cfg *cfg, darknet_section *section) {
  int64_t size, stride, pad, padding;
  if (!darknet_option(cfg, section, "size", 1, 1, DARKNET_WINDOW_MAX, &size) ||
      !darknet_option(cfg, section, "stride", 1, 1, DARKNET_WINDOW_MAX, &stride) ||
      !darknet_option(cfg, section, "pad", 0, 0, 1, &pad) ||
      !darknet_option(cfg, section, "padding", 0, 0, DARKNET_WINDOW_MAX, &padding) ||
      !darknet_option(cfg, section, "filters", 1, 1, DARKNET_CHANNELS_MAX, &section->out.c))
    return false;
  return slide(cfg, section, size, stride, 2 * (pad == 1 ? size / 2 : padding));
}

static bool shape_connected(const darknet_cfg *cfg, darknet_section *section) {
  section->out = (darknet_shape){1, 1, 1};
  return darknet_option(cfg, section, "output", 1, 1, DARKNET_CHANNELS_MAX, &section->out.c);
}

static bool shape_maxpool(const darknet_cfg *cfg, darknet_section *section) {
  int64_t size, stride, padding;
  return darknet_option(cfg, section, "stride", 1, 1, DARKNET_WINDOW_MAX, &stride) &&
         darknet_option(cfg, section, "size", stride, 1, DARKNET_WINDOW_MAX, &size) &&
         darknet_option(cfg, section, "padding", size - 1, 0, DARKNET_WINDOW_MAX, &padding) &&
         slide(cfg, section, size, stride, padding);
}

static bool shape_avgpool(const darknet_cfg *cfg, darknet_section *section) {
  (void)cfg;
  section->out = (darknet_shape){section->in.c, 1, 1};
  return true;
}

static bool shape_upsample(const darknet_cfg *cfg, darknet_section *section) {
  int64_t stride;
  if (!darknet_option(cfg, section, "stride", 2, 1, DARKNET_WINDOW_MAX, &stride)) return false;
  section->out.h = section->in.h * stride;
  section->out.w = section->in.w * stride;
  return true;
}

static bool shape_crop(const darknet_cfg *cfg, darknet_section *section) {
  return darknet_option(cfg, section, "crop_height", 1, 1, DARKNET_SIDE_MAX, &section->out.h) &&
         darknet_option(cfg, section, "crop_width", 1, 1, DARKNET_SIDE_MAX, &section->out.w);
}

/* Squares of pixels become channels. */
static bool shape_reorg(const darknet_cfg *cfg, darknet_section *section) {
  int64_t stride, other;
  if (!darknet_option(cfg, section, "stride", 1, 1, DARKNET_WINDOW_MAX, &stride) ||
      !darknet_option(cfg, section, "reverse", 0, 0, 0, &other) ||
      !darknet_option(cfg, section, "extra", 0, 0, 0, &other))
    return false;
  section->out.c = section->in.c * stride * stride;
  section->out.h = section->in.h / stride;
  section->out.w = section->in.w / stride;
  return true;
}

/* The channels of other layers, one behind the other: "layers=-1,8"; negative numbers count back
 * from here. Of `groups` parts of each only one is taken. */
static bool shape_route(const darknet_cfg *cfg, darknet_section *section) {
  const int64_t here = section - cfg->sections - 1;
  const char *text = darknet_text(section, "layers");
  int64_t groups;
  if (text == NULL) return darknet_fail(cfg, section, "layers=NUMBER,NUMBER...");
  if (!darknet_option(cfg, section, "groups", 1, 1, DARKNET_CHANNELS_MAX, &groups)) return false;
  section->out.c = 0;
  for (const char *comma = text - 1; comma != NULL; comma = strchr(comma + 1, ',')) {
    int64_t index = strtol(comma + 1, NULL, 10);
    if (index < 0) index += here;
    if (index < 0 || index >= here) return darknet_fail(cfg, section, "layers in front of it");
    const darknet_shape *one = &cfg->sections[index + 1].out;
    if (comma < text) section->out = (darknet_shape){0, one->h, one->w};
    section->out.c += one->c / groups;
    if (section->out.c > DARKNET_CHANNELS_MAX)
      return darknet_fail(cfg, section, "fewer channels in all");
  }
  return true;
}

/* A fork of darknet's has shortcuts with weights. */
static bool shape_shortcut(const darknet_cfg *cfg, darknet_section *section) {
  const char *weights = darknet_text(section, "weights_type");
  return weights == NULL || strcmp(weights, "none") == 0 ||
         darknet_fail(cfg, section, "a shortcut without weights_type");
}

static bool shape_same(const darknet_cfg *cfg, darknet_section *section) {
  (void)cfg;
  (void)section;
  return true;
}

/* Others of darknet's have weights or shapes that are not counted here, and are refused. */
static const struct {
  const char *types; /* darknet knows some by two names */
  shape_function shape;
} layer_types[] = {
    {"[convolutional][conv]", shape_convolutional},
    {"[connected][conn]", shape_connected},
    {"[maxpool][max]", shape_maxpool},
    {"[avgpool][avg]", shape_avgpool},
    {"[upsample]", shape_upsample},
    {"[crop]", shape_crop},
    {"[reorg]", shape_reorg},
    {"[route]", shape_route},
    {"[shortcut]", shape_shortcut},
    {"[batchnorm][dropout][activation][logistic][l2norm][normalization][lrn]", shape_same},
    {"[softmax][soft][cost][yolo][region][detection]", shape_same},
};

static bool set_shape(const darknet_cfg *cfg, darknet_section *section) {
  const size_t length = strlen(section->type);
  section->out = section->in;
  for (size_t i = 0; i < sizeof layer_types / sizeof *layer_types; i++)
    if (section->type[length - 1] == ']' && strstr(layer_types[i].types, section->type) != NULL)
      return layer_types[i].shape(cfg, section);
  return darknet_fail(cfg, section, "a type of layer whose weights this reader can count");
}

bool darknet_set_shapes(darknet_cfg *cfg) {
  darknet_shape shape;
  const darknet_section *net = cfg->sections;
  if (!darknet_option(cfg, net, "channels", 0, 1, DARKNET_CHANNELS_MAX, &shape.c) ||
      !darknet_option(cfg, net, "height", 0, 1, DARKNET_SIDE_MAX, &shape.h) ||
      !darknet_option(cfg, net, "width", 0, 1, DARKNET_SIDE_MAX, &shape.w))
    return false;
  for (int i = 1; i < cfg->count; i++) {
    darknet_section *section = &cfg->sections[i];
    section->in = shape;
    if (!set_shape(cfg, section)) return false;
    shape = section->out;
    if (shape.c < 1 || shape.c > DARKNET_CHANNELS_MAX || shape.h < 1 || shape.w < 1 ||
        shape.h > DARKNET_SIDE_MAX || shape.w > DARKNET_SIDE_MAX)
      return darknet_fail(cfg, section, "an output that is neither empty nor that large");
  }
  return true;
}
