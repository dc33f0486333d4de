/* Checkpoints: a network and the state of its training, in one file.
 *
 * The file is: "cubn net", a version, the head (nn_checkpoint), the number of floats, the floats of
 * all layers in order (each parameter's values and velocities, then the running statistics), and a
 * checksum of everything before it; numbers as they are in memory. */
#ifndef NN_CHECKPOINT_H
#define NN_CHECKPOINT_H

#include "nn/model.h"

typedef struct nn_checkpoint {
  nn_model model;
  int32_t epochs, batch; /* epochs done; images per step */
  float pixel_scale;     /* of the images that it learned from */
  uint32_t zero;         /* so that no byte of the file is left to chance */
  uint64_t seed, step;   /* step: of the network */
} nn_checkpoint;

/* Writes a file beside it, and renames that: at any moment there is either the old or the new
 * checkpoint, complete. head->step is taken from the network. */
bool nn_save_checkpoint(const char *path, const nn_network *network, const nn_checkpoint *head);

/* Whether a program of these examples can have written this head in front of so many floats, and a
 * network of it can be built. If not, the message names the file, the field and its value. */
bool nn_check_head(const char *path, const nn_checkpoint *head, uint64_t floats);

/* What the file says of itself, after all its bytes have been checked. */
bool nn_read_checkpoint(const char *path, nn_checkpoint *head);

/* Fills a network built for `model`. A file that is damaged, or of another model, is a failure
 * whose message says what was expected and found, and leaves the network as it was. */
bool nn_load_checkpoint(const char *path, nn_network *network, const nn_model *model,
                        nn_checkpoint *head);

#endif /* NN_CHECKPOINT_H */
