#include "host/exchange.h"

#include <stdlib.h>

#include "core/check.h"
#include "core/error.h"
#include "core/handle.h"
#include "host/extended.h"

enum { CHANNELS_MAX = 1 << 28 }; /* three doubles of each can be counted in an int, as MPI does */

/* Doubles for a block, which may be one of a failure; and of a part that is merged. */
static size_t block_words_of(const cubn_exchange *exchange) {
  return cubn_block_words((size_t)exchange->part * (size_t)CUBN_FORWARD_VALUES);
}

static size_t merged_words_of(const cubn_exchange *exchange) {
  return exchange->parts > 1 ? (size_t)exchange->part * (size_t)CUBN_FORWARD_VALUES : 0;
}

static size_t send_words_of(const cubn_exchange *exchange) {
  return (size_t)exchange->parts * block_words_of(exchange) + merged_words_of(exchange);
}

static size_t receive_words_of(const cubn_exchange *exchange) {
  return (size_t)exchange->communicator->ranks *
         (block_words_of(exchange) + merged_words_of(exchange));
}

/* Divides send and receive, which are there. */
static void place_merged(cubn_exchange *exchange) {
  const size_t words = block_words_of(exchange);
  exchange->own_part = exchange->send + (size_t)exchange->parts * words;
  exchange->merged = exchange->receive + (size_t)exchange->communicator->ranks * words;
}

static size_t arrays_bytes_of(const cubn_exchange *exchange) {
  return CUBN_EXCHANGE_ARRAYS * (size_t)exchange->channels * sizeof(double);
}

/* The arrays that the device copies from and to. */
static cubnStatus_t allocate_arrays(cubn_exchange *exchange, const char *function) {
  const cubnHandle_t handle = exchange->handle;
  void *memory = NULL;
  if (!handle->backend->allocate_host) {
    exchange->host = calloc(1, arrays_bytes_of(exchange));
    return CUBN_STATUS_SUCCESS;
  }
  CUBN_TRY(cubn_within(function, handle->backend->allocate_host(
                                     handle->device, arrays_bytes_of(exchange), &memory)));
  exchange->host = memory;
  return CUBN_STATUS_SUCCESS;
}

static cubnStatus_t release_arrays(cubn_exchange *exchange) {
  const cubnHandle_t handle = exchange->handle;
  if (exchange->host && handle->backend->release_host)
    return handle->backend->release_host(handle->device, exchange->host);
  free(exchange->host);
  return CUBN_STATUS_SUCCESS;
}

static cubnStatus_t allocate_on_host(cubn_exchange *exchange, const char *function) {
  exchange->send = calloc(send_words_of(exchange), sizeof(double));
  exchange->receive = calloc(receive_words_of(exchange), sizeof(double));
  CUBN_TRY(allocate_arrays(exchange, function));
  if (!exchange->send || !exchange->receive || !exchange->host)
    return cubn_fail(CUBN_STATUS_HOST_ALLOCATION_FAILED, function,
                     "no memory for the statistics of %lld channels of %d ranks",
                     (long long)exchange->channels, exchange->communicator->ranks);
  place_merged(exchange);
  return CUBN_STATUS_SUCCESS;
}

/* Allocates device memory, of which the first bytes are the arrays. */
static cubnStatus_t allocate_on_device(cubn_exchange *exchange, size_t bytes,
                                       const char *function) {
  void *pointer;
  CUBN_TRY(cubn_within(function, cubnCreateBuffer(exchange->handle, bytes, &exchange->buffer)));
  CUBN_TRY(cubn_within(function, cubnGetBufferPointer(exchange->buffer, &pointer)));
  exchange->device = pointer;
  return CUBN_STATUS_SUCCESS;
}

static cubnStatus_t check_device(const cubn_exchange *exchange, const char *function) {
  const cubnHandle_t handle = exchange->handle;
  const cubnCommunicator_t communicator = exchange->communicator;
  CUBN_REQUIRE(handle->backend->type == CUBN_DEVICE_CUDA, function,
               "handle is on the device %s, but communicator gathers in memory of a GPU",
               handle->backend->name);
  if (!communicator->functions.device) return CUBN_STATUS_SUCCESS;
  const int own = handle->backend->ordinal(handle->device);
  const int wanted = communicator->functions.device(communicator->context);
  CUBN_REQUIRE(own == wanted, function,
               "handle is on cuda:%d, but communicator gathers in memory of cuda:%d; use a handle "
               "of cubnCreateOnDevice with that name",
               own, wanted);
  return CUBN_STATUS_SUCCESS;
}

/* All that a communicator of device memory needs, and the handle's list of these. */
static cubnStatus_t allocate_blocks_on_device(cubn_exchange *exchange, const char *function) {
  const cubnHandle_t handle = exchange->handle;
  const size_t arrays_bytes = arrays_bytes_of(exchange), send_words = send_words_of(exchange);
  const size_t words = send_words + receive_words_of(exchange);
  CUBN_TRY(check_device(exchange, function));
  CUBN_TRY(allocate_on_device(exchange, arrays_bytes + words * sizeof(double) + sizeof(cubn_fault),
                              function));
  exchange->send = (double *)(void *)(exchange->device + arrays_bytes);
  exchange->receive = exchange->send + send_words;
  place_merged(exchange);
  void *const fault = exchange->send + words;
  const cubn_fault none = {0};
  CUBN_TRY(
      cubn_within(function, handle->backend->upload(handle->device, fault, &none, sizeof none)));
  exchange->fault = fault;
  exchange->next = handle->exchanges;
  handle->exchanges = exchange;
  return CUBN_STATUS_SUCCESS;
}

static cubnStatus_t allocate(cubn_exchange *exchange, const char *function) {
  if (cubn_is_on_device(exchange->communicator))
    return allocate_blocks_on_device(exchange, function);
  CUBN_TRY(allocate_on_host(exchange, function));
  return allocate_on_device(exchange, arrays_bytes_of(exchange), function);
}

static void leave_handle(const cubn_exchange *exchange) {
  cubn_exchange **link = &exchange->handle->exchanges;
  while (*link != exchange) link = &(*link)->next;
  *link = exchange->next;
}

cubnStatus_t cubn_exchange_create(cubnHandle_t handle, cubnCommunicator_t communicator,
                                  int64_t channels, const char *function,
                                  cubn_exchange **exchange) {
  cubn_exchange *created = calloc(1, sizeof *created);
  if (!created)
    return cubn_fail(CUBN_STATUS_HOST_ALLOCATION_FAILED, function, "no memory for an exchange");
  const int parts = cubn_divides_channels(communicator, channels) ? communicator->ranks : 1;
  *created = (cubn_exchange){.communicator = communicator,
                             .handle = handle,
                             .channels = channels,
                             .part = (channels + parts - 1) / parts,
                             .parts = parts};
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
  if (exchange->fault) leave_handle(exchange);
  const cubnStatus_t released = release_arrays(exchange);
  const cubnStatus_t destroyed = cubnDestroyBuffer(exchange->buffer);
  --exchange->communicator->users;
  if (!cubn_is_on_device(exchange->communicator)) {
    free(exchange->send);
    free(exchange->receive);
  }
  free(exchange);
  return released != CUBN_STATUS_SUCCESS ? released : destroyed;
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
    const cubn_share own = {.status = status,
                            .call = CUBN_ATTACH,
                            .channels = (double)channels,
                            .place = exchange && exchange->parts > 1};
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
