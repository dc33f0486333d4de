/* A block of neighboring channels that one worker handles together. */
#ifndef CUBN_CPU_RUNS_BLOCK_H
#define CUBN_CPU_RUNS_BLOCK_H

#include "cpu/fast/channels.h"

/* Channels of a block, at most. */
#define CUBN_BLOCK_CHANNELS_MAX 32

/* A block, with memory for the arrays of its channels. */
typedef struct cubn_block {
  cubn_channels channels;
  double memory[CUBN_CHANNEL_ARRAYS * CUBN_BLOCK_CHANNELS_MAX];
} cubn_block;

#endif /* CUBN_CPU_RUNS_BLOCK_H */
