/* What a descriptor with a communicator owns: the memory of its calls. */
#ifndef CUBN_HOST_EXCHANGE_H
#define CUBN_HOST_EXCHANGE_H

#include "core/backend.h"
#include "host/communicator.h"

enum {
  CUBN_EXCHANGE_ARRAYS = 5, /* per-channel arrays on the device, and on the host */
  CUBN_FORWARD_VALUES = 3,  /* per channel and rank: mean, what rounding took from it, M2 */
  CUBN_BACKWARD_VALUES = 2  /* sums for dscale and dbias */
};

typedef struct cubn_exchange {
  cubnCommunicator_t communicator;
  cubnHandle_t handle;
  int64_t channels;
  double *send, *receive; /* blocks of this rank, and of all */
  char *host;             /* CUBN_EXCHANGE_ARRAYS arrays of parameters */
  cubnBuffer_t buffer;    /* the same on the device, */
  char *device;           /* and where that is */
} cubn_exchange;

/* Allocates the memory. The communicator counts it as a user. */
cubnStatus_t cubn_exchange_create(cubnHandle_t handle, cubnCommunicator_t communicator,
                                  int64_t channels, const char *function, cubn_exchange **exchange);
/* NULL does nothing. */
cubnStatus_t cubn_exchange_destroy(cubn_exchange *exchange);

#endif /* CUBN_HOST_EXCHANGE_H */
