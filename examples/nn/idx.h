/* Labelled images in IDX files, the format of MNIST and Fashion-MNIST. */
#ifndef NN_IDX_H
#define NN_IDX_H

#include <stdbool.h>
#include <stdint.h>

#include "nn/device.h"

enum { NN_CLASSES = 10, NN_SIDE_MAX = 1024 /* pixels */ };

typedef struct nn_images {
  int count, h, w;
  uint8_t *pixels; /* [count][h][w] */
  uint8_t *labels; /* [count], below NN_CLASSES */
} nn_images;

/* Reads `prefix`-images-idx3-ubyte and `prefix`-labels-idx1-ubyte (not compressed) from a
 * directory. A failure leaves nothing to free; its message names the file, what was expected and
 * what was found. */
bool nn_read_images(nn_images *images, const char *directory, const char *prefix);
void nn_free_images(nn_images *images);

/* One of both files, as read by nn_read_images. */
bool nn_read_idx_images(nn_images *images, const char *path);
bool nn_read_idx_labels(nn_images *images, const char *path);

#endif /* NN_IDX_H */
