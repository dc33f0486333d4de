/* Tensors of more than 2^31 elements, checked without an oracle that visits every element: k % 4
 * selects one of four pairs (x, dy) for position k of a channel, in five classes of channels. Only
 * the very last element is different. So the exact statistics follow from counting. */
#ifndef CUBN_TESTS_GIANT_H
#define CUBN_TESTS_GIANT_H

#include "kit/data.h"

enum { GIANT_CLASSES = 5, GIANT_STEPS = 4, GIANT_CHUNK = 1 << 24 };

typedef struct giant {
  line_problem line;
  int64_t channels, count, total;
  uint16_t x[GIANT_CLASSES][GIANT_STEPS], dy[GIANT_CLASSES][GIANT_STEPS], last_x;
  /* The output. The last class is the channel with the last element. */
  uint16_t wanted[GIANT_CLASSES + 1][GIANT_STEPS], wanted_last;
  double mean, inv_std, dscale, dbias; /* those of the last channel */
} giant;

static const double giant_scale = 1.5, giant_bias = 0.25;

giant giant_make(const char *line);

/* Fills a buffer, packed, in memory order. `chunk` has room for GIANT_CHUNK values. */
bool giant_fill(const giant *g, cubnBuffer_t buffer,
                const uint16_t values[GIANT_CLASSES][GIANT_STEPS], uint16_t last, uint16_t *chunk);
/* Counts the elements of the output that are wrong, and finds the first. */
int64_t giant_count_wrong(const giant *g, cubnBuffer_t buffer, uint16_t *chunk, int64_t *first);

#endif /* CUBN_TESTS_GIANT_H */
