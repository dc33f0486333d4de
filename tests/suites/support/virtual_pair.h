/* A forward and a backward call with room for what virtual batches save. */
#ifndef CUBN_TESTS_VIRTUAL_PAIR_H
#define CUBN_TESTS_VIRTUAL_PAIR_H

#include "kit/run_line.h"

enum {
  VIRTUAL_SAMPLES = 7,
  VIRTUAL_CHANNELS = 5,
  VIRTUAL_BATCHES_MAX = VIRTUAL_SAMPLES,
  VIRTUAL_EXTRAS = 5
};

/* A forward call and its backward call on one device. `extra` is what both have in common: saved
 * mean, its low part, inv_std, the reserve space, and nonfinite. */
typedef struct virtual_pair {
  int64_t samples; /* per virtual batch */
  data_set forward_data, backward_data;
  run_context forward, backward;
  cubnBuffer_t extra[VIRTUAL_EXTRAS];
  void *at[VIRTUAL_EXTRAS];
  size_t bytes[VIRTUAL_EXTRAS];
  unsigned char *results[VIRTUAL_EXTRAS];
} virtual_pair;

/* A problem line without its pass, and words of one of the calls alone. */
typedef struct virtual_line {
  const char *both, *forward, *backward;
} virtual_line;

/* Opens both calls of a line; close in any case. */
bool virtual_open(virtual_pair *p, const virtual_line *line, int64_t samples);
void virtual_close(virtual_pair *p);
bool virtual_set_samples(const virtual_pair *p, int64_t samples);

/* The tensors of both calls; those of backward come from forward, but for the gradients. Where
 * there is a reserve space, backward takes from it what the saved means lack and, with "nosaved",
 * all statistics. */
cubnBatchNormTensors_t virtual_forward(const virtual_pair *p);
cubnBatchNormTensors_t virtual_backward(const virtual_pair *p);
bool virtual_run(const virtual_pair *p);

#endif /* CUBN_TESTS_VIRTUAL_PAIR_H */
