/* A batch that is divided among ranks, and the recipe for synchronized batch normalization of
 * cubn_extended.h: each rank computes its share by calls of its own, statistics and sums are merged
 * in between. */
#ifndef CUBN_TESTS_RANKS_H
#define CUBN_TESTS_RANKS_H

#include "kit/run_line.h"

enum { RANKS_MAX = 5, RANKS_IMAGES = 7, RANKS_CHANNELS = 5, RANKS_IMAGE_VALUES = 42 };

/* A call with generated data, some of which the test replaces. */
typedef struct ranks_part {
  line_problem problem;
  data_set before, after;
} ranks_part;

typedef struct rank {
  int first, images; /* its share */
  ranks_part statistics, apply, reduce, dx;
} rank;

typedef struct ranks_case {
  const char *layout, *type, *words;
  double mean;
} ranks_case;

/* The whole batch: its inputs, and in `after` the results of all ranks, put together. */
typedef struct ranks_batch {
  const ranks_case *what;
  ranks_part forward, backward;
  int count; /* ranks */
  rank ranks[RANKS_MAX];
} ranks_batch;

/* Creates the data of the whole batch and of the shares: images per rank, some of them 0. */
bool ranks_create(ranks_batch *b, const ranks_case *what, const int shares[], int count);
void ranks_destroy(ranks_batch *b);

/* Makes all calls on the device under test, and puts the results together. */
bool ranks_run(ranks_batch *b);

/* Makes a call, from `before` to `after`. */
bool ranks_run_part(ranks_part *p);

#endif /* CUBN_TESTS_RANKS_H */
