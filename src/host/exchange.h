/* What a descriptor with a communicator owns: the memory of its calls. */
#ifndef CUBN_HOST_EXCHANGE_H
#define CUBN_HOST_EXCHANGE_H

#include "core/joint_task.h"
#include "host/communicator.h"

typedef struct cubn_exchange {
  cubnCommunicator_t communicator;
  cubnHandle_t handle;
  int64_t channels;
  double *send, *receive;     /* blocks of this rank, and of all: where the communicator gathers */
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

#endif /* CUBN_HOST_EXCHANGE_H */
