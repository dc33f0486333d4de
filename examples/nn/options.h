/* The command line of examples/train. */
#ifndef NN_OPTIONS_H
#define NN_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

enum { NN_RATE_MAX = 8 };

typedef struct nn_options {
  const char *device, *data, *csv; /* csv: NULL for none */
  int epochs, batch;
  float rates[NN_RATE_MAX];
  int rate_count;
  float momentum;
  uint64_t seed;
  bool no_batch_norm, help;
} nn_options;

/* Sets the defaults, then reads the arguments. False with a message (nn_message). */
bool nn_parse_options(nn_options *options, int argc, char **argv);

/* The text of --help. */
extern const char nn_usage[];

#endif /* NN_OPTIONS_H */
