/* What a backend does for a synchronized call whose ranks gather in its device memory. */
#ifndef CUBN_CORE_JOINT_TASK_H
#define CUBN_CORE_JOINT_TASK_H

#include "core/backend.h"
#include "core/blocks.h"

/* Per-channel arrays of parameters' type that a call keeps on the device, one after the other.
 * Forward: the share's statistics, then those of all ranks; and the share's biased variance and,
 * once more, its mean, which the running ones are of a call with factor 1.
 * Backward: the sums over the share; and over all ranks, divided by their number of values where
 * they stay on the device. */
enum { CUBN_MEAN, CUBN_LOW, CUBN_INV_STD, CUBN_VAR, CUBN_RUNNING_MEAN };
enum { CUBN_DSCALE, CUBN_DBIAS, CUBN_ALL_DSCALE, CUBN_ALL_DBIAS };
enum { CUBN_EXCHANGE_ARRAYS = 5 };

/* The first failure that a rank found in the blocks of all, in device memory. Of zeros: none. */
typedef struct cubn_fault {
  double call; /* a cubn_joint_call, which is not 0 here */
  double rank; /* whose block is the second one; the first one is rank 0's */
  double blocks[2][CUBN_BLOCK_WORDS_MIN]; /* their beginnings */
} cubn_fault;

/* How a refused rank's block begins: its share, and then a text in place of all but the status. */
typedef struct cubn_refused_block {
  double words[CUBN_BLOCK_WORDS_MIN];
} cubn_refused_block;

struct cubn_joint_task {
  bool is_float;  /* parameters are float, else double */
  cubn_share own; /* of this rank */
  double *send;   /* its block, or if channels are divided one for each rank */
  cubn_blocks
      blocks; /* of all ranks, as received, and what they have merged: its total is not set */
  cubn_fault *fault;
  void *arrays; /* CUBN_EXCHANGE_ARRAYS of them */
  /* Channels count in the order of these dimensions of the arrays. */
  int rank;
  int64_t dims[CUBN_DIM_MAX], strides[CUBN_DIM_MAX];
  cubn_args args; /* of the whole call, as the caller gave them */
  bool has_running, running_is_biased;
  bool sums_are_joint; /* dscale and dbias are those of all ranks */
  int64_t channels;    /* of the call */
  /* If channels are divided: how many this rank merges, and where to. */
  int64_t own_channels;
  double *own_part;
};

#endif /* CUBN_CORE_JOINT_TASK_H */
