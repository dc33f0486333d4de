/* The head of a checkpoint: each number within the limits of the programs' options, and of IDX
 * files, so that all sizes of the network can be computed and all its functions exist. */
#include <inttypes.h>

#include "nn/checkpoint.h"
#include "nn/idx.h"

typedef struct limit {
  const char *field;
  double value, least, most;
} limit;

/* NaN is within no limits. */
static bool check_limit(const char *path, const limit *limit) {
  return (limit->value >= limit->least && limit->value <= limit->most) ||
         nn_fail("%s: %s: expected %.9g to %.9g, found %.9g", path, limit->field, limit->least,
                 limit->most, limit->value);
}

/* The weights between hidden layers, with their velocities: no more than the network has, and all
 * that grows with the square of the width. */
static uint64_t least_floats(const nn_model *model) {
  const uint64_t width = (uint64_t)model->width, depth = (uint64_t)model->depth;
  if (model->kind == NN_MLP)
    return 2 * width * ((uint64_t)model->h * (uint64_t)model->w + (depth - 1) * width);
  return model->kind == NN_RESNET ? 2 * depth * (2 * 9 + 6 * 9) * width * width : 0;
}

bool nn_check_head(const char *path, const nn_checkpoint *head, uint64_t floats) {
  const nn_model *m = &head->model;
  const int size_min = m->kind == NN_LENET ? 0 : 1; /* LeNet's sizes are fixed */
  const limit limits[] = {
      {"model", m->kind, NN_LENET, NN_RESNET},
      {"activation", m->activation, NN_IDENTITY, NN_RELU},
      {"batch norm", m->batch_norm, 0, 1},
      {"per activation", m->per_activation, 0, 1},
      {"noise", m->noise, 0, 1},
      {"height", m->h, 1, NN_SIDE_MAX},
      {"width of the images", m->w, 1, NN_SIDE_MAX},
      {"depth", m->depth, size_min, NN_DEPTH_MAX},
      {"width", m->width, size_min, NN_WIDTH_MAX},
      {"gain", (double)m->gain, (double)1e-6f, 1e6},
      {"dropout", (double)m->dropout, 0, (double)0.99f},
      {"epochs", head->epochs, 0, NN_EPOCHS_MAX},
      {"batch", head->batch, 0, NN_BATCH_MAX},
      {"pixel scale", (double)head->pixel_scale, 0, 1},
      {"zero", head->zero, 0, 0},
  };
  for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
    if (!check_limit(path, &limits[i])) return false;
  const uint64_t least = least_floats(m);
  return floats >= least || nn_fail("%s: floats: expected %" PRIu64
                                    " or more for depth %d and width %d, found %" PRIu64,
                                    path, least, m->depth, m->width, floats);
}
