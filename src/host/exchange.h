/* What a descriptor with a communicator owns: the memory of its calls. */
#ifndef CUBN_HOST_EXCHANGE_H
#define CUBN_HOST_EXCHANGE_H

#include "core/joint_task.h"
#include "host/communicator.h"

typedef struct cubn_exchange {
  cubnCommunicator_t communicator;
  cubnHandle_t handle;
  int64_t channels;
  int64_t part;               /* channels of a block: all, or if divided those that a rank merges */
  int parts;                  /* blocks that a rank sends: 1, or if divided one for each rank */
  double *send, *receive;     /* blocks of this rank, and of all: where the communicator gathers */
  double *own_part, *merged;  /* if divided: what this rank has merged, and all; behind these */
  char *host;                 /* CUBN_EXCHANGE_ARRAYS arrays of parameters; NULL if not needed */
  cubnBuffer_t buffer;        /* the same on the device, and what else is there, */
  char *device;               /* and where that is */
  cubn_fault *fault;          /* there; NULL with a communicator of host memory */
  struct cubn_exchange *next; /* of the handle, of those with a fault */
} cubn_exchange;

/* Allocates the memory. The communicator counts it as a user. */
cubnStatus_t cubn_exchange_create(cubnHandle_t handle, cubnCommunicator_t communicator,
                                  int64_t channels, const char *function, cubn_exchange **exchange);
/* NULL does nothing. */
cubnStatus_t cubn_exchange_destroy(cubn_exchange *exchange);

/* Doubles of a block with so many values per channel. If channels are divided these are the same in
 * both passes, so that ranks that differ in the pass learn it. A text that does not fit is then
 * gathered in host memory; on the device, where no rank can wait for one, it has to fit. */
static inline size_t cubn_exchange_words(const cubn_exchange *exchange, int values) {
  const size_t divided = (size_t)(CUBN_FORWARD_VALUES * exchange->part);
  if (exchange->parts == 1) return cubn_block_words((size_t)(values * exchange->part));
  return cubn_is_on_device(exchange->communicator) ? cubn_block_words(divided)
                                                   : CUBN_SHARE_WORDS + divided;
}

/* How many channels this rank merges, if they are divided. The last ranks may have none. */
static inline int64_t cubn_own_channels(const cubn_exchange *exchange) {
  const int64_t left = exchange->channels - exchange->communicator->rank * exchange->part;
  return left < 0 ? 0 : left < exchange->part ? left : exchange->part;
}

#endif /* CUBN_HOST_EXCHANGE_H */
