/* Communicators: what a group of ranks is, and how all of them gather. */
#ifndef CUBN_HOST_COMMUNICATOR_H
#define CUBN_HOST_COMMUNICATOR_H

#include "core/object.h"
#include "cubn.h"

struct cubnCommunicatorStruct {
  cubn_object object;
  cubnCommunicatorFunctions_t functions;
  void *context;
  int rank, ranks;
  int64_t users;              /* descriptors that carry it */
  double *greeting, *replies; /* blocks of cubnSetBatchNormCommunicator, from all ranks */
};

/* What the ranks do together. */
typedef enum { CUBN_ATTACH, CUBN_FORWARD, CUBN_BACKWARD } cubn_joint_call;

/* A rank's block of doubles begins with this; values per channel follow. All but status and count
 * are those of all ranks, or the call is refused. Where status is not SUCCESS, the text of the
 * failure begins after it, and fills the block. */
typedef struct cubn_share {
  double status;
  double call;     /* a cubn_joint_call */
  double type;     /* a cubnDataType_t; 0 in CUBN_ATTACH */
  double channels; /* in CUBN_ATTACH; after that they are agreed on */
  double epsilon;  /* 0 in CUBN_ATTACH */
  double count;    /* values per channel of the rank */
  double reserved[2];
} cubn_share;

enum {
  CUBN_SHARE_WORDS = 8,     /* doubles of a cubn_share */
  CUBN_BLOCK_WORDS_MIN = 32 /* of a block, so that a text fits */
};

/* Doubles of a block with so many values. */
static inline size_t cubn_block_words(size_t values) {
  const size_t words = CUBN_SHARE_WORDS + values;
  return words < CUBN_BLOCK_WORDS_MIN ? CUBN_BLOCK_WORDS_MIN : words;
}

/* Gathers blocks of `words` doubles: `send` has the values of this rank, and takes `own` before
 * them; `receive` gets the blocks in the order of the ranks. `own->status` is what the rank has
 * found so far, with a message unless it is SUCCESS. Fails, on all ranks alike, if one of them
 * failed, or if they do not agree. */
cubnStatus_t cubn_gather(cubnCommunicator_t communicator, const cubn_share *own, double *send,
                         double *receive, size_t words, cubnStream_t stream, const char *function);

#endif /* CUBN_HOST_COMMUNICATOR_H */
