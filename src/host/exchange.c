#include "host/exchange.h"

#include <stdlib.h>

#include "core/check.h"
#include "core/error.h"
#include "core/handle.h"
#include "host/extended.h"

enum { CHANNELS_MAX = 1 << 28 }; /* three doubles of each can be counted in an int, as MPI does */

static cubnStatus_t allocate(cubn_exchange *exchange, const char *function) {
  const size_t ranks = (size_t)exchange->communicator->ranks;
  const size_t channels = (size_t)exchange->channels;
  const size_t block_bytes = cubn_block_words(channels * CUBN_FORWARD_VALUES) * sizeof(double);
  const size_t array_bytes = CUBN_EXCHANGE_ARRAYS * channels * sizeof(double);
  exchange->send = calloc(1, block_bytes);
  exchange->receive = calloc(ranks, block_bytes);
  exchange->host = calloc(1, array_bytes);
  if (!exchange->send || !exchange->receive || !exchange->host)
    return cubn_fail(CUBN_STATUS_HOST_ALLOCATION_FAILED, function,
                     "no memory for the statistics of %zu channels of %zu ranks", channels, ranks);
  CUBN_TRY(
      cubn_within(function, cubnCreateBuffer(exchange->handle, array_bytes, &exchange->buffer)));
  void *pointer;
  CUBN_TRY(cubn_within(function, cubnGetBufferPointer(exchange->buffer, &pointer)));
  exchange->device = pointer;
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t cubn_exchange_create(cubnHandle_t handle, cubnCommunicator_t communicator,
                                  int64_t channels, const char *function,
                                  cubn_exchange **exchange) {
  cubn_exchange *created = calloc(1, sizeof *created);
  if (!created)
    return cubn_fail(CUBN_STATUS_HOST_ALLOCATION_FAILED, function, "no memory for an exchange");
  *created = (cubn_exchange){.communicator = communicator, .handle = handle, .channels = channels};
  ++communicator->users;
  const cubnStatus_t status = allocate(created, function);
  if (status == CUBN_STATUS_SUCCESS)
    *exchange = created;
  else
    cubn_exchange_destroy(created);
  return status;
}

cubnStatus_t cubn_exchange_destroy(cubn_exchange *exchange) {
  if (!exchange) return CUBN_STATUS_SUCCESS;
  const cubnStatus_t status = cubnDestroyBuffer(exchange->buffer);
  --exchange->communicator->users;
  free(exchange->send);
  free(exchange->receive);
  free(exchange->host);
  free(exchange);
  return status;
}

/* Everything that one rank can find out alone. */
static cubnStatus_t prepare(cubnHandle_t handle, cubnBatchNormDescriptor_t descriptor,
                            cubnCommunicator_t communicator, int64_t channels, const char *function,
                            cubn_exchange **exchange) {
  CUBN_REQUIRE_HANDLE(handle, function);
  CUBN_REQUIRE_OBJECT(descriptor, CUBN_BATCH_NORM, function, "descriptor");
  CUBN_REQUIRE(channels >= 1 && channels <= CHANNELS_MAX, function,
               "channels is %lld, must be 1 to %d", (long long)channels, CHANNELS_MAX);
  return cubn_exchange_create(handle, communicator, channels, function, exchange);
}

cubnStatus_t cubnSetBatchNormCommunicator(cubnHandle_t handle, cubnBatchNormDescriptor_t descriptor,
                                          cubnCommunicator_t communicator, int64_t channels) {
  cubn_exchange *exchange = NULL;
  if (communicator) {
    CUBN_REQUIRE_OBJECT(communicator, CUBN_COMMUNICATOR, __func__, "communicator");
    cubnStatus_t status = prepare(handle, descriptor, communicator, channels, __func__, &exchange);
    const cubn_share own = {.status = status, .call = CUBN_ATTACH, .channels = (double)channels};
    status = cubn_gather(communicator, &own, communicator->greeting, communicator->replies,
                         CUBN_BLOCK_WORDS_MIN, NULL, __func__);
    if (status != CUBN_STATUS_SUCCESS) {
      cubn_exchange_destroy(exchange);
      return status;
    }
  } else {
    CUBN_REQUIRE_OBJECT(descriptor, CUBN_BATCH_NORM, __func__, "descriptor");
  }
  cubn_exchange *const before = descriptor->exchange;
  descriptor->exchange = exchange;
  return cubn_within(__func__, cubn_exchange_destroy(before));
}
